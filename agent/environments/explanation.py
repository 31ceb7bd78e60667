"""Say what an environment would be made of and why; nothing is resolved or built for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from agent.environments import build, declare, interpreters, storage
from agent.environments.build import EnvironmentRequest
from agent.environments.choosing import Choice
from agent.environments.interpreters import Interpreter
from agent.environments.python_hints import PythonHints
from agent.environments.tree_files import TreeFiles
from agent.errors import AgentError, EnvironmentFailed
from agent.models.package_index import PackageIndex
from agent.models.record import Record
from agent.models.sandbox import Sandbox
from agent.settings import Settings
from repo_config import ci_setup
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


class Explanation(Record):
    """What would be built, and why. What a refused environment leaves open is empty."""

    refused: str = ""
    key: str = ""
    ready: bool = False
    """Whether it is in the store."""
    python: str = ""
    interpreter: str = ""
    python_because: str = ""
    indexes: tuple[str, ...] = ()
    """The one that is asked first in front, each with the place where it is configured."""
    choices: tuple[Choice, ...] = ()
    requirements: tuple[str, ...] = ()
    """Each with the place where it is written."""
    setup: tuple[str, ...] = ()
    """Commands, variables and servers that are configured, or else what CI has before its tests."""
    notes: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    """Of the stored environment."""


def explain_environment(
    request: EnvironmentRequest, sandbox: Sandbox, index: PackageIndex, settings: Settings
) -> Explanation:
    """Explain as far as nothing refuses the environment."""
    storage.hold_environment(settings, storage.PARTS)
    said: dict[str, object] = {
        "indexes": tuple(f"{one.url} ({one.origin})" for one in index.list_accesses())
    }
    try:
        files = TreeFiles(Path(request.tree), request.root)
        said["setup"] = tuple(_list_setup(request, files))
        declaration = declare.read_declaration(files, request.python)
        found = declaration.requirements
        said |= {
            "choices": declaration.choices,
            "requirements": tuple(f"{line.text}  ({line.origin})" for line in found.lines),
            "notes": (
                *(f"left out: {one.why}" for one in found.left_out),
                *found.notes,
                *index.notes,
            ),
        }
        prepared = build.prepare_build(request, sandbox, index, settings, lambda _: None)
    except EnvironmentFailed as problem:
        return Explanation.model_validate({**said, "refused": problem.message})
    interpreter = prepared.build_context.interpreter
    said |= {
        "key": prepared.key,
        "python": interpreter.version,
        "interpreter": interpreter.path,
        "python_because": interpreter.why,
    }
    if stored := build.load_stored(prepared, settings):
        said |= {
            "ready": True,
            "choices": stored.choices,
            "notes": (*stored.notes, *index.notes),
            "packages": stored.environment.packages,
        }
    return Explanation.model_validate(said)


def _list_setup(request: EnvironmentRequest, files: TreeFiles) -> Iterator[str]:
    if commands := request.setup.commands:
        yield from (one if isinstance(one, str) else one.run for one in commands)
    elif not (request.root or request.services or request.env):
        found = ci_setup.read_ci_setup(files.detection_files)
        for line in found.describe():
            yield f"{line}  ({found.origin}; tried where the tests of base hardly pass)"


def python_here(
    files: TreeFiles, section: PythonSection, sandbox: Sandbox, settings: Settings
) -> PythonHere:
    """Say which Python runs of a repository take on this machine; where none, why not."""
    try:
        found = _choose_interpreter(files, section, sandbox, settings)
    except AgentError as problem:
        return PythonHere(why=problem.message)
    return PythonHere(version=found.version, path=found.path, why=found.why)


def find_other_python(files: TreeFiles, used: str, sandbox: Sandbox, settings: Settings) -> str:
    """Find another Python that CI or classifiers name; empty if none is there.

    Args:
        files: The project.
        used: Version of the Python that was taken; empty: that which would be.
        sandbox: Where it has to work.
        settings: Of the operator.
    """
    try:
        hints = declare.read_declaration(files, PythonSection()).python
        used = used or interpreters.choose_interpreter(None, hints, sandbox, settings).version
        return interpreters.find_other(hints, used, sandbox, settings)
    except EnvironmentFailed:
        return ""


def has_python(version: str, files: TreeFiles, sandbox: Sandbox, settings: Settings) -> bool:
    """Say whether runs could take a version here; without sandboxes nothing is ruled out."""
    try:
        _choose_interpreter(files, PythonSection(version=version), sandbox, settings)
    except AgentError as problem:
        return not isinstance(problem, EnvironmentFailed)
    return True


class Unmet(NamedTuple):
    """What a declaration fails for."""

    path: tuple[str | int, ...]
    """Of the entry of the configuration that asks for what is not there; empty: of none."""
    why: str


def find_unmet(files: TreeFiles, section: PythonSection) -> tuple[Unmet, ...]:
    """Say what of a configuration, or else of the repository, refuses any environment. Pure."""
    if not (why := _refusal(files, section)):
        return ()
    if _refusal(files, PythonSection()):
        return (Unmet((), why),)
    entries = [
        (("python", key, number), section.model_copy(update=_NOTHING | {key: (entry,)}))
        for key in _NOTHING
        for number, entry in enumerate(getattr(section, key) or ())
    ]
    found = [Unmet(path, why) for path, one in entries if (why := _refusal(files, one))]
    return tuple(found) or (Unmet(("python",), why),)


def _refusal(files: TreeFiles, section: PythonSection) -> str:
    """Why the declaration of a repository, or a line of it, is refused; empty where all is read."""
    try:
        left = declare.read_declaration(files, section).requirements.left_out
    except EnvironmentFailed as problem:
        return problem.message
    return next((one.why for one in left), "")


def _choose_interpreter(
    files: TreeFiles, section: PythonSection, sandbox: Sandbox, settings: Settings
) -> Interpreter:
    storage.hold_environment(settings, storage.PARTS)
    # What the repository says of itself counts where nothing is configured.
    hints = PythonHints() if section.version else declare.read_declaration(files, section).python
    return interpreters.choose_interpreter(section.version, hints, sandbox, settings)
