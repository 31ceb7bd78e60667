"""What is kept of the checks of a run."""

from __future__ import annotations

import json
import os

from agent.checks import reports
from agent.models.checks import CheckItem, CheckReport, CheckResult, Status


def report(side: str, text: str = "") -> CheckReport:
    item = CheckItem(item_id="t.py::test_a", outcome="failed", text=text, place="t.py:3")
    result = CheckResult(name="tests", status=Status.FAILED, items=(item,), exit_code=1)
    return CheckReport(side=side, commit="0" * 40, change_digest=None, results=(result,))


def test_both_sides_are_kept_as_data_and_read_back_equal(tmp_path):
    for side in ("base", "head"):
        kept = reports.store_report(tmp_path / "run", report(side, text="ünïcode \ud800"[:-1]))
        assert kept == tmp_path / "run" / f"checks-{side}.json"
        assert CheckReport.model_validate_json(kept.read_bytes()) == report(side, text="ünïcode ")
    said = json.loads((tmp_path / "run" / "checks-head.json").read_text())
    assert said["results"][0]["items"][0]["item_id"] == "t.py::test_a"


def test_a_repeated_step_replaces_the_file_and_leaves_no_other(tmp_path):
    reports.store_report(tmp_path, report("base", text="first"))
    reports.store_report(tmp_path, report("base", text="second"))
    assert "second" in (tmp_path / "checks-base.json").read_text()
    assert os.listdir(tmp_path) == ["checks-base.json"]
    assert (tmp_path / "checks-base.json").stat().st_mode & 0o077 == 0
