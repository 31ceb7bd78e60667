"""Say which Python runs would take, and what of a configuration cannot be had; builds nothing."""

from __future__ import annotations

from typing import NamedTuple

from agent.environments import declare, interpreters
from agent.environments.tree_files import TreeFiles
from agent.errors import AgentError, EnvironmentFailed
from agent.models.record import Record
from agent.models.sandbox import Sandbox
from agent.settings import Settings
from repo_config.schema import PythonSection

#: Entries that ask for something, by key, and what each is without them.
_NOTHING: dict[str, tuple[str, ...] | None] = {"install": (), "extras": None, "groups": None}


class PythonHere(Record):
    """The Python that runs take on this machine."""

    version: str = ""
    """Empty: none can be taken."""
    path: str = ""
    why: str
    """Why it is this one, or why it is none."""

    def __str__(self) -> str:
        if not self.version:
            return f"runs find no Python here: {self.why}"
        return f"runs here take Python {self.version} ({self.path}), because {self.why}"


def python_here(
    files: TreeFiles, section: PythonSection, sandbox: Sandbox, settings: Settings
) -> PythonHere:
    """Say which Python runs of a repository take on this machine; where none, why not."""
    try:
        found = interpreters.choose_for_tree(files, section, sandbox, settings)
    except AgentError as problem:
        return PythonHere(why=problem.message)
    return PythonHere(version=found.version, path=found.path, why=found.why)


class Unmet(NamedTuple):
    """What a declaration fails for."""

    path: tuple[str | int, ...]
    """Of the entry of the configuration that asks for what is not there; empty: of none."""
    why: str


def find_unmet(files: TreeFiles, section: PythonSection) -> tuple[Unmet, ...]:
    """Say what of a configuration, or else of the repository, refuses any environment. Pure."""
    if not (why := _find_refusal(files, section)):
        return ()
    if _find_refusal(files, PythonSection()):
        return (Unmet((), why),)
    entries = [
        (("python", key, number), section.model_copy(update=_NOTHING | {key: (entry,)}))
        for key in _NOTHING
        for number, entry in enumerate(getattr(section, key) or ())
    ]
    found = [Unmet(path, why) for path, one in entries if (why := _find_refusal(files, one))]
    return tuple(found) or (Unmet(("python",), why),)


def _find_refusal(files: TreeFiles, section: PythonSection) -> str:
    """Why the declaration of a repository, or a line of it, is refused; empty where all is read."""
    try:
        left = declare.read_declaration(files, section).requirements.left_out
    except EnvironmentFailed as problem:
        return problem.message
    return next((one.why for one in left), "")
