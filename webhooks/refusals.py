"""What the listener answers when it does not take a request."""

from __future__ import annotations

from agent.errors import AgentError


class Refused(AgentError):
    """The request is not taken; nothing of it was kept."""

    def __init__(self, status: int, message: str) -> None:
        """Say why, with the way out.

        Args:
            status: Of the HTTP answer.
        """
        super().__init__(message)
        self.status = status
