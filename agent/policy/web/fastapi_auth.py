"""Hold FastAPI endpoints to the dependency that their URL path demands.

An endpoint that forgets to ask who is calling answers everybody, and no test of what it does shows
it. So every endpoint that the change adds, moves or strips is followed to its URL paths (see
`urls`) and to all that it depends on (see `dependencies`). The dependency counts by its full name:
one that is only called the same is a wrong one. What cannot be followed to its end is for the
reviewer; endpoints that were open before are not held against the change. Without `fastapi.auth`
nothing is looked at.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from agent.models.change import Finding, Severity
from agent.policy import source
from agent.policy.proposal import Proposal
from agent.policy.rule import Rule
from agent.policy.view import View
from agent.policy.web import rewired
from agent.policy.web import side as sides
from agent.policy.web.dependencies import Dependencies, Reached
from agent.policy.web.side import Side
from agent.policy.web.urls import Answer, Urls
from agent.policy.web.wiring import Endpoint
from repo_config.schema import FastapiAuth, FastapiSection

FASTAPI_AUTH = Rule(
    id="fastapi-auth",
    demands="Every endpoint has the dependency that `fastapi.auth` names for its URL path.",
    severity=Severity.BLOCK,
    bad='@router.get("/admin/users")\ndef users(user: User = Depends(current_user)): ...',
    good='@router.get("/admin/users")\ndef users(user: User = Depends(admin)): ...',
)
FASTAPI_AUTH_UNKNOWN = Rule(
    id="fastapi-auth-unknown",
    demands="The URL path and the dependencies of every new endpoint can be told from the code.",
    severity=Severity.REVIEW,
    bad='@router.get(path_of("users"))\ndef users(): ...',
    good='@router.get("/users")\ndef users(user: CurrentUser): ...',
)
RULES = (FASTAPI_AUTH, FASTAPI_AUTH_UNKNOWN)

_CONCERNS = re.compile(
    rb"Depends|Security|Annotated|fastapi|APIRouter|include_router|add_api_|\.mount\("
    rb"|@\s*[\w.]+\.(?:get|post|put|delete|patch|options|head|trace|api_route|websocket)\("
)
_MOST_FINDINGS = 20


@dataclass(frozen=True)
class _Fault:
    """An endpoint that lacks what its URL path demands, or of which that cannot be told."""

    answer: Answer
    entry: FastapiAuth | None
    pattern: str
    reached: Reached
    certain: bool

    @property
    def marks(self) -> frozenset[tuple[str, ...]]:
        """What tells it again on the other side: by its place, and by its URL."""
        demanded = self.entry.dependency if self.entry else ""
        endpoint = self.answer.endpoint
        return frozenset(
            {
                ("place", endpoint.view.path, endpoint.name, demanded),
                ("url", str(self.answer.url), *endpoint.methods, demanded),
            }
            if self.answer.url is not None
            else {("place", endpoint.view.path, endpoint.name, demanded)}
        )


def check(proposal: Proposal) -> Iterator[Finding]:
    """Yield a finding for every endpoint that the change leaves open."""
    section = proposal.config.fastapi
    changed = {
        file.path: file
        for file in proposal.change.files
        if source.is_python(file.path, file.after or file.before)
        and _CONCERNS.search((file.after or b"") + b"\n" + (file.before or b""))
        and not sides.is_aside(file.path)
    }
    if not section.auth or not changed:
        return
    after = _Judge(sides.after(proposal), section)
    yield from after.unknown_names()
    before = _Judge(sides.before(proposal), section)
    present = [path for path, file in changed.items() if file.after is not None]
    paths = list(present)
    if rewired.anything(tuple(changed.values()), after, before):
        paths += [path for path in after.urls.files_that_answer() if path not in changed]
    faults = [fault for path in paths for fault in after.faults(path)]
    if not faults:
        return
    old = _marks_before(faults, changed, before)
    new = {min(fault.marks): fault for fault in faults if not fault.marks & old}
    yield from (_finding(fault, changed) for fault in list(new.values())[:_MOST_FINDINGS])


def _marks_before(
    faults: list[_Fault], changed: Collection[str], before: _Judge
) -> set[tuple[str, ...]]:
    """Return the marks of what was open already, where an endpoint was there at all."""
    others = {fault.answer.endpoint.view.path for fault in faults} - {*changed}
    paths = sorted(path for path in {*changed, *others} if before.side.places.has(path))
    had = {mark for path in paths for one in before.urls.endpoints(path) for mark in _like(one)}
    if not any(mark in had for fault in faults for mark in _like(fault.answer.endpoint)):
        return set()
    return {mark for path in paths for fault in before.faults(path) for mark in fault.marks}


def _like(endpoint: Endpoint) -> tuple[tuple[str, ...], ...]:
    return ("name", endpoint.name), ("url", endpoint.url or "", *endpoint.methods)


class _Judge:
    """Holds the endpoints of one side against the configuration."""

    def __init__(self, side: Side, section: FastapiSection) -> None:
        self.urls = Urls(side)
        self.side = side
        self.dependencies = Dependencies(side)
        self._section = section
        self._demanded = {entry.dependency: self._same(entry.dependency) for entry in section.auth}

    def _same(self, dotted: str) -> frozenset[str]:
        """Return the full names of a configured dependency; none where it cannot be found."""
        found = set()
        for name in self._spellings(dotted):
            ref = self.side.places.find(name, "")
            if ref is None or not ref.dotted:
                continue
            placed = self.side.place(name)
            trail = {one for one in self.side.places.trail(ref) if ".()" not in one}
            if placed is None or self._is_there(placed) or len(trail) > 1:
                found |= trail
        if not found and self.side.places.find(dotted.partition(".")[0], "") is None:
            return frozenset({dotted})  # of a library
        return frozenset(found)

    def _spellings(self, dotted: str) -> list[str]:
        """Return the names that it has from the root of the repository."""
        parts = dotted.split(".")
        if self.side.places.find(parts[0], "") is not None:
            return [dotted]
        ends = tuple(
            f"/{'/'.join(parts[:length])}{end}"
            for length in range(1, len(parts))
            for end in (".py", "/__init__.py")
        )
        homes = set()
        for path in self.side.places.paths:
            if end := next((one for one in ends if path.endswith(one)), None):
                homes.add(path.removesuffix(end).replace("/", "."))
        return [f"{home}.{dotted}" for home in sorted(homes)]

    def _is_there(self, placed: tuple[View, list[str]]) -> bool:
        view, parts = placed
        return bool(
            self.side.function(view, parts[0])
            or self.side.class_(view, parts[0])
            or self.side.home(parts[0], view.scope)
        )

    def unknown_names(self) -> Iterator[Finding]:
        """Yield a finding for every configured dependency that is nowhere."""
        for dotted, names in self._demanded.items():
            if not names:
                yield FASTAPI_AUTH_UNKNOWN.at(
                    "",
                    f"fastapi.auth names {dotted}, which is not in the repository, so that"
                    " nothing can be held against it",
                    "Name the module and the function, as in app.auth.current_user.",
                )

    def faults(self, path: str) -> Iterator[_Fault]:
        """Yield the endpoints of a file that lack what they need, or may."""
        for answer in self.urls.answers(path):
            fault = self._fault(answer)
            if fault is not None:
                yield fault

    def _fault(self, answer: Answer) -> _Fault | None:
        if answer.url is None:
            reached = self.dependencies.reached(answer.dependencies)
            if all(self._has(reached, entry) for entry in self._section.auth):
                return None
            return _Fault(answer, None, "", reached, certain=False)
        if any(matches(pattern, answer.url) for pattern in self._section.public):
            return None
        for entry in self._section.auth:
            pattern = next((one for one in entry.paths if matches(one, answer.url)), None)
            if pattern is None:
                continue
            demanded = self._demanded[entry.dependency]
            reached = self.dependencies.reached(answer.dependencies)
            if self._has(reached, entry) or not demanded:
                return None
            certain = reached.firm and answer.firm and not demanded & reached.given
            certain = certain and not self._may_be_wrapped(answer, entry)
            return _Fault(answer, entry, pattern, reached, certain)
        return None

    def _has(self, reached: Reached, entry: FastapiAuth) -> bool:
        return bool(self._demanded[entry.dependency] & reached.names)

    def _may_be_wrapped(self, answer: Answer, entry: FastapiAuth) -> bool:
        """Whether another decorator of the endpoint may bring the dependency in."""
        last = entry.dependency.rpartition(".")[2].encode()
        endpoint = answer.endpoint
        for decorator in endpoint.decorators:
            node = decorator.func if isinstance(decorator, ast.Call) else decorator
            for name in self.side.names(endpoint.view, node, endpoint.view.scope):
                placed = self.side.place(name)
                if placed and re.search(rb"__signature__|Depends|\b" + last, placed[0].content):
                    return True
        return False


def matches(pattern: str, url: str) -> bool:
    """Whether a pattern of `fastapi` matches a URL path; slashes at the end do not count."""
    return _match(_parts(pattern), _parts(url))


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part]


def _match(pattern: list[str], url: list[str]) -> bool:
    if not pattern:
        return not url
    head, *rest = pattern
    if head == "**":
        return any(_match(rest, url[start:]) for start in range(len(url) + 1))
    if not url:
        return False
    fits = re.fullmatch(re.escape(head).replace(r"\*", "[^/]*"), url[0]) is not None
    return fits and _match(rest, url[1:])


# --- findings ---------------------------------------------------------------------------------


def _finding(fault: _Fault, changed: Collection[str]) -> Finding:
    endpoint = fault.answer.endpoint
    path, verb, where = endpoint.view.path, "answers", ""
    line: int | None = endpoint.line
    if path not in changed:
        # What is changed is on the way there.
        verb, where = "leaves", f" in {path}"
        on_the_way = [step for step in fault.answer.steps if step[0] in changed]
        followed = sorted(fault.reached.paths & {*changed})
        if on_the_way:
            path, line = on_the_way[0]
        elif followed:
            path, line = followed[0], None
    methods = " or ".join(endpoint.methods)
    if fault.entry is None:
        return FASTAPI_AUTH_UNKNOWN.at(
            path,
            f"{verb} {endpoint.name}(){where} at a URL path that cannot be worked out, so that"
            " nobody can say which dependency fastapi.auth demands",
            "Check by hand who may call it, or write path and prefixes out.",
            line,
        )
    demanded = fault.entry.dependency
    module, _, name = demanded.rpartition(".")
    what = f"{verb} {methods} {fault.answer.url}{where}"
    because = f"fastapi.auth demands {demanded} for {fault.pattern}"
    if not fault.certain:
        return FASTAPI_AUTH_UNKNOWN.at(
            path,
            f"{what}, and what it depends on cannot be followed to its end; {because}",
            f"Check by hand that {demanded} is asked, or depend on it in the signature.",
            line,
        )
    return FASTAPI_AUTH.at(
        path,
        f"{what} {_instead(fault, name)}; {because}",
        f"Depend on {name} of {module} in its signature, decorator or router, or name the path in"
        " fastapi.public first.",
        line,
    )


def _instead(fault: _Fault, name: str) -> str:
    """Say what is there in place of the dependency."""
    namesakes = sorted(one for one in fault.reached.names if one.rpartition(".")[2] == name)
    if namesakes:
        return f"with {namesakes[0]}, which is only called the same"
    if fault.reached.direct:
        return f"with {', '.join(dict.fromkeys(fault.reached.direct))} in its place"
    return "without any dependency"
