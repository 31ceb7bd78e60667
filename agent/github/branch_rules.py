"""What a repository demands of a branch that we are about to make."""

from __future__ import annotations

from urllib.parse import quote

from github.Repository import Repository

from agent.github.answers import passing
from agent.github.session import Raw, Session
from agent.models.forge import BranchRules

#: Rules that stand in the way of a branch that is made by a push, in words.
_IN_THE_WAY = {
    "creation": "does not let us create branches of this name",
    "update": "does not let us push to branches of this name",
    "pull_request": "lets nobody push to branches of this name without a pull request",
    "required_status_checks": "wants checks to pass before a branch of this name is pushed",
    "required_deployments": "wants deployments before a branch of this name is pushed",
    "workflows": "wants workflows to pass before a branch of this name is pushed",
    "merge_queue": "lets branches of this name change through a merge queue only",
}
_BYPASSED = frozenset({"always", "exempt"})
_WAY_OUT = (
    "Exempt our App there, or set pull_request.branch_prefix in the repository's configuration to"
    " a name that is free."
)


def read(session: Session, branch: str) -> BranchRules:
    """Ask for the rulesets that cover a branch name, and whether such a branch is protected."""
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
    found = BranchRules(
        signed=any(rule["type"] == "required_signatures" for rule in rules),
        forward_only=any(
            rule["type"] == "non_fast_forward" and not _bypassed(session, rule) for rule in rules
        ),
    )
    for rule in rules:
        if (words := _objection(rule, branch)) and not _bypassed(session, rule):
            origin = str(rule.get("ruleset_source") or session.name)
            refused = f"A ruleset of {origin} {words} ({branch}). {_WAY_OUT}"
            return found.model_copy(update={"refused": refused})
    if _protected(session, branch, ruled=bool(rules)):
        refused = f"The branch {branch} is there already and is protected. {_WAY_OUT}"
        return found.model_copy(update={"refused": refused})
    return found


def _objection(rule: Raw, branch: str) -> str | None:
    """Say what a rule has against making this branch; None: nothing that can be told now."""
    kind, parameters = rule["type"], rule.get("parameters") or {}
    if kind == "required_status_checks" and parameters.get("do_not_enforce_on_create"):
        return None
    if kind == "branch_name_pattern":
        if _matches(parameters, branch):
            return None
        pattern = str(parameters.get("name") or parameters.get("pattern") or "")
        return f"does not allow this branch name ({pattern})"
    return _IN_THE_WAY.get(kind)


def _matches(parameters: Raw, branch: str) -> bool:
    """Whether a name meets a name rule; one that we cannot judge is left to GitHub."""
    pattern = str(parameters.get("pattern") or "")
    operator = parameters.get("operator")
    # A foreign regular expression could run for ever, and has another dialect than ours.
    meets = {
        "starts_with": branch.startswith(pattern),
        "ends_with": branch.endswith(pattern),
        "contains": pattern in branch,
    }.get(str(operator))
    return True if meets is None else meets is not bool(parameters.get("negate"))


def _bypassed(session: Session, rule: Raw) -> bool:
    """Whether the ruleset of a rule lets us through."""
    number = rule.get("ruleset_id")
    if not isinstance(number, int):
        return False

    with passing(401, 403, 404, 410, 422):
        return session.call(
            "GET",
            f"rulesets/{number}",
            lambda found: found.get("current_user_can_bypass") in _BYPASSED,
            doing="read a ruleset",
        )
    return False


def _protected(session: Session, branch: str, *, ruled: bool) -> bool:
    """Whether the branch exists and is protected; protection by pattern is not shown to us.

    Args:
        ruled: Whether rulesets cover it, which let us pass: such a branch is called protected too.
    """

    def work(repository: Repository) -> bool:
        facts = repository.get_branch(branch).raw_data
        by_itself = (facts.get("protection") or {}).get("enabled", True)
        return bool(facts["protected"]) and (bool(by_itself) or not ruled)

    with passing(404):
        return session.ask(work, doing=f"read the branch {branch}", needs="contents: read")
    return False
