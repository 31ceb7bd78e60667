"""The ledger is append-only, and a change in it shows."""

from __future__ import annotations

import json

from agent.ledger import Ledger, verify


def filled(path):
    ledger = Ledger(path, "run-1")
    ledger.append("triage", 1, "started")
    ledger.append("triage", 2, "done", seconds=0.1)
    ledger.append("run", 1, "ended")
    return path


def test_an_untouched_ledger_verifies(tmp_path):
    assert list(verify(filled(tmp_path / "ledger.jsonl"), "run-1")) == []


def test_a_changed_line_shows(tmp_path):
    path = filled(tmp_path / "ledger.jsonl")
    path.write_text(path.read_text().replace("0.1", "0.2"))
    assert list(verify(path, "run-1")) == ["line 3 does not follow from line 2"]


def test_a_missing_line_shows(tmp_path):
    path = filled(tmp_path / "ledger.jsonl")
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], lines[2]]) + "\n")
    assert list(verify(path, "run-1")) == ["line 2 does not follow from line 1"]


def test_a_missing_end_shows(tmp_path):
    path = filled(tmp_path / "ledger.jsonl")
    path.write_text("\n".join(path.read_text().splitlines()[:2]) + "\n")
    assert list(verify(path, "run-1")) == ["the end of the run is missing"]


def test_a_line_cut_short_shows(tmp_path):
    path = filled(tmp_path / "ledger.jsonl")
    path.write_text(path.read_text()[:-20])
    assert list(verify(path, "run-1")) == ["line 3 is not JSON"]


def test_a_ledger_of_another_run_does_not_verify(tmp_path):
    path = filled(tmp_path / "ledger.jsonl")
    assert "line 1 does not follow from line 0" in list(verify(path, "run-2"))


def test_a_run_that_begins_anew_goes_on_in_the_same_ledger(tmp_path):
    path = filled(tmp_path / "ledger.jsonl")
    again = Ledger(path, "run-1")
    again.append("triage", 1, "started")
    again.append("run", 1, "ended")
    assert list(verify(path, "run-1")) == []
    assert [json.loads(line)["attempt"] for line in path.read_text().splitlines()] == [
        1,
        1,
        1,
        2,
        2,
    ]


def test_a_line_cut_short_by_a_kill_is_taken_back_by_the_next_attempt(tmp_path):
    path = filled(tmp_path / "ledger.jsonl")
    path.write_text(path.read_text()[:-20])
    Ledger(path, "run-1").append("run", 1, "ended")
    assert list(verify(path, "run-1")) == []
    assert len(path.read_text().splitlines()) == 3
