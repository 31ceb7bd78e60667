"""The fence: what asks whether this process may still change anything outside.

A worker of a fleet that was cut off, or stopped for a while, may have lost its runs to another one.
Each write to the code host and each push asks here first. A process without a lease may write.
"""

from collections.abc import Callable

_ask: Callable[[], None] = lambda: None  # noqa: E731 - replaced below


def require_lease() -> None:
    """Return if this process may write; it ends here where its lease is over.

    TransientError: nobody can tell just now.
    """
    _ask()


def raise_fence(ask: Callable[[], None]) -> None:
    """Have every write of this process ask first."""
    global _ask  # noqa: PLW0603 - a process has one lease
    _ask = ask
