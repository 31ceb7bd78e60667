"""Read requirements files as pip writes them: nested, with options, hashes and local paths.

Pure: works on text handed in by a `WorkTreeFiles`. Decides nothing about which files are taken
(`declare`) and resolves nothing. What cannot be had without trusting somebody (a version control
address, a direct URL) is refused here, with the line that asks for it.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from agent.environments.tree_files import WorkTreeFiles
from agent.errors import EnvironmentFailed
from agent.models.package_index import IndexRequest
from agent.models.record import Record

_DEEPEST = 20

#: Options that change nothing here, or say what is the operator's word.
_IGNORED = re.compile(
    r"--(?:trusted-host|no-binary|only-binary|prefer-binary|use-feature|use-pep517"
    r"|no-build-isolation|config-settings|global-option|require-hashes)"
)
#: Without them packages may be lacking or others, so they are named.
_LEFT_OUT = ("-f", "--find-links", "--no-index")
_INDEXES = ("-i", "--index-url", "--extra-index-url")
_URL = re.compile(r"^(?:git|hg|svn|bzr)\+|^(?:https?|ftp|ssh)://", re.IGNORECASE)
_LOCAL = re.compile(
    r"^(?P<path>(?:\.{1,2}(?:/|$|(?=\[))|/|file:)[^\[;]*)(?:\[(?P<extras>[^\]]*)\])?"
)
_EXTRA = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
_OPTION = re.compile(r"(?P<name>-[recif](?=[^-\s=])|--?[\w-]+)(?:\s*=|\s+|)(?P<value>.*)")
#: The name of a project in a line, the surest form first.
_NAMES = tuple(
    re.compile(pattern)
    for pattern in (
        r"/([\w.]+)-[\w.]+(?:-[\w.]+){3,4}\.whl",
        r"^([\w.-]+)\s*(?:\[[^\]]*\])?\s*(?:[@<>=!~;]|$)",
        r"[#&](?:egg=|subdirectory=(?:[^&\s]*/)?)([\w.-]+)",
        r"/([\w.-]+)\.git(?:[@#?;\s]|$)",
        r"/([\w.-]+)/?(?:[@#?;\s]|$)",
    )
)


class Line(Record):
    """One requirement, and where it is written."""

    text: str
    """As PEP 508 writes it."""
    origin: str
    """`file:line`, or the key of a table."""
    hashes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The normalised name of the project it asks for."""
        return str(canonicalize_name(Requirement(self.text).name))


class LocalProject(Record):
    """A project of the repository itself, to be installed from the tree."""

    folder: str
    """Relative to the root of the repository; "" is the root."""
    extras: tuple[str, ...] = ()
    origin: str = ""


class LeftOut(Record):
    """A line that is done without."""

    name: str
    """Of the project that it asks for, as far as it is known: it is not fetched from elsewhere."""
    why: str
    is_address: bool = False
    """Whether it names a direct address; a release that `python.install` names takes its place."""


class AddressRefused(EnvironmentFailed):
    """A line asks for what lies at a direct address."""


class Requirements(Record):
    """What requirements files ask for, flat."""

    lines: tuple[Line, ...] = ()
    constraints: tuple[Line, ...] = ()
    projects: tuple[LocalProject, ...] = ()
    files: tuple[str, ...] = ()
    """Every file that was read."""
    left_out: tuple[LeftOut, ...] = ()
    indexes: tuple[IndexRequest, ...] = ()
    """Indexes that the repository names; whether they are asked is the operator's word."""
    prereleases: bool = False

    def combine(self, *others: Requirements) -> Requirements:
        """All together, nothing twice."""
        every = (self, *others)
        return Requirements(
            lines=_drop_duplicates(line for part in every for line in part.lines),
            constraints=_drop_duplicates(line for part in every for line in part.constraints),
            projects=tuple(dict.fromkeys(one for part in every for one in part.projects)),
            files=tuple(dict.fromkeys(one for part in every for one in part.files)),
            left_out=tuple(dict.fromkeys(one for part in every for one in part.left_out)),
            indexes=tuple(dict.fromkeys(one for part in every for one in part.indexes)),
            prereleases=any(part.prereleases for part in every),
        )


def read_file(files: WorkTreeFiles, path: str) -> Requirements:
    """Read one requirements file with all that it includes; lines that are refused are left out.

    Raises:
        EnvironmentFailed: It is not there.
    """
    return _Reader(files, is_tolerant=True).read(path)


def parse_text(files: WorkTreeFiles, text: str, origin: str) -> Requirements:
    """Read the text of a requirements file as if it lay at the root of the project."""
    return _Reader(files, is_tolerant=True).parse((origin, line) for _, line in _split_lines(text))


def parse_line(files: WorkTreeFiles, text: str, origin: str) -> Requirements:
    """Read a single requirement, as it stands in a table or in the configuration.

    Raises:
        EnvironmentFailed: It cannot be read or asks for what is not fetched.
    """
    return _Reader(files).take(text.strip(), origin)


class _Reader(NamedTuple):
    """How lines are taken."""

    files: WorkTreeFiles
    is_tolerant: bool = False
    is_constraint: bool = False
    seen: tuple[str, ...] = ()
    """The files that led here."""

    def read(self, path: str, asked_by: str = "") -> Requirements:
        """Read a file with all that it includes."""
        # pip reads a cycle once and is content; so are we.
        if path in self.seen:
            return Requirements()
        if len(self.seen) >= _DEEPEST:
            raise EnvironmentFailed(
                f"{asked_by} nests requirements files more than {_DEEPEST} deep."
            )
        text = self.files.text(path)
        if text is None:
            by = f", which {asked_by} asks for," if asked_by else ""
            raise EnvironmentFailed(f"The requirements file {path}{by} is not in the repository.")
        lines = ((f"{path}:{number}", line) for number, line in _split_lines(text))
        found = self._replace(seen=(*self.seen, path)).parse(lines)
        return Requirements(files=(path,)).combine(found)

    def parse(self, lines: Iterable[tuple[str, str]]) -> Requirements:
        """Read lines, each with its place."""
        found = []
        for place, line in lines:
            try:
                found.append(self.take(line, place))
            except EnvironmentFailed as problem:
                if not self.is_tolerant:
                    raise
                is_address = isinstance(problem, AddressRefused)
                name = guess_name(line) if is_address else ""
                left = LeftOut(name=name, why=problem.message, is_address=is_address)
                found.append(Requirements(left_out=(left,)))
        return Requirements().combine(*found)

    def take(self, line: str, place: str) -> Requirements:
        """Read one line."""
        if line.startswith("-"):
            return self._take_option(line, place)
        hashes = tuple(re.findall(r"--hash[= ]([A-Za-z0-9]+:[0-9A-Fa-f]+)", line))
        text = re.split(r"\s--[a-z]", line, maxsplit=1)[0].strip()
        if "${" in text:
            raise EnvironmentFailed(f"{place}: `{text}` takes a value from the environment.")
        if _URL.match(text):
            raise _refuse_address(place, text)
        if local := _LOCAL.match(text):
            return self._take_project(local["path"], local["extras"] or "", place)
        try:
            parsed = Requirement(text)
        except InvalidRequirement as problem:
            if self.files.is_project(posixpath.normpath(text)):
                return self._take_project(text, "", place)
            reason = str(problem).splitlines()[0]
            raise EnvironmentFailed(
                f"{place}: `{text}` is not a requirement: {reason}"
            ) from problem
        if parsed.url is not None:
            if parsed.url.startswith(("file:", ".")):
                return self._take_project(parsed.url, ",".join(sorted(parsed.extras)), place)
            raise _refuse_address(place, text)
        entry = (Line(text=str(parsed), origin=place, hashes=hashes),)
        return Requirements(constraints=entry) if self.is_constraint else Requirements(lines=entry)

    def _take_option(self, line: str, place: str) -> Requirements:
        match = _OPTION.match(line)
        name, value = (match["name"], match["value"].strip("\"' ")) if match else (line, "")
        if name in ("-r", "--requirement", "-c", "--constraint"):
            folder = posixpath.dirname(self.seen[-1]) if self.seen else ""
            target = self._resolve_inside(posixpath.join(folder, value), place, value)
            only = self.is_constraint or name in ("-c", "--constraint")
            return self._replace(is_constraint=only).read(target, place)
        if name in ("-e", "--editable"):
            path, _, extras = value.partition("[")
            if _URL.match(value) or ("@" in path and not _LOCAL.match(value)):
                raise _refuse_address(place, value)
            return self._take_project(path, extras.partition("]")[0], place)
        if name == "--pre":
            return Requirements(prereleases=True)
        if name in _INDEXES:
            return Requirements(indexes=(name_index(value, place),))
        if name in _LEFT_OUT:
            # The value may carry a password, so it is not repeated.
            why = f"{place}: `{name}` is left to the operator's own index"
            return Requirements(left_out=(LeftOut(name="", why=why),))
        if _IGNORED.fullmatch(name):
            return Requirements()
        raise EnvironmentFailed(f"{place}: the option `{name}` is not known here.")

    def _take_project(self, path: str, extras: str, place: str) -> Requirements:
        # pip takes local paths from the working directory, which is the root, not from the file.
        bare = path.removeprefix("file://").removeprefix("file:").strip()
        inside = self._resolve_inside(bare, place, path)
        if not self.files.is_project(inside):
            raise EnvironmentFailed(
                f"{place}: `{path}` holds neither pyproject.toml nor setup.py, so it cannot be "
                "installed."
            )
        wanted = tuple(str(canonicalize_name(e.strip())) for e in extras.split(",") if e.strip())
        # They become part of a line that the resolver reads.
        if wrong := next((name for name in wanted if not _EXTRA.fullmatch(name)), None):
            raise EnvironmentFailed(f"{place}: `{ascii(wrong)[1:-1]}` is not the name of an extra.")
        folder = self.files.from_root(inside) or ""
        return Requirements(projects=(LocalProject(folder=folder, extras=wanted, origin=place),))

    def _resolve_inside(self, path: str, place: str, written: str) -> str:
        clean = posixpath.normpath(path)
        if self.files.from_root(clean) is None:
            raise EnvironmentFailed(f"{place}: `{written}` is outside the repository.")
        return "" if clean == "." else clean


def guess_name(line: str) -> str:
    """Guess which project a line asks for, at a direct address by its repository's name."""
    found = next(filter(None, (pattern.search(line) for pattern in _NAMES)), None)
    return str(canonicalize_name(found[1])) if found else ""


def _split_lines(text: str) -> Iterator[tuple[int, str]]:
    """Logical lines without comments, each with the number of its first physical line."""
    pending, first = "", 0
    for number, physical in enumerate((*text.splitlines(), ""), start=1):
        first = first if pending else number
        if physical.endswith("\\") and not physical.lstrip().startswith("#"):
            pending += physical[:-1] + " "
            continue
        if logical := re.sub(r"(^|\s)#.*$", "", pending + physical).strip():
            yield first, logical
        pending = ""


def name_index(url: str, origin: str) -> IndexRequest:
    """An index that a repository names; credentials in its address are not for us to use."""
    return IndexRequest(url=re.sub(r"(?<=://)[^/]*@", "", url), origin=origin)


def _refuse_address(place: str, text: str) -> AddressRefused:
    shown = re.sub(r"://[^/@\s]*@", "://", text)
    return AddressRefused(
        f"{place}: `{shown}` is a direct address. Only packages of the index are fetched: name a "
        "released version there, or leave the line out with `python.install` in the configuration."
    )


def _drop_duplicates(lines: Iterable[Line]) -> tuple[Line, ...]:
    found: dict[tuple[str, tuple[str, ...]], Line] = {}
    for line in lines:
        found.setdefault((line.text, line.hashes), line)
    return tuple(found.values())
