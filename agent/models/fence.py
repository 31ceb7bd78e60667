"""The fence: stops writes to the outside by a process that has lost its lease.

Another worker may have taken over the runs of a worker that was disconnected or suspended. Each
write to the code host and each push asks here first. A process without a lease may write.
"""

from collections.abc import Callable

_ask: Callable[[], None] = lambda: None  # noqa: E731 - replaced below


def require_lease() -> None:
    """Return if this process may write; end the process if its lease is over.

    Raises:
        TransientError: The lease cannot be read now.
    """
    _ask()


def raise_fence(ask: Callable[[], None]) -> None:
    """Call `ask` before every write of this process."""
    global _ask  # noqa: PLW0603 - a process has one lease
    _ask = ask
