"""Which past changes are tasks, how SWE-bench's rows are read, and what figures say."""

import json
from pathlib import Path

import pytest

from agent.backtest import tasks
from agent.errors import RequestRefused
from agent.git.history import PastCommit
from agent.models import backtest as records
from agent.models.backtest import BacktestResult, End
from agent.models.run import Reason

ROW = {
    "instance_id": "shop-1",
    "repo": "ada/shop",
    "base_commit": "a" * 40,
    "problem_statement": "The total is wrong\n\nIt leaves one out.",
    "test_patch": "",
    "FAIL_TO_PASS": '["test_a (app.tests.Case)", "tests/test_b.py::test_b"]',
    "PASS_TO_PASS": [],
    "version": "1.0",
}


@pytest.mark.parametrize(
    ("paths", "message", "why"),
    [
        (("shop.py", "tests/test_shop.py"), "Mend it\n\nIt was wrong.", ""),
        (("shop.py",), "Mend it\n\nIt was wrong.", "changes no tests"),
        (("tests/test_shop.py", "tests/data.json"), "Try it\n\nMore.", "only tests"),
        (("shop.py", "test_shop.py"), "Mend it\n\nCo-authored-by: Ada", "only a subject"),
    ],
)
def test_a_commit_is_a_task_where_it_changed_code_and_tests_and_says_more(paths, message, why):
    past = PastCommit("b" * 40, "a" * 40, message, paths, lambda some: "")
    _, problem = tasks._read_message(past)
    assert (why in problem) if why else not problem


def test_rows_of_swe_bench_are_read_with_their_lists_and_clones(tmp_path: Path):
    (tmp_path / "ada__shop" / ".git").mkdir(parents=True)
    file = tmp_path / "tasks.jsonl"
    patch = "+a\u2028b\x85\r\n"
    file.write_text(json.dumps({**ROW, "patch": patch}, ensure_ascii=False) + "\r\n")
    (task,) = tasks.read_rows(file, tmp_path)
    assert task.patch == patch
    assert task.FAIL_TO_PASS == ("app.tests.Case.test_a", "tests/test_b.py::test_b")
    assert (task.repo, task.title) == (str(tmp_path / "ada__shop"), "The total is wrong")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({**ROW, "base_commit": None}, "tasks.jsonl:2: base_commit"),
        ({**ROW, "FAIL_TO_PASS": "["}, "tasks.jsonl:2: FAIL_TO_PASS"),
        (ROW, "--clones"),
    ],
)
def test_a_line_that_is_no_task_is_named(tmp_path: Path, row, said):
    file = tmp_path / "tasks.jsonl"
    file.write_text("\n" + json.dumps(row) + "\n")
    with pytest.raises(RequestRefused, match=said):
        tasks.read_rows(file, None)


def test_figures_count_what_was_judged_and_name_what_was_wrongly_ready():
    rows = [
        BacktestResult(
            instance_id="a", title="", end=End.READY, resolved=False, usd=1.0, requests=4
        ),
        BacktestResult(
            instance_id="b", title="", end=End.DRAFT, resolved=True, usd=3.0, requests=8
        ),
        BacktestResult(
            instance_id="c", title="", end=End.DECLINED, reason="unclear", resolved=False
        ),
        BacktestResult(instance_id="d", title="", end=End.NOT_RUN, why_not="no test"),
    ]
    found = records.compute_figures(rows)
    assert (found.tasks, found.judged, found.wrongly_ready, found.resolved) == (4, 3, 1, 1)
    assert (found.usd, found.median_usd) == (4.0, 1.0)
    assert records.compute_figures([rows[3]]).median_usd is None


@pytest.mark.parametrize(
    ("reason", "has_remarks", "end"),
    [
        (Reason.DRY_RUN, False, End.READY),
        (Reason.DRY_RUN, True, End.DRAFT),
        (Reason.NEW_FAILURES, True, End.WITHHELD),
        (Reason.UNCLEAR, False, End.DECLINED),
    ],
)
def test_how_a_dry_run_ended(reason, has_remarks, end):
    assert records.find_end(reason, has_remarks=has_remarks) is end
