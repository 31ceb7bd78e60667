"""The texts: inert whatever foreign words they carry, never too long, without secrets."""

import pytest

from agent.errors import AccessLost
from agent.models.change import Change, ChangedFile, Finding, Severity
from agent.models.checks import CheckReport, RewrittenTest, Status, TestRun
from agent.models.model_use import AuthorWords, ChangedBehaviour, ModelUse, ModelWork
from agent.models.outcome import Outcome, Verdict
from agent.models.record import replace
from agent.models.review import Proof, ProofRow, Remark, ReviewNotes
from agent.models.run import Reason, RunState
from agent.models.ticket import Ticket
from agent.publishing import pull_request_content, text
from agent.text import sanitise
from tests.unit.publishing.samples import (
    EVIL,
    acting,
    cleared,
    evidence,
    evidence_of_issue,
    outside_fences,
    plan,
    red,
)
from tests.unit.stages import code_host_runs

USE = ModelUse(
    role="editor", model="fake:one", calls=1, input_tokens=1, cached_tokens=0, output_tokens=1,
    usd=None, seconds=0.0,
)  # fmt: skip


@pytest.mark.parametrize("render", [text.render_pull_request, text.render_withheld])
@pytest.mark.parametrize("of_issue", [False, True], ids=["local", "issue"])
def test_foreign_words_are_inert(render, of_issue):
    finding = Finding(
        rule="size", severity=Severity.REVIEW, path=EVIL, line=1, message=EVIL, fix=EVIL
    )
    held = RewrittenTest(item_id=EVIL, outcome="failed", text=EVIL)
    ticket = {"removed": (EVIL,), "comments": (EVIL,)}
    evil = {
        "ticket": Ticket(ticket_id="42", title=EVIL, body="", digest="d", **ticket),
        "plan": plan(EVIL),
        "done": (EVIL,) * 6,
        "diff": EVIL,
        "compared": (
            replace(red(), name=EVIL, reason=EVIL, rewritten=(held,)),
        ),
        "cleared": cleared(finding),
        "verdict": Verdict(publish=True, reason=Reason.READY, sentence=EVIL),
        "work": ModelWork(uses=(USE,), claims=AuthorWords(summary=f"{EVIL}\n- {EVIL}\n\n1. {EVIL}", behaviour=(ChangedBehaviour(before=EVIL, after=EVIL),), left_out=EVIL), rounds=(EVIL,), undone=(EVIL,)),
        "proof": Proof(rows=(ProofRow(name=EVIL, without="failed", error=EVIL, with_change="passed"),)),
        "notes": ReviewNotes(
            ran=True, sentence=EVIL, remarks=(Remark(text=EVIL, path=EVIL, line=3),)
        ),
        "after": CheckReport(
            side="head",
            commit="a",
            results=(TestRun(name="tests", status=Status.FAILED, output=EVIL),),
        ),
    }  # fmt: skip
    words = render(evidence_of_issue(**evil) if of_issue else evidence(**evil))
    # What we say ourselves.
    for ours in ("Closes #42", "#7 also", "text of #42"):
        words = words.replace(ours, "")
    assert "\x1b" not in words
    outside_fences(words)
    assert acting(words) == []
    assert "\u202e" not in words


def test_UI4_whatever_is_too_long_is_cut_said_and_closed():
    finding = Finding(
        rule="r", severity=Severity.REVIEW, path="p" * 200, line=1, message="m" * 900, fix=""
    )
    item = replace(red().new_failures[0], item_id="t" * 400, text="x\n" * 1_000)
    long = replace(red(30), new_failures=(item,) * 30, reason="r " * 900, gone=("g" * 300,) * 90)
    row = ProofRow(name="n" * 200, without="failed", error="e" * 300, with_change="passed")
    made = evidence_of_issue(
        diff="+x\n" * 30_000,
        compared=tuple(replace(long, name=f"c{n}") for n in range(12)),
        done=("n" * 300,) * 250,
        cleared=cleared(*(replace(finding, line=at) for at in range(200))),
        work=ModelWork(
            uses=(USE,),
            claims=AuthorWords(
                summary="w " * 9_000,
                behaviour=(ChangedBehaviour(before="w " * 200, after="w " * 200),) * 8,
                left_out="w " * 600,
            ),
        ),
        proof=Proof(rows=(row,) * 30),
        notes=ReviewNotes(
            ran=True, sentence="s", remarks=(Remark(text="w " * 900, path="a"),) * 30
        ),
    )
    visible = text.render_pull_request(made).partition("<details>")[0]
    assert len(visible) <= 6_000, "no part before the folds pushes the others out of sight"
    for words in (text.render_withheld(made), text.render_pull_request(made)):
        assert len(words) <= sanitise.TEXT_LIMIT
        plain = outside_fences(words)
        assert plain.count("<details>") == plain.count("</details>")


def ended(reason, sentence):
    return Outcome(run_id="r", state=RunState.NEEDS_HUMAN, reason=reason, sentence=sentence)


def comment(reason, sentence, place="https://m.example/log"):
    return text.render_stopped(ended(reason, sentence), None, place, run=code_host_runs.run())


def test_every_reason_makes_an_inert_comment_without_headings():
    for reason in set(Reason) - {Reason.READY}:
        words = comment(reason, f"It is so. {EVIL}\nsecond line {EVIL}\n- item {EVIL}")
        assert words.startswith("**"), reason
        assert "\n#" not in words, reason
        assert (reason in (Reason.DRY_RUN, Reason.CHECKED)) is ("Next: " not in words)
        assert acting(words) == [], reason


def test_what_ended_a_run_that_people_have_withdrawn_is_said_once():
    words = comment(Reason.SUPERSEDED, "Issue #7 was closed; nothing was done.")
    assert words.startswith("**Issue `#7` was closed; nothing was done.**\n\nNext: ")


def test_a_branch_that_was_pushed_is_named_once():
    lost = AccessLost("GitHub refused it.")
    lost.name_branch("mergewright/42-x", "c" * 40)
    left = replace(ended(lost.reason, lost.message), branch=lost.branch, commit=lost.commit)
    words = text.render_stopped(left, None, "https://m.example/log", run=code_host_runs.run())
    (place, _) = words.split("`mergewright/42-x`")
    assert place.endswith("The branch ")


def test_a_file_that_goes_is_said_to_be_deleted():
    gone = ChangedFile(path="shop/cli.py", before=b"x = 1\n", after=None)
    change = Change(base_commit="0" * 40, files=(gone,))
    words = pull_request_content.list_deeds(change, by_model=True)
    assert words == ("Files: `shop/cli.py` (deleted).",)
