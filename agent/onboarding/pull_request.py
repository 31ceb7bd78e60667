"""The words of the pull request that proposes a configuration, and of what follows from it.

Nothing foreign in it is more than words or code.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from agent.models.run import Run
from agent.onboarding.facts import Fact
from agent.onboarding.written import ProposedFile
from agent.text import sanitise
from agent.text.redaction import Redactor

TITLE = "Configure Mergewright"
WAITING = (
    "This repository has no configuration yet, so its owner is asked. Merge that pull request,"
    " edited or as it is, or close it to go on with what was detected. This run then begins by"
    " itself."
)
CLOSED = (
    "This was closed without being merged, so Mergewright works here with what it detects. It asks"
    " no second time; `.github/mergewright.yml` may be added whenever you like."
)
_MARK = "<!-- mergewright:onboarding -->"


def write_body(
    run: Run,
    proposed: ProposedFile,
    redactor: Redactor,
    *,
    waits: bool,
) -> str:
    """Write the text of the pull request.

    Args:
        proposed: The configuration.
        waits: Whether runs wait for an answer.
    """
    parts = [
        _MARK,
        _write_opening(run, waits=waits),
        "## What is proposed, and why",
        *_write_facts(proposed, redactor),
    ]
    return redactor("\n\n".join(parts))


def _write_opening(run: Run, *, waits: bool) -> str:
    number = run.snapshot.issue.number if run.snapshot else 0
    until = (
        "**Nothing else happens here until you answer:**"
        if waits
        else "Runs go on meanwhile with what is detected. You can answer at any time:"
    )
    after = "\n\nEither way, runs that wait begin by themselves within a few minutes."
    return (
        f"Somebody labelled #{number} for Mergewright, and this repository has no configuration"
        f" yet. This pull request proposes one from what the files show. {until}\n\n"
        "- **Merge it**, as it is or after you have edited the file on this branch: it holds from"
        " then on.\n"
        "- **Close it**: what is detected holds, and you are not asked again."
        f"{after if waits else ''}"
    )


def _write_facts(proposed: ProposedFile, redactor: Redactor) -> Iterator[str]:
    if proposed.facts:
        yield _write_table(proposed.facts, redactor)
    else:
        yield "Nothing was found that a configuration had to say; it holds the defaults."
    if proposed.proposals:
        yield "In comments, for you to decide:"
        yield _write_table(proposed.proposals, redactor)


def _write_table(several: Sequence[Fact], redactor: Redactor) -> str:
    rows = ["| key | value | why |", "|---|---|---|"]
    for one in several:
        value = one.value if isinstance(one.value, str) else json.dumps(one.value)
        # Before it is made inert, which would hide the shape of a credential.
        why = sanitise.format_words(redactor(one.why)).replace("|", "\\|")
        shown = sanitise.format_cell(redactor(value))
        rows.append(f"| {sanitise.format_cell(one.key)} | {shown} | {why} |")
    return "\n".join(rows)
