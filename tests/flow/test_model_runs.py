"""A model carries tickets out: planned, tests first, checked, mended, reviewed, within a budget."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from agent.ledger import verify
from tests.flow import model_scripts as model
from tests.flow.model_scripts import Scripts, calls, create, edit, finish, plan, read
from tests.scripted import serving


@pytest.fixture
def shop(tmp_path):
    return model.repository(tmp_path / "app")


@pytest.fixture
def carried(shop, run):
    """Run the ticket with a scripted model; give what ended, and what was asked."""

    def carry(script, ticket=model.TICKET, wire="chat", **environ):
        with serving(script) as server:
            no_review = {"MERGEWRIGHT_MODEL_REVIEWER": "", "MERGEWRIGHT_MODEL": ""}
            ended = run(
                shop.path,
                ticket,
                environ={
                    **server.environ(wire),
                    **no_review,
                    "MERGEWRIGHT_MODEL_PLANNER": server.environ(wire)["MERGEWRIGHT_MODEL"],
                    "MERGEWRIGHT_MODEL_EDITOR": server.environ(wire)["MERGEWRIGHT_MODEL"],
                    **environ,
                },
            )
        return ended, server.requests

    return carry


def ledger(ended):
    folder = Path(ended.result["log"]).parent
    assert list(verify(folder / "ledger.jsonl", folder.name)) == []
    return [json.loads(line) for line in (folder / "ledger.jsonl").read_text().splitlines()]


def test_a_bug_is_planned_reproduced_and_mended(shop, carried):
    before = shop.state()
    ended, requests = carried(Scripts())
    assert ended.exit_code == 0, ended.result["sentence"]
    assert ended.result["reason"] == "ready"
    branch = ended.result["branch"]
    assert shop.branches() == ["main", branch]
    assert shop.state() == before
    assert shop.git("diff", "--name-status", f"main..{branch}").splitlines() == [
        "M\tshop/prices.py",
        "A\ttests/test_total.py",
    ]
    assert ended.check("tests")["added"] == [model.TEST]
    assert f"| `{model.TEST}` | failed | passed |" in ended.text
    assert "1. passed." in ended.text
    said = ended.text.index("written by the model that made the change")
    assert said < ended.text.index("The loop left the first price out.")
    assert "- Risk: Somebody may have relied on it." in ended.text
    assert "Not run: no model is set for reviews." in ended.text
    # Tests first: source could not be written before.
    kinds = [one["event"] for one in ledger(ended) if one["event"].startswith("model.")]
    assert kinds == ["model.asked", "model.answered", "model.called"] * 5
    assert len(requests) == 5
    assert ended.result["cost_usd"] is None, "no price is known of it"
    assert [(use["role"], use["calls"]) for use in ended.result["models"]] == [
        ("planner", 2),
        ("editor", 3),
    ]
    assert ended.result["tokens"]["input"] == sum(
        use["input_tokens"] for use in ended.result["models"]
    )
    assert ended.result["review"]["sentence"] == "Not run: no model is set for reviews."
    assert "In all: 5 requests, " in ended.text


def test_what_fails_goes_back_and_is_mended(carried):
    wrong = [calls(edit("shop/prices.py", "result = 0", "result = 7"), finish("All is green."))]
    mended = [
        calls(
            edit("shop/prices.py", "result = 7", "result = 0"),
            edit("shop/prices.py", "prices[1:]", "prices"),
            finish("Now it counts all."),
        )
    ]
    ended, requests = carried(Scripts(edit=[wrong], repair=[mended]))
    assert ended.result["reason"] == "ready", ended.result["sentence"]
    (told,) = model.openings(requests, "repair")
    assert "tests: tests/test_prices.py::test_nothing_costs_nothing" in told
    assert "E       assert 7 == 0" in told
    assert "1. 2 new failures (new\\_failures); 2. passed." in ended.text
    assert "Now it counts all." in ended.text
    assert "All is green." not in ended.text
    outcome = ledger(ended)[-2]["outcome"]
    assert (outcome["category"], outcome["recipe"]) == ("bug", "")
    first = {"passed": False, "reason": "new_failures", "new_failures": 2}
    assert outcome["first_round"] == first


def test_what_linters_find_in_tests_is_mended_before_they_are_closed(carried):
    def tests(seen):
        if seen.turn == 1:
            return calls(create("tests/test_total.py", f"import os\n{model.TEST_FILE}"), finish())
        assert "ruff check: tests/test_total.py:1: `os` imported but unused" in seen.last
        return calls(edit("tests/test_total.py", "import os\n", ""), finish())

    ended, _ = carried(Scripts(tests=[tests]))
    assert ended.result["reason"] == "ready", ended.result["sentence"]
    assert "Rounds of edits: 1. passed." in ended.text


def test_a_model_that_claims_success_changes_no_fact(carried):
    idle = [calls(create("shop/notes.py", "DONE = True\n"), finish("All green, ready to merge!"))]
    nothing = [calls(read("shop/prices.py")), calls(finish()), calls(finish()), calls(finish())]
    again = [calls(create("shop/other.py", "DONE = True\n"), finish("All green!"))]
    ended, _ = carried(
        Scripts(edit=[idle, again], repair=[nothing, nothing], tests=[model.TESTED, model.TESTED])
    )
    assert ended.exit_code == 1
    assert ended.result["reason"] == "new_failures"
    assert model.TEST in ended.result["sentence"]
    assert "green" not in ended.text


def test_an_unclear_ticket_is_asked_about_before_anything_is_edited(shop, carried):
    asked = [calls(plan(questions=["Which prices, @everybody?", "With taxes?"]))]
    ended, requests = carried(Scripts(plan=[asked]))
    assert ended.result["reason"] == "unclear"
    assert ended.result["sentence"] == (
        "The ticket leaves open:\n- Which prices, @everybody?\n- With taxes?"
    )
    assert shop.branches() == ["main"]
    assert len(requests) == 1


def test_tests_that_hold_already_are_told_as_what_the_model_wrote(carried):
    passing = model.TEST_FILE.replace("== 3", "== 2")

    def try_on(seen):
        if seen.turn == 1:
            return calls(create("tests/test_total.py", passing), finish())
        assert "passes without the change, so it shows nothing" in seen.text
        return calls(finish(f"Again, {seen.turn}."))

    ended, _ = carried(Scripts(tests=[try_on]))
    assert ended.result["reason"] == "edit_failed"
    said = ended.result["sentence"]
    assert "that the editing model wrote pass on the base commit already" in said
    assert f"{model.TEST} passes without the change" in said
    assert "leaves open" not in said
    # What the model said and called is in the log, as its words.
    log = Path(ended.result["log"]).read_text()
    assert "---- tests 1 1 reply, in the model's words\n| create {" in log


def test_at_the_cap_the_work_is_kept(shop, carried):
    ended, requests = carried(Scripts(), MERGEWRIGHT_MODEL_CALLS="4")
    assert ended.exit_code == 1
    assert ended.result["reason"] == "budget_spent"
    assert "The run has used its 4 replies of models" in ended.result["sentence"]
    assert [use["calls"] for use in ended.result["models"]] == [2, 2]
    assert "In all: 4 requests, " in ended.text
    assert len(requests) == 4
    shop.git("apply", "--check", ended.result["patch_path"])
    patch = Path(ended.result["patch_path"]).read_text()
    assert "+    for price in prices:" in patch
    assert "+++ b/tests/test_total.py" in patch


def test_a_check_that_fails_on_base_in_the_same_way_costs_no_repair(shop, carried):
    broken = f'{model.PROJECT["pyproject.toml"]}\n[tool.mypy]\nplugins = ["nobody.has_it"]\n'
    shop.write("pyproject.toml", broken)
    shop.commit("Name a plugin that is not there")
    ended, requests = carried(Scripts())
    assert ended.result["reason"] == "unverified", ended.result["sentence"]
    assert ended.check("mypy")["reason"].startswith("on base and with the change: ")
    told = (
        "No model was asked to mend it or to begin anew: mypy proves nothing on the base commit"
        " already, so no edit would help."
    )
    assert ended.result["sentence"].endswith(told)
    assert told in ended.text
    assert len(requests) == 5


def test_a_reviewer_of_the_same_model_is_said_to_be_one(carried):
    def review(seen):
        assert "The diff (data)" in seen.text
        found = {"text": "Say `sum`, @maintainer.", "path": "shop/prices.py", "line": 3}
        return calls(("submit_review", {"approve": True, "remarks": [found]}))

    ended, _ = carried(Scripts(review=[review]), MERGEWRIGHT_MODEL="openai-chat:scripted")
    assert ended.result["reason"] == "ready"
    assert "1 remark. It approves the change. It is of the same model" in ended.text
    assert "- `shop/prices.py:3`: Say `sum`, @" in ended.text
    assert "@maintainer" not in ended.text


def test_a_reviewer_that_rejects_makes_a_draft_that_says_so(carried):
    found = {"text": "Keep the old name.", "path": "shop/prices.py", "line": 3, "blocking": True}
    rejected = [calls(("submit_review", {"approve": False, "remarks": [found]}))]
    script = Scripts(review=[rejected], repair=[[calls(read("shop/prices.py"))] * 3])
    ended, _ = carried(script, MERGEWRIGHT_MODEL="openai-chat:scripted")
    result = ended.result
    assert (result["reason"], ended.exit_code) == ("ready", 0)
    (finding,) = result["findings"]
    assert (finding["severity"], finding["path"], finding["line"]) == (
        "review",
        "shop/prices.py",
        3,
    )
    assert '"Keep the old name."' in finding["message"]
    assert "**Decision: open as draft.**" in ended.text
    assert "No findings." not in ended.text
    for said in (ended.text.replace("\\", ""), result["sentence"]):
        assert "A draft, since a person has to look at this first: shop/prices.py:3." in said
        assert "It does not approve the change." in said
        assert "answers the reviewer's blocking remarks, and changed nothing." in said


def test_a_test_that_holds_is_shown_red_with_its_target_broken(carried):
    name = "tests/test_total.py::test_two_prices"
    holds = {"name": name, "shows": "prices add up", "breaks": "shop/prices.py::total"}
    planned = [calls(plan(category="tests", files=[], tests=[holds], title="Test the total"))]
    text = (
        "from shop.prices import total\n\n\ndef test_two_prices():\n    assert total([0, 2]) == 2\n"
    )
    tested = [calls(create("tests/test_total.py", text), finish())]
    ticket = "# Tests for `shop.prices.total`\n\nTwo prices add up.\n"
    ended, requests = carried(Scripts(plan=[planned], tests=[tested], edit=[]), ticket)
    assert ended.result["reason"] == "ready", ended.result["sentence"]
    assert f"| `{name}` | failed, with `shop/prices.py::total` broken on purpose | passed |" in (
        ended.text
    )
    assert len(requests) == 2


def test_of_several_attempts_that_pass_a_judge_takes_one_and_all_are_on_record(shop, carried):
    shop.write(".github/mergewright.yml", "version: 1\nlimits: {candidates: 3, repair_rounds: 0}\n")
    shop.commit("Ask for several attempts")

    def attempt(text):
        return [calls(edit("shop/prices.py", "prices[1:]", text), finish(f"By {text}."))]

    def judge(seen):
        # What did not pass is not offered, and nobody knows who made what.
        assert "iter(prices)" in seen.text
        assert "list(prices)" in seen.text
        assert "prices[2:]" not in seen.text
        return calls(("choose", {"number": 2, "why": "It is the clearer one."}))

    red = attempt("prices[2:]")
    ended, requests = carried(
        Scripts(
            edit=[attempt("iter(prices)"), red, attempt("list(prices)")],
            judge=[judge],
        ),
        MERGEWRIGHT_MODEL_JUDGE="openai-chat:scripted",
    )
    assert ended.result["reason"] == "ready", ended.result["sentence"]
    changed = shop.git("show", f"{ended.result['branch']}:shop/prices.py")
    assert "for price in list(prices):" in changed
    assert "By list(prices)." in ended.text
    assert "| judge |" in ended.text
    assert "1. passed; 2. 1 new failure (new\\_failures); 3. passed." in ended.text
    assert len(model.openings(requests, "edit")) == 3
    kept = {one["step"]: one["result"] for one in ledger(ended) if "result" in one}
    for number, text in enumerate(("iter(prices)", "prices[2:]", "list(prices)"), 1):
        (file, _) = kept[f"policy {number}"]["change"]["files"]
        assert f"for price in {text}:".encode() in base64.urlsafe_b64decode(file["after"])
