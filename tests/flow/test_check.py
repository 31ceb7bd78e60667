"""`mergewright check`: a base commit is set up and measured, and nothing is changed."""

import json

import pytest

from tests.processes import of_home, run_agent


@pytest.mark.deep
def test_a_base_is_measured_once_and_its_repository_stays_as_it_is(sample, store):
    sample.write("shop/tests/test_red.py", "def test_always_red():\n    assert 1 == 2\n")
    sample.write(
        ".github/workflows/ci.yml", "on: push\njobs:\n  a:\n    steps:\n      - run: tox -e docs\n"
    )
    sample.commit("A red test")
    sample.write("notes.txt", "not committed")
    before, branches = sample.state(), sample.branches()
    words = "check", "--repo", str(sample.path / "shop"), "--json"
    done = run_agent(*words, environ=of_home(store), timeout=300)

    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    base = report["base"]
    assert (report["reason"], base["commit"]) == (
        "checked",
        sample.git("rev-parse", "HEAD").strip(),
    )
    checks = {check["name"]: check for check in base["checks"]}
    names = {"ruff check", "django check", "makemigrations", "mypy", "tests"}
    assert checks.keys() == names
    assert checks["tests"]["failing"] == ["shop/tests/test_red.py::test_always_red"]
    assert checks["mypy"]["result"] == "passed"
    assert base["unrun"] == {"jobs of CI": ["a: tox -e docs"]}
    assert (sample.state(), sample.branches()) == (before, branches)

    again = json.loads(run_agent(*words, environ=of_home(store), timeout=300).stdout)
    assert again["base"] == base, "it is measured again"
    assert sum(again["seconds"].values()) < 3
