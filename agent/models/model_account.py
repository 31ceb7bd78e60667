"""What the models of one run have answered, and what that has cost.

All counts come from the results of steps, in their order, so a run that goes on after a kill counts
the same.
"""

from collections.abc import Sequence

from agent.models.chat import Reply, Role
from agent.models.model_use import ModelUse


class ModelAccount:
    def __init__(self) -> None:
        self._replies: list[tuple[Role, Reply]] = []

    def count_reply(self, role: Role, reply: Reply) -> None:
        self._replies.append((role, reply))

    @property
    def usd(self) -> float:
        return sum(reply.cost_usd or 0.0 for _, reply in self._replies)

    @property
    def tokens(self) -> int:
        return sum(reply.usage.tokens + reply.lost_tokens for _, reply in self._replies)

    def find_last_model(self, role: Role) -> str:
        """Name who answered a role last; empty: nobody has."""
        return next((reply.model for one, reply in reversed(self._replies) if one == role), "")

    def choose_model(self, role: Role, chain: Sequence[str]) -> str:
        """Name who is asked: who answered last, while it is set; empty: the first of the chain."""
        answered = self.find_last_model(role)
        return answered if answered in chain else ""

    @property
    def uses(self) -> tuple[ModelUse, ...]:
        """What each model did in each role, by the order in which they came."""
        kinds = dict.fromkeys((role, reply.model) for role, reply in self._replies)
        return tuple(self._sum_up(role, model) for role, model in kinds)

    def _sum_up(self, role: Role, model: str) -> ModelUse:
        replies = [reply for kind, reply in self._replies if (kind, reply.model) == (role, model)]
        prices = [reply.cost_usd for reply in replies if reply.cost_usd is not None]
        return ModelUse(
            role=role,
            model=model,
            calls=len(replies),
            input_tokens=sum(reply.usage.input_tokens + reply.lost_tokens for reply in replies),
            cached_tokens=sum(reply.usage.cache_read_tokens for reply in replies),
            output_tokens=sum(reply.usage.output_tokens for reply in replies),
            usd=round(sum(prices), 6) if len(prices) == len(replies) else None,
            seconds=round(sum(reply.seconds for reply in replies), 3),
        )
