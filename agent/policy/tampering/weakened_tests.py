"""Keep a change from getting green by making tests look at less.

Each test is held against what it was: what it looked at, it looks at still, as closely, every time
it runs. Assertions that go, that say less (`assert total` for `assert total == 3`), that cannot
fail, that a `try` swallows or a `return` passes by, and cases that are dropped are losses. Another
expected value beside a change of the code is what tickets are often about, and nobody but the
reviewer can tell: it is noted. Alone, or with nothing but tests, it is a loss. What counts as the
same is said in `expectations` and `looks`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from agent.domain import Finding, Severity
from agent.policy.proposal import Proposal
from agent.policy.rule import Rule
from agent.policy.tampering import looks, suite
from agent.policy.tampering.asked import Asked
from agent.policy.tampering.looks import Check
from agent.policy.tampering.suite import Pair, Suite

WEAKENED = Rule(
    id="test-weakened",
    demands="What a test looked at it looks at still, as closely, unless the ticket asks for less.",
    severity=Severity.BLOCK,
    floor=Severity.REVIEW,
    bad="assert total  # was assert total == 3",
    good="assert total == 3",
)
WEAKENED_NOTED = Rule(
    id="test-weakened-noted",
    demands="Tests that expect something else than before are looked at first.",
    severity=Severity.REVIEW,
    bad="assert total == 4  # was 3, and the code is changed as well",
    good="assert total == 3",
)
RULES = (WEAKENED, WEAKENED_NOTED)

#: Two texts that begin alike for longer are shown from a little before where they differ.
_ALIKE = 50
_BEFORE = 24

_FIX = (
    "Restore what the test looked at and make the code pass it; where the test itself is wrong,"
    " the ticket has to say so by its name."
)
_MOST_FINDINGS = 3
_MOST_NOTED = 5
#: A plain name, such as that of a local variable or a fixture; words of checks are none.
_MODULE = re.compile(r"\b[a-z_]\w*\.(?=[A-Z])")
_NAME = re.compile(
    r"(?<![\w.'\"])(?!(?:true|false|raises|is|in|not|or|and|fail)\b)[a-z_]\w*\b(?!\s*[(=])"
)


@dataclass(frozen=True)
class _Loss:
    """What a test no longer holds."""

    message: str
    line: int
    weight: int
    """2: less is looked at; 1: another value is expected; 0: what may well be right."""


def check(proposal: Proposal) -> Iterator[Finding]:
    """Yield a finding for every loss of a test."""
    tests = suite.of(proposal)
    asked = proposal.once(Asked)
    pool = Counter(tests.gained)
    noted: Counter[str] = Counter()
    for pair in tests.changed_pairs:
        for loss in list(_losses(pair, pool))[:_MOST_FINDINGS]:
            finding = _judge(loss, pair, tests, asked)
            noted[finding.path] += finding.rule == WEAKENED_NOTED.id
            if finding.rule == WEAKENED.id or noted[finding.path] <= _MOST_NOTED:
                yield finding
    for path, count in noted.items():
        if count > _MOST_NOTED:
            yield WEAKENED_NOTED.at(
                path,
                f"expects something else in {count - _MOST_NOTED} more places",
                "Read the diff of this file.",
            )


def _judge(loss: _Loss, pair: Pair, tests: Suite, asked: Asked) -> Finding:
    new = pair.new
    message = f"{new.qualname}: {loss.message}"
    if loss.weight == 2 and asked.weaker(new.path, pair.old.qualname):
        return WEAKENED_NOTED.at(
            new.path, f"{message}, as the ticket asks", "See that nothing else is lost.", loss.line
        )
    alone = not tests.touches_code and not asked.other_expectation(new.path, pair.old.qualname)
    if loss.weight == 2:
        return WEAKENED.at(new.path, message, _FIX, loss.line)
    if loss.weight == 1 and alone:
        return WEAKENED.at(
            new.path, f"{message}, while the change touches no code", _FIX, loss.line
        )
    return WEAKENED_NOTED.at(
        new.path, message, "See that the ticket wants what the test now says.", loss.line
    )


def _losses(pair: Pair, pool: Counter[str]) -> Iterator[_Loss]:
    old, new = pair.old.reading, pair.new.reading
    was = Counter(check.text for check in old.checks)
    now = Counter(check.text for check in new.checks)
    lost, gained = _rest(old.checks, was - now), _rest(new.checks, now - was)
    where = pair.new.node.lineno
    yield from _conditions(pair)
    idle = {one.text: one for one in new.idle}
    idle_before = {one.text for one in old.idle}
    others = pool - (now - was)
    told: set[str] = set()
    if old.cases > new.cases and {check.text for check in lost} and not gained:
        missing = old.cases - new.cases
        if not (was - now) - others:
            return
        yield _Loss(f"loses {missing} of its {old.cases} cases", where, 2)
        return
    for check in lost:
        if others[check.text] > 0:
            others[check.text] -= 1
            continue
        if check.text in idle and check.text not in idle_before:
            one = idle[check.text]
            yield _Loss(f"`{_short(check.text)}` cannot fail any more: {one.why}", one.line, 2)
            continue
        loss = _against(check, gained, pair)
        if loss is not None and loss.message not in told:
            told.add(loss.message)
            yield loss


def _against(check: Check, gained: list[Check], pair: Pair) -> _Loss | None:
    """Find what stands in the place of a check; take it out of those gained."""
    same = [one for one in gained if one.subject == check.subject]
    close = [one for one in gained if one.bare == check.bare] or same
    if not close:
        close = [one for one in gained if _renamed(check, one)]
        if close:
            gained.remove(close[0])
            return None
    if not close and any(_holds_it(check, one) for one in gained):
        return None
    if not close:
        close = [one for one in gained if one.rank >= check.rank]
    if not close:
        close = gained[:]
    if not close:
        where = pair.new.node.lineno
        return _Loss(f"no longer looks at `{_short(check.text)}`", where, 2)
    best = min(close, key=lambda one: (looks.is_weaker(check, one), one.op != check.op))
    gained.remove(best)
    if looks.is_weaker(check, best):
        return _Loss(f"`{_short(best.text)}` says less than `{_short(check.text)}`", best.line, 2)
    if best.bare == check.bare:
        return None
    if (check.op == "==" and best.op == "false") or _same_but_for_identity(check, best):
        return None
    weight = 1 if best.subject == check.subject else 0
    now, was = _where_they_differ(best.text, check.text)
    says = f"now expects `{now}`, was `{was}`"
    return _Loss(says, best.line, weight)


def _same_but_for_identity(old: Check, new: Check) -> bool:
    """Whether only `==` became `is`."""
    return {old.op, new.op} == {"==", "is"} and old.text.replace("==", "is") == new.text.replace(
        "==", "is"
    )


def _renamed(old: Check, new: Check) -> bool:
    """Whether only the names of what is looked at differ."""
    if _named_alike(old.text) == _named_alike(new.text):
        return True
    return old.op == new.op and old.value == new.value and old.value != "" and old.rank == new.rank


def _named_alike(text: str) -> str:
    return _NAME.sub("_", _MODULE.sub("", text))


def _holds_it(old: Check, new: Check) -> bool:
    """Whether one comparison of a whole holds what was compared in parts."""
    longer = len(new.value) > len(old.value) > 0
    same = old.subject in new.subject or old.subject.startswith(new.subject)
    return new.op in {"==", "call"} and longer and same and old.value in new.value


def _conditions(pair: Pair) -> Iterator[_Loss]:
    old, new = pair.old.reading, pair.new.reading
    always = {check.text for check in old.checks} - old.sometimes.keys()
    for text, condition in new.sometimes.items():
        if text in always:
            line = next(check.line for check in new.checks if check.text == text)
            weight = 0 if _is_about_place(condition) else 2
            yield _Loss(
                f"`{_short(text)}` is looked at only under a condition now (`{condition}`)",
                line,
                weight,
            )
            return


def _is_about_place(condition: str) -> bool:
    """Whether a condition is about where the tests run."""
    words = ("version", "platform", "sys.", "os.name", "vendor", "VERSION", "PY3", "IS_", "HAS_")
    return any(word in condition for word in words)


def _rest(checks: list[Check], counts: Counter[str]) -> list[Check]:
    left = Counter(counts)
    found = []
    for check in checks:
        if left[check.text] > 0:
            left[check.text] -= 1
            found.append(check)
    return found


def _where_they_differ(new: str, old: str) -> tuple[str, str]:
    """Shorten two texts so that what differs is seen, however long they begin alike."""
    texts = [" ".join(text.split()) for text in (new, old)]
    pairs = enumerate(zip(*texts, strict=False))
    alike = next((at for at, (a, b) in pairs if a != b), min(map(len, texts)))
    if alike > _ALIKE:
        texts = [f"...{text[alike - _BEFORE :]}" for text in texts]
    return _short(texts[0]), _short(texts[1])


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 80 else f"{text[:77]}..."
