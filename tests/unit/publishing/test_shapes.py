"""What looks like a credential leaves in no text, in whatever field a model or a tool wrote it.

Signs that are made inert for Markdown, and cuts, would hide the shape from who looks afterwards.
"""

from collections.abc import Callable

import pytest

from agent.models.change import Finding, Severity
from agent.models.checks import Status, TestComparison
from agent.models.model_use import AuthorWords, ChangedBehaviour, ModelUse, ModelWork
from agent.models.outcome import Outcome, Verdict
from agent.models.review import Remark, ReviewNotes
from agent.models.run import Reason
from agent.models.ticket import Ticket
from agent.publishing import commits, text
from agent.text.redaction import Redactor
from tests.unit.publishing.samples import cleared, evidence, plan

TOKEN = "ghp_A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8"
PAT = "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4y"
#: Of an installation, as GitHub makes them by now.
JWT = "ghs_1234_eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiIxMjM0NTY3ODkwIn0.c2lnbmF0dXJlLXRoYXQtaXMtbG9uZw"
LOGIN = "postgres://svc:Zk83nQpLw92xVr@prod.example.org/app"
ALL = f"uses {TOKEN} and {PAT} and {JWT} and {LOGIN} here"
#: What must not be left of them.
TELLING = (TOKEN[4:], PAT[-40:], JWT.rpartition(".")[2], "Zk83nQpLw92xVr")
TICKET = Ticket(ticket_id="4", title=ALL, body="", digest="d" * 64)
COMPARED = TestComparison(
    name="tests", base=Status.PASSED, head=Status.PASSED, verdict=Status.PASSED, reason=ALL
)
VERDICT = Verdict(publish=False, reason=Reason.NEW_FAILURES, sentence=ALL)
USED = ModelUse(
    role="editor", model="openai:x", calls=1, input_tokens=1, cached_tokens=0, output_tokens=1,
    usd=0.1, seconds=1.0,
)  # fmt: skip


def assert_nothing_told(words: str) -> None:
    plain = words.replace("\\", "")
    assert [part for part in TELLING if part in plain] == []
    assert "secret removed" in plain


@pytest.mark.parametrize("render", [text.render_pull_request, text.render_withheld])
def test_TC6_no_field_of_a_text_tells_a_credential(render: Callable[..., str]) -> None:
    finding = Finding(rule="x", severity=Severity.REVIEW, path="a.py", line=1, message=ALL, fix="")
    notes = ReviewNotes(ran=True, sentence="x", remarks=(Remark(text=ALL),))
    made = evidence(
        plan=plan(ALL), ticket=TICKET, done=(ALL,), cleared=cleared(finding), compared=(COMPARED,),
        verdict=VERDICT, notes=notes,
        work=ModelWork(uses=(USED,), claims=AuthorWords(summary=f"{ALL}\n- {ALL}", behaviour=(ChangedBehaviour(before=ALL, after=ALL),), left_out=ALL), rounds=(ALL,), undone=(ALL,)),
    )  # fmt: skip
    assert_nothing_told(render(made, Redactor()))


@pytest.mark.parametrize("pad", [14_924, 14_928, 14_933])
def test_TC6_a_cut_leaves_no_part_of_a_credential(pad: int) -> None:
    def shown(word: str) -> str:
        return text.render_withheld(evidence(diff=f"{'x' * pad} {word} {'y' * 90_000}"), Redactor())

    harmless = "zzzz_0123456789abcdefghijklmnopqrstuvwxyz"[: len(TOKEN)]
    assert harmless[12:30] in shown(harmless), "the cut goes through it"
    assert harmless not in shown(harmless)
    assert TOKEN[12:30] not in shown(TOKEN)


def test_TC6_nor_do_checks_commits_and_the_end_of_a_run_that_stopped() -> None:
    redactor = Redactor()
    assert_nothing_told(text.render_checks_summary((COMPARED,), VERDICT, redactor))
    stopped = Outcome.for_stopped_run("r", Reason.REFUSED, ALL)
    assert_nothing_told(text.render_stopped(stopped, TICKET, "log", redactor=redactor))
    # As `proposing.message` makes it.
    words = redactor(
        commits.write_message(redactor(ALL), redactor(ALL), (), "4", items=(redactor(ALL),))
    )
    assert_nothing_told(words)
