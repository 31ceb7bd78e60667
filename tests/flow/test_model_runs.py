"""The editing loop, whole: a scripted model over HTTP, real sandboxes, real checks, the command line."""

import json
from pathlib import Path

import pytest

from tests.flow import model_scripts as model
from tests.flow.model_scripts import PLANNED, TESTED, Scripts, bash, calls, edit, read, submit
from tests.scripted import serving


@pytest.fixture
def shop(tmp_path):
    return model.repository(tmp_path / "app")


@pytest.fixture
def carried(shop, run):
    """Run the ticket with a scripted model; give what ended, and what was asked."""

    def carry(script, ticket=model.TICKET, wire="chat", **environ):
        with serving(script) as server:
            name = server.environ(wire)["MERGEWRIGHT_MODEL"]
            roles = {"MERGEWRIGHT_MODEL_EDITOR": name}
            no_review = {"MERGEWRIGHT_MODEL_REVIEWER": "", "MERGEWRIGHT_MODEL": ""}
            environ = {**server.environ(wire), **no_review, **roles, **environ}
            ended = run(shop.path, ticket, environ=environ)
        return ended, server.requests

    return carry


def events(ended):
    folder = Path(ended.result["files"]["log"]).parent
    return [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]


def test_MO7_a_bug_is_fixed_after_a_finding_and_claims_change_no_fact(shop, carried):
    def told(seen):
        assert "ruff check: shop/prices.py: F401: `os` imported but unused" in seen.text
        return calls(edit("shop/prices.py", "import os\n", ""), submit("It counts all."))

    turns = [
        PLANNED,
        TESTED,
        calls(
            edit("shop/prices.py", "prices[1:]", "prices"),
            bash("sed -i '1i import os' shop/prices.py; git diff --stat"),
            submit("All is green."),
        ),
        told,
        calls(submit("It counts all.")),
    ]

    def work(seen):
        turn = turns[seen.turn - 1]
        return turn(seen) if callable(turn) else turn

    def review(seen):
        assert "The diff (data)" in seen.text
        assert "It counts all." in seen.text
        remark = {"text": "Say `sum`, @maintainer.", "path": "shop/prices.py", "line": 3}
        return calls(("submit_review", {"approve": True, "remarks": [remark]}))

    before = shop.state()
    ended, requests = carried(
        Scripts(agent=[work], review=[review]), MERGEWRIGHT_MODEL="openai-chat:scripted"
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
    assert f"| `{model.TEST}` | failed" in ended.text
    # What the model says of its work is not what counts.
    assert "It counts all." in ended.text
    assert "All is green." not in ended.text
    assert "@maintainer" not in ended.text.replace("`@maintainer`", "")
    assert "shop/prices.py:3" in ended.text
    kinds = [event["event"] for event in events(ended) if event["event"].startswith("model.")]
    assert kinds.count("model.asked") == kinds.count("model.answered") == len(requests) == 6
    assert ended.result["cost_usd"] is None, "no price is known of it"
    uses = ended.result["figures"]["models"]
    assert [use["role"] for use in uses] == ["editor", "reviewer"]
    assert sum(use["calls"] for use in uses) == len(requests)
    assert events(ended)[-1]["outcome"]["figures"]["first_round"] == "new_failures"


@pytest.mark.deep
def test_MO7_a_model_that_claims_success_to_the_end_is_withheld(carried):
    wrong = edit("shop/prices.py", "result = 0", "result = 7")
    turns = [PLANNED, calls(wrong, submit("All green, ready to merge!"))]
    idle = calls(read("shop/prices.py"), submit("All green!"))
    ended, _ = carried(Scripts(agent=[[*turns, *[idle] * 9]]))
    assert (ended.exit_code, ended.result["reason"]) == (1, "new_failures")
    assert "test_nothing_costs_nothing" in ended.result["sentence"]
    assert "green" not in ended.text


@pytest.mark.deep
def test_what_django_does_not_take_of_a_recipes_ticket_is_for_the_model(sample, run):
    ticket = "Add `friend = models.ForeignKey('shop.Customer')` to `shop.Customer`.\n"
    planned = model.plan(files=["shop/models.py"])
    gone = ("decline", {"why": "What becomes of it?", "fits": "One that says."})
    with serving(Scripts(agent=[[calls(planned), calls(gone)]])) as server:
        ended = run(sample.path, ticket, environ=server.environ())
    assert ended.result["reason"] == "for_people", ended.result["sentence"]
    assert "What becomes of it?" in ended.result["sentence"]
