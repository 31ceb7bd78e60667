"""Say how well base's tests run, and where none does: the last error and its place.

Pure. The error is found by the form in which Python and pytest print one, not by its words.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection, Sequence

from agent.models.checks import COLLECTION, Status, TestRun
from agent.models.record import Record
from agent.models.sandbox import SANDBOX_TREE
from agent.text import sanitise
from agent.text.secret_names import PLACEHOLDER
from repo_config.schema import LimitsSection
from repo_config.tree import Tree

_FRAME = re.compile(r'(?:\s*File ")?(?P<path>[^\s":]+\.py)(?:", line |:)(?P<line>\d+)')
_SHOWN = re.compile(r"E\s+(\S.*)")
_MOST_ITEMS = 5
_MOST_EVIDENCE = 3_000
#: Of the tests on base.
_MOST_RED, _HARDLY = 0.05, 0.1
#: Of the run's minutes, for one run of the tests.
_MOST_TIME = 1 / 6
_LONGEST_CAUSE = 200
LONGEST = 300
"""Characters of foreign words that are quoted at once."""


class Obstacle(Record):
    """Why no test of base runs."""

    words: str
    """The cause with its place, and the keys of the configuration that help; for people."""
    evidence: str = ""
    """The last lines that were printed."""


def is_measured(tests: TestRun) -> bool:
    """Whether a test came to an end of its own, or the runner found that there is none."""
    return tests.status is Status.ABSENT or finds_none(tests) or has_ended(tests)


def finds_none(tests: TestRun) -> bool:
    """Whether the runner looked for tests, and found none."""
    return tests.suite is not None and not tests.items


def has_ended(tests: TestRun) -> bool:
    """Whether at least one test came to an end of its own, and the whole run did."""
    return not tests.limit and any(item.outcome != "error" for item in tests.items)


def find_obstacle(
    tests: TestRun | None, problem: str, tree: Tree, lines: Sequence[str] = ()
) -> Obstacle:
    """Name the obstacle.

    Args:
        tests: As they ended on base; None: no environment could be built.
        problem: Why none could be built, or what it is without.
        lines: By which it was set up.
    """
    way = name_way(lines)
    if tests is None:
        return Obstacle(words=f"{problem}\n\n{way}")
    error, place = _find_error(_join_texts(tests), tree.paths())
    error = error or tests.reason or "nothing was printed"
    where = f" ({place})" if place else ""
    cause = f"Tests cannot start on the base commit: {quote_as_code(error)}{where}."
    if ran := [item for item in tests.items if not item.item_id.endswith(COLLECTION)]:
        red = sum(item.outcome in ("failed", "error") for item in ran)
        said = f"{red:,} of {len(ran):,} tests fail on the base commit"
        cause = f"{said}; the last error: {quote_as_code(error)}{where}."
    if tests.limit:
        cause = f"Tests did not end on the base commit: {tests.reason.rstrip('.')}."
    words = "\n\n".join(filter(None, (cause, problem, way)))
    return Obstacle(words=words, evidence=list_errors(tests))


def name_way(lines: Sequence[str]) -> str:
    """Name the keys of the configuration, the lines so far among them: these would be replaced."""
    setup = f"setup: [{', '.join(map(json.dumps, (*lines, 'COMMAND')))}]"
    told = ", ".join(map(quote_as_code, (setup, f"env: {{NAME: {PLACEHOLDER}}}")))
    return (
        "If a command or a variable is needed first, write it into `.github/mergewright.yml`:"
        f" {told}."
    )


def quote_as_code(text: str, longest: int = LONGEST) -> str:
    """Write foreign words as one piece of code in a sentence, cut; paths as the repository has."""
    flat = " ".join(text.split()).replace("`", "'").replace(f"{SANDBOX_TREE}/", "")
    return f"`{flat if len(flat) <= longest else f'{flat[: longest - 1]}…'}`"


def list_errors(tests: TestRun) -> str:
    """Return the last error lines of a run of the tests, cut."""
    return _join_texts(tests)[-_MOST_EVIDENCE:] or tests.reason


def _join_texts(tests: TestRun) -> str:
    """Join what was printed and what single tests say; what counts most stands last."""
    red = (item.text for item in tests.items if item.outcome in ("failed", "error"))
    texts = (tests.output, *[*dict.fromkeys(red)][:_MOST_ITEMS])
    return sanitise.strip_terminal_codes("\n".join(texts)).strip()


def _find_error(text: str, paths: Collection[str]) -> tuple[str, str]:
    """Find the last error, and the innermost place in the repository that led to it."""
    error = place = at = ""
    in_trace = in_block = False
    for line in text.splitlines():
        frame, shown = _FRAME.match(line), _SHOWN.match(line)
        if frame:
            path = frame["path"].removeprefix(f"{SANDBOX_TREE}/")
            at = f"{path}:{frame['line']}" if path in paths else at
            # Of pytest's own form, the error stands behind an E.
            in_trace = line.lstrip().startswith("File ")
        elif (shown and not in_block) or (in_trace and not shown and line[:1].strip()):
            error, place, at, in_trace = shown[1] if shown else line, at, "", False
        # A blank line of the block is an E by itself.
        in_block = bool(shown) or (in_block and line.strip() == "E")
    return error, place


# --- how well a repository is set up, by base's tests -----------------------------------------


def rate_tests(tests: TestRun) -> float:
    """Weigh the number of tests that pass by their share; files not collected count as red."""
    passed, red = tests.count("passed"), tests.count("failed", "error")
    return passed * passed / (passed + red) if passed else 0.0


def count_tests(tests: TestRun) -> int:
    """Count collected tests; a module that failed to collect does not count."""
    return sum(not one.item_id.endswith(COLLECTION) for one in tests.items) + len(tests.unrun)


def is_given_up(tests: TestRun) -> bool:
    """Whether nearly all of the first tests failed, so that no other began."""
    return bool(tests.unrun) and not tests.limit and is_hopeless(tests)


def find_common_cause(tests: TestRun) -> str:
    """Say in one line by which error most tests fail; empty: there is none."""
    red = [one.text for one in tests.items if one.outcome in ("failed", "error")]
    said = Counter(text.strip().partition("\n")[0][:_LONGEST_CAUSE] for text in red)
    (cause, count), *_ = said.most_common(1) or [("", 0)]
    if not cause or count < 2 or count <= len(tests.items) / 2:
        return ""
    return f"{count} of {len(tests.items)} tests fail by the same error: {cause}"


def is_poor(tests: TestRun, limits: LimitsSection) -> bool:
    """Whether other versions may have more of base's tests pass, in reasonable time."""
    if tests.status is Status.ABSENT:
        return False
    if tests.limit or tests.status is Status.UNVERIFIED:
        return True
    passed, red = tests.count("passed"), tests.count("failed", "error")
    if passed > red and _is_slow(tests, limits):
        return False
    # Of few tests, a single red one is rarely a matter of versions.
    return not passed or red > max(1, _MOST_RED * len(tests.items))


def may_improve(tests: TestRun, limits: LimitsSection) -> bool:
    """Whether there is something to try: also where a single module cannot be imported."""
    has_lost = any(item.item_id.endswith(COLLECTION) for item in tests.items)
    return is_poor(tests, limits) or (has_lost and not _is_slow(tests, limits))


def is_hopeless(tests: TestRun) -> bool:
    """Whether hardly any test passes, so that versions alone may not be the cause."""
    return tests.count("passed") <= _HARDLY * tests.count("passed", "failed", "error")


def _is_slow(tests: TestRun, limits: LimitsSection) -> bool:
    return tests.seconds > limits.minutes * 60 * _MOST_TIME
