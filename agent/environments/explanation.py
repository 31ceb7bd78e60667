"""Say what an environment would be made of and why, and what it lacks; nothing is made for it.

What refuses the environment is one fact among the others: whoever reads why something cannot be
had wants to see the rest of it beside that. What other tools' files say is left to `hints`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

from agent.domain import SERVICE_TITLES, Environment, Record
from agent.environments import (
    build,
    declare,
    egress,
    host_proxy,
    interpreters,
    room_services,
    storage,
    system_packages,
    toolsets,
)
from agent.environments.bench import Bench, RootedSandbox
from agent.environments.build import EnvironmentRequest, Prepared
from agent.environments.choosing import Choice
from agent.environments.declare import Declaration
from agent.environments.host_proxy import HostProxies
from agent.environments.interpreters import Interpreter
from agent.environments.locks import kinds
from agent.environments.locks.lock import Target
from agent.environments.python_hints import PythonHints
from agent.environments.requirement_files import LocalProject, Requirements
from agent.environments.system_packages import SystemPackage
from agent.environments.tree_files import TreeFiles
from agent.errors import AgentError, EnvironmentFailed, SettingsInvalid
from agent.ports import PackageIndex, Sandbox
from agent.settings import Settings
from repo_config.schema import PythonSection

T = TypeVar("T")
#: Entries that ask for something, by key, and what each is without them.
_NOTHING: dict[str, tuple[str, ...] | None] = {"install": (), "extras": None, "groups": None}


class IndexInForce(Record):
    """A package index that is asked; nothing secret is in it."""

    url: str
    origin: str
    """Where it is configured, in words."""
    with_credentials: bool
    certificates: str = ""
    """File of those that are trusted beyond the usual ones."""
    proxy: str = ""
    """Of this host, by which it is reached; without credentials, and the variable that names it."""


class WantedService(Record):
    """A server that the configuration asks for."""

    wanted: str
    version: str = ""
    program: str = ""
    """In the room; empty: there is none."""
    lacking: str = ""
    """Why it is not to be had, and what would provide it."""


class TypeChecker(Record):
    """What pyright or basedpyright is checked by."""

    pin: str
    """Name and version."""
    there: bool
    """Whether it was fetched before; else the first run that needs it does so."""


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
    """What would be built, and why; nothing is resolved for it.

    What cannot be known of an environment that is refused is empty.
    """

    refused: tuple[str, ...] = ()
    """Why it would not be built, every reason that can be seen without trying."""
    declared: bool = True
    """Whether what the repository declares could be read."""
    key: str = ""
    ready: bool = False
    path: str = ""
    python: str = ""
    interpreter: str = ""
    python_because: str = ""
    version: str = ""
    """Handed to backends that read theirs from version control."""
    sources: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    """Every requirements and constraints file that was read."""
    choices: tuple[Choice, ...] = ()
    projects: tuple[str, ...] = ()
    requirements: tuple[str, ...] = ()
    """Each with the place where it is written."""
    constraints: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    indexes: tuple[IndexInForce, ...] = ()
    """The one that is asked first in front, the default one last."""
    services: tuple[WantedService, ...] = ()
    system_packages: tuple[SystemPackage, ...] = ()
    type_checker: TypeChecker | None = None
    """None where the repository uses neither pyright nor basedpyright."""
    environment: Environment | None = None
    """What is there already, with its packages."""


def make(
    request: EnvironmentRequest, sandbox: Sandbox, index: PackageIndex, settings: Settings
) -> Explanation:
    """Say what would be installed and why, without resolving or building anything."""
    storage.hold(settings, storage.PARTS)
    return _Explained(request, sandbox, index, settings).explanation()


def python_here(
    files: TreeFiles, section: PythonSection, sandbox: Sandbox, settings: Settings
) -> PythonHere:
    """Say which Python runs of a repository take on this machine; where none, why not."""
    try:
        found = _taken(files, section, sandbox, settings)
    except AgentError as problem:
        return PythonHere(why=problem.message)
    return PythonHere(version=found.version, path=found.path, why=found.why)


class Unmet(NamedTuple):
    """What a declaration fails for."""

    path: tuple[str | int, ...]
    """Of the entry of the configuration that asks for what is not there; empty: of none."""
    why: str


def unmet(files: TreeFiles, section: PythonSection) -> tuple[Unmet, ...]:
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
    """Why the declaration of a repository cannot be read; empty where it can."""
    try:
        declare.read(files, section)
    except EnvironmentFailed as problem:
        return problem.message
    return ""


class PythonAsked(Record):
    """What becomes of a version of Python that a configuration would ask for."""

    to_be_had: bool
    note: str = ""
    """What runs take without it, in words; empty where that is the same."""


def python_asked(
    version: str, files: TreeFiles, sandbox: Sandbox, settings: Settings
) -> PythonAsked:
    """Say whether runs could take a version on this machine, and what they take without it.

    Where no room can be opened nothing is known, so nothing is said against it.
    """
    try:
        _taken(files, PythonSection(version=version), sandbox, settings)
    except EnvironmentFailed:
        note = f"no Python {version} is to be had where runs are made"
        instead = python_here(files, PythonSection(), sandbox, settings)
        if instead.version:
            note += f"; they take {instead.version}, because {instead.why}"
        return PythonAsked(to_be_had=False, note=note)
    except AgentError:
        return PythonAsked(to_be_had=True)
    other = python_here(files, PythonSection(), sandbox, settings)
    if not other.version or other.version.startswith(f"{version}."):
        return PythonAsked(to_be_had=True)
    note = f"without this line runs take {other.version}, because {other.why}"
    return PythonAsked(to_be_had=True, note=note)


def _taken(
    files: TreeFiles, section: PythonSection, sandbox: Sandbox, settings: Settings
) -> Interpreter:
    storage.hold(settings, storage.PARTS)
    # What the repository says of itself counts where nothing is configured.
    hints = PythonHints() if section.version else declare.read(files, section).python
    return interpreters.choose(section.version, hints, sandbox, settings)


class _Explained:
    """Decides as far as it goes, and keeps every reason why it goes no further."""

    def __init__(
        self,
        request: EnvironmentRequest,
        sandbox: Sandbox,
        index: PackageIndex,
        settings: Settings,
    ) -> None:
        self._request, self._sandbox, self._index = request, sandbox, index
        self._settings = settings
        self._files = TreeFiles(Path(request.tree), request.root)
        self._refused: list[str] = []

    def explanation(self) -> Explanation:
        declaration = self._tried(lambda: declare.read(self._files, self._request.python))
        interpreter = self._interpreter(declaration)
        prepared = None
        if declaration is not None:
            self._index = self._tried(lambda: self._including(declaration)) or self._index
        if declaration is not None and interpreter is not None:
            bench = self._bench(interpreter)
            prepared = build.keyed(self._request, declaration, bench)
        stored = build.load(prepared, self._settings) if prepared else None
        found = self._found(declaration, prepared)
        indexes = self._indexes()
        services = self._services(interpreter)
        packages = self._system_packages(interpreter)
        return Explanation(
            refused=tuple(dict.fromkeys(self._refused)),
            declared=declaration is not None,
            key=prepared.key if prepared else "",
            ready=stored is not None,
            path=str(storage.ready(self._settings, prepared.key)) if prepared else "",
            python=interpreter.version if interpreter else "",
            interpreter=interpreter.path if interpreter else "",
            python_because=interpreter.why if interpreter else "",
            version=prepared.version if prepared else "",
            sources=declaration.sources if declaration else (),
            files=found.files,
            choices=stored.choices if stored else declaration.choices if declaration else (),
            projects=tuple(_project_name(project) for project in found.projects),
            requirements=tuple(f"{line.text}  ({line.origin})" for line in found.lines),
            constraints=tuple(f"{line.text}  ({line.origin})" for line in found.constraints),
            notes=(*(stored.notes if stored else found.notes), *self._index.notes),
            indexes=indexes,
            services=services,
            system_packages=packages,
            type_checker=self._type_checker(interpreter),
            environment=stored.environment if stored else None,
        )

    def _indexes(self) -> tuple[IndexInForce, ...]:
        try:
            proxies = host_proxy.read()
        except SettingsInvalid as problem:
            self._refused.append(problem.message)
            proxies = HostProxies({})
        found = []
        for access in self._index.accesses():
            there = egress.target(access.url)
            proxy = proxies.to(there.host, there.port, tls=access.url.startswith("https:"))
            found.append(
                IndexInForce(
                    url=access.url,
                    origin=access.origin,
                    with_credentials=bool(access.login),
                    certificates=access.ca_bundle or "",
                    proxy=f"{proxy.address} ({proxy.variable})" if proxy else "",
                )
            )
        return tuple(found)

    def _tried(self, work: Callable[[], T]) -> T | None:
        try:
            return work()
        except EnvironmentFailed as problem:
            self._refused.append(problem.message)
            return None

    def _interpreter(self, declaration: Declaration | None) -> Interpreter | None:
        asked = self._request.python.version
        if declaration is None and asked is None:
            # What it asks for stands where nothing could be read.
            return None
        hints = declaration.python if declaration else PythonHints()
        return self._tried(lambda: interpreters.choose(asked, hints, self._sandbox, self._settings))

    def _including(self, declaration: Declaration) -> PackageIndex:
        return self._index.including(declaration.requirements.indexes)

    def _bench(self, interpreter: Interpreter) -> Bench:
        rooted = RootedSandbox(self._sandbox, interpreter.root)
        return Bench(rooted, self._index, self._settings, interpreter, lambda _: None)

    def _found(self, declaration: Declaration | None, prepared: Prepared | None) -> Requirements:
        if declaration is None:
            return Requirements()
        locked = None
        if prepared is not None:
            target = Target(python=prepared.bench.interpreter.version)
            locked = self._tried(lambda: kinds.requirements(self._files, declaration.lock, target))
        return locked.plus(declaration.requirements) if locked else declaration.requirements

    # --- what a room has --------------------------------------------------------------------

    def _services(self, interpreter: Interpreter | None) -> tuple[WantedService, ...]:
        wanted = self._request.services
        if not wanted:
            return ()
        bench = self._looking(interpreter)
        there = self._tried(lambda: room_services.programs(bench)) if bench else None
        if bench is None or there is None:
            lacking = "it was not looked for: no room could be opened with a Python in it"
            return tuple(WantedService(wanted=one, lacking=lacking) for one in wanted)
        self._tried(lambda: room_services.accounts(self._request.env))
        root = system_packages.root_of(bench)
        given = []
        for one in wanted:
            try:
                program = room_services.chosen(one, there, root)
            except EnvironmentFailed as problem:
                self._refused.append(problem.message)
                given.append(WantedService(wanted=one, lacking=problem.message))
                continue
            given.append(
                WantedService(
                    wanted=one,
                    version=f"{SERVICE_TITLES[program.name]} {program.version}",
                    program=program.program,
                )
            )
        return tuple(given)

    def _system_packages(self, interpreter: Interpreter | None) -> tuple[SystemPackage, ...]:
        names = self._request.python.system_packages
        bench = self._looking(interpreter) if names else None
        if bench is None:
            return ()
        self._tried(lambda: system_packages.require(names, bench))
        return self._tried(lambda: system_packages.look(names, bench)) or ()

    def _type_checker(self, interpreter: Interpreter | None) -> TypeChecker | None:
        if not self._request.pyright or interpreter is None:
            return None
        place = toolsets.type_checker_place(self._bench(interpreter))
        return TypeChecker(pin=toolsets.type_checker_pin(interpreter.version), there=place.is_dir())

    def _looking(self, interpreter: Interpreter | None) -> Bench | None:
        """Rooms to look into; the usual ones where no Python could be chosen."""
        try:
            chosen = interpreter or interpreters.choose(
                None, PythonHints(), self._sandbox, self._settings
            )
        except EnvironmentFailed:
            return None
        return self._bench(chosen)


def _project_name(project: LocalProject) -> str:
    extras = f"[{','.join(project.extras)}]" if project.extras else ""
    return f"{project.folder or '.'}{extras}  ({project.origin})"
