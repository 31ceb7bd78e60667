"""Show the reviewer what differs once the application has started. Pure.

Both sides list their routes, settings and signals in a sandbox. Their own code answers, so that
silence proves nothing.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from agent.models.change import Finding, Severity
from agent.models.checks import ApplicationFact
from agent.policy.rule import Rule
from agent.text.sanitise import list_some, shorten

GUARD = Rule(
    id="application-guard",
    demands="In the started application, routes keep what guards them and nothing answers in their"
    " place; middleware, signals and lists in settings keep their entries.",
    severity=Severity.REVIEW,
)
CHANGED = Rule(
    id="application-changed",
    demands="Routes, settings and receivers that differ in the started application are listed.",
    severity=Severity.INFO,
)
OF_APPLICATIONS = (GUARD, CHANGED)
_MOST, _MOST_NAMES, _LONGEST = 15, 4, 200
_FIX = "Check that this is intended."
_PARAMETER = re.compile(r"[{<][^{}<>/]*[}>]")
#: Facts that should not be there.
_ALARMS = {"shadowed route": "is answered by", "security warning": "is new for production:"}
_KINDS = {"route", "middleware", "setting", "signal", *_ALARMS}
_VERBS = defaultdict(lambda: "with", route="guarded by", signal="received by")


class Difference(NamedTuple):
    """A fact on both sides; None: it is not there."""

    before: ApplicationFact | None
    after: ApplicationFact | None

    @property
    def fact(self) -> ApplicationFact:
        return self.after or self.before or ApplicationFact(kind="", name="")

    @property
    def parts(self) -> tuple[tuple[str, ...], ...]:
        return tuple(side.parts if side else () for side in self)

    @property
    def gone(self) -> Counter[str]:
        """Parts that are not there any more; a route that goes needs no guard."""
        is_over = self.after is None and self.fact.kind == "route"
        return Counter() if is_over else Counter(self.parts[0]) - Counter(self.parts[1])

    @property
    def is_moved(self) -> bool:
        """Whether the parts that both sides have are in another order."""
        was, now = self.parts
        return [one for one in was if one in now] != [one for one in now if one in was]

    def describe(self) -> str:
        """Say what it was and is; "" where only parts are gone, which has a finding of its own."""
        if self.before is None or self.after is None:
            return f"{_describe_fact(self.before)} → {_describe_fact(self.after)}"
        values, said = [shorten(side.value, _LONGEST) for side in self if side], []
        if self.before.value != self.after.value:
            said = [" → ".join(values)]
        if new := Counter(self.parts[1]) - Counter(self.parts[0]):
            said.append(f"+ {list_some(new, _MOST)}")
        elif self.is_moved:
            said.append(f"now {list_some(self.parts[1], _MOST)}")
        return "; ".join(said)


def _describe_fact(fact: ApplicationFact | None) -> str:
    if fact is None:
        return "none"
    said = f" {_VERBS[fact.kind]} " if fact.value and fact.parts else ""
    return shorten(f"{fact.value}{said}{list_some(fact.parts, _MOST)}" or "empty", _LONGEST)


def list_differences(
    before: Iterable[ApplicationFact], after: Iterable[ApplicationFact]
) -> Iterator[Difference]:
    """Yield what differs; facts are paired by name, routes that are left by their functions.

    For whom asks for it, the parameter of a path has no name.
    """
    old, new = (
        _key_facts(facts, lambda fact: _PARAMETER.sub("{}", fact.name)) for facts in (before, after)
    )
    for key in [key for key in new if key in old]:
        was, now = old.pop(key), new.pop(key)
        if (was.value, was.parts) != (now.value, now.parts):
            yield Difference(was, now)
    gone, added = (
        _key_facts(facts.values(), lambda fact: fact.value if fact.kind == "route" else fact.name)
        for facts in (old, new)
    )
    for key in dict.fromkeys((*added, *gone)):
        yield Difference(gone.get(key), added.get(key))


def _key_facts(
    facts: Iterable[ApplicationFact], name: Callable[[ApplicationFact], str]
) -> dict[tuple[str, str, int], ApplicationFact]:
    """Key facts by kind and name, those that share both in their order."""
    found, counts = dict[tuple[str, str, int], ApplicationFact](), Counter[tuple[str, str]]()
    for fact in facts:
        key = fact.kind, name(fact)
        found[*key, counts[key]] = fact
        counts[key] += 1
    return found


def list_edited_code(
    before: Iterable[ApplicationFact], after: Iterable[ApplicationFact]
) -> Iterator[ApplicationFact]:
    """Yield the code that is other or new with the change; where none is, what is gone of it."""
    old, new = (
        {(fact.owner, fact.name, fact.value): fact for fact in side if fact.kind == "code"}
        for side in (before, after)
    )
    edited = {key: fact for key, fact in new.items() if key not in old}
    owners = {owner for owner, _, _ in edited}
    yield from edited.values()
    yield from (fact for key, fact in old.items() if key not in new and key[0] not in owners)


def find_problems(
    before: tuple[ApplicationFact, ...], after: tuple[ApplicationFact, ...]
) -> Iterator[Finding]:
    sides = ([fact for fact in side if fact.kind in _KINDS] for side in (before, after))
    differences = [*list_differences(*sides)]
    yield from _limit(GUARD, _find_unguarded(differences))
    rows = defaultdict[str, list[ApplicationFact]](list)
    for one in differences:
        if one.fact.kind not in _ALARMS and (said := one.describe()):
            rows[said].append(one.fact)
    yield from _limit(CHANGED, ((some[0], f"{_name(some)}: {said}") for said, some in rows.items()))


def _find_unguarded(differences: Iterable[Difference]) -> Iterator[tuple[ApplicationFact, str]]:
    lost = defaultdict[tuple[str, str], list[ApplicationFact]](list)
    for one in differences:
        fact = one.fact
        if one.after and fact.kind in _ALARMS:
            yield fact, f"{fact.name} {_ALARMS[fact.kind]} {fact.value}"
        elif one.is_moved and fact.kind == "middleware":
            yield fact, f"{fact.name} in another order: {list_some(fact.parts, _MOST)}"
        for part in one.gone:
            lost[fact.kind, part].append(fact)
    for (kind, part), facts in lost.items():
        yield facts[0], f"{_name(facts)}: no longer {_VERBS[kind]} {part}"


def _name(facts: Iterable[ApplicationFact]) -> str:
    return list_some([fact.name for fact in facts], _MOST_NAMES)


def _limit(rule: Rule, rows: Iterable[tuple[ApplicationFact, str]]) -> Iterator[Finding]:
    several = [*rows]
    for fact, message in several[:_MOST]:
        fix = _FIX if rule is GUARD else ""
        yield rule.make_finding(fact.path, message, fix, fact.line)
    if more := len(several[_MOST:]):
        yield rule.make_finding("", f"{more:,} more differences of the started application", "")


def explain_unknown(reason: str) -> Finding:
    """Say that the change keeps the application from starting, which may hide anything."""
    return GUARD.make_finding("", reason, "Find out why.")
