"""Read past changes as tasks in SWE-bench's format: a ticket, and the merged change."""

import json
import re
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import BeforeValidator, ValidationError

from agent.errors import RequestRefused
from agent.git import history
from agent.git.history import PastCommit
from agent.models.pulls import MergedPull
from agent.models.record import Record, replace
from repo_config.test_files import is_test

#: Trailers that git and code hosts add to a message.
_TRAILER = re.compile(r"[A-Za-z][A-Za-z-]*-by: .*|Change-Id: .*", re.IGNORECASE)
#: A test id of Django's runner in SWE-bench: `test_a (app.tests.Case)`.
_OF_CASE = re.compile(r"(\w+) \(([\w.]+)\)")


def _read_list(value: object) -> object:
    """Read a list that SWE-bench writes as JSON in a string."""
    return json.loads(value) if isinstance(value, str) else value


Ids = Annotated[tuple[str, ...], BeforeValidator(_read_list)]


class PastChange(Record):
    """A row of SWE-bench; keys that are not named here are ignored."""

    model_config = {**Record.model_config, "extra": "ignore"}

    instance_id: str
    repo: str
    """The folder of a clone, or `owner/name`."""
    base_commit: str
    problem_statement: str
    patch: str = ""
    """The merged patch, without its tests; "": unknown."""
    test_patch: str
    FAIL_TO_PASS: Ids = ()
    PASS_TO_PASS: Ids = ()

    @property
    def title(self) -> str:
        return self.problem_statement.strip().partition("\n")[0]

    @property
    def file_name(self) -> str:
        """The task's id as a file name."""
        return re.sub(r"[^\w.-]+", "-", self.instance_id)


class SkippedChange(NamedTuple):
    """A past change that is no task, and why."""

    name: str
    why: str


def read_commits(
    repository: Path, revisions: str, *, most: int
) -> tuple[list[PastChange], list[SkippedChange]]:
    """Read up to `most` commits of a clone, newest first, that changed code and tests."""
    tasks: list[PastChange] = []
    left: list[SkippedChange] = []
    with history.read_commits(str(repository), revisions) as commits:
        for past in commits:
            ticket, why = _read_message(past)
            if why:
                subject = ticket.partition("\n")[0]
                left.append(SkippedChange(name=f"{past.commit[:12]} {subject}", why=why))
            else:
                instance_id = f"{repository.name}-{past.commit[:12]}"
                tasks.append(_make_task(past, repository, instance_id, ticket))
            if len(tasks) == most:
                break
    return tasks, left


def read_pulls(
    name: str,
    pulls: Iterable[MergedPull],
    read: Callable[[int, str], PastCommit | None],
    mirror: Path,
    *,
    most: int,
) -> tuple[list[PastChange], list[SkippedChange]]:
    """Read up to `most` merged pull requests that closed an issue and changed code and tests.

    Args:
        pulls: The newest first; of several that closed the same issue, the first counts.
        read: The reader of pull requests that `agent.git.history.read_pulls` yields.
    """
    tasks: list[PastChange] = []
    left: list[SkippedChange] = []
    closed: set[int] = set()
    for pull in pulls:
        past = None
        why = _find_missing_ticket(pull, closed)
        if not why:
            past = read(pull.number, pull.base_tip)
            why = _find_missing_tests(past) if past else "the base commit no longer exists"
        if past is None or why:
            left.append(SkippedChange(name=f"#{pull.number}", why=why))
            continue
        closed |= {issue.number for issue in pull.issues}
        words = "\n\n".join(f"{issue.title}\n\n{issue.body}" for issue in pull.issues)
        instance_id = f"{name.replace('/', '__')}-{pull.number}"
        tasks.append(_make_task(past, mirror, instance_id, words))
        if len(tasks) == most:
            break
    return tasks, left


def _find_missing_ticket(pull: MergedPull, closed: Collection[int]) -> str:
    """Return why a pull request has no ticket of its own; "": it has one."""
    if not pull.issues:
        return "it closed no issue"
    if any(issue.number in closed for issue in pull.issues):
        return "a later pull request closed the same issue"
    if any(issue.body is None for issue in pull.issues):
        return "its issue's text from that time is not available"
    return ""


def _read_message(past: PastCommit) -> tuple[str, str]:
    """Return a message without trailers, and why it is no ticket; "": it is one."""
    lines = (line for line in past.message.splitlines() if not _TRAILER.fullmatch(line))
    ticket = "\n".join(lines).strip()
    why = _find_missing_tests(past)
    if not why and not ticket.partition("\n")[2].strip():
        why = "its message has only a subject, which is not enough for a ticket"
    return ticket, why


def _find_missing_tests(past: PastCommit) -> str:
    """Return why a change is no task; "": it is one."""
    tests = [path for path in past.paths if is_test(path)]
    if not any(path.endswith(".py") for path in tests):
        return "it changes no tests"
    if len(tests) == len(past.paths):
        return "it changes only tests"
    return ""


def _make_task(past: PastCommit, repository: Path, instance_id: str, ticket: str) -> PastChange:
    tests = tuple(path for path in past.paths if is_test(path))
    others = tuple(path for path in past.paths if not is_test(path))
    return PastChange(
        instance_id=instance_id,
        repo=str(repository),
        base_commit=past.parent,
        problem_statement=ticket,
        patch=past.diff(others),
        test_patch=past.diff(tests),
    )


def read_rows(file: Path, clones: Path | None) -> list[PastChange]:
    """Read tasks in SWE-bench's format, one JSON object a line.

    Args:
        clones: Folder with clones of their repositories, as `owner/name`, `owner__name` or `name`.

    Raises:
        RequestRefused: A line is no task; the message has file and line.
    """
    try:
        # Not splitlines: other line separators belong to the texts.
        lines = file.read_bytes().decode().split("\n")
    except (OSError, UnicodeDecodeError) as problem:
        raise RequestRefused(f"{file} cannot be read as UTF-8: {problem}") from problem
    tasks: dict[str, PastChange] = {}
    for number, line in enumerate(lines, 1):
        if line.strip():
            task = _read_row(line, f"{file}:{number}", clones)
            if tasks.setdefault(task.file_name, task) is not task:
                raise RequestRefused(f"{file}:{number}: {task.instance_id} is listed twice")
    return [*tasks.values()]


def _read_row(line: str, at: str, clones: Path | None) -> PastChange:
    try:
        task = PastChange.model_validate_json(line)
    except ValidationError as problem:
        first = problem.errors()[0]
        key = ".".join(map(str, first["loc"])) or "the line"
        raise RequestRefused(f"{at}: {key}: {first['msg']}") from problem
    where = (task.repo, task.repo.replace("/", "__"), task.repo.rpartition("/")[2])
    places = [Path(task.repo), *((clones / name for name in where) if clones else ())]
    place = next((place for place in places if (place / ".git").exists()), None)
    if place is None:
        raise RequestRefused(
            f"{at}: there is no clone of {task.repo}. Set the folder that contains it with --clones"
        )
    return replace(
        task,
        repo=str(place.resolve()),
        FAIL_TO_PASS=tuple(_OF_CASE.sub(r"\2.\1", test_id) for test_id in task.FAIL_TO_PASS),
        PASS_TO_PASS=tuple(_OF_CASE.sub(r"\2.\1", test_id) for test_id in task.PASS_TO_PASS),
    )
