"""Show the reviewer recorded answers that a change records anew.

A snapshot, a golden file or a cassette is what a test compares with. Recorded anew it agrees with
whatever the code now does, and no assertion has changed. Only a person can tell whether the new
one is right, so it is always a matter for the reviewer. New ones come with new tests and are none.
Expected values within tests are left to `weakened_tests`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from agent.domain import Finding, Severity
from agent.policy.proposal import Proposal
from agent.policy.rule import Rule
from agent.policy.tampering.naming import is_beside_tests

SNAPSHOT = Rule(
    id="snapshot-changed",
    demands="Recorded answers that tests compare with are looked at first when they change.",
    severity=Severity.REVIEW,
    bad="tests/__snapshots__/test_cart.ambr is edited",
    good="tests/__snapshots__/test_new.ambr is added",
)
RULES = (SNAPSHOT,)

_FOLDERS = frozenset(
    {
        "__snapshots__", "snapshots", "snapshot", "golden", "goldens", "golden_files", "expected",
        "cassettes", "approved_files", "baseline", "baselines", "baseline_images", "snap",
    }
)  # fmt: skip
_NAMES = re.compile(
    r".*\.(?:ambr|snap|golden|expected|snapshot)|.*\.approved\.\w+|snap_test_\w+\.py"
    r"|(?:expected|golden|snapshot)[\w.-]*\.(?:json|txt|html|xml|ya?ml|csv|sql)"
    r"|.*[_.-](?:expected|golden|snapshot)\.\w+",
    re.IGNORECASE,
)


def check(proposal: Proposal) -> Iterator[Finding]:
    """Yield a finding for every recorded answer that is edited or deleted."""
    for file in proposal.change.files:
        if file.before is None or file.before == file.after:
            continue
        *folders, name = file.path.split("/")
        # A module of tests is no recorded answer, whatever folder it lies in.
        is_code = name.endswith(".py") and not name.startswith("snap_")
        in_folder = bool(_FOLDERS & {folder.lower() for folder in folders})
        named = _NAMES.fullmatch(name) is not None
        beside = is_beside_tests(file.path) or "__snapshots__" in folders or "cassettes" in folders
        if is_code or not (named or in_folder) or not (beside or name.endswith((".ambr", ".snap"))):
            continue
        done = "is deleted" if file.after is None else "is recorded anew"
        yield SNAPSHOT.at(
            file.path,
            f"{done}, so the tests that compare with it agree with whatever the code does",
            "Read what changed in it: is that what the ticket asks for?",
        )
