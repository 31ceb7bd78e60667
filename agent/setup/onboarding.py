"""The words of the pull request that proposes a configuration.

Nothing foreign in it is more than words or code.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from agent.models.run import Run
from agent.setup.facts import Fact
from agent.setup.written import ProposedFile
from agent.text import sanitise
from agent.text.redaction import Redactor

TITLE = "Configure Mergewright"
_MARK = "<!-- mergewright:onboarding -->"


def write_body(run: Run, proposed: ProposedFile, redactor: Redactor) -> str:
    """Write the text of the pull request, which proposes this configuration."""
    parts = [
        _MARK,
        _write_opening(run),
        "## What is proposed, and why",
        *_write_facts(proposed, redactor),
    ]
    return redactor("\n\n".join(parts))


def _write_opening(run: Run) -> str:
    number = run.snapshot.issue.number if run.snapshot else 0
    return (
        f"Somebody labelled #{number} for Mergewright, and this repository has no configuration"
        " yet. This pull request proposes one from what the files show. Runs go on meanwhile with"
        " what is detected. You can answer at any time:\n\n"
        "- **Merge it**, as it is or after you have edited the file on this branch: it holds from"
        " then on.\n"
        "- **Close it**: what is detected holds, and you are not asked again."
    )


def _write_facts(proposed: ProposedFile, redactor: Redactor) -> Iterator[str]:
    if proposed.facts:
        yield _write_table(proposed.facts, redactor)
    else:
        yield "Nothing was found that a configuration had to say; it holds the defaults."


def _write_table(several: Sequence[Fact], redactor: Redactor) -> str:
    rows = ["| key | value | why |", "|---|---|---|"]
    for one in several:
        value = one.value if isinstance(one.value, str) else json.dumps(one.value)
        # Before it is made inert, which would hide the shape of a credential.
        why = sanitise.format_words(redactor(one.why)).replace("|", "\\|")
        shown = sanitise.format_cell(redactor(value))
        rows.append(f"| {sanitise.format_cell(one.key)} | {shown} | {why} |")
    return "\n".join(rows)
