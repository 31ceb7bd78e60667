"""What a recipe is: recognise a ticket, settle its facts against the code, edit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from agent.models.record import Record
from agent.models.ticket import Category, Ticket
from repo_config.detect import Project, Tree
from repo_config.schema import RepoConfig


class Edits(Record):
    files: dict[str, bytes]
    """By path; new or replaced."""
    notes: tuple[str, ...]
    not_done: tuple[str, ...] = ()
    """Sentences of the ticket that these edits do not carry out."""


class ProducingCommand(Record):
    """One command that may run in the sandbox, on the edited tree, to produce further files."""

    script: str
    """File name below `agent/recipes/sandbox_scripts`, mounted at /mergewright/recipes; run by the
    environment's interpreter with the tree as working directory."""
    args: tuple[str, ...]
    environ: dict[str, str]
    globs: tuple[str, ...]
    """Relative to the tree: only regular files matching these become part of the Change."""
    report: str = "report.json"
    """Name of the file the script writes to /out, handed to `accept_produced`."""


class Recipe(Protocol):
    """One ticket shape, known by its structure alone. None has state."""

    name: str
    """Short, with dashes: `add-django-field`."""
    category: Category
    """For the changelog."""
    form: str
    """The form that states all facts, empty."""

    def make_example(self, tree: Tree, project: Project) -> str:
        """Write a sentence that it carries out in this repository; empty: there is none."""
        ...

    def match(self, ticket: Ticket) -> bool:
        """Whether the structure of the ticket's text names this recipe."""
        ...

    def settle(self, ticket: Ticket, tree: Tree, config: RepoConfig, project: Project) -> str:
        """Turn the ticket into the recipe's parameters (JSON), every fact proved by the code.

        Raises:
            TicketUnclear: Facts are missing or do not fit; with the form, filled in so far.
            RequestRefused: The ticket asks for what cannot be done.
        """
        ...

    def steps(self, parameters: str) -> tuple[str, ...]: ...

    def list_touched(self, parameters: str) -> tuple[str, ...]: ...

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
