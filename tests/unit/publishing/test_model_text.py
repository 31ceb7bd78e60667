"""What a text says of a model's change: what is measured apart from what somebody claims."""

from __future__ import annotations

from agent.domain import ModelUse, ModelWork, Plan, Proof, ProofRow, Remark, ReviewNotes
from agent.publishing import text
from tests.unit.publishing.test_text import EVIL, acting, evidence

USE = ModelUse(
    role="editor", model="anthropic:one", calls=7, input_tokens=40_000, cached_tokens=31_000,
    output_tokens=1_200, usd=0.1234, seconds=41.26,
)  # fmt: skip
WORK = ModelWork(uses=(USE,), words="The loop skipped one.", rounds=("2 new failures", "passed"))
RED = ProofRow(name="tests/test_a.py::test_b", without="failed", with_change="passed")
HOLDS = ProofRow(
    name="tests/test_a.py::test_c", without="failed", with_change="passed", breaks="shop/a.py::f"
)
PLAN = Plan(recipe="", title="t", parameters="", steps=("s",), risks=("Callers may notice.",))


def test_the_proof_is_a_table_of_both_sides():
    words = text.pull_request(evidence(work=WORK, proof=Proof(rows=(RED, HOLDS))))
    assert "| Test | Without the change | With it |" in words
    assert "| `tests/test_a.py::test_b` | failed | passed |" in words
    assert (
        "| `tests/test_a.py::test_c` | failed, with `shop/a.py::f` broken on purpose | passed |"
    ) in words


def test_where_there_is_nothing_to_prove_it_says_why():
    words = text.pull_request(evidence(work=WORK, proof=Proof(unneeded="it touches words alone")))
    assert "No acceptance test was run without the change: it touches words alone." in words


def test_models_are_told_with_their_use_and_price():
    words = text.pull_request(evidence(work=WORK))
    assert ("| editor | `anthropic:one` | 7 | 40,000, 31,000 | 1,200 | $0.1234 | 41.3 s |") in words
    assert "Rounds of edits: 1. 2 new failures; 2. passed." in words


def test_an_unknown_price_is_said_to_be_one():
    unknown = WORK.model_copy(update={"uses": (USE.model_copy(update={"usd": None}),)})
    assert "| no price known |" in text.pull_request(evidence(work=unknown))
    assert unknown.usd == 0.0


def test_who_was_passed_over_is_told_with_the_reason():
    said = "openai:two did not answer (503), so anthropic:one did."
    passed_over = WORK.model_copy(update={"passed_over": (said,)})
    assert said in text.pull_request(evidence(work=passed_over))


def test_what_did_not_come_about_any_more_is_told():
    undone = ("The run had used its minutes before attempt 2 of 3 was made.",)
    words = text.pull_request(evidence(work=WORK.model_copy(update={"undone": undone})))
    assert f"\n\n{undone[0]}\n" in words


def test_words_of_the_model_stand_apart_and_after_the_facts():
    words = text.pull_request(evidence(work=WORK, plan=PLAN))
    mark = words.index("What follows was written by the model that made the change.")
    assert words.index("| tests |") < mark
    assert mark < words.index("> The loop skipped one.") < words.index("- Risk: Callers may")


def test_words_of_the_reviewer_are_marked_as_such():
    remarks = (
        Remark(text="Close the file.", path="a.py", line=3, blocking=True),
        Remark(text="A shorter name would do."),
    )
    notes = ReviewNotes(ran=True, sentence="x:y reviewed the change: 2 remarks.", remarks=remarks)
    words = text.pull_request(evidence(work=WORK, review=notes))
    assert "In the reviewing model's words:" in words
    assert "- `a.py:3` (blocking): Close the file." in words
    assert "- A shorter name would do." in words


def test_that_no_second_model_looked_is_said_of_a_model_alone():
    assert "Not run: no model is configured." in text.pull_request(evidence(work=WORK))
    assert "Not run: no model is configured." not in text.pull_request(evidence())


def test_what_models_write_is_inert():
    plan = PLAN.model_copy(update={"risks": (EVIL,)})
    work = WORK.model_copy(update={"words": EVIL, "passed_over": (EVIL,), "rounds": (EVIL,)})
    row = RED.model_copy(update={"name": EVIL, "breaks": EVIL, "without": EVIL})
    notes = ReviewNotes(
        ran=True, sentence=EVIL, remarks=(Remark(text=EVIL, path=EVIL, blocking=True),)
    )
    words = text.pull_request(
        evidence(work=work, plan=plan, proof=Proof(rows=(row,)), review=notes)
    )
    assert acting(words) == []


def test_without_a_model_nothing_of_all_this_is_there():
    words = text.pull_request(evidence())
    for told in ("Proof", "Models", "model's words", "Rounds of edits", "Second review"):
        assert told not in words
