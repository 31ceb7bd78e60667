"""Services with a fault on purpose, which shows that the judge of chaos notices one."""

import secrets
from collections.abc import Callable
from typing import Any

from agent.github import pull_requests
from agent.publishing import commits
from agent.store import sql_leases


def publish() -> None:
    """Name the branch anew each time, and do not look for an earlier pull request."""
    plain = commits.name_branch

    def branch(*args: Any, **more: Any) -> str:
        return f"{plain(*args, **more)}-{secrets.token_hex(3)}"

    commits.name_branch = branch
    pull_requests.find_pull = lambda session, branch: None


def fence() -> None:
    """Carry on with a lease that is over."""
    sql_leases._leave = lambda why: None  # type: ignore[assignment,return-value]


BREAKS: dict[str, Callable[[], None]] = {"publish": publish, "fence": fence}
