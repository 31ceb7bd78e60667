"""Add fields to models of released Django projects; hold all of it against what the same packages
and Django itself do without us.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.thirdparty import bare
from tests.thirdparty.carried import Bench, Project
from tests.thirdparty.projects import CONSTANCE

pytestmark = pytest.mark.thirdparty

_GREEN = {"status": "passed", "count": 0, "failures": 0, "skipped": 0}


def test_every_ticket_gets_a_branch(project: Project) -> None:
    assert project.models == project.known.models
    assert len(project.carried) == project.known.tickets
    refused = [one.told for one in project.carried if one.ended.exit_code != 0]
    assert refused == []
    for one in project.carried:
        assert one.ended.result["outcome"] == "open", one.told
        assert one.ended.result["branch"], one.told
        assert {check["verdict"] for check in one.ended.result["checks"]} == {"passed"}, one.told


def test_no_migration_is_missing(project: Project) -> None:
    for one in project.branches:
        check = one.ended.check("makemigrations")
        assert (check["base"], check["head"]) == (_GREEN, _GREEN), one.told
        assert one.judged["pending"] is False, one.told


def test_migrations_apply_to_filled_tables_and_back(project: Project) -> None:
    for one in project.branches:
        judged = one.judged
        assert judged["column"] not in judged["columns_before"], one.told
        assert sorted(judged["columns_after"]) == sorted(
            [*judged["columns_before"], judged["column"]]
        ), one.told
        assert sorted(judged["columns_back"]) == sorted(judged["columns_before"]), one.told
        assert judged["value"] == one.wish.value, one.told


def test_fields_are_what_was_asked_for(project: Project) -> None:
    for one in project.branches:
        judged, wish = one.judged, one.wish
        assert judged["type"] == wish.type_name, one.told
        assert judged["options"] == wish.options, one.told
        assert (judged["target"], judged["on_delete"]) == (wish.target, wish.on_delete), one.told
        assert (wish.name in judged["list_display"]) == one.admin, one.told


def test_other_tests_end_as_in_a_bare_run(project: Project) -> None:
    expected = project.outcomes
    assert "passed" in expected.values()
    for one in project.branches:
        base, head = (bare.by_product(one.reports[side]) for side in ("base", "head"))
        assert base == expected, one.told
        others = {name: how for name, how in head.items() if name in project.outcomes}
        assert others == expected, one.told
        more = {name: how for name, how in head.items() if name not in project.outcomes}
        assert set(more.values()) <= {"passed"}, one.told
        assert bool(more) == one.wish.test, one.told
        tests = one.ended.check("tests")
        assert tests["base"]["count"] == len(project.outcomes) > 0, one.told
        assert tests["head"]["count"] == len(project.outcomes) + len(more), one.told
        assert tests["new_failures"] == tests["gone"] == [], one.told


def test_diffs_touch_exactly_the_expected_files(project: Project) -> None:
    for one in project.branches:
        facts = one.facts
        edited = {facts["file"]}
        if one.admin:
            edited.add(facts["admin_file"])
        found = {path: file.status for path, file in one.files.items()}
        (migration,) = (path for path in found if path.startswith(f"{facts['migrations']}/"))
        assert _number(migration) == _number(facts["latest"]) + 1, one.told
        assert found.pop(migration) == "A", one.told
        tests = [path for path in found if path not in edited]
        assert len(tests) == one.wish.test, (one.told, tests)
        for path in tests:
            assert re.search(r"(^|/)test\w*\.py$|_tests?\.py$", path), one.told
            found.pop(path)
        assert found == dict.fromkeys(edited, "M"), one.told


def test_untouched_lines_stay_as_they_are(project: Project) -> None:
    for one in project.branches:
        for path, file in one.files.items():
            assert file.same_mode, (one.told, path)
            # A line is touched where an import, or a list in one line, gets longer.
            assert len(file.replaced) <= 1, (one.told, path, file.replaced)
            assert file.only_longer, (one.told, path, file.replaced)
        assert one.files[one.facts["file"]].replaced == [], one.told


@pytest.mark.parametrize("project", [CONSTANCE], indirect=True, ids=["django-constance"])
def test_a_column_that_the_code_cannot_fill_is_withheld(
    project: Project, build_context: Bench, tmp_path: Path
) -> None:
    ticket = tmp_path / "fee.md"
    ticket.write_text(
        "### Model\n\nconstance.Constance\n\n### Field\n\n"
        "fee = models.DecimalField(max_digits=8, decimal_places=2)\n\n"
        "### Default for existing rows\n\n0\n"
    )
    branches = project.repository.branches()
    ended, reports = build_context.carry(project.repository, ticket)
    assert (ended.exit_code, ended.result["reason"]) == (1, "new_failures")
    assert (ended.result["branch"], ended.result["commit"]) == (None, None)
    assert project.repository.branches() == branches
    for name in ("django check", "makemigrations", "ruff check", "ruff format"):
        assert ended.check(name)["verdict"] == "passed", name

    # What creates a row without a fee fails, and nothing else.
    head = bare.by_product(reports["head"])
    assert head.keys() == project.outcomes.keys()
    broken = {name for name, how in project.outcomes.items() if how != head[name]}
    assert broken
    assert broken == {bare.dotted(one) for one in ended.check("tests")["new_failures"]}
    for one in ended.check("tests")["new_failures"][:3]:
        assert one in ended.result["sentence"], ended.result["sentence"]
        assert one.rpartition("::")[2] in ended.log
    assert "NOT NULL constraint failed: constance_constance.fee" in ended.log


def _number(migration: str) -> int:
    return int(migration.rpartition("/")[2].partition("_")[0])
