"""What a text says of a model's change: what is measured apart from what somebody claims."""

from __future__ import annotations

from agent.models.change import Plan
from agent.models.model_use import ModelUse, ModelWork
from agent.models.proof import Proof, ProofRow, SourcePart, TakenBack
from agent.models.review import Remark, ReviewNotes
from agent.publishing import text
from tests.unit.publishing.test_text import EVIL, acting, evidence

USE = ModelUse(
    role="editor", model="anthropic:one", calls=7, input_tokens=40_000, cached_tokens=31_000,
    output_tokens=1_200, usd=0.1234, seconds=41.26,
)  # fmt: skip
WORK = ModelWork(uses=(USE,), claims="The loop skipped one.", rounds=("2 new failures", "passed"))
RED = ProofRow(name="tests/test_a.py::test_b", without="failed", with_change="passed")
PLAN = Plan(recipe="", title="t", parameters="", steps=("s",))


def test_the_proof_is_a_table_of_both_sides():
    same = RED.model_copy(update={"name": "tests/test_a.py::test_old", "without": "passed"})
    hunks = TakenBack(noticed=(SourcePart(path="a.py", line=1),))
    proof = Proof(rows=(RED, same), hunks=hunks)
    words = text.pull_request(evidence(work=WORK, proof=proof))
    assert "test_old" not in words
    assert "| failed | passed |\n\n" in words, "what follows is no row"
    assert "| Test | Without the change | With it |" in words
    assert "| `tests/test_a.py::test_b` | failed | passed |" in words


def test_why_a_file_could_not_be_imported_without_the_change_is_told():
    lost = RED.model_copy(update={"without": "error", "error": "No module named 'httpx'"})
    words = text.pull_request(evidence(work=WORK, proof=Proof(rows=(lost,))))
    assert "| error: `No module named 'httpx'` | passed |" in words


def test_models_are_told_with_their_use_and_price():
    words = text.pull_request(evidence(work=WORK))
    assert ("| editor | `anthropic:one` | 7 | 40,000, 31,000 | 1,200 | $0.1234 | 41.3 s |") in words
    assert "1. 2 new failures; 2. passed" in words


def test_what_is_not_known_or_did_not_come_about_is_told():
    unknown = USE.model_copy(update={"usd": None})
    undone = ("The run had used its minutes before attempt 2 of 3 was made.",)
    passed_over = ("openai:two did not answer (503), so anthropic:one did.",)
    work = WORK.model_copy(
        update={"uses": (unknown,), "undone": undone, "passed_over": passed_over}
    )
    words = text.pull_request(evidence(work=work, proof=Proof(unneeded="it touches words alone")))
    assert "no price known" in words
    for told in (*undone, *passed_over, "it touches words alone"):
        assert told in words


def test_words_of_the_model_stand_apart_and_after_the_facts():
    words = text.pull_request(evidence(work=WORK, plan=PLAN))
    assert words.index("| tests |") < words.index("> The loop skipped one.")


def test_what_models_write_is_inert():
    plan = PLAN.model_copy(update={"title": EVIL})
    work = WORK.model_copy(update={"claims": EVIL, "passed_over": (EVIL,), "rounds": (EVIL,)})
    row = RED.model_copy(update={"name": EVIL, "without": EVIL})
    notes = ReviewNotes(
        ran=True, sentence=EVIL, remarks=(Remark(text=EVIL, path=EVIL, blocking=True),)
    )
    words = text.pull_request(
        evidence(work=work, plan=plan, proof=Proof(rows=(row,)), review=notes)
    )
    assert acting(words) == []
