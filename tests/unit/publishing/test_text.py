"""The texts: facts only, inert whatever foreign words they carry, never longer than allowed."""

from __future__ import annotations

import re

import pytest

from agent import cleaning
from agent.domain import (
    CheckItem,
    Checkout,
    CheckReport,
    CheckResult,
    Comparison,
    Contract,
    Environment,
    Finding,
    Outcome,
    Prepared,
    Reason,
    ReviewNotes,
    Run,
    RunState,
    Severity,
    Status,
    Ticket,
    Verdict,
)
from agent.publishing import text
from repo_config.detect import Project
from repo_config.schema import RepoConfig

EVIL = "</details> @org/team fixes #1 ``` <img src=x> | **x** \x1b[31m"


def evidence(**changes) -> text.Evidence:
    facts = {
        "prepared": Prepared(
            run=Run(run_id="r1", repository="/r", ticket="/t.md", started=0),
            checkout=Checkout(
                repository="/r", mirror="/m", commit="a" * 40, base_branch="main", nearest_tag=None
            ),
            contract=Contract(
                config=RepoConfig(),
                project=Project(
                    framework="django",
                    python_version="3.11",
                    django=None,
                    test_runner="pytest",
                    test_script=None,
                    type_tool=None,
                    lint_tools=(),
                ),
                source=None,
            ),
            environment=Environment(
                key="k" * 64,
                path="/e",
                gate_path="/g",
                scripts_path="/s",
                python="3.11.2",
                interpreter_mounts=(),
                interpreter="/usr/bin/python3",
                sources=("pyproject.toml",),
                packages=("django==5.2",),
            ),
        ),
        "ticket": Ticket(ticket_id="42", title="A nickname", body="", digest="d" * 64),
        "title": "Add nickname to Customer",
        "steps": (),
        "notes": ("Added nickname.",),
        "paths": ("shop/models.py",),
        "diff": "+ nickname",
        "comparisons": (
            Comparison(
                name="tests",
                base=Status.PASSED,
                head=Status.PASSED,
                verdict=Status.PASSED,
                counts_tests=True,
                base_count=4,
                head_count=6,
                added=("a", "b"),
            ),
        ),
        "findings": (),
        "after": CheckReport(side="head", commit="a" * 40, change_digest=None, results=()),
        "review": ReviewNotes(ran=False, sentence="Not run: no model is configured."),
        "verdict": Verdict(publish=True, reason=Reason.READY, sentence="Nothing fails."),
        "branch": "mergewright/42-add",
        "commit": "b" * 40,
        "log_path": "/runs/r1/run.log",
    }
    return text.Evidence(**{**facts, **changes})


def red(items: int = 1) -> Comparison:
    return Comparison(
        name="tests",
        base=Status.PASSED,
        head=Status.FAILED,
        verdict=Status.FAILED,
        counts_tests=True,
        base_count=4,
        head_count=4,
        head_failures=items,
        new_failures=tuple(
            CheckItem(item_id=f"test_{n}{EVIL}", outcome="failed", text=EVIL, place="t.py:1")
            for n in range(items)
        ),
    )


def outside_fences(words: str) -> str:
    kept, fence = [], None
    for line in words.split("\n"):
        ticks = line[: len(line) - len(line.lstrip("`"))]
        if fence is None and len(ticks) >= 3 and "`" not in line[len(ticks) :]:
            fence = ticks
        elif fence is not None and line.strip() == fence:
            fence = None
        elif fence is None:
            kept.append(line)
    assert fence is None, "a fence is never closed"
    return "\n".join(kept)


def test_facts_come_first():
    words = text.pull_request(evidence())
    lines = [line for line in words.split("\n") if line]
    assert lines[:3] == ["# Add nickname to Customer", "Nothing fails.", "- Added nickname."]
    assert "| tests | 4 passed | 6 passed, 2 new | 0 | passed |" in words
    order = [words.index(f"## {part}") for part in ("Checks", "Contract", "Findings", "Reproduce")]
    assert order == sorted(order)


def test_a_red_text_names_check_tests_and_log():
    words = text.withheld(evidence(comparisons=(red(12),)))
    assert words.startswith("# Not done: Add nickname to Customer")
    assert "`test_0" in words.replace("``` ", "`").replace("```` ", "`")
    assert "and 2 more, all in the log" in words
    assert "/runs/r1/run.log" in words


@pytest.mark.parametrize("render", [text.pull_request, text.withheld])
def test_foreign_words_are_inert(render):
    finding = Finding(
        rule="size", severity=Severity.REVIEW, path=EVIL, line=1, message=EVIL, fix=EVIL
    )
    words = render(
        evidence(
            ticket=Ticket(ticket_id="42", title=EVIL, body="", digest="d"),
            title=EVIL,
            notes=(EVIL,),
            paths=(EVIL,),
            diff=EVIL,
            comparisons=(red(),),
            findings=(finding,),
            verdict=Verdict(publish=True, reason=Reason.READY, sentence=EVIL),
            branch=EVIL,
            after=CheckReport(
                side="head",
                commit="a",
                change_digest=None,
                results=(CheckResult(name="tests", status=Status.FAILED, output=EVIL),),
            ),
        )
    )
    assert "\x1b" not in words
    plain = outside_fences(words)
    # Inline code is inert as well; what is left is Markdown that acts.
    active = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", plain)
    assert "@org" not in active
    assert "fixes #1" not in active
    assert "<img" not in active
    assert active.count("<details>") == active.count("</details>")


def test_a_long_log_gives_way_and_says_so():
    result = CheckResult(name="tests", status=Status.PASSED, output="x" * 200_000)
    report = CheckReport(side="head", commit="a", change_digest=None, results=(result,))
    words = text.pull_request(evidence(after=report))
    assert len(words) <= cleaning.TEXT_LIMIT
    assert "characters left out; whole text: /runs/r1/run.log" in words
    outside_fences(words)


def test_a_run_that_stopped_says_reason_and_log():
    outcome = Outcome(
        run_id="r", state=RunState.NEEDS_HUMAN, reason=Reason.UNCLEAR, sentence=f"Which? {EVIL}"
    )
    words = text.stopped(outcome, None, "/runs/r/run.log")
    assert words.startswith("# Not done\n")
    assert "`unclear`" in words
    assert "@org" not in outside_fences(words)
    assert "/runs/r/run.log" in words
