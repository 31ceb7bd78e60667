"""A change that declares other packages than base is checked with those, installed for real."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import uv

from agent.git import worktree
from agent.models.change import Change, ChangedFile, ClearedChange
from agent.models.checks import CheckReport, Status
from agent.models.environment import Prepared
from agent.services import Services
from agent.stages import baseline, checks, decide
from tests.integration.environment_building import begin_run, with_our_tools

pytestmark = pytest.mark.index

FILES = {
    "requirements.txt": "pytest\n",
    "shop.py": "def total(prices):\n    return sum(prices)\n",
    "test_shop.py": "from shop import total\n\n\ndef test_total():\n    assert total([1]) == 1\n",
}
SAMPLES = Path(__file__).parents[1] / "samples" / "locks"
PROJECTS = {
    "uv": (
        "pyproject.toml",
        '[project]\nname = "shop"\nversion = "1"\ndependencies = ["pytest<9", "six==1.16.0"]\n',
    ),
    "pip-tools": ("requirements.in", "pytest\nsix==1.16.0\n"),
}
CALLS = (
    FILES["shop.py"] + "\n\ndef text(value):\n    import six\n    return six.ensure_str(value)\n"
)
TESTS = (
    FILES["test_shop.py"]
    + "\n\ndef test_text():\n    from shop import text\n    assert text(b'a') == 'a'\n"
)


@pytest.fixture(scope="module")
def begun() -> Iterator[tuple[Prepared, CheckReport, Services]]:
    """A run as far as its baseline."""
    with with_our_tools() as settings:
        prepared, svc = begin_run(settings, dict(FILES))
        yield prepared, baseline.measure_base(prepared, svc), svc


def changed(prepared: Prepared, **after: str) -> ClearedChange:
    files = tuple(
        ChangedFile(
            path=path,
            before=FILES[path].encode() if path in FILES else None,
            after=text.encode(),
        )
        for path, text in sorted((name.replace("_DOT_", "."), one) for name, one in after.items())
    )
    return ClearedChange(
        change=Change(base_commit=prepared.checkout.commit, files=files), findings=()
    )


@pytest.mark.deep
def test_a_package_that_the_change_declares_is_installed_for_its_checks(begun):
    prepared, before, svc = begun
    cleared = changed(
        prepared, requirements_DOT_txt="pytest\nsix==1.17.0\n", shop_DOT_py=CALLS,
        test_shop_DOT_py=TESTS,
    )  # fmt: skip
    report = checks.run_checks(cleared, before, prepared, svc)
    found = {one.name: one for one in checks.compare_sides(before, report, prepared, svc)}
    assert (found["tests"].verdict, found["tests"].head_count) == (Status.PASSED, 2)
    brought = found["packages"]
    assert (brought.verdict, brought.counts) == (Status.PASSED, "1 new")
    assert brought.findings == ()
    assert (
        decide.decide_verdict(tuple(found.values()), cleared, prepared.contract).decision == "open"
    )


def test_versions_of_base_stay_where_the_change_allows_it(begun):
    prepared, _, svc = begun
    packages = ("packaging==23.2", "pytest==8.0.0")
    environment = prepared.environment.model_copy(update={"packages": packages})
    prepared = prepared.model_copy(update={"environment": environment})
    cleared = changed(prepared, requirements_DOT_txt="packaging>=24\npytest\nsix\n")
    folder = svc.head_folder(prepared.run)
    worktree.lay_out(prepared.checkout, folder).replay(cleared.change)
    built = dict(one.split("==") for one in svc.environment_of_change(prepared, ()).packages)
    assert built["pytest"] == "8.0.0"
    assert int(built["packaging"].partition(".")[0]) >= 24
    assert "six" in built


def test_a_package_of_the_change_is_of_the_day_of_base_where_there_is_one(begun):
    prepared, _, svc = begun
    section = prepared.environment.section.model_copy(update={"exclude_newer": "2024-06-01"})
    environment = prepared.environment.model_copy(update={"section": section, "packages": ()})
    prepared = prepared.model_copy(update={"environment": environment})
    folder = svc.head_folder(prepared.run)
    for file, declared, version in (
        ("requirements_DOT_txt", "six", "1.16.0"),
        ("requirements_DOT_txt", "six>=1.17", "1.17.0"),
        ("requirements-test_DOT_txt", "six>=1.17", "1.17.0"),
    ):
        cleared = changed(prepared, **{file: f"{declared}\n"})
        worktree.lay_out(prepared.checkout, folder).replay(cleared.change)
        assert f"six=={version}" in svc.environment_of_change(prepared, ()).packages


@pytest.mark.deep
@pytest.mark.parametrize("kind", ["poetry", "pdm", "pipenv", "uv", "pip-tools"])
def test_a_lock_behind_a_raised_bound_is_named_and_not_installed(begun, tmp_path, kind):
    prepared, _, svc = begun
    if kind in ("uv", "pip-tools"):
        name, text = PROJECTS[kind]
        files = {name: text, "requirements.txt": "pytest\nsix==1.16.0\n"}
    else:
        files = {one.name: one.read_text() for one in (SAMPLES / kind).iterdir()}
        name = "Pipfile" if kind == "pipenv" else "pyproject.toml"
    if kind == "uv":
        (tmp_path / name).write_text(files[name])
        subprocess.run([uv.find_uv_bin(), "lock", "--quiet"], cwd=tmp_path, check=True)
        files["uv.lock"] = (tmp_path / "uv.lock").read_text()
    files[name] = re.sub(r'six( = ")?=*1\.16\.0', r"six\1>=1.17", files[name])
    cleared = changed(
        prepared, **{path.replace(".", "_DOT_"): text for path, text in files.items()}
    )
    worktree.lay_out(prepared.checkout, svc.head_folder(prepared.run)).replay(cleared.change)
    built = svc.environment_of_change(prepared, ("six>=1.17",))
    has = dict(one.split("==") for one in built.packages)
    assert has["six"] == "1.17.0"
    assert built.refused_lock in (f"{kind}.lock", "Pipfile.lock", "requirements.txt")
    assert kind == "poetry" or built.refusal == "six>=1.17 (has 1.16.0)"
