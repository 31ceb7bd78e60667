"""Add a field to every concrete model of released Django projects; hold all of it against
what the same packages and Django itself do without us.
"""

from __future__ import annotations

import re

import pytest

from tests.thirdparty import bare
from tests.thirdparty.carried import Project
from tests.thirdparty.projects import DJANGO, KnownDjango

pytestmark = pytest.mark.thirdparty

_LEAST_MODELS = 12
_GREEN = {"status": "passed", "count": 0, "failures": 0}


def test_there_are_models_enough() -> None:
    assert sum(known.models for known in DJANGO) >= _LEAST_MODELS


def test_every_model_gets_a_branch(project: Project) -> None:
    assert len(project.carried) == project.known.models
    refused = [one.told for one in project.carried if one.ended.exit_code != 0]
    assert refused == []
    for one in project.carried:
        assert one.ended.result["outcome"] == "open", one.told
        assert one.ended.result["branch"], one.told
        assert {check["verdict"] for check in one.ended.result["checks"]} == {"passed"}, one.told


def test_no_migration_is_missing(project: Project) -> None:
    for one in project.carried:
        check = one.ended.check("makemigrations")
        assert (check["base"], check["head"]) == (_GREEN, _GREEN), one.told
        assert one.judged["pending"] is False, one.told


def test_migrations_apply_to_filled_tables_and_back(project: Project) -> None:
    for one in project.carried:
        judged = one.judged
        assert judged["column"] not in judged["columns_before"], one.told
        assert sorted(judged["columns_after"]) == sorted(
            [*judged["columns_before"], judged["column"]]
        ), one.told
        assert sorted(judged["columns_back"]) == sorted(judged["columns_before"]), one.told
        assert judged["value"] == one.wish.value, one.told


def test_fields_are_what_was_asked_for(project: Project) -> None:
    for one in project.carried:
        judged, wish = one.judged, one.wish
        assert judged["type"] == wish.type_name, one.told
        assert judged["options"] == wish.options, one.told
        assert (judged["target"], judged["on_delete"]) == (wish.target, wish.on_delete), one.told
        assert (wish.name in judged["list_display"]) == one.admin, one.told


def test_other_tests_end_as_in_a_bare_run(project: Project) -> None:
    expected = _without(project.outcomes, project.known)
    assert "passed" in expected.values()
    for one in project.carried:
        base, head = (bare.by_product(one.reports[side]) for side in ("base", "head"))
        assert _without(base, project.known) == expected, one.told
        others = {name: how for name, how in head.items() if name in project.outcomes}
        assert _without(others, project.known) == expected, one.told
        more = {name: how for name, how in head.items() if name not in project.outcomes}
        assert set(more.values()) <= {"passed"}, one.told
        assert bool(more) == one.wish.test, one.told
        tests = one.ended.check("tests")
        assert tests["base"]["count"] == len(project.outcomes) > 0, one.told
        assert tests["head"]["count"] == len(project.outcomes) + len(more), one.told
        assert tests["new_failures"] == tests["gone"] == tests["unmatched"] == [], one.told


def test_diffs_touch_exactly_the_expected_files(project: Project) -> None:
    for one in project.carried:
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
    for one in project.carried:
        for path, file in one.files.items():
            assert file.same_mode, (one.told, path)
            # A line is touched where an import, or a list in one line, gets longer.
            assert len(file.replaced) <= 1, (one.told, path, file.replaced)
            assert file.only_longer, (one.told, path, file.replaced)
        assert one.files[one.facts["file"]].replaced == [], one.told


def _without(outcomes: bare.Outcomes, known: KnownDjango) -> bare.Outcomes:
    return {name: how for name, how in outcomes.items() if name not in known.changing}


def _number(migration: str) -> int:
    return int(migration.rpartition("/")[2].partition("_")[0])
