"""What a repository demands of the commits of a branch that we are about to make.

What else stands in the way of such a branch, the forge says itself when it refuses the push.
"""

from __future__ import annotations

from urllib.parse import quote

from agent.github.answers import passing
from agent.github.session import Raw, Session
from agent.models.forge import BranchRules

_BYPASSED = frozenset({"always", "exempt"})


def read(session: Session, branch: str) -> BranchRules:
    """Ask for the rulesets that cover a branch name."""
    rules: list[Raw] = []
    # Not there: an older Enterprise server, or a plan without rulesets.
    with passing(404):
        rules = session.call(
            "GET",
            f"rules/branches/{quote(branch, safe='')}",
            lambda found: [{**rule, "type": str(rule["type"])} for rule in found],
            doing="read the branch rules",
            needs="metadata: read",
        )
    return BranchRules(
        signed=any(rule["type"] == "required_signatures" for rule in rules),
        forward_only=any(
            rule["type"] == "non_fast_forward" and not _bypassed(session, rule) for rule in rules
        ),
    )


def _bypassed(session: Session, rule: Raw) -> bool:
    """Whether the ruleset of a rule lets us through."""
    with passing(401, 403, 404, 410, 422):
        return session.call(
            "GET",
            f"rulesets/{rule['ruleset_id']}",
            lambda found: found.get("current_user_can_bypass") in _BYPASSED,
            doing="read a ruleset",
        )
    return False
