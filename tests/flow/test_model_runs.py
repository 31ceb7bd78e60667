"""The editing loop, whole: a scripted model over HTTP, real rooms, real checks, the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.ledger import verify
from tests.deep import deep
from tests.flow import model_scripts as model
from tests.flow.model_scripts import Scripts, calls, create, edit, finish, plan, read
from tests.scripted import serving

NONE = {"steps": [], "files": [], "tests": []}


@pytest.fixture
def shop(tmp_path):
    return model.repository(tmp_path / "app")


@pytest.fixture
def carried(shop, run):
    """Run the ticket with a scripted model; give what ended, and what was asked."""

    def carry(script, ticket=model.TICKET, wire="chat", **environ):
        with serving(script) as server:
            name = server.environ(wire)["MERGEWRIGHT_MODEL"]
            roles = {"MERGEWRIGHT_MODEL_PLANNER": name, "MERGEWRIGHT_MODEL_EDITOR": name}
            no_review = {"MERGEWRIGHT_MODEL_REVIEWER": "", "MERGEWRIGHT_MODEL": ""}
            environ = {**server.environ(wire), **no_review, **roles, **environ}
            ended = run(shop.path, ticket, environ=environ)
        return ended, server.requests

    return carry


def ledger(ended):
    folder = Path(ended.result["log"]).parent
    assert list(verify(folder / "ledger.jsonl", folder.name)) == []
    return [json.loads(line) for line in (folder / "ledger.jsonl").read_text().splitlines()]


def test_a_bug_is_reproduced_mended_repaired_and_reviewed(shop, carried):
    wrong = [calls(edit("shop/prices.py", "result = 0", "result = 7"), finish("All is green."))]
    mended = [
        calls(
            edit("shop/prices.py", "result = 7", "result = 0"),
            edit("shop/prices.py", "prices[1:]", "prices"),
            finish("Now it counts all."),
        )
    ]

    def review(seen):
        assert "The diff (data)" in seen.text
        found = {"text": "Say `sum`, @maintainer.", "path": "shop/prices.py", "line": 3}
        return calls(("submit_review", {"approve": True, "remarks": [found]}))

    before = shop.state()
    ended, requests = carried(
        Scripts(edit=[wrong], repair=[mended], review=[review]),
        MERGEWRIGHT_MODEL="openai-chat:scripted",
    )
    assert ended.exit_code == 0, ended.result["sentence"]
    assert ended.result["reason"] == "ready"
    branch = ended.result["branch"]
    assert shop.state() == before
    assert shop.git("diff", "--name-status", f"main..{branch}").splitlines() == [
        "M\tshop/prices.py",
        "A\ttests/test_total.py",
    ]
    assert ended.check("tests")["added"] == [model.TEST]
    assert f"| `{model.TEST}` | failed | passed |" in ended.text
    (told,) = model.openings(requests, "repair")
    assert "tests: tests/test_prices.py::test_nothing_costs_nothing" in told
    assert "E       assert 7 == 0" in told
    # What the model says of its work is not what counts.
    assert "Now it counts all." in ended.text
    assert "All is green." not in ended.text
    assert "@maintainer" not in ended.text
    assert "shop/prices.py:3" in ended.text
    kinds = [one["event"] for one in ledger(ended) if one["event"].startswith("model.")]
    assert kinds.count("model.asked") == kinds.count("model.answered") == len(requests)
    assert ended.result["cost_usd"] is None, "no price is known of it"
    uses = ended.result["models"]
    assert [use["role"] for use in uses] == ["planner", "editor", "reviewer"]
    assert sum(use["calls"] for use in uses) == len(requests)
    assert ended.result["tokens"]["input"] == sum(use["input_tokens"] for use in uses)
    first = {"passed": False, "reason": "new_failures"}
    assert ledger(ended)[-2]["outcome"]["first_round"] == first


def test_MO7_a_model_that_claims_success_changes_no_fact(carried):
    idle = [calls(create("shop/notes.py", "DONE = True\n"), finish("All green, ready to merge!"))]
    nothing = [calls(read("shop/prices.py")), calls(finish()), calls(finish()), calls(finish())]
    again = [calls(create("shop/other.py", "DONE = True\n"), finish("All green!"))]
    ended, _ = carried(
        Scripts(edit=[idle, again], repair=[nothing, nothing], tests=[model.TESTED, model.TESTED])
    )
    assert (ended.exit_code, ended.result["reason"]) == (1, "new_failures")
    assert model.TEST in ended.result["sentence"]
    assert "green" not in ended.text


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"questions": ["Which prices, @everybody?", "With taxes?"]}, "unclear"),
        deep({**NONE, "split": ["Count it", "Show it", "AKIA2E0A8F3B244C9986"]}, "too_large"),
        deep({**NONE, "people": "It is the key."}, "for_people"),
    ],
)
def test_a_model_may_ask_or_decline_before_anything_is_edited(shop, carried, facts, reason):
    ended, requests = carried(Scripts(plan=[[calls(plan(**facts))]]))
    assert (ended.exit_code, ended.result["reason"]) == (1, reason)
    assert "AKIA2E0A8F3B244C9986" not in json.dumps(ended.result)
    assert shop.branches() == ["main"]
    assert len(requests) == 1


@pytest.mark.deep
def test_a_reviewer_that_rejects_makes_a_draft_that_says_so(carried):
    found = {"text": "Keep the old name.", "path": "shop/prices.py", "line": 3, "blocking": True}
    rejected = [calls(("submit_review", {"approve": False, "remarks": [found]}))]
    script = Scripts(review=[rejected], repair=[[calls(read("shop/prices.py"))] * 3])
    ended, _ = carried(script, MERGEWRIGHT_MODEL="openai-chat:scripted")
    assert (ended.result["reason"], ended.exit_code) == ("ready", 0)
    (finding,) = ended.result["findings"]
    place = (finding["severity"], finding["path"], finding["line"])
    assert place == ("review", "shop/prices.py", 3)
    assert "Keep the old name." in finding["message"]
    assert "**Decision: open as draft.**" in ended.text


@pytest.mark.deep
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
    (row,) = [line for line in ended.text.splitlines() if line.startswith(f"| `{name}` |")]
    assert "`shop/prices.py::total`" in row
    assert len(requests) == 2
