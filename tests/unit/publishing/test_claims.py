"""Each sentence of a pull request that claims something goes where the facts do not bear it."""

import pytest

from agent.models.change import Severity
from agent.models.checks import Status
from agent.models.model_use import AuthorWords, ModelWork
from agent.models.record import replace
from agent.models.review import Proof, ProofRow, ReviewNotes, SourcePart
from agent.publishing import text
from tests.unit.publishing import test_golden
from tests.unit.publishing.samples import cleared, evidence_of_issue, plan
from tests.unit.publishing.test_golden import CLEAN, MADE_BY_MODEL, PROOF, READY, TESTS, finding

PART, OTHER = (SourcePart(path="shop/prices.py", line=line) for line in (3, 9))
RECIPE = {
    **MADE_BY_MODEL,
    "plan": plan("Add nickname", "add-django-field"),
    "proof": Proof(),
    "compared": CLEAN,
}
UNPROVED = Proof(missing="the change adds no test")


def prove(**parts: object) -> dict[str, object]:
    return {"proof": replace(PROOF, **{"needed": (), **parts})}


#: A sentence, facts that bear it, and facts that do not.
CLAIMS = {
    "fail without the change and pass with it": (
        {}, {"proof": Proof(rows=(ProofRow(name="t", without="passed", with_change="passed"),))},
    ),
    "not seen to fail without the change: `tests/test_total.py::test_no_price`": (
        {}, {"proof": Proof(rows=(PROOF.rows[0], replace(PROOF.rows[1], without="failed")))},
    ),
    "A test failed for 1 of 1": ({}, prove(needed=(PART,), unneeded_parts=(OTHER,))),
    "A test failed for 1 of 2": (prove(needed=(PART,), unneeded_parts=(OTHER,)), {}),
    "and each new function emptied": (
        prove(needed=(replace(PART, kind="empty"),)), {},
    ),
    "Small bugs were added": (
        prove(needed=(replace(PART, kind="mistake", text="`<` in place of `>=`"),)), {},
    ),
    "No test is asked for `shop/prices.py:9`": (prove(notes=(OTHER,)), {}),
    "Reverting these breaks no test:** `shop/prices.py:9`": (prove(unneeded_parts=(OTHER,)), {}),
    "Not tested by reverting:** `shop/prices.py:9`": (prove(untried=(OTHER,)), {}),
    "Lines that tests near the change do not run:** `shop/prices.py:9-11`": (
        prove(unexecuted=("shop/prices.py:9-11",)), {},
    ),
    "Not proved by a test: the change adds no test": (
        {"proof": UNPROVED}, {"proof": replace(UNPROVED, needed=(PART,))},
    ),
    "No proof needed: only tests were changed": ({"proof": Proof(exemption="only tests were changed")}, {}),
    "made the edits, without a model": (RECIPE, {}),
    "No test was added": (RECIPE, {**RECIPE, "proof": PROOF}),
    "Packages:** `a 1.0 (new)`": ({"packages": ("a 1.0 (new)",)}, {}),
    "No findings to check before merging": (
        {}, {"cleared": cleared(finding(Severity.REVIEW, "size", "a.py", None, "Is long."))},
    ),
    "No new failures in 5 checks": (
        {}, {"compared": (*CLEAN, replace(TESTS, verdict=Status.UNVERIFIED))},
    ),
    "Checked commit": ({}, {"commit": None}),
    "Ready for review": ({}, {"verdict": replace(READY, review=("a",))}),
    "Second opinion": ({}, {"notes": ReviewNotes(ran=False, sentence="Not run: no model.")}),
    "**Left out**": ({}, {"work": ModelWork(claims=AuthorWords(summary="Done."))}),
    "no model used": ({"work": ModelWork()}, {}),
    "With 2 earlier rounds": ({"earlier_rounds": 2}, {}),
    "- Attempt 2: passed": ({}, {"work": replace(test_golden.WORK, rounds=("passed", "passed"))}),
    "First answer the comments that need a person": ({"left": 1}, {}),
}  # fmt: skip


@pytest.mark.parametrize(
    ("claim", "true", "false"), [(key, *sides) for key, sides in CLAIMS.items()], ids=[*CLAIMS]
)
def test_a_claim_goes_where_the_facts_do_not_bear_it(claim, true, false):
    def render(facts):
        return text.render_pull_request(evidence_of_issue(**{**MADE_BY_MODEL, **facts}))

    assert claim in render(true)
    assert claim not in render(false)
