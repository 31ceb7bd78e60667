"""Whoever answers requests to a model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from agent.models.chat import ChatRequest, Reply, Role, Worst
from agent.models.sandbox import Flag


class ChatModel(Protocol):
    """Models, by role. One for each run: it remembers nothing, requests say who answered last.

    Raises ModelUnavailable where no model of the chain answered in spite of bounded tries.
    """

    def list_chain(self, role: Role, category: str = "") -> tuple[str, ...]:
        """List who is to answer, as `provider:name`, the first first; empty: nobody is set."""
        ...

    def explain_missing(self, role: Role, category: str = "") -> str:
        """Say what has to be set before anybody of a chain can be asked; empty: nothing.

        Nobody is asked for that, so a key that is not accepted counts as one.
        """
        ...

    def estimate_worst(self, request: ChatRequest) -> Worst:
        """Say the most that a request can use, over all who may come to answer it."""
        ...

    def reply(
        self,
        request: ChatRequest,
        stopped: Flag | None = None,
        hear: Callable[[str], None] | None = None,
        seconds: float | None = None,
    ) -> Reply:
        """Ask; wait for the whole reply.

        Args:
            stopped: Once it is set, the wait ends within half a second.
            hear: Told each piece of text as it comes.
            seconds: What is left of the run's minutes: after so many the wait is over, with all
                tries of all models and the naps between them. None: no bound but the models' own.

        Raises:
            TimeSpent: There was no reply after `seconds`, or too few of them are left to try again.
            ModelUnavailable: Nobody answered: away, limited, or cut off; `until` says when to ask
                again where the provider said so.
            ModelRequestRejected: The provider does not accept the request as it is made, or the
                model has no space for it.
            ModelRefused: The provider will not have this asked.
            ModelUnusable: Key, name or address are wrong: the operator has to act.
            Cancelled: It was stopped.
        """
        ...
