"""Describe how a run ended, and what a person can do next.

The next step depends on where the ticket is: in an issue, or in a file on this machine.
"""

import textwrap
from itertools import groupby

from agent.models.outcome import Outcome
from agent.models.run import CAPS_REACHED, Reason, Run
from agent.text import sanitise

OVER = "Pull request #"
"""Beginning of the sentence about the end of a follow-up."""
_AGAIN = "then comment `/mergewright retry`"
_ON_ISSUE = {
    "ticket": "issue",
    "again": _AGAIN,
    "commit": _AGAIN,
    "go_on": "comment `/mergewright retry`",
    "doctor": "Ask the service's operator to fix it",
    "models": "ask the operator to set another model",
}
_HERE = {
    "ticket": "ticket",
    "again": "then run the same command again",
    "commit": "commit it, then run the same command again",
    "go_on": "run `{command}`",
    "doctor": "Run `mergewright doctor` to see what is missing",
    "models": "pass another one with `--model` (`mergewright doctor --models` tests the "
    "configured ones)",
}
#: The next step for a reason, for an issue and for a ticket file.
_NEXT = {
    Reason.REFUSED: "Change the {ticket}, {again}.",
    Reason.TOO_LARGE: "Reduce the {ticket} to its first step, {again}.",
    Reason.FOR_PEOPLE: ("Assign a person, or say in the {ticket} exactly what to change, {again}."),
    Reason.POLICY: ("Change the {ticket}, or the rule's severity in {file}, {commit}."),
    Reason.CONFIG_INVALID: (
        "Fix the file (`mergewright config check` lists every error), {commit}."
    ),
    Reason.UNFIT: "Fix this, {again}.",
    Reason.ENVIRONMENT: ("Fix the declared dependencies, or `python` in {file}, {commit}."),
    Reason.CHECK_UNFINISHED: (
        "Raise `checks.minutes` in {file}, or name fewer tests in `checks.tests`, {commit}."
    ),
    Reason.EDIT_FAILED: "Read the log. Change the {ticket}, or {models}, {again}.",
    Reason.UNASKED_OPERATIONS: (
        "Find and remove what in the project adds operations to migrations, {commit}. Or write "
        "this migration by hand."
    ),
    Reason.NEW_FAILURES: "Change the {ticket}, or the failing check if that is wrong, {again}.",
    Reason.UNVERIFIED: "Fix the cause named above, {commit}.",
    Reason.NO_TESTS: "Add a test, or set `checks.tests` to `off` in {file}, {commit}.",
    Reason.TIME_SPENT: (
        "To grant the same time again, {go_on}. Or raise `limits.minutes` in {file}, {commit}."
    ),
    Reason.BUDGET_SPENT: (
        "To grant the same budget again, {go_on}. Or raise the limit, or make the {ticket} smaller."
    ),
    Reason.MODEL_REFUSED: ("Reword the {ticket} or make it smaller, {again}. Or assign a person."),
    Reason.MODEL_REQUEST_REJECTED: (
        "If the request is too long, make the {ticket} smaller, {again}."
        " Otherwise {models}, then {go_on}."
    ),
    Reason.MODEL_UNUSABLE: "Fix the setting named above, or {models}, then {go_on}.",
    Reason.SETTINGS_INVALID: "Once that is fixed, {go_on}.",
    Reason.NO_SANDBOX: "{doctor}, then {go_on}.",
    Reason.STORAGE_FULL: ("Free disk space on the service's machine, then {go_on}."),
    Reason.UNAVAILABLE: "Wait a few minutes, then {go_on}.",
    Reason.INTERNAL: "This is a bug in Mergewright. Please report it with the log.",
}
#: Next steps for an issue alone.
_NEXT_ON_ISSUE = {
    Reason.UNCLEAR: (
        "Answer in a comment (this needs write permission); the run then continues. Or edit the"
        " issue, {again}."
    ),
    Reason.UNANSWERED: "For a new plan, {go_on}.",
    Reason.CONFLICT: "To have the change made anew, {go_on}.",
    Reason.NO_RECIPE: "Assign a person, or have the operator set a model, {again}.",
    Reason.ACCESS_LOST: "Fix what is named above, then {go_on}.",
    Reason.SUPERSEDED: ("To run it again, set the label again on the open issue."),
    Reason.CANCELLED: "To run it again, {go_on}.",
    Reason.VERSION_UNKNOWN: "Comment `/mergewright retry`.",
    Reason.INTERRUPTED: "Comment `/mergewright retry`.",
}
_NEXT_HERE = {
    Reason.DRY_RUN: "Run the same command without --dry-run to create the branch.",
    Reason.CHECKED: "Give it a ticket: `mergewright run --ticket FILE`, with the same `--repo`.",
    Reason.UNCLEAR: "Add the answers to the ticket, {again}.",
    Reason.UNANSWERED: "Run the same command again. Running it approves the plan.",
    Reason.NO_RECIPE: (
        "Pass a model: `--model openai:NAME`, with its key in OPENAI_API_KEY (compatible "
        "server: `openai-chat:NAME`, OPENAI_BASE_URL)."
    ),
    Reason.INTERRUPTED: "To continue, {go_on}.",
}
_CONFIGURATION = "`.github/mergewright.yml`"
#: Reasons that can only be resolved in the configuration.
_OF_CONFIGURATION = frozenset(
    {Reason.CONFIG_INVALID, Reason.POLICY, Reason.NO_TESTS, Reason.TIME_SPENT}
)
#: Reasons whose sentences have output of a program, from the second line to a blank line.
_PRINTED = frozenset({Reason.ENVIRONMENT, Reason.EDIT_FAILED, Reason.INTERNAL})


def find_next_step(outcome: Outcome, run: Run | None) -> str:
    """Return what a person can do next, at the place where they asked for the run; "": nothing."""
    if run is None or run.snapshot is None:
        return get_next_step_here(outcome.reason, outcome.run_id, config_name=outcome.config_name)
    if run.follow_up is not None:
        return _get_next_step_of_follow_up(outcome.reason)
    return get_next_step(outcome.reason)


def get_next_step(reason: Reason) -> str:
    """Return what a person can do next in the issue; "": nothing."""
    words = (_NEXT | _NEXT_ON_ISSUE).get(reason, "")
    return words.format(**_ON_ISSUE, file=_CONFIGURATION)


def _get_next_step_of_follow_up(reason: Reason) -> str:
    """Return what a person can do next about a follow-up without a result."""
    if reason in CAPS_REACHED:
        return "Comment `/mergewright retry` to grant the same amount again."
    if reason is Reason.CONFLICT:
        return "Merge the base branch by hand and push. The next round starts from there."
    return (
        "Comment `/mergewright retry`. Or push a fix to the branch; the next round starts from "
        "there."
    )


def get_next_step_here(
    reason: Reason, run_id: str, *, config_name: str | None = None, command: str = ""
) -> str:
    """Return what a person can do next on this machine; "": nothing.

    Args:
        config_name: The file that replaced the repository's configuration.
        command: The command that continues the run; "": `run --resume`.
    """
    words, phrases = (_NEXT | _NEXT_HERE).get(reason, ""), dict(_HERE)
    file = _CONFIGURATION
    if config_name is not None and reason in _OF_CONFIGURATION:
        file, phrases["commit"] = f"`{config_name.replace('`', '')}`", phrases["again"]
    command = command or f"mergewright run --resume {run_id}"
    phrases = {name: phrase.format(command=command) for name, phrase in phrases.items()}
    return words.format(**phrases, file=file)


def render_outcome_text(outcome: Outcome) -> str:
    """Render the sentence of an outcome as Markdown, with output of programs as code."""
    first, _, rest = outcome.sentence.strip().partition("\n")
    if outcome.reason not in _PRINTED or not rest.strip():
        return _render_blocks(outcome.sentence)
    printed, _, ours = rest.partition("\n\n")
    parts = (_render_blocks(first), sanitise.format_fenced(printed, "text"), _render_blocks(ours))
    return "\n\n".join(filter(None, parts))


def _render_blocks(text: str) -> str:
    groups = groupby(text.strip().split("\n"), _find_kind)
    return "\n\n".join(_render_block(kind, tuple(group)) for kind, group in groups if kind)


def _find_kind(line: str) -> str:
    if not line.strip():
        return ""
    if line.startswith(("- ", "* ")):
        return "list"
    # Indented lines are for copying.
    return "code" if line.startswith("  ") else "prose"


def _render_block(kind: str, lines: tuple[str, ...]) -> str:
    if kind == "list":
        return "\n".join(f"- {sanitise.format_sentence(line[2:])}" for line in lines)
    if kind == "code":
        return sanitise.format_fenced(textwrap.dedent("\n".join(lines)), "text")
    return "\n\n".join(map(sanitise.format_sentence, lines))
