"""Tickets that are declined: with the reason, on record, and what would make them fit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.ledger import verify
from tests.flow import model_scripts as model
from tests.flow.github_stories import BODY, TITLE
from tests.flow.model_scripts import Scripts, calls, plan
from tests.scripted import serving

SEVERAL = """\
# Misc fixes

A few things that I noticed:

1. Add a CSV export to the order list
2. Fix the redirect after login
3. Upgrade Pillow to 11
"""
LARGE = "# Migrate from Flask to FastAPI\n"
PEOPLE = "# Switch password hashing from PBKDF2 to argon2\n"


@pytest.fixture
def shop(tmp_path):
    return model.repository(tmp_path / "app")


@pytest.fixture
def carried(shop, run):
    """Run a ticket with a scripted model; give what ended, and what the model was asked."""

    def carry(ticket, **parts):
        with serving(Scripts(**parts)) as server:
            environ = {**server.environ("chat"), "MERGEWRIGHT_MODEL_REVIEWER": ""}
            return run(shop.path, ticket, environ=environ), server.requests

    return carry


@pytest.mark.parametrize(
    ("ticket", "reason", "words"),
    [
        (SEVERAL, "several_tickets", "- Fix the redirect after login\n- Upgrade Pillow to 11"),
        (LARGE, "too_large", "a first small ticket. Name one endpoint, module or table"),
        (PEOPLE, "for_people", "a person writes that part and decides on it"),
    ],
)
def test_what_rules_decline_costs_no_model(shop, carried, ticket, reason, words):
    ended, requests = carried(ticket)
    assert ended.exit_code == 1
    assert (ended.result["outcome"], ended.result["reason"]) == ("declined", reason)
    assert words in ended.result["sentence"]
    assert "What would make it fit: " in ended.result["pull_request_text"]
    assert words.split("\n")[0] in ended.result["pull_request_text"]
    assert requests == []
    assert shop.branches() == ["main"]
    assert list(ended.result["seconds"]) == ["read ticket", "announce", "triage", "deliver"]


def test_every_decision_of_triage_is_on_record(carried):
    ended, _ = carried(SEVERAL)
    folder = Path(ended.result["log"]).parent
    assert list(verify(folder / "ledger.jsonl", folder.name)) == []
    lines = [json.loads(line) for line in (folder / "ledger.jsonl").read_text().splitlines()]
    (failed,) = [line for line in lines if line.get("step") == "triage" and "failure" in line]
    assert failed["failure"]["kind"] == "SeveralTickets"
    assert "its title is a collection" in failed["failure"]["made_of"]
    assert "its title is a collection" in (folder / "run.log").read_text()


def test_a_model_may_say_that_a_ticket_is_too_large(carried):
    split = ["Count what is in stock", "Show it to ＠everyone", "See AKIA2E0A8F3B244C9986"]
    none = {"steps": [], "files": [], "tests": []}
    ended, requests = carried(model.TICKET, plan=[[calls(plan(**none, split=split))]])
    assert (ended.result["outcome"], ended.result["reason"]) == ("declined", "too_large")
    assert ended.result["sentence"].startswith("The planning model (openai-chat:scripted) takes")
    assert "which are in its words:\n- Count what is in stock\n" in ended.result["sentence"]
    assert "AKIA2E0A8F3B244C9986" not in json.dumps(ended.result)
    assert len(requests) == 1


def test_a_model_may_say_that_people_have_to_do_it(carried):
    none = {"steps": [], "files": [], "tests": []}
    told = {**none, "people": "It is the key of\nthe till."}
    ended, _ = carried(model.TICKET, plan=[[calls(plan(**told))]])
    assert (ended.result["outcome"], ended.result["reason"]) == ("declined", "for_people")
    assert "In its words: “It is the key of the till.”" in ended.result["sentence"]
    assert "What would make it fit: a person does that part" in ended.result["sentence"]


def test_a_path_of_people_is_known_before_anything_is_made_ready(shop, carried):
    shop.write(".github/mergewright.yml", 'version: 1\nscope: {human_only: ["shop/prices.py"]}\n')
    shop.commit("Leave prices to people")
    ended, requests = carried("# The total is wrong in shop/prices.py\n\nIt leaves one out.\n")
    assert (ended.result["outcome"], ended.result["reason"]) == ("declined", "for_people")
    assert "shop/prices.py, by scope.human_only: 'shop/prices.py'" in ended.result["sentence"]
    assert requests == []
    assert "environment" not in ended.result["seconds"]


def test_an_issue_that_is_several_is_told_how_to_split_it(story):
    title, _, body = SEVERAL.removeprefix("# ").partition("\n\n")
    told = story(title=title, body=body)
    told.label()
    assert told.ended().reason.value == "several_tickets"
    (comment,) = told.comments()
    assert "**These are several tickets in one.**" in comment.body
    assert "- Add a CSV export to the order list\n- Fix the redirect after login" in comment.body
    assert "What to do next: open an issue for each of them and label those." in comment.body
    assert told.pulls() == []


def test_an_issue_much_like_one_with_a_pull_request_links_it(story):
    first = story()
    first.label()
    assert first.ended().reason.value == "ready"
    second = story(title=TITLE, body=BODY, beside=first)
    second.label()
    ended = second.ended()
    assert ended.reason.value == "ready"
    (similar,) = ended.similar
    (pull, *_) = first.pulls()
    assert (similar.number, similar.under_way) == (first.issue.number, False)
    assert similar.url.endswith(f"/pull/{pull.number}")
    (comment,) = second.comments()
    assert f"Much like this issue:\n- #{first.issue.number} " in comment.body
    assert f"[pull request]({similar.url})" in comment.body
