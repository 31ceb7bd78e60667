"""The facts by which a maintainer sees whether changes can be checked."""

from __future__ import annotations

from agent.onboarding import readiness
from agent.onboarding.facts import Evidence


def test_each_fact_says_what_was_found_and_where(tree):
    bare = {one.key: one.value for one in readiness.list_facts(Evidence(tree({"app/x.py": ""})))}
    assert bare == {
        "tests": "none found", "type checker": "none found", "Python": "not declared",
        "dependencies": "not declared", "CI": "none found",
    }  # fmt: skip
    whole = {
        "tests/test_x.py": "def test_x():\n    pass\n",
        "mypy.ini": "",
        ".python-version": "3.12\n",
        "uv.lock": "",
        ".github/workflows/ci.yml": "jobs: {}\n",
    }
    found = {one.key: (one.value, one.why) for one in readiness.list_facts(Evidence(tree(whole)))}
    assert found.pop("tests")[0] == "pytest; test files: 1"
    assert found == {
        "type checker": ("mypy", "mypy.ini"),
        "Python": ("3.12", ".python-version"),
        "dependencies": ("locked", "uv.lock"),
        "CI": ("GitHub workflows: 1", ".github/workflows/ci.yml"),
    }
