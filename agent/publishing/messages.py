"""Words for how a run ended: the reason, as a comment under the issue, and what to do next.

What to do differs by where the ticket is: under an issue, or in a file on this machine.
"""

from __future__ import annotations

import shlex
import textwrap
from itertools import groupby

from agent.models.outcome import Outcome
from agent.models.run import CAPS_REACHED, Reason
from agent.text import sanitise

_HEADLINES = {
    Reason.UNCLEAR: "The run waits for answers.",
    Reason.UNANSWERED: "Nobody has approved the plan.",
    Reason.CONFLICT: "The branch and its base do not go together.",
    Reason.NO_RECIPE: "This one is for a person.",
    Reason.REFUSED: "This cannot be done as it is asked.",
    Reason.TOO_LARGE: "This is more than one change can carry.",
    Reason.FOR_PEOPLE: "This one is left to people.",
    Reason.POLICY: "A rule of this repository does not allow the change.",
    Reason.CONFIG_INVALID: "The configuration of this repository has a mistake.",
    Reason.UNFIT: "The repository cannot be worked on as it is.",
    Reason.ENVIRONMENT: "The project's environment could not be built.",
    Reason.CHECK_UNFINISHED: "A check of the base commit does not end.",
    Reason.EDIT_FAILED: "The edit could not be made as asked.",
    Reason.UNASKED_OPERATIONS: "The change would do more than the issue asks for.",
    Reason.TIME_SPENT: "The run has used up its time.",
    Reason.BUDGET_SPENT: "The run has used up what it may spend on models.",
    Reason.MODEL_REFUSED: "The model did not take this on.",
    Reason.MODEL_REQUEST_REJECTED: "The model's provider did not accept the request.",
    Reason.MODEL_UNUSABLE: "The service cannot use its model at the moment.",
    Reason.SUPERSEDED: "The run was stopped.",
    Reason.CANCELLED: "The run was stopped.",
    Reason.ACCESS_LOST: "GitHub does not allow what this run needs.",
    Reason.INTERRUPTED: "The run was interrupted.",
    Reason.SETTINGS_INVALID: "A setting of the service has a mistake.",
    Reason.NO_SANDBOX: "The service cannot run checks at the moment.",
    Reason.STORAGE_FULL: "The disk of the service is full.",
    Reason.UNAVAILABLE: "Something that the run needs did not answer.",
    Reason.INTERNAL: "The run failed by a fault of the service.",
}
_AGAIN = "then comment `/mergewright retry`"
_ON_ISSUE = {
    "ticket": "issue",
    "again": _AGAIN,
    "commit": _AGAIN,
    "go_on": "comment `/mergewright retry`",
    "doctor": "Ask the operator of the service to fix it",
    "models": "ask the operator to name another model",
}
_HERE = {
    "ticket": "ticket",
    "again": "then run the same command again",
    "commit": "commit it, then run the same command again",
    "go_on": "go on where it was: `mergewright run --resume {run}`",
    "doctor": "See `mergewright doctor` for what is missing",
    "models": "name another one by `--model` (`mergewright doctor --models` tries those set)",
}
#: What can be done about a reason, for an issue and for a ticket file.
_NEXT = {
    Reason.REFUSED: "Change the {ticket}, {again}.",
    Reason.TOO_LARGE: "Ask for the first step alone in the {ticket}, {again}.",
    Reason.FOR_PEOPLE: (
        "Assign a person, or state in the {ticket} what to change and what to keep, {again}."
    ),
    Reason.POLICY: (
        "REFERENCE.md describes the rule. Change the {ticket}, or its level in {file}, {commit}."
    ),
    Reason.CONFIG_INVALID: (
        "Correct the file (`mergewright config check` names every mistake), {commit}."
    ),
    Reason.UNFIT: "Fix that, {again}.",
    Reason.ENVIRONMENT: ("Correct the declared dependencies, or `python` in {file}, {commit}."),
    Reason.CHECK_UNFINISHED: (
        "Raise `checks.minutes` in {file}, or switch the check off there, {commit}."
    ),
    Reason.EDIT_FAILED: "Read the log. Change the {ticket}, or {models}, {again}.",
    Reason.UNASKED_OPERATIONS: (
        "See what in the project adds to its migrations, {commit}. Or make this one by hand."
    ),
    Reason.NEW_FAILURES: ("Decide whether the test or the {ticket} is wrong, change it, {again}."),
    Reason.UNVERIFIED: "Fix what the check stumbled over, {commit}.",
    Reason.NO_TESTS: "Add a test, or set `checks.tests` to `off` in {file}, {commit}.",
    Reason.TIME_SPENT: (
        "To give it as long again, {go_on}. Or raise `limits.minutes` in {file}, {commit}."
    ),
    Reason.BUDGET_SPENT: (
        "To let it spend as much again, {go_on}. Or raise that limit, or make the {ticket} smaller."
    ),
    Reason.MODEL_REFUSED: (
        "Reword the {ticket} or make it smaller, {again}. Or a person takes it on."
    ),
    Reason.MODEL_REQUEST_REJECTED: (
        "If the request is too long, make the {ticket} smaller, {again}."
        " Else {models}, then {go_on}."
    ),
    Reason.MODEL_UNUSABLE: "Set what is named, or {models}, then {go_on}.",
    Reason.SETTINGS_INVALID: "Once that is corrected, {go_on}.",
    Reason.NO_SANDBOX: "{doctor}, then {go_on}.",
    Reason.STORAGE_FULL: ("Free space on the service's machine, then {go_on}."),
    Reason.UNAVAILABLE: "Wait a while, then {go_on}.",
    Reason.INTERNAL: "This is a fault of Mergewright. Report it with the log.",
}
#: Where a person on GitHub has another way, or the reason occurs there alone.
_NEXT_ON_ISSUE = {
    Reason.UNCLEAR: (
        "Answer in a comment, with write permission: the run goes on. Or edit the issue, {again}."
    ),
    Reason.UNANSWERED: "Comment `/mergewright retry`.",
    Reason.CONFLICT: ("Merge the base branch by hand and push; the next round builds on it."),
    Reason.NO_RECIPE: ("A person takes it on. Or edit the issue so that a recipe fits, {again}."),
    Reason.ACCESS_LOST: "Give the access that is named, {again}.",
    Reason.SUPERSEDED: ("If it is still wanted, set the label anew on the open issue."),
    Reason.CANCELLED: "If it is still wanted, {go_on}.",
    Reason.VERSION_UNKNOWN: "Comment `/mergewright retry`.",
    Reason.INTERRUPTED: "Comment `/mergewright retry`.",
}
_NEXT_HERE = {
    Reason.DRY_RUN: "Run the same command without --dry-run: it makes the branch.",
    Reason.UNCLEAR: "Edit the ticket so that it answers this, {again}.",
    Reason.UNANSWERED: "Run the same command again; its caller approves the plan.",
    Reason.NO_RECIPE: (
        "Name a model: `--model openai:NAME` with its key in OPENAI_API_KEY (compatible server:"
        " `openai-chat:NAME`, OPENAI_BASE_URL). Or edit the ticket so that a recipe fits, {again}."
    ),
    Reason.INTERRUPTED: "Go on where it was: `mergewright run --resume {run}`.",
}
_CONFIGURATION = "`.github/mergewright.yml`"
#: They can be fixed in the configuration alone.
_OF_CONFIGURATION = frozenset(
    {Reason.CONFIG_INVALID, Reason.POLICY, Reason.NO_TESTS, Reason.TIME_SPENT}
)
#: Their sentences end in what a program has printed.
_PRINTED = frozenset({Reason.ENVIRONMENT, Reason.EDIT_FAILED, Reason.INTERNAL})


def get_headline(outcome: Outcome) -> str:
    return _HEADLINES.get(outcome.reason, "The run ended without a pull request.")


def get_next_step(reason: Reason) -> str:
    """What a person can do about it under the issue; empty where that is nothing."""
    words = (_NEXT | _NEXT_ON_ISSUE).get(reason, "")
    return words.format(**_ON_ISSUE, file=_CONFIGURATION)


def get_next_step_of_follow_up(reason: Reason) -> str:
    """What a person can do about a follow-up that ended without a result; empty: nothing."""
    if reason in CAPS_REACHED:
        return "Comment `/mergewright retry` to give it as much again."
    if reason is Reason.CONFLICT:
        return get_next_step(reason)
    return (
        "Push to the branch by hand: the next round builds on it. Or comment `/mergewright retry`."
    )


def get_next_step_here(reason: Reason, run_id: str, *, config_name: str | None = None) -> str:
    """What a person can do about it on this machine; empty where that is nothing.

    Args:
        config_name: The file that took the place of the repository's configuration; it counts as it
            is on the disk.
    """
    words, known = (_NEXT | _NEXT_HERE).get(reason, ""), dict(_HERE)
    file = _CONFIGURATION
    if config_name is not None and reason in _OF_CONFIGURATION:
        file, known["commit"] = f"`{config_name.replace('`', '')}`", known["again"]
    known = {name: one.format(run=run_id) for name, one in known.items()}
    return words.format(**known, file=file, run=run_id)


def list_branch_commands(branch: str, git: str = "git", remote: str = "origin") -> tuple[str, ...]:
    """What can be done with a branch that a run has made here: commands, each with its purpose.

    Args:
        remote: Where it can be published; empty: nowhere.
    """
    name = shlex.quote(branch)
    push = f"{git} push {remote} {name}  # or publish it, for a pull request with this text"
    return (
        f"{git} show {name}  # see the change, in one commit",
        f"{git} merge {name}  # take it into the branch that is checked out",
        *([push] if remote else ()),
    )


def render_outcome_text(outcome: Outcome) -> str:
    """Give the sentence as Markdown: paragraphs, lists, and what was printed as code."""
    lines = outcome.sentence.strip().split("\n")
    if outcome.reason in _PRINTED and len(lines) > 1:
        printed = sanitise.format_fenced("\n".join(lines[1:]), "text")
        return f"{sanitise.format_sentence(lines[0])}\n\n{printed}"
    return "\n\n".join(
        _render_block(kind, tuple(group)) for kind, group in groupby(lines, _find_kind) if kind
    )


def _find_kind(line: str) -> str:
    if not line.strip():
        return ""
    if line.startswith(("- ", "* ")):
        return "list"
    # What is set in is there to be copied.
    return "code" if line.startswith("  ") else "prose"


def _render_block(kind: str, lines: tuple[str, ...]) -> str:
    if kind == "list":
        return "\n".join(f"- {sanitise.format_sentence(line[2:])}" for line in lines)
    if kind == "code":
        return sanitise.format_fenced(textwrap.dedent("\n".join(lines)), "text")
    return "\n\n".join(map(sanitise.format_sentence, lines))
