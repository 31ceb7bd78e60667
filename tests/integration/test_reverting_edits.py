"""Hunks of a change are taken back in real sandboxes."""

from collections.abc import Callable

import pytest

from agent.editing import proving
from agent.models.review import RevertTrials, SourcePart
from agent.stages import baseline, checks
from tests.integration.check_samples import Stage, Workshop, make_stage
from tests.integration.test_checks import DJANGO, MANAGED

SUMS = "def add(a, b):\n    return a\n\n\ndef less(a, b):\n    return a\n"
ADDED = SUMS.replace("return a\n", "return a + b\n", 1)
TEST = "import sums\n\n\ndef test_add():\n    assert sums.add(1, 0) == 1\n"


def revert_edits(
    made: Stage, mistaken: tuple[str, ...] = (), shown: tuple[str, ...] = (), **edits: str
) -> RevertTrials:
    base = baseline.measure_base(made.prepared, made.services)
    cleared = made.cleared(**edits)
    head = checks.run_checks(cleared, base, made.prepared, made.services)
    trials = proving.PartRunner(cleared.change, head, made.prepared, made.services)
    with trials.pool:
        return proving.revert_edits(trials, shown, mistaken)


CUT = "def cut(a):\n    a = a.strip()\n    return a.lower()\n"
NOTED = "from __future__ import annotations\nimport hooks\n\n\ndef add(a: int):\n    return a\n"


@pytest.fixture(scope="module")
def shop(workshop: Workshop, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    files = {
        "sums.py": SUMS,
        "test_sums.py": TEST,
        "cut.py": CUT,
        "test_cut.py": "import cut\n\n\ndef test_cut():\n    assert cut.cut(' A') == 'a'\n",
        "noted.py": NOTED,
        "hooks.py": "",
        "test_noted.py": "from noted import add\n\n\ndef test_noted():\n    assert add(1) == 1\n",
    }
    repository = tmp_path_factory.mktemp("shop") / "repository"
    return make_stage(workshop, repository, files, test_runner="pytest")


FEE = "def fee(p):\n    if p == 13:\n        return -1\n    while p > 2:\n        p -= 1\n    return p * 2\n"
FEE_TEST = "import fee\n\n\ndef test_fee():\n    assert fee.fee(3) == 4\n"


def test_what_no_test_notices_is_named_within_new_functions_too(
    shop: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proving, "_MOST_SLOWER", 1)
    monkeypatch.setattr(proving, "_MOST_SLOWER_SECONDS", 1)
    found = revert_edits(
        shop,
        sums_DOT_py=ADDED[: ADDED.rindex("a")] + "a - b\n",
        test_sums_DOT_py=TEST.replace("1, 0) == 1", "1, 2) == 3"),
        fee_DOT_py=FEE,
        test_fee_DOT_py=FEE_TEST,
    )
    # Without line 5 the loop of line 4 does not end, which is noticed.
    fee = SourcePart(path="fee.py", line=1, breaks=True)
    branch = SourcePart(path="fee.py", line=3, after="return -1")
    noticed = SourcePart(path="sums.py", line=2, before="a", after="a + b")
    unnoticed = SourcePart(path="sums.py", line=6, before="a", after="a - b")
    assert found == RevertTrials(noticed=(fee, noticed), unnoticed=(unnoticed,), unmissed=(branch,))


def test_base_s_text_may_do_as_well_where_each_part_is_needed(shop: Stage) -> None:
    after = "def cut(a):\n    return bare(a).lower()\n\n\ndef bare(a):\n    return a.strip()\n"
    found = revert_edits(shop, cut_DOT_py=after)
    assert not found.unnoticed
    assert [part.name for part in found.unmissed] == ["cut.py:2 (cut)"]


@pytest.mark.deep
def test_a_test_whose_old_version_fails_with_the_change_notices_as_a_new_one_does(
    stage: Callable[..., Stage],
) -> None:
    old = TEST.replace("1, 0) == 1", "1, 2) == 1")
    made = stage({"sums.py": SUMS, "test_sums.py": old}, test_runner="pytest")
    edited = {"sums_DOT_py": ADDED, "test_sums_DOT_py": old.replace("== 1", "== 3")}
    found = revert_edits(made, shown=("test_sums.py::test_add",), **edited)
    assert [(part.line, part.before, part.after) for part in found.noticed] == [(2, "a", "a + b")]
    assert not found.unnoticed


@pytest.mark.deep
def test_tests_alone_have_to_notice_mistakes(stage: Callable[..., Stage]) -> None:
    made = stage({"sums.py": ADDED, "test_sums.py": "def test_a(): ...\n"}, test_runner="pytest")
    new = ("test_sums.py::test_add",)
    assert revert_edits(made, (), test_sums_DOT_py=TEST) == RevertTrials()
    # Nothing added: what adds could as well take away.
    found = revert_edits(made, new, test_sums_DOT_py=TEST)
    assert [one.line for one in (*found.noticed, *found.unnoticed)] == [2, 2]
    assert found.noticed != found.unnoticed
    seeing = TEST.replace("1, 0) == 1", "1, 2) == 3")
    assert [one.line for one in revert_edits(made, new, test_sums_DOT_py=seeing).noticed] == [2, 2]


def test_old_tests_notice_nothing_for_new_ones(stage: Callable[..., Stage]) -> None:
    made = stage({"sums.py": ADDED, "test_sums.py": TEST}, test_runner="pytest")
    hollow = f"{TEST}\n\ndef test_new():\n    sums.add(1, 2)\n"
    found = revert_edits(made, ("test_sums.py::test_new",), test_sums_DOT_py=hollow)
    assert not found.noticed
    assert found.unnoticed


def test_for_annotations_and_what_only_goes_no_test_is_asked(shop: Stage) -> None:
    after = NOTED.replace("import hooks\n", "\nSize = int\n").replace("a: int", "a: Size")
    found = revert_edits(shop, noted_DOT_py=after)
    assert [part.name for part in found.typed] == ["noted.py:6 (int → Size)"]
    assert [part.name for part in found.unmissed] == [
        "noted.py:1 (import hooks was removed)", "noted.py:3 (Size = int)",
    ]  # fmt: skip
    assert not found.tried


def test_of_what_tests_start_the_others_are_not_asked(
    stage: Callable[..., Stage], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = "def test_other():\n    assert True\n"
    files = {"sums.py": SUMS, "test_sums.py": TEST, **{f"test_{n}.py": other for n in range(6)}}
    made, ran = stage(files, test_runner="pytest"), []
    baseline.study_tests(
        made.prepared, baseline.measure_base(made.prepared, made.services), made.services
    )
    run = proving._TestRuns._run
    monkeypatch.setattr(
        proving._TestRuns,
        "_run",
        lambda tests, several, part, **more: (
            ran.append(part.only) or run(tests, several, part, **more)
        ),
    )
    found = revert_edits(made, sums_DOT_py=SUMS.replace("return a\n", "return a + b - b\n", 1))
    assert [part.name for part in found.unnoticed] == ["sums.py:2 (a → a + b - b)"]
    assert [only.ids for only in ran] == [("test_sums.py::test_add",)]


def test_a_test_that_reads_the_source_notices_nothing(shop: Stage) -> None:
    reads = "\n\ndef test_text():\n    assert 'a + b' in open('sums.py').read()\n"
    found = revert_edits(
        shop,
        sums_DOT_py=ADDED,
        test_sums_DOT_py=TEST + reads,
        shown=("test_sums.py::test_text",),
    )
    assert found.readers == ("test_sums.py::test_text",)
    assert (found.noticed, len(found.unnoticed)) == ((), 1)


@pytest.mark.deep
def test_a_constraint_that_a_migration_makes_is_taken_back_with_it(
    stage: Callable[..., Stage],
) -> None:
    rule = 'models.UniqueConstraint(fields=["name"], name="once")'
    found = revert_edits(
        stage(DJANGO, config={"checks": {"makemigrations": "off"}}, **MANAGED),
        shop__models_DOT_py=DJANGO["shop/models.py"].replace(
            "max_length=10)\n",
            f"max_length=10)\n\n    class Meta:\n        constraints = [{rule}]\n",
        ),
        shop__migrations__0002_once_DOT_py=f"""
            from django.db import migrations, models

            class Migration(migrations.Migration):
                dependencies = [("shop", "0001_initial")]
                operations = [migrations.AddConstraint("order", {rule})]
        """,
        shop__test_once_DOT_py="""
            from django.db import IntegrityError
            from django.test import TestCase
            from shop.models import Order

            class OnceTests(TestCase):
                def test_names_are_there_once(self):
                    Order.objects.create(name="a")
                    with self.assertRaises(IntegrityError):
                        Order.objects.create(name="a")
        """,
        shown=("shop.test_once.OnceTests.test_names_are_there_once",),
    )
    assert len(found.noticed) == 1
    assert not found.unnoticed
