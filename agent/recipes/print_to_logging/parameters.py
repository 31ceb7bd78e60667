"""What is to be done, settled: the recipe's parameters, which travel as JSON."""

from __future__ import annotations

from typing import Literal

from agent.models.record import Record

Level = Literal["debug", "info", "warning", "error", "critical", "exception"]
Library = Literal["logging", "structlog", "loguru"]
"""How messages are formatted."""

#: From quiet to loud, as they are listed.
LEVELS: tuple[Level, ...] = ("debug", "info", "warning", "error", "critical", "exception")
#: What a new logger comes from.
LIBRARIES: tuple[Library, ...] = ("logging", "structlog")


class StyleChoice(Record):
    level: Level | None
    """None: by context."""
    library: Library | None
    """Of new loggers; None: what the package uses."""
    width: int
    """Longest line the repository's style allows."""
    python_path: tuple[str, ...] = ()
    root: str = ""
    """Of the project in the tree."""


class FileWork(Record):
    path: str
    is_named: bool
    """Whether the ticket names the file itself."""
    logged: tuple[Level, ...]
    """The level of each message."""
    removed: int
    """Prints of a blank or separating line."""
    logger: str
    """What messages are logged with; empty: nothing is logged."""
    is_new: bool
    """Whether the logger is made by this change."""


class RemainingPrint(Record):
    """A call that stays, with the reason."""

    path: str
    line: int
    """0: the file as a whole."""
    reason: str

    def format(self) -> str:
        return f"{self.path}:{self.line}" if self.line else self.path


class Parameters(Record):
    scope: str
    """In words: where the ticket wants it."""
    style: StyleChoice
    files: tuple[FileWork, ...]
    remaining: tuple[RemainingPrint, ...]
    not_done: tuple[str, ...] = ()
    """Sentences of the ticket that this change does not carry out."""
