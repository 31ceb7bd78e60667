"""The second recipe, whole: prints of the sample project become log messages."""

from __future__ import annotations

import json
from pathlib import Path

from tests.flow.stories import SAMPLE

TICKET = (SAMPLE.parent / "logging_ticket.md").read_text()


def test_prints_become_log_messages_on_a_branch(sample, run):
    before = sample.state()
    ended = run(sample.path, TICKET)
    assert ended.exit_code == 0, ended.result["sentence"]
    assert sample.state() == before
    branch = ended.result["branch"]
    changed = sample.git("diff", "--name-status", f"main..{branch}")
    assert changed.split() == ["M", "shop/services.py"]
    shown = sample.git("show", f"{branch}:shop/services.py")
    assert 'logger.exception("Could not read the amount %r", amount)' in shown
    assert shown.count("print(") == 1
    assert "5 messages (1 debug, 2 info, 1 warning, 1 exception)" in ended.text
    assert "Left alone, shop/services.py:38" in ended.text
    assert {check["verdict"] for check in ended.result["checks"]} == {"passed"}
    assert ended.result["findings"] == []
    ledger = Path(ended.result["log"]).with_name("ledger.jsonl").read_text().splitlines()
    outcome = json.loads(ledger[-2])["outcome"]
    assert outcome["recipe"] == "print-to-logging"
    assert outcome["first_round"] == {"passed": True, "reason": "ready", "new_failures": 0}


def test_a_second_ticket_on_the_branch_finds_nothing_to_do(sample, run):
    branch = run(sample.path, TICKET).result["branch"]
    ended = run(sample.path, TICKET, "--base", branch)
    assert ended.exit_code == 1
    assert ended.result["reason"] == "refused"
    assert "Every print in shop/services.py is left as it is" in ended.result["sentence"]
    assert "Left alone, shop/services.py:44: it is below" in ended.result["sentence"]


def test_an_unknown_place_is_asked_about_before_anything_is_built(sample, run):
    ended = run(sample.path, "Replace print with logging in `shop/service.py` and add tests.\n")
    assert ended.exit_code == 1
    assert ended.result["reason"] == "unclear"
    assert "Is it `shop/services.py`?" in ended.result["sentence"]
    assert "“add tests”" in ended.result["sentence"]
    assert "environment" not in ended.result["seconds"]
