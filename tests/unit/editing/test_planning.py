"""A plan is held against the rules before any edit; what stands against it is said precisely."""

from __future__ import annotations

import pytest

from agent.domain import Contract, Reason
from agent.editing.planning import PlannedTest, SubmittedPlan, objection
from repo_config.detect import Project
from repo_config.schema import RepoConfig

FILES = {
    "shop/prices.py": b"def total(prices):\n    return sum(prices)\n",
    "shop/bad.py": b"def total(:\n",
    "tests/test_prices.py": b"def test_sum():\n    pass\n",
    "pay/card.py": b"",
}
RED = PlannedTest(name="tests/test_prices.py::test_first", shows="the first price counts")
HOLDS = RED.model_copy(update={"breaks": "shop/prices.py::total"})


class Files:
    def paths(self):
        return tuple(sorted(FILES))

    def read(self, path):
        return FILES[path]


def plan(**facts):
    given = {
        "title": "Count the first price",
        "category": "bug",
        "steps": ("Sum all",),
        "files": ("shop/prices.py",),
        "tests": (RED,),
    }
    return SubmittedPlan(**{**given, **facts})


def against(config=None, asked="feature", **facts):
    contract = Contract(
        config=RepoConfig.model_validate(config or {}, strict=False),
        project=Project(
            framework="none", python_version="3.11", django=None, test_runner="pytest",
            test_script=None, lint_tools=(),
        ),
        source=None,
    )  # fmt: skip
    return objection(plan(**facts), Files(), contract, "c" * 40, asked=asked)


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"category": "refactor", "tests": (HOLDS,)},
        {"tests": (), "questions": ("Which customers?",)},
    ],
)
def test_what_the_rules_allow_is_accepted(facts):
    assert against(**facts) is None


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"title": "x" * 73}, "- `title` has to be one line of at most 72 characters."),
        (
            {"tests": (RED.model_copy(update={"name": "shop/prices.py::test_x"}),)},
            "- `shop/prices.py::test_x` is no test",
        ),
        ({"tests": (HOLDS,)}, "would hold before and after, which proves nothing of a bug"),
        (
            {
                "category": "refactor",
                "tests": (RED.model_copy(update={"breaks": "shop/prices.py::nothing"}),),
            },
            "`shop/prices.py::nothing`: it has no function nothing",
        ),
    ],
)
def test_what_they_do_not_allow_goes_back(facts, words):
    found = against(**facts)
    assert words in found.text
    assert found.reason is Reason.EDIT_FAILED


def test_a_plan_cannot_make_a_bug_something_else():
    found = against(asked="bug", category="refactor", tests=(HOLDS,))
    assert "A bug needs a test" in found.text
    second = RED.model_copy(update={"name": f"{RED.name}_2"})
    assert against(asked="bug", category="refactor", tests=(HOLDS, second)) is None


@pytest.mark.parametrize(
    "facts",
    [
        {"tests": ()},
        {"tests": (), "category": "docs", "files": ("README.md", "shop/prices.py")},
    ],
)
def test_without_a_test_the_ticket_is_unclear(facts):
    found = against(**facts)
    assert "No acceptance test is named." in found.text
    assert found.reason is Reason.UNCLEAR


@pytest.mark.parametrize(
    ("config", "path", "words"),
    [
        ({"scope": {"human_only": ["pay/**"]}}, "pay/card.py", "only people change it"),
        ({}, ".github/workflows/ci.yml", "it is protected"),
        ({"scope": {"allow": ["shop/**", "tests/**"]}}, "docs/a.md", "outside scope.allow"),
    ],
)
def test_what_may_not_be_touched_declines_the_ticket(config, path, words):
    found = against(config, files=("shop/prices.py", path))
    assert words in found.text
    assert path in found.text
    assert found.reason is Reason.REFUSED


def test_all_that_stands_against_it_is_said_at_once():
    found = against(title="", steps=(), tests=())
    assert found.text.count("\n") == 2


@pytest.mark.parametrize(
    "name",
    [
        "test_x; rm -rf /",
        "test_x[-p evil]",
        "--rootdir=/::test_x",
    ],
)
def test_MO3_a_planned_test_has_a_name_and_nothing_else(name):
    problem = against(tests=(RED.model_copy(update={"name": f"tests/test_prices.py::{name}"}),))
    assert problem is not None
    assert " is no test: write it as" in problem.text
    assert len(problem.text) < 400


@pytest.mark.parametrize(
    "path",
    ["../x.py", ".git/config", "a\0b"],
)
def test_MO2_a_plan_names_paths_of_the_repository(path):
    problem = against(files=(path,))
    assert problem is not None
    assert problem.reason is Reason.REFUSED
    assert "cannot be a path of a change" in problem.text
