"""Check that FastAPI endpoints have the dependency that their URL path demands. Pure.

The application lists its endpoints in a sandbox; its code could make such a list up, so that a
finding is for the reviewer. Endpoints that were open on base do not count against the change. An
edit of the dependency is: that it rejects who has no credentials says nothing of whom it lets in.
"""

import re
from collections.abc import Iterator, Sequence

from agent.models.change import Finding, Severity
from agent.models.checks import ApplicationFact
from agent.policy.application import list_edited_code
from agent.policy.rule import Rule
from repo_config.schema import FastapiAuth, FastapiSection

FASTAPI_AUTH = Rule(
    id="fastapi-auth",
    demands="Every endpoint has the dependency that `fastapi.auth` requires for its URL path,"
    " and rejects requests without credentials; changes to such a dependency need review.",
    severity=Severity.REVIEW,
)
UNCOVERED = Rule(
    id="fastapi-auth-uncovered",
    demands="New endpoints whose URL path no entry of `fastapi.auth` covers are listed.",
    severity=Severity.INFO,
)
OF_ENDPOINTS = (FASTAPI_AUTH, UNCOVERED)
_MOST_FINDINGS = 20
#: A parameter that no slash can be in, as Starlette has them.
_ONE_PART = re.compile(r"{\w+(?::(?:str|int|float|uuid))?}")
_Mark = tuple[str, str, str]


def find_problems(
    section: FastapiSection,
    before: tuple[ApplicationFact, ...],
    after: tuple[ApplicationFact, ...],
) -> Iterator[Finding]:
    """Yield findings for routes that the change leaves open, or adds outside the paths.

    And for each edit of the code by which a dependency decides, in any module.
    """
    wanted = {entry.dependency for entry in section.auth}
    for fact in list_edited_code(before, after):
        if fact.owner in wanted:
            says = f"edits {fact.name}, by which {fact.owner} of fastapi.auth decides"
            fix = "Check that it still rejects all whom it should reject."
            yield FASTAPI_AUTH.make_finding(fact.path, says, fix, fact.line)
    known = {fact.name for fact in before if fact.kind == "route"}
    for fact in after if wanted else ():
        is_new = fact.kind == "route" and fact.name not in known
        if is_new and _find_entry(section, fact.url) is None:
            says = f"answers {fact.name}, which fastapi.auth does not cover"
            yield UNCOVERED.make_finding(
                fact.path, says, "Check that anybody may call it.", fact.line
            )
    were_open = {mark for _, _, marks in _find_open(section, before) for mark in marks}
    found = [opened for opened in _find_open(section, after) if not were_open & opened[2]]
    for fact, entry, _ in found[:_MOST_FINDINGS]:
        says = f"{'' if fact.path else f'{fact.value} '}answers {fact.name}"
        for_paths = f"{entry.dependency}, which fastapi.auth requires for {', '.join(entry.paths)}"
        if entry.dependency in fact.asks:
            says += f" with {fact.status} to requests without credentials, despite {for_paths}"
            fix = "Find out what overrides the dependency, or what it no longer checks."
        else:
            says += f" without depending on {for_paths}"
            fix = (
                f"Add {entry.dependency} to its signature, decorator or router without overriding"
                " it, or exclude the path in fastapi.auth first."
            )
        yield FASTAPI_AUTH.make_finding(fact.path, says, fix, fact.line)


def _find_open(
    section: FastapiSection, facts: tuple[ApplicationFact, ...]
) -> Iterator[tuple[ApplicationFact, FastapiAuth, set[_Mark]]]:
    """Yield what lacks its dependency or answers all the same, with what tells it again."""
    for fact in facts:
        entry = _find_entry(section, fact.url) if fact.kind == "route" else None
        is_answered = 200 <= fact.status < 300
        if entry is not None and (is_answered or entry.dependency not in fact.asks):
            # One that only answered, as it may in a sandbox, is no excuse for one that asks nobody.
            kind = "asks" if entry.dependency in fact.asks else "lacks"
            marks = {(kind, entry.dependency, name) for name in (fact.name, fact.value)}
            yield fact, entry, marks


def _find_entry(section: FastapiSection, path: str) -> FastapiAuth | None:
    """Return the first entry with a pattern for a path as it is written, else for one it answers.

    `/{area}/total` answers `/api/total`.
    """
    written = _split_path(path)
    answered = [_ONE_PART.sub("*", part) for part in written]
    answered = ["**" if "{" in part else part for part in answered]
    return next(
        (
            entry
            for parts in (written, answered)
            for entry in section.auth
            if any(_may_meet(_split_path(pattern), parts, "**") for pattern in entry.paths)
        ),
        None,
    )


def _may_meet(one: Sequence[str], other: Sequence[str], many: str) -> bool:
    """Whether two patterns have something in common; `many` matches any number of items.

    Items are parts of a path, and of these each letter; slashes at the end do not count.
    """
    waiting, seen = [(0, 0)], set[tuple[int, int]]()
    while waiting:
        at = waiting.pop()
        if at in seen:
            continue
        seen.add(at)
        left, right = one[at[0] : at[0] + 1], other[at[1] : at[1] + 1]
        if not left and not right:
            return True
        is_many = [[*side] == [many] for side in (left, right)]
        is_alike = bool(left and right) and (
            left == right
            or (many == "**" and not any(is_many) and _may_meet(left[0], right[0], "*"))
        )
        # What matches many ends here, or takes one more of the other.
        if left and any(is_many):
            waiting.append((at[0] + 1, at[1]))
        if right and any(is_many):
            waiting.append((at[0], at[1] + 1))
        if is_alike:
            waiting.append((at[0] + 1, at[1] + 1))
    return False


def _split_path(path: str) -> list[str]:
    return [part for part in path.split("/") if part]
