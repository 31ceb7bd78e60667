"""What a recipe is: recognise a ticket, settle its facts against the code, edit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from agent.domain import Record, Ticket
from repo_config.detect import Project, Tree
from repo_config.schema import RepoConfig

Kind = Literal["feature", "misc"]
"""What a change is to the users of a project; `misc` is nothing that they see."""


class Edits(Record):
    """New contents of files, and what was done in words."""

    files: dict[str, bytes]
    """By path; new or replaced."""
    notes: tuple[str, ...]


class ProducingCommand(Record):
    """One command that may run in the room, on the edited tree, to produce further files."""

    script: str
    """File name below `agent/recipes/inside`, mounted at /mergewright/recipes; run by the
    environment's interpreter with the tree as working directory."""
    args: tuple[str, ...]
    environ: dict[str, str]
    globs: tuple[str, ...]
    """Relative to the tree: only new regular files matching these become part of the Change."""
    report: str = "report.json"
    """Name of the file the script writes to /out, handed to `accept_produced`."""


class Wish(Record):
    """What a thread of a review says about a change that a recipe made, and where."""

    words: str
    """What people wrote since they were last answered, oldest first, without suggestions."""
    path: str = ""
    """"" where it stands on no line."""
    first_line: int | None = None
    line: int | None = None
    """The lines that it stands on, 1-based, in the file as the pull request has it."""
    code: str = ""
    """The text of these lines as it is there."""
    suggestion: str | None = None
    """The text that is suggested for them, each line with its end; empty: they go."""


class Asked(Record):
    """One parameter that a wish wants otherwise."""

    about: str
    """Which one, in the recipe's own terms; two wishes about the same one have to agree."""
    value: str
    """The new value; "" for none."""
    code: bool = False
    """Whether that is Python source; else it is written as people write."""


class NotUnderstood(Record):
    """A wish that the recipe does not take, or not whole."""

    reason: str
    """A sentence."""


@dataclass(frozen=True, eq=False)
class Ground:
    """The code that a recipe works on: the base, without any change of its own.

    Two are never equal, so that what is found out about one can be kept with it.
    """

    tree: Tree
    config: RepoConfig
    project: Project


class Recipe(Protocol):
    """One ticket shape. Implemented by modules' single instance; none has state."""

    name: str
    """Short, with dashes: `add-django-field`."""
    kind: Kind
    """For the changelog."""
    example: str
    """A sentence that it carries out, for people who have not written a ticket yet."""
    remarks: tuple[str, ...]
    """What it reads in a review without a model, as examples: said on a line that it wrote."""

    def match(self, ticket: Ticket) -> bool:
        """Whether the ticket has this shape, from its text alone."""
        ...

    def settle(self, ticket: Ticket, tree: Tree, config: RepoConfig, project: Project) -> str:
        """Turn the ticket into the recipe's parameters (JSON), every fact proved by the code.

        Raises:
            TicketUnclear: With every question at once; nothing is guessed.
            RequestRefused: The ticket asks for what cannot be done.
        """
        ...

    def steps(self, parameters: str) -> tuple[str, ...]:
        """Say in words what will be done."""
        ...

    def touches(self, parameters: str) -> tuple[str, ...]:
        """Existing paths that will be edited."""
        ...

    def apply(self, tree: Tree, parameters: str) -> Edits:
        """Edit; pure."""
        ...

    def produce(self, parameters: str, project: Project) -> ProducingCommand | None:
        """The command that produces further files from the edited tree, if one is needed."""
        ...

    def accept_produced(
        self, parameters: str, report: bytes, files: Mapping[str, bytes]
    ) -> tuple[str, ...]:
        """Hold what was produced against what was asked; return notes in words.

        Raises:
            EditFailed: Something was produced that nobody asked for, or too little.
        """
        ...

    def title(self, parameters: str) -> str:
        """Subject for the commit, imperative, without prefix, at most 60 characters."""
        ...

    def understand(
        self, parameters: str, wish: Wish, ground: Ground
    ) -> tuple[Asked, ...] | NotUnderstood:
        """Read what a wish wants otherwise about the change that the parameters make.

        A wish is taken whole or not at all, and nothing is guessed.
        """
        ...

    def revise(self, parameters: str, asked: Sequence[Asked], ground: Ground) -> str:
        """Settle the parameters anew, with some of them otherwise.

        Raises:
            TicketUnclear: They do not go together, or not with the code.
            RequestRefused: It cannot be done.
            EditFailed: The code is no longer what the parameters were settled on.
        """
        ...

    def told(self, before: str, after: str) -> tuple[str, ...]:
        """Say in words what differs between parameters, each in a clause for an answer."""
        ...
