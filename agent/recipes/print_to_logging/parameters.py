"""What is to be done, settled: the recipe's parameters, which travel as JSON."""

from __future__ import annotations

from typing import Literal

from agent.domain import Record

Level = Literal["debug", "info", "warning", "error", "critical", "exception"]
Library = Literal["logging", "structlog", "loguru"]
"""How messages are formatted."""

#: From quiet to loud, as they are listed.
LEVELS: tuple[Level, ...] = ("debug", "info", "warning", "error", "critical", "exception")


class Conversion(Record):
    """One call that is edited."""

    line: int
    column: int
    """1-based and 0-based, of the call's first character."""
    action: Literal["log", "remove"]
    """remove: it prints nothing but a blank or separating line."""
    level: Level = "info"
    logger: str = ""
    """The expression that the message is logged with, as in `self.logger`."""
    library: Library = "logging"


class NewLogger(Record):
    """The logger that a file gets, because it has none."""

    name: str
    library: Library


class FileWork(Record):
    """One file that is edited."""

    path: str
    conversions: tuple[Conversion, ...]
    new_logger: NewLogger | None = None

    def count(self, level: str) -> int:
        """How many calls get this level."""
        return sum(one.action == "log" and one.level == level for one in self.conversions)


class Left(Record):
    """A call that stays, with the reason."""

    path: str
    line: int
    """0: the file as a whole."""
    reason: str

    def shown(self) -> str:
        """As in `shop/report.py:12`."""
        return f"{self.path}:{self.line}" if self.line else self.path


class Parameters(Record):
    """Everything `apply` needs."""

    scope: str
    """In words: where the ticket wants it."""
    files: tuple[FileWork, ...]
    left: tuple[Left, ...]
    width: int
    """Longest line the repository's style allows."""
    one_per_line: bool = False
    """Whether a formatter would join what a linter wants broken, unless a comma ends each line."""
    not_done: tuple[str, ...] = ()
    """Sentences of the ticket that this change does not carry out."""
