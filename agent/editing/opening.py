"""The first message of each conversation: what stays the same first, then what it is about.

All foreign words in it stand between marks, as data.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Sequence
from itertools import accumulate
from operator import itemgetter

from agent.editing.prompting import fence_text
from agent.editing.rounds import Draft
from agent.editing.run_context import RunContext
from agent.environments import sandbox_requests
from agent.errors import EditFailed
from agent.git import worktree
from agent.git.tree import WorkTree
from agent.models.change import Change, Plan
from agent.models.chat import OpeningMessage
from agent.models.checks import TESTS, CheckItem, CheckResult, Status
from agent.models.environment import Prepared
from agent.models.review_items import ReviewItem
from agent.onboarding import facts
from agent.policy.layout import is_test
from agent.text import sanitise
from agent.text.sanitise import list_some
from repo_config import dependencies
from repo_config.project_files import ProjectFiles
from repo_config.tree import Below

#: Characters of each part.
_MOST_TICKET, _MOST_DIFF, _MOST_ITEMS = 20_000, 30_000, 24_000
_MOST_FAILED, _MOST_OUTLINE, _MOST_CLAIMS, _MOST_NOTES = 8_000, 3_000, 3_000, 2_000
_MOST_NOTE_FILES, _MOST_NAMED, _MOST_VERSIONS = 2, 8, 20
_MOST_REASON, _MOST_WHY, _MOST_OF_A_FILE = 300, 120, 300
_WORD = re.compile(r"[a-z_][\w./-]*\w|[a-z_]")
_DEFINED = re.compile(rb"^(?:async )?(?:class|def) (\w+)", re.MULTILINE)


def open_ticket(run_context: RunContext) -> OpeningMessage:
    """Begin with a ticket; the state of the base comes with the answer to the plan."""
    listed, *notes = _describe_repository(run_context)
    if notes and run_context.base.contract.config.contributions == "auto":
        # Whoever runs a command on a clone has decided for it.
        told = (
            "`decline` and name the file"
            if run_context.base.run.snapshot
            else ("go on, and begin the summary by saying so")
        )
        notes.append(f"Where these notes refuse changes that machines make, {told}.")
    return _join_parts(listed, *notes, _describe_ticket(run_context))


def open_change(
    plan: Plan,
    change: Change | None,
    items: tuple[ReviewItem, ...],
    failed: str,
    run_context: RunContext,
) -> OpeningMessage:
    """Begin with a plan that is agreed.

    Args:
        change: Of a pull request, as it is; None: it is begun anew.
        items: What people ask of it.
        failed: What stands against it, or against an earlier attempt.
    """
    most = _MOST_ITEMS // max(1, len(items))
    base = describe_base(run_context).text
    return _join_parts(
        _fence("The base, and its checks", base, run_context),
        *_describe_repository(run_context),
        _describe_ticket(run_context),
        _describe_plan(plan, run_context),
        _fence("The change so far", _make_diff(change, run_context) if change else "", run_context),
        *(
            _fence(f"Matter {one.number}", one.text, run_context, most, "the pull request")
            for one in items
        ),
        _fence("What went wrong", failed, run_context, _MOST_FAILED, "run the checks"),
    )


def open_review(
    draft: Draft, checks: str, findings: str, run_context: RunContext
) -> OpeningMessage:
    """Begin the review of a change that passed.

    Args:
        checks: Summary of the checks and the proof, in words of ours.
        findings: What the gate leaves open, with foreign words in it.
    """
    base = describe_base(run_context).text
    return _join_parts(
        _fence("The base, and its checks", base, run_context),
        _describe_ticket(run_context),
        _describe_plan(draft.plan, run_context),
        _fence("The diff", _make_diff(draft.change, run_context), run_context),
        _fence("Its author says", draft.words[:_MOST_CLAIMS], run_context),
        checks,
        _fence("Open findings of the gate", findings, run_context),
    )


def open_choice(attempts: Sequence[tuple[Draft, str]], run_context: RunContext) -> OpeningMessage:
    """Show attempts that are equal by the gate's table, each with what stands against it."""
    most = _MOST_DIFF // len(attempts)
    parts = []
    for number, (draft, objection) in enumerate(attempts, 1):
        diff = _make_diff(draft.change, run_context)
        parts.append(_fence(f"Attempt {number}", diff, run_context, most))
        title = f"What stands against attempt {number}"
        parts.append(_fence(title, objection, run_context, _MOST_FAILED))
    return _join_parts(_describe_ticket(run_context), *parts)


def _join_parts(*parts: str) -> OpeningMessage:
    return OpeningMessage(text="\n\n".join(filter(None, parts)))


def _fence(
    title: str, words: str, run_context: RunContext, most: int = _MOST_DIFF, where: str = ""
) -> str:
    """Put foreign words between marks, if there are any.

    Args:
        most: Characters; of more the middle is cut out.
        where: Where the whole text is.
    """
    if not words:
        return ""
    shown = sanitise.shorten_middle(words, most, where=where)
    return fence_text(title, shown, run_context.base.run.run_id)


def _make_diff(change: Change, run_context: RunContext) -> str:
    diff = worktree.make_diff(run_context.base.checkout, change)
    return sanitise.shorten_middle(diff, _MOST_DIFF, where="read")


def _open_base(run_context: RunContext) -> WorkTree:
    base = run_context.base
    return worktree.open_tree(base.checkout, run_context.svc.base_folder(base.run))


def _describe_ticket(run_context: RunContext) -> str:
    ticket = run_context.ticket
    words = f"{ticket.title}\n\n{ticket.body}".strip()
    return _fence("The ticket", words, run_context, _MOST_TICKET, "the issue")


def _describe_plan(plan: Plan, run_context: RunContext) -> str:
    lines = [plan.title, *(f"{number}. {step}" for number, step in enumerate(plan.steps, 1))]
    lines += [f"Files: {', '.join(plan.files)}"] if plan.files else []
    return _fence("The plan", "\n".join(lines), run_context)


# --- the repository ---------------------------------------------------------------------------


def _describe_repository(run_context: RunContext) -> tuple[str, ...]:
    """Give the outline of the base, and how people want code written."""
    tree, ticket = _open_base(run_context), run_context.ticket
    folder = run_context.base.contract.config.folder
    words = f"{ticket.title}\n{ticket.body}"
    outline = outline_files(tree, words, folder, _MOST_OUTLINE)
    names = facts.find_notes(tree.paths())[:_MOST_NOTE_FILES]
    texts = [sanitise.clean_ticket(tree.read(name).decode("utf-8", "replace"))[0] for name in names]
    return _fence("Outline of the repository", outline, run_context), *(
        _fence(f"From {name}", text, run_context, _MOST_NOTES, name)
        for name, text in zip(names, texts, strict=True)
    )


def outline_files(tree: WorkTree, ticket: str, folder: str, limit: int) -> str:
    """List the Python files of a folder with what they define, first those that a ticket names.

    What has no space within the limit (characters), or defines nothing, is counted.
    """
    start = f"{folder}/" if folder else ""
    paths = [path for path in tree.paths() if path.startswith(start) and path.endswith(".py")]
    asked = _find_words(ticket)
    listed: list[tuple[tuple[int, ...], str]] = []
    for path in paths:
        try:
            content = tree.read(path)
        except EditFailed:  # no plain file
            continue
        if names := [name.decode("utf-8", "replace") for name in _DEFINED.findall(content)]:
            found = " ".join(dict.fromkeys(names))[:_MOST_OF_A_FILE]
            line = f"{path} ({content.count(bytes([10])):,} lines): {found}"
            listed.append((_rank_file(path, names, asked), line))
    listed.sort(key=itemgetter(0), reverse=True)
    sizes = accumulate(len(line) + 1 for _, line in listed)
    room = limit - len("99,999 more .py\n")
    lines = [line for (_, line), size in zip(listed, sizes, strict=True) if size <= room]
    more = len(paths) - len(lines)
    return "\n".join([*lines, *([f"{more:,} more .py"] if more else [])])


def _find_words(ticket: str) -> frozenset[str]:
    return frozenset(word.strip("./-") for word in _WORD.findall(ticket.lower()))


def _rank_file(path: str, names: list[str], asked: frozenset[str]) -> tuple[int, ...]:
    """Rank a file by whether the ticket names it, what it defines, or its folders."""
    stem = path.lower().removesuffix(".py")
    named = {path.lower(), posixpath.basename(path).lower(), stem.replace("/", ".")}
    return (
        -("migrations" in stem.split("/")),
        len(asked & named),
        len(asked.intersection(map(str.lower, names))),
        len(asked.intersection(stem.split("/"))),
        -is_test(path),
        len(names),
    )


# --- the base ---------------------------------------------------------------------------------


def describe_base(run_context: RunContext) -> OpeningMessage:
    """Describe versions, commands, and which checks pass, fail or cannot be measured; foreign."""
    prepared, results = run_context.prepared, run_context.baseline.results
    failing = [_describe_failed(one) for one in results if one.status is Status.FAILED]
    unknown = [
        f"{one.name} ({' '.join(one.reason.split())[:_MOST_REASON]})"
        for one in results
        if one.status in (Status.UNVERIFIED, Status.UNMEASURABLE)
    ]
    facts = {
        "Versions": [f"python=={prepared.environment.python}", *_list_versions(run_context)],
        "Not installed": prepared.environment.left_out,
        "Passes": [_count_passed(one) for one in results if one.status is Status.PASSED],
        "Fails already": failing,
        "Cannot be measured": unknown,
    }
    lines = [
        f"{name}: {(', ' if name in ('Versions', 'Passes') else '; ').join(found)}"
        for name, found in facts.items()
        if found
    ]
    lines += [
        f"{one.name}: {shlex.join(_make_command(one, prepared))}"
        for one in results
        if one.command and one.status is not Status.ABSENT
    ]
    return OpeningMessage(text="\n".join(lines))


def _list_versions(run_context: RunContext) -> list[str]:
    files = ProjectFiles(Below(_open_base(run_context), run_context.base.contract.config.folder))
    declared = sorted(dependencies.list_declared(files), key=lambda one: not one.runtime)
    versions = run_context.prepared.environment.versions
    found = (f"{one.name}=={versions[one.name]}" for one in declared if one.name in versions)
    return list(dict.fromkeys(found))[:_MOST_VERSIONS]


def _make_command(result: CheckResult, prepared: Prepared) -> tuple[str, ...]:
    """Return the command as it is typed in the sandbox."""
    environment, words = prepared.environment, result.command
    installed = environment.versions
    if result.name == "mypy" and "mypy" not in installed:
        # Ours has to be told where the packages are.
        at = words.index("mypy") + 1
        return (*words[:at], "--python-executable", sandbox_requests.PYTHON, *words[at:])
    if result.name == TESTS and any(one.name == "postgres" for one in environment.services):
        # The server lives as long as the sandbox, and with it the test database.
        if "pytest" in words:
            return (*words, "--reuse-db") if "pytest-django" in installed else words
        return (*words, "--keepdb") if "test" in words else words
    return words


def _count_passed(result: CheckResult) -> str:
    tests = result.count("passed")
    return f"{result.name} ({tests:,} tests)" if tests else result.name


def _describe_failed(result: CheckResult) -> str:
    bad = ("failed", "error", "finding")
    found = dict.fromkeys(_describe_item(one) for one in result.items if one.outcome in bad)
    return f"{result.name}: {list_some(found, _MOST_NAMED) or result.reason[:_MOST_REASON]}"


def _describe_item(item: CheckItem) -> str:
    """Name a test with the last line of its error; a finding's name says it all."""
    why = item.text.strip().rpartition("\n")[2] if item.outcome != "finding" else ""
    return f"{item.item_id}: {why[:_MOST_WHY]}" if why else item.item_id
