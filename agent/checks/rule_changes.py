"""Know which changed files decide about the checks themselves. Pure.

Used to run the checks on a change twice: under the base commit's rules, without the changes to
such files, and as a whole. Telling the reviewer about such files is left to `agent.policy`.
"""

from agent.models.change import Change
from agent.models.record import replace
from repo_config import rule_files as known
from repo_config.detect import Project


def rule_files(change: Change, project: Project) -> frozenset[str]:
    """Return the changed paths that the checks are configured by, or started with."""
    return frozenset(
        file.path
        for file in change.files
        if (
            known.list_read_by_tools(file.path, file.before, file.after) != ()
            if known.has_tables(file.path)
            else known.explain_file(file.path, project) is not None
        )
    )


def test_rules(change: Change, project: Project) -> frozenset[str]:
    """Return those of the rule files that are no settings of the product."""
    return frozenset(
        path for path in rule_files(change, project) if not known.is_setting(path, project)
    )


def drop_files(change: Change, paths: frozenset[str]) -> Change:
    kept = tuple(file for file in change.files if file.path not in paths)
    return replace(change, files=kept)
