"""Judge how well base's tests run, and describe why none does.

Pure.
"""

import posixpath
from collections.abc import Sequence

from agent.models.checks import Status, TestRun
from agent.models.record import Record
from agent.models.sandbox import SANDBOX_TREE
from agent.setup import proposal
from agent.text import sanitise
from agent.text.failures import find_error_line
from repo_config.test_files import has_test_name
from repo_config.tree import Tree

#: Maximum share of base's tests that may fail.
_MOST_RED = 0.1
_MOST_STEPS = 6
#: Part of the system's error message.
_PORT_TAKEN = "already in use"
LONGEST = 300
"""Maximum length of one quoted output or command, in characters."""


class Obstacle(Record):
    """Why no test of base runs."""

    words: str
    """The cause, and the keys of the configuration that help; for people."""
    evidence: str = ""
    """The last printed lines."""


def is_measured(tests: TestRun) -> bool:
    """Check whether a test finished, or the runner found that there is none."""
    finds_none = tests.files is not None and not tests.items
    has_ended = not tests.limit and any(item.outcome != "error" for item in tests.items)
    return tests.status is Status.ABSENT or finds_none or has_ended


def ended_early(tests: TestRun) -> bool:
    """Check whether tests were left out for another reason than a limit."""
    return tests.status is Status.UNVERIFIED and bool(tests.unrun) and not tests.limit


def find_obstacle(
    tests: TestRun | None, problem: str, lines: Sequence[str] = (), steps: Sequence[str] = ()
) -> Obstacle:
    """Describe why no test of base runs.

    Args:
        tests: The run of base's tests; None: no environment could be built.
        problem: Why no environment could be built, or what it lacks.
        lines: The set-up so far.
        steps: CI's steps that did not run here.
    """
    way = name_way(lines)
    if steps:
        listed = sanitise.list_some(map(quote_as_code, steps), _MOST_STEPS)
        way += f" CI's steps that did not run here: {listed}."
    if tests is None:
        return Obstacle(words=f"{problem}\n\n{way}")
    errors = [*filter(None, map(find_error_line, _list_texts(tests)))]
    error = quote_as_code([tests.reason or "nothing was printed", *errors][-1])
    cause = f"Tests cannot start on the base commit: {error}."
    if ran := [item for item in tests.items if not item.is_collection]:
        red = sum(item.outcome in ("failed", "error") for item in ran)
        failing = f"{red:,} of {len(ran):,} tests fail on the base commit"
        left = f"; {len(tests.unrun):,} were not run" if tests.unrun else ""
        cause = f"{failing}{left}. Last error: {error}."
    if tests.limit:
        cause = f"Tests did not finish on the base commit: {tests.reason.rstrip('.')}."
    words = "\n\n".join(filter(None, (cause, problem, way)))
    return Obstacle(words=words, evidence=list_errors(tests))


def name_way(lines: Sequence[str]) -> str:
    """Return a sentence with the keys of the configuration that help, as YAML.

    Args:
        lines: The set-up so far.
    """
    keys = (
        proposal.write_pair("setup", [*lines, "COMMAND"]),
        'python: {version: "3.12", system_packages: [libpq-dev]}', "env: {NAME: VALUE}",
        "services: [postgres, redis]",
    )  # fmt: skip
    way = "If a command, a Debian package, a variable, a server or another Python is needed, add it"
    way += f" to `.github/mergewright.yml`: {', '.join(f'`{key}`' for key in keys)}."
    way += " `setup` replaces the lines so far." * bool(lines)
    if not lines:
        way += (
            " The root declares no dependencies: if the project is in a folder, add `root: FOLDER`."
        )
    return way


def quote_as_code(text: str) -> str:
    """Quote output or a command as code: one line, cut, with paths from the repository's root."""
    flat = " ".join(text.split()).replace("`", "'").replace(f"{SANDBOX_TREE}/", "")
    return f"`{flat if len(flat) <= LONGEST else f'{flat[: LONGEST - 1]}…'}`"


def list_errors(tests: TestRun) -> str:
    """Return the last error lines of a test run, cut."""
    return "\n".join(_list_texts(tests)).strip()[-3_000:] or tests.reason


def _list_texts(tests: TestRun) -> list[str]:
    """List the printed output, then the texts of failed tests; the last lines matter most."""
    red = (item.text for item in tests.items if item.outcome in ("failed", "error"))
    return [*map(sanitise.strip_terminal_codes, (tests.output, *[*dict.fromkeys(red)][:5]))]


# --- how well a repository is set up, by base's tests -----------------------------------------


def count_tests(tests: TestRun) -> int:
    """Count collected tests; a module that failed to collect does not count."""
    return sum(not item.is_collection for item in tests.items) + len(tests.unrun)


def is_poor(tests: TestRun) -> bool:
    """Check whether more tests may pass with another set-up; also true if a limit ended them."""
    return bool(tests.limit or tests.unrun) or passes_few(tests)


def passes_few(tests: TestRun) -> bool:
    """Check whether fewer than nine of ten tests pass, or the result is not known."""
    if tests.status in (Status.ABSENT, Status.UNVERIFIED):
        return tests.status is Status.UNVERIFIED
    passed, red = tests.count("passed"), tests.count("failed", "error")
    # A single failure among few tests rarely comes from the set-up.
    return not passed or red > max(1, _MOST_RED * (passed + red))


def share_passed(tests: TestRun) -> float | None:
    """Return the share of tests that pass, without skipped ones; None: no test finished."""
    if not is_measured(tests):
        return None
    passed = tests.count("passed")
    return passed / max(1, passed + tests.count("failed", "error") + len(tests.unrun))


def may_improve(tests: TestRun) -> bool:
    """Check whether another set-up is worth a try: `is_poor`, or a module cannot be imported."""
    return is_poor(tests) or any(item.is_collection for item in tests.items)


def is_port_taken(tests: TestRun) -> bool:
    """Check whether a test could not start its own server, since the port was in use."""
    return any(item.outcome != "passed" and _PORT_TAKEN in item.text for item in tests.items)


def find_missing_modules(tests: TestRun, tree: Tree) -> tuple[list[str], str]:
    """List test files that were not collected; one whose collection failed is not missing.

    Returns:
        The files, and a sentence if they are the majority, else "".
    """
    if tests.files is None:
        return [], ""
    # Fixtures of a conftest.py may have the names of tests.
    named = (path for path in tree.paths() if has_test_name(path))
    named = (path for path in named if posixpath.basename(path) != "conftest.py")
    modules = [path for path in named if b"def test" in tree.read(path)]
    missing = [path for path in modules if path not in tests.files]
    ran = len(modules) - len(missing)
    return missing, f"Only {ran} of {len(modules)} test modules ran." if ran < len(missing) else ""
