"""Write the first message of each conversation; parts that conversations share come first.

Foreign text is put between random marks, so that the model can tell that it is data.
"""

from collections.abc import Iterator

from agent.checks import check
from agent.editing import base_report, turns
from agent.editing.prompting import fence_text
from agent.editing.rounds import Draft
from agent.editing.run_context import RunContext
from agent.editing.tools import choose_seconds
from agent.git import worktree
from agent.git.tree import WorkTree
from agent.models.change import Plan
from agent.models.task import FollowUpItem
from agent.policy.layout import is_note
from agent.setup import distributions
from agent.text import base_table, sanitise
from repo_config import dependencies
from repo_config.project_files import ProjectFiles
from repo_config.tree import FolderTree

#: Maximum characters of each part.
_MOST_TICKET, _MOST_DIFF, _MOST_ITEMS = 50_000, 120_000, 60_000
_MOST_FAILED, _MOST_NOTES = 30_000, 20_000
_MOST_NOTE_FILES, _MOST_VERSIONS = 4, 40

_MEANWHILE = (
    "While you read, the environment is set up and the checks run on the base commit: the answer to"
    " `plan` describes both."
)
_NOT_ASKED = "What fails on the base commit is not your task unless the ticket says so."


def open_ticket(run_context: RunContext) -> str:
    """Write the first message about a ticket; the answer to the plan describes the base."""
    notes = [*_list_notes(run_context)]
    if notes and run_context.base.contract.config.contributions == "auto":
        what_to_do = (
            "call `decline` with the file as `refused_by`"
            if run_context.base.run.snapshot
            else "go on, as the owner of this clone has started the run, and say so at the start of"
            " the summary"
        )
        notes.append(f"If these notes refuse machine-made changes, {what_to_do}.")
    return _join_parts(
        *notes, _describe_ticket(run_context), _MEANWHILE, describe_limits(run_context)
    )


def open_change(
    draft: Draft, items: tuple[FollowUpItem, ...], failed: str, run_context: RunContext
) -> str:
    """Write the first message about a change with an accepted plan.

    Args:
        items: Requests of people.
        failed: Findings that block the change.
    """
    most = _MOST_ITEMS // max(1, len(items))
    diff = worktree.make_diff(run_context.base.checkout, draft.change) if draft.change.files else ""
    return _join_parts(
        *_list_notes(run_context),
        _fence("The base commit and its checks", describe_base(run_context), run_context),
        _describe_ticket(run_context),
        _describe_plan(draft.plan, run_context),
        _fence("The change so far", diff, run_context, where="read"),
        *(
            _fence(f"Item {item.number}", item.text, run_context, most, "the pull request")
            for item in items
        ),
        _fence("What went wrong", failed, run_context, _MOST_FAILED, "run the checks"),
    )


def open_review(draft: Draft, checks: str, findings: str, run_context: RunContext) -> str:
    """Write the first message for the review of a change that passed.

    Args:
        checks: Summary of the checks and the proof, with names of tests.
        findings: Open findings of the gate, with foreign text.
    """
    diff = worktree.make_diff(run_context.base.checkout, draft.change)
    return _join_parts(
        _fence("The base commit and its checks", describe_base(run_context), run_context),
        _describe_ticket(run_context),
        _describe_plan(draft.plan, run_context),
        _fence("The diff", diff, run_context, where="read"),
        _fence("Its author says", run_context.find_words(draft.change).text, run_context),
        _fence("Checks and proof", checks, run_context),
        _fence("Open findings", findings, run_context),
    )


def _join_parts(*parts: str) -> str:
    return "\n\n".join(filter(None, parts))


def _fence(
    title: str, words: str, run_context: RunContext, most: int = _MOST_DIFF, where: str = ""
) -> str:
    """Return foreign text between marks; empty: there is no text.

    Args:
        most: Maximum characters; the middle of a longer text is omitted.
        where: Where the whole text can be read.
    """
    if not words:
        return ""
    shown = sanitise.shorten_middle(words, most, where=where)
    return fence_text(title, shown, run_context.base.run.run_id)


def _open_base(run_context: RunContext) -> WorkTree:
    return run_context.desk.open_base(run_context.base)


def _describe_ticket(run_context: RunContext) -> str:
    ticket = run_context.task.ticket
    words = ticket.body.strip()
    if not words.startswith(ticket.title):
        words = f"{ticket.title}\n\n{words}".strip()
    return _fence("The ticket", words, run_context, _MOST_TICKET, "the issue")


def _describe_plan(plan: Plan, run_context: RunContext) -> str:
    lines = [plan.title, *(f"{number}. {step}" for number, step in enumerate(plan.steps, 1))]
    lines += [f"Files: {', '.join(plan.files)}"] if plan.files else []
    return _fence("The plan", "\n".join(lines), run_context)


# --- the repository ---------------------------------------------------------------------------


def _list_notes(run_context: RunContext) -> Iterator[str]:
    """Yield the notes for contributors."""
    tree = _open_base(run_context)
    paths = [path for path in tree.paths() if is_note(path) and path.count("/") <= 1]
    # Notes for agents and on policy come first, then those nearest to the root.
    paths.sort(key=lambda path: ("contributing" in path.lower(), path.count("/"), path))
    for name in paths[:_MOST_NOTE_FILES]:
        text, _ = sanitise.clean_ticket(tree.read(name).decode("utf-8", "replace"))
        yield _fence(f"From {name}", text, run_context, _MOST_NOTES, f"`{name}`")


# --- the base ---------------------------------------------------------------------------------


def describe_base(run_context: RunContext) -> str:
    """Describe checks, set-up, versions and limits of the base, and its failing tests."""
    contract, prepared = run_context.base.contract, run_context.prepared
    baseline = run_context.baseline
    report = base_report.describe_base(prepared, baseline, contract, run_context.desk)
    lines = [base_table.write_lines(report)]
    lines += [_NOT_ASKED] if any(check.failing_count for check in report.checks) else []
    if versions := _list_versions(run_context):
        lines.append(f"Versions: {', '.join(versions)}.")
    seconds, processors = choose_seconds(baseline), check.count_processors()
    lines.append(f"Default seconds of bash: {seconds}. Processors: {processors}.")
    return "\n".join((*lines, describe_limits(run_context)))


def describe_limits(run_context: RunContext) -> str:
    """Describe what is left of the run's minutes and money, and what took the minutes so far."""
    once, desk, seconds_left = run_context.once, run_context.desk, run_context.seconds_left
    most = desk.budget.find_minutes(run_context.base.contract.config, desk.facts.suite_seconds)
    # Time is reserved only after the base commit's checks, and until a change has passed.
    reserved = " and the checks of a submit" * (seconds_left < once.run_seconds_left)
    left = turns.describe_money_left(run_context)
    uses = once.sum_up_uses().items()
    used = ", ".join(f"{seconds / 60:.0f} {use}" for use, seconds in uses if seconds >= 60)
    return (
        f"Left for your work, besides set-up{reserved}: {seconds_left // 60:.0f} of {most} minutes"
        f"{left}."
        f"{' Minutes used: ' * bool(used)}{used}"
    )


def _list_versions(run_context: RunContext) -> list[str]:
    folder, environment = run_context.base.contract.config.folder, run_context.prepared.environment
    files = ProjectFiles(FolderTree(_open_base(run_context), folder))
    declared = sorted(dependencies.list_declared(files), key=lambda package: not package.runtime)
    installed = {tool: distributions.list_installed(place) for tool, place in environment.tools}
    tools = {tool: has[tool].version for tool, has in installed.items() if tool in has}
    versions = environment.versions | tools
    names = (*tools, *(package.name for package in declared if package.name in versions))
    return [f"{name}=={versions[name]}" for name in dict.fromkeys(names)][:_MOST_VERSIONS]
