"""Issues on released projects, labelled in a simulated GitHub: the pull request is what the run on
this machine left, and what it says is what a bare run says.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import replace

import pytest

from agent.checks import check
from tests.thirdparty import bare
from tests.thirdparty.bare import Outcomes
from tests.thirdparty.carried import ChangedFile
from tests.thirdparty.on_github import Both

pytestmark = pytest.mark.thirdparty

_MOST_REQUESTS = 40
_STAGES = 6


def test_one_pull_request_is_open_on_the_default_branch(both: Both) -> None:
    (pull,) = both.opened.pulls
    assert both.opened.runs == 1
    assert (pull["state"], pull["draft"], pull["user"]["login"]) == (
        "open", bool(both.known.review), "mergewright[bot]",
    ), pull["body"]  # fmt: skip
    assert (
        tuple(re.findall(r"^- review `([a-z-]+)`", pull["body"], re.MULTILINE)) == both.known.review
    )
    assert (pull["base"]["ref"], pull["base"]["sha"]) == ("main", both.base)
    outcome = both.opened.outcome
    assert (pull["head"]["ref"], pull["head"]["sha"]) == (outcome.branch, outcome.commit)
    assert pull["title"] == _title(both)
    assert f"Closes #{both.opened.issue['number']}" in pull["body"]


def test_the_files_are_those_of_the_local_run(both: Both) -> None:
    assert both.files
    opened = _dateless(both.opened.files)
    noted = opened.pop(both.known.changelog or "", None)
    assert opened == _dateless(both.files)
    # Only an issue has a number that a line of a changelog can name.
    assert (noted is not None) == (both.known.changelog is not None)
    if noted is not None:
        (pull,), number = both.opened.pulls, both.opened.issue["number"]
        line = f"- {pull['title']} (#{number})\n".encode()
        assert noted.after.replace(line, b"", 1) == noted.before != noted.after


def test_the_body_counts_as_the_bare_run_does(both: Both) -> None:
    tests = _table(both.opened.pulls[0]["body"])[check.TESTS]
    bare_run, head = both.outcomes, bare.by_product(both.opened.reports["head"])
    added = len(head.keys() - bare_run.keys())
    new = f", {added} new" if added else ""
    assert tests == [_told(bare_run), _told(head) + new, "0", "passed"]
    base = bare.by_product(both.opened.reports["base"])
    assert base == bare_run
    others = {name: how for name, how in head.items() if name in bare_run}
    assert others == bare_run


def test_the_body_has_the_same_table_as_the_local_text(both: Both) -> None:
    table = _table(both.opened.pulls[0]["body"])
    assert table == _table(both.text)
    assert {row[-1] for row in table.values()} == {"passed"}


def test_the_commit_has_one_check_run_and_it_succeeded(both: Both) -> None:
    (run,) = both.opened.check_runs
    assert (run["name"], run["status"], run["conclusion"]) == (
        "Mergewright", "completed", "success",
    )  # fmt: skip
    assert run["head_sha"] == both.opened.pulls[0]["head"]["sha"]
    assert run["external_id"] == both.opened.outcome.run_id


def test_the_issue_has_one_comment_that_ends_with_the_pull_request(both: Both) -> None:
    (comment,) = both.opened.comments
    (pull,) = both.opened.pulls
    assert comment["user"]["login"] == "mergewright[bot]"
    assert f"A checked pull request is ready: #{pull['number']}" in comment["body"]
    assert comment["body"].count("- [x] ") == _STAGES
    labels = {label["name"] for label in both.opened.issue["labels"]}
    assert labels == {"mergewright", "mergewright: ready"}


def test_what_the_local_run_measured_is_not_measured_again(both: Both) -> None:
    assert "the checks of the base commit are from an earlier run" in both.opened.log
    assert both.opened.outcome.reason.value == "ready"
    assert both.opened.requests <= _MOST_REQUESTS


def _title(both: Both) -> str:
    """The title of the local text, which the pull request has as its own."""
    heading = both.text.lstrip().partition("\n")[0]
    return re.sub(r"\\(.)", r"\1", heading.removeprefix("# "))


def _table(text: str) -> dict[str, list[str]]:
    """The table of checks, wherever a template has put it: the cells after the name, by name."""
    _, head, rest = text.partition("| Check | Base | With the change | New failures | Verdict |\n")
    assert head, text
    rows = itertools.takewhile(lambda line: line.startswith("|"), rest.splitlines()[1:])
    found = {name: cells for name, *cells in (row.strip("| ").split(" | ") for row in rows)}
    assert found
    return found


def _told(outcomes: Outcomes) -> str:
    failures = sum(how in ("failed", "error") for how in outcomes.values())
    skipped = sum(how == "skipped" for how in outcomes.values())
    count, passed = len(outcomes), len(outcomes) - failures - skipped
    told = f"{passed} of {count} passed" if failures else f"{passed} passed"
    return f"{told}, {skipped} skipped" if skipped else told


def _dateless(files: dict[str, ChangedFile]) -> dict[str, ChangedFile]:
    """Without the minute that Django writes into the first line of a migration."""
    return {
        path: replace(
            file, after=re.sub(rb"^(# Generated by Django \S+) on .*", rb"\1", file.after)
        )
        for path, file in files.items()
    }
