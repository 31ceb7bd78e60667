"""Words for how a run ended: the reason, as a comment under the issue, and what to do next.

What to do differs by where the ticket is: under an issue, or in a file on this machine.
"""

from __future__ import annotations

import re
import shlex
import textwrap
from itertools import groupby

from agent.models.outcome import Outcome
from agent.models.run import CAPS_REACHED, Reason
from agent.text import cleaning

_HEADLINES = {
    Reason.UNCLEAR: "The issue leaves something open.",
    Reason.UNANSWERED: "Nobody has approved the plan.",
    Reason.CONFLICT: "The branch and its base do not go together.",
    Reason.NO_RECIPE: "This one is for a person.",
    Reason.REFUSED: "This cannot be done as it is asked.",
    Reason.TOO_LARGE: "This is more than one change can carry.",
    Reason.FOR_PEOPLE: "This one is left to people.",
    Reason.DUPLICATE: "Another issue says the same, and is being worked on.",
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
    Reason.SUPERSEDED: "The run was stopped: the issue is no longer what was approved.",
    Reason.CANCELLED: "The run was stopped.",
    Reason.ACCESS_LOST: "GitHub does not allow what this run needs.",
    Reason.INTERRUPTED: "The run was interrupted.",
    Reason.NO_ROOM: "The service cannot run checks at the moment.",
    Reason.STORAGE_FULL: "The disk of the service is full.",
    Reason.UNAVAILABLE: "Something that the run needs did not answer.",
    Reason.INTERNAL: "The run failed by a fault of the service.",
}
#: GitHub shows a label once, so whoever wants it set a second time has to take it off.
_AGAIN = "then write `/mergewright retry` in a comment, or take the label off and set it again."
_NEXT = {
    Reason.UNCLEAR: (
        "What to do next: answer in a comment here; what somebody with write permission writes"
        f" counts, and the run goes on. Or edit the text of the issue, {_AGAIN}"
    ),
    Reason.UNANSWERED: "What to do next: write `/mergewright retry` in a comment.",
    Reason.CONFLICT: (
        "What to do next: merge the base branch into this one by hand and push; what is pushed is"
        " built upon."
    ),
    Reason.NO_RECIPE: (
        "What to do next: a person takes it on. If it can be said as one of the things that are"
        f" done here, edit the text of the issue, {_AGAIN}"
    ),
    Reason.REFUSED: f"What to do next: change the issue, {_AGAIN}",
    Reason.TOO_LARGE: (
        "What to do next: open an issue for the first step and label that, or edit this one,"
        f" {_AGAIN}"
    ),
    Reason.FOR_PEOPLE: (
        "What to do next: a person takes it on. Or edit the issue so that it says what else is to"
        f" be done, and what it leaves alone, {_AGAIN}"
    ),
    Reason.DUPLICATE: (
        "What to do next: see what becomes of that one. If this issue asks for something else, say"
        f" what, {_AGAIN}"
    ),
    Reason.POLICY: f"What to do next: change the issue, or the rule by hand, {_AGAIN}",
    Reason.CONFIG_INVALID: f"What to do next: correct the file on the default branch, {_AGAIN}",
    Reason.UNFIT: f"What to do next: mend that, {_AGAIN}",
    Reason.ENVIRONMENT: (
        "What to do next: correct the declared dependencies, or `python` in"
        f" `.github/mergewright.yml`, {_AGAIN}"
    ),
    Reason.CHECK_UNFINISHED: (
        "What to do next: allow more with `checks.tests.minutes` in `.github/mergewright.yml`,"
        f" switch the check off there, or have whoever runs the service raise the limit, {_AGAIN}"
    ),
    Reason.EDIT_FAILED: (
        "What to do next: see what the log says. Change the issue, or where a model is named as the"
        f" one that failed have whoever runs the service set another one, {_AGAIN}"
    ),
    Reason.UNASKED_OPERATIONS: f"What to do next: bring the default branch in order, {_AGAIN}",
    Reason.TIME_SPENT: (
        "What to do next: write `/mergewright retry` to give it as long again."
        f" Or allow more minutes, or make the checks quicker, {_AGAIN}"
    ),
    Reason.BUDGET_SPENT: (
        "What to do next: write `/mergewright retry` to give it as much again,"
        f" or make the issue smaller, {_AGAIN}"
    ),
    Reason.MODEL_REFUSED: (
        "What to do next: a person takes it on, or the issue is told in other words, or smaller;"
        f" {_AGAIN}"
    ),
    Reason.MODEL_REQUEST_REJECTED: (
        "What to do next: whoever runs the service sees to the setting that is named (`mergewright"
        " models --check` tries its models). Or, where the request is too long, make the issue"
        f" smaller, {_AGAIN}"
    ),
    Reason.MODEL_UNUSABLE: (
        "What to do next: whoever runs the service sees to it (`mergewright models --check` tells"
        f" whether it is mended), {_AGAIN}"
    ),
    Reason.ACCESS_LOST: f"What to do next: give the access that is named, {_AGAIN}",
    Reason.SUPERSEDED: (
        "What to do next, if it is still wanted: set the label on the issue while it is open; a"
        " label that is still there is taken off first."
    ),
    Reason.CANCELLED: f"What to do next, if it is still wanted: {_AGAIN.removeprefix('then ')}",
    Reason.NEW_FAILURES: (
        "What to do next: see whether the test or the issue is to change. Edit the one or the"
        f" other, {_AGAIN}"
    ),
    Reason.UNVERIFIED: f"What to do next: mend what keeps the check from proving it, {_AGAIN}",
    Reason.NO_TESTS: (
        "What to do next: add a test, or set `checks.tests.runner` to `off` in"
        f" `.github/mergewright.yml`, {_AGAIN}"
    ),
    Reason.VERSION_UNKNOWN: "What to do next: write `/mergewright retry` in a comment.",
    Reason.INTERRUPTED: "What to do next: write `/mergewright retry` in a comment.",
    Reason.NO_ROOM: f"What to do next: whoever runs the service sees to it, {_AGAIN}",
    Reason.STORAGE_FULL: f"What to do next: whoever runs the service makes room, {_AGAIN}",
    Reason.UNAVAILABLE: f"What to do next: wait a while, {_AGAIN}",
    Reason.INTERNAL: "What to do next: tell whoever runs the service; the log has the details.",
}
_AGAIN_HERE = "then run the same command again."
_COMMIT = f"commit it, {_AGAIN_HERE}"
#: Stands for the id of the run.
_RUN = "{run}"
_GO_ON = f"then go on where it was: `mergewright run --resume {_RUN}`."
_HERE = {
    Reason.DRY_RUN: "Run the same command without --dry-run: it makes the branch.",
    Reason.UNCLEAR: f"Edit the ticket so that it answers this, {_AGAIN_HERE}",
    Reason.NO_RECIPE: (
        "Name a model for it: `--model openai:NAME` with the key in OPENAI_API_KEY, or for a server"
        " that speaks chat completions `--model openai-chat:NAME` with its address in"
        " OPENAI_BASE_URL. Or, if it can be said as one of the things that recipes do, edit the"
        f" ticket, {_AGAIN_HERE}"
    ),
    Reason.REFUSED: f"Change the ticket, {_AGAIN_HERE}",
    Reason.TOO_LARGE: f"Write a ticket for the first step, {_AGAIN_HERE}",
    Reason.FOR_PEOPLE: (
        "A person takes it on. Or say in the ticket what else is to be done, and what it leaves"
        f" alone, {_AGAIN_HERE}"
    ),
    Reason.POLICY: (
        "See `mergewright rules ID` for what a rule demands. Change the ticket, or what the rule"
        f" weighs in `.github/mergewright.yml` and {_COMMIT}"
    ),
    Reason.CONFIG_INVALID: (
        f"Correct the file (`mergewright config check` names every mistake), {_COMMIT}"
    ),
    Reason.UNFIT: f"Mend that, {_AGAIN_HERE}",
    Reason.ENVIRONMENT: (
        "See `mergewright env explain` for what is installed and why. Correct the declared"
        f" dependencies, or `python` in `.github/mergewright.yml`, {_COMMIT}"
    ),
    Reason.CHECK_UNFINISHED: (
        "Allow more with `checks.tests.minutes` in `.github/mergewright.yml`, or switch the check"
        f" off there, {_COMMIT}"
    ),
    Reason.EDIT_FAILED: (
        "See what the log says. Change the ticket, or where a model is named as the one that failed"
        f" name another one (`--model`), {_AGAIN_HERE}"
    ),
    Reason.UNASKED_OPERATIONS: (
        f"Bring the branch that is checked out in order (`manage.py makemigrations`), {_COMMIT}"
    ),
    Reason.NEW_FAILURES: (
        "See whether the test or the ticket is to change: the text has the diff, the log what the"
        f" checks printed. Edit the one or the other, {_AGAIN_HERE}"
    ),
    Reason.UNVERIFIED: f"Mend what keeps the check from proving it, {_COMMIT}",
    Reason.NO_TESTS: (
        f"Add a test, or set `checks.tests.runner` to `off` in `.github/mergewright.yml`, {_COMMIT}"
    ),
    Reason.TIME_SPENT: (
        f"If it may take as long again, {_GO_ON} Or allow more with `limits.minutes` in"
        f" `.github/mergewright.yml`, or make the checks quicker, {_COMMIT}"
    ),
    Reason.BUDGET_SPENT: (
        f"If it may spend as much again, {_GO_ON} Else raise the limit that is named, or make the"
        " ticket smaller."
    ),
    Reason.MODEL_REFUSED: f"Tell the ticket in other words, or make it smaller, {_AGAIN_HERE}",
    Reason.MODEL_REQUEST_REJECTED: (
        "Where the request is too long, name another model by `--model`, or make the ticket"
        " smaller and run the same command again. Else put the setting right that is named"
        f" (`mergewright models --check` tries the models), {_GO_ON}"
    ),
    Reason.MODEL_UNUSABLE: (
        "Set what is named (`mergewright models --check` tries the models of the settings), or name"
        f" another by `--model`, {_GO_ON}"
    ),
    Reason.NO_ROOM: f"See `mergewright doctor` for what is missing, {_GO_ON}",
    Reason.STORAGE_FULL: f"Make room, as with `mergewright env prune --all`, {_GO_ON}",
    Reason.UNANSWERED: "Run the same command again; whoever calls it approves the plan.",
    Reason.INTERRUPTED: f"Go on where it was: `mergewright run --resume {_RUN}`.",
    Reason.UNAVAILABLE: f"Wait a while, {_GO_ON}",
    Reason.INTERNAL: "This is a fault of Mergewright. Report it with the log.",
}
#: They can be mended in the configuration alone.
_OF_CONFIGURATION = frozenset(
    {Reason.CONFIG_INVALID, Reason.POLICY, Reason.NO_TESTS, Reason.TIME_SPENT}
)
#: Their sentences end in what a program has printed.
_PRINTED = frozenset({Reason.ENVIRONMENT, Reason.EDIT_FAILED, Reason.INTERNAL})


#: How such a sentence ends that the headline says already.
_SAID_TWICE = re.compile(r"(?:, so the run was stopped|; nothing(?: more)? was done)?\.?\Z")
_LONGEST_HEADLINE = 200


def headline(outcome: Outcome) -> str:
    """The reason in one sentence, as Markdown."""
    if happened := _happened(outcome):
        return f"Stopped: {cleaning.spoken(happened)}."
    return _HEADLINES.get(outcome.reason, "The run ended without a pull request.")


def _happened(outcome: Outcome) -> str:
    """What became of the issue, where the sentence says nothing else; empty: it says more."""
    said = outcome.sentence.strip()
    if outcome.reason is not Reason.SUPERSEDED or "\n" in said or len(said) > _LONGEST_HEADLINE:
        return ""
    happened = _SAID_TWICE.sub("", said)
    known = re.match(r"(?:The|Issue) ", happened)
    return happened[:1].lower() + happened[1:] if known else happened


def next_step(reason: Reason) -> str:
    """What a person can do about it under the issue; empty where that is nothing."""
    return _NEXT.get(reason, "")


def next_step_of_follow_up(reason: Reason) -> str:
    """What a person can do about a follow-up that ended without a result; empty: nothing."""
    if reason in CAPS_REACHED:
        return "What to do next: write `/mergewright retry` here to give it as much again."
    if reason is Reason.CONFLICT:
        return _NEXT[reason]
    return (
        "What to do next: see what the log says; then push to the branch by hand, which is built"
        " upon, or write `/mergewright retry` here to have it tried again."
    )


def next_step_here(reason: Reason, run_id: str, *, config_name: str | None = None) -> str:
    """What a person can do about it on this machine; empty where that is nothing.

    Args:
        config_name: The file that took the place of the repository's configuration.
    """
    said = _HERE.get(reason, "")
    if config_name is not None and reason in _OF_CONFIGURATION:
        # It counts as it is on the disk.
        own = f"`{config_name.replace('`', '')}`"
        said = said.replace("`.github/mergewright.yml`", own).replace("commit it, then", "then")
        said = said.replace(" and then", ", then")
    return said.replace(_RUN, run_id)


def with_branch(branch: str, git: str = "git", remote: str = "") -> tuple[str, ...]:
    """What can be done with a branch that a run has made here: commands, each with its purpose.

    Args:
        remote: Where the repository can push to; empty: nowhere.
    """
    name = shlex.quote(branch)
    push = f"{git} push {shlex.quote(remote)} {name}"
    return (
        f"{git} show {name}  # see the change, in one commit",
        f"{git} merge {name}  # take it into the branch that is checked out",
        *([f"{push}  # or publish it, for a pull request with this text"] if remote else []),
    )


def told(outcome: Outcome) -> str:
    """Give the sentence as Markdown: paragraphs, lists, and what was printed as code.

    Empty where the headline has it already.
    """
    if _happened(outcome):
        return ""
    lines = outcome.sentence.strip().split("\n")
    if outcome.reason in _PRINTED and len(lines) > 1:
        return f"{cleaning.spoken(lines[0])}\n\n{cleaning.fenced(chr(10).join(lines[1:]), 'text')}"
    return "\n\n".join(_block(kind, tuple(group)) for kind, group in groupby(lines, _kind) if kind)


def _kind(line: str) -> str:
    if not line.strip():
        return ""
    if line.startswith(("- ", "* ")):
        return "list"
    # What is set in is there to be copied.
    return "code" if line.startswith("  ") else "prose"


def _block(kind: str, lines: tuple[str, ...]) -> str:
    if kind == "list":
        return "\n".join(f"- {cleaning.spoken(line[2:])}" for line in lines)
    if kind == "code":
        if len(lines) == 1:
            # A page does not wrap what is set as code; so it is quoted, with its signs as they are.
            return f"> {cleaning.words(lines[0].strip())}"
        return cleaning.fenced(textwrap.dedent("\n".join(lines)), "text")
    return "\n\n".join(map(cleaning.spoken, lines))
