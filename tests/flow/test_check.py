"""`mergewright check`: a base commit is set up and measured, and nothing is changed."""

import json

import pytest

from tests.flow import model_scripts as model
from tests.processes import of_home, run_agent
from tests.scripted import serving


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
    told = json.loads(done.stdout)
    base = told["base"]
    assert (told["reason"], base["commit"]) == ("checked", sample.git("rev-parse", "HEAD").strip())
    checks = {check["name"]: check for check in base["checks"]}
    names = {"ruff check", "django check", "makemigrations", "mypy", "tests"}
    assert checks.keys() == names
    assert checks["tests"]["failing"] == ["shop/tests/test_red.py::test_always_red"]
    assert checks["mypy"]["result"] == "passed"
    assert base["unrun"] == {"steps of CI": ["tox -e docs"]}
    assert (sample.state(), sample.branches()) == (before, branches)

    again = json.loads(run_agent(*words, environ=of_home(store), timeout=300).stdout)
    assert again["base"] == base, "it is measured again"
    assert sum(again["seconds"].values()) < 3


def test_a_model_that_finds_no_better_set_up_is_asked_once(tmp_path, store):
    red = "def test_a():\n    assert False\n\n\ndef test_b():\n    assert False\n"
    made = model.repository(tmp_path / "app", {**model.PROJECT, "tests/test_red.py": red})
    asked = []
    with serving(lambda seen: model.calls(("decline", {"why": "They are red."}))) as server:
        environ = server.environ()
        words = "check", "--repo", str(made.path), "--model", environ["MERGEWRIGHT_MODEL"], "--json"
        for _ in range(2):
            done = run_agent(*words, environ=of_home(store, **environ), timeout=300)
            assert json.loads(done.stdout)["reason"] == "checked", done.stderr
            asked.append(len(server.requests))
    assert asked == [1, 1]
