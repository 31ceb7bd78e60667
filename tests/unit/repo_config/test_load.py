"""A configuration is read whole, or refused with everything that is wrong with it."""

import time
from contextlib import suppress

import pytest

from repo_config import load
from repo_config.located import Problem

YML = ".github/mergewright.yml"


def problems(text: str, name: str = YML, tree=None) -> tuple[Problem, ...]:
    with pytest.raises(load.ConfigProblem) as caught:
        load.from_text(text, name, tree)
    found = caught.value.problems
    assert str(caught.value).splitlines() == [str(problem) for problem in found]
    assert all(str(one).startswith(f"{name}:{one.line}: ") for one in found)
    return found


def place(problem: Problem) -> str:
    return f"{problem.line} {problem.key}".strip()


def only(text: str, name: str = YML) -> Problem:
    (problem,) = problems(text, name)
    return problem


def test_an_unknown_key_is_answered_with_the_nearest_one_of_its_level():
    assert str(only("version: 1\npython:\n  verison: '3.11'\n")) == (
        f'{YML}:3: unknown key "verison" in python. Did you mean version?'
    )


@pytest.mark.parametrize(
    ("text", "name", "at"),
    [
        ("python:\n  version: 3.10\n", YML, "2 python.version"),
        ("[tool.mergewright]\npython.version = 3.10\n", "pyproject.toml", "1 python.version"),
    ],
)
def test_an_unquoted_version_is_told_apart_from_the_number_that_is_made_of_it(text, name, at):
    problem = only(text, name)
    assert (place(problem), problem.fix) == (at, 'Write "3.10" in quotes')


@pytest.mark.parametrize(
    ("text", "at", "fix"),
    [
        ("framework: djnago", "1 framework", "django?"),
        ("checks: {minutes: '10'}", "1 checks.minutes", "a whole number"),
        ("limits: {usd: 0}", "1 limits.usd", "greater than 0"),
        ('python: {version: "2.7"}', "1 python.version", '"3.11"'),
        ("env: {MERGEWRIGHT_HOME: x}", "1 env.MERGEWRIGHT_HOME", "another name"),
        ('scope: {allow: ["a\\u200bb"]}', "1 scope.allow[0]", "special characters"),
        ("checks: {tests: [pytest, make test]}", "1 checks.tests[1]", "Start one of"),
        # Nothing that YAML alone knows is taken.
        ("a:\n\tb: 1", "2", "cannot start any token"),
        ("version: 1\nenv: {A: \x1b[31m}", "2", "escape in quotes"),
        ("env: &e {A: b}", "1", "an anchor"),
        ("<<: {version: 1}", "1 <<", "Known keys here"),
        ('env: {A: "\\ud800"}', "1", "half of a character"),
        ("version: 1\nenv: {}\nversion: 1", "3", "duplicate key"),
    ],
)
def test_what_cannot_be_taken_is_refused_at_its_place_with_the_way_out(text, at, fix):
    problem = only(text)
    assert place(problem) == at
    assert fix in str(problem)


def test_all_mistakes_are_named_at_once_in_the_order_of_the_file():
    text = """\
verison: 1
python:
  version: 3.10
env:
  A: 1
  1B: 2
scope:
  allow: src
  max_files: many
7: x
"""
    assert [problem.line for problem in problems(text)] == [1, 3, 5, 6, 8, 9, 10]


def test_no_escape_of_the_file_reaches_the_reader():
    with pytest.raises(load.ConfigProblem) as caught:
        load.from_text('"\\e[2J": 1\nframework: "a\\e]8;;x\\u202e"', YML)
    assert str(caught.value).isprintable() is False  # the line break between the two
    assert all(line.isprintable() for line in str(caught.value).splitlines())


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x,x]\nb: &b [*a,*a,*a]\nc: &c [*b,*b,*b]\nd: [*c,*c,*c]",
        "{a: " * 15_000,
        "version: " + "9" * 60_000,
        "".join(f"a{number}: 1\n" for number in range(1_000)),
    ],
    ids=["aliases", "nested", "long number", "many keys"],
)
def test_a_document_made_to_blow_up_is_refused_soon(text):
    begun = time.monotonic()
    with pytest.raises(load.ConfigProblem):
        load.from_text(text, YML)
    assert time.monotonic() - begun < 60


@pytest.mark.parametrize(
    ("text", "at"),
    [("[tool.mergewright]\nversion=1\nversion=1\n", "3"), ("[tool.mergewright\n", "1")],
)
def test_toml_that_cannot_be_taken_is_refused_at_its_place(text, at):
    assert place(only(text, "pyproject.toml")) == at


@pytest.mark.parametrize(
    "text",
    [
        "a." * 100_000 + "a = 1\n[tool.mergewright]",
        "x = " + "[" * 200_000 + "\n[tool.mergewright]",
        "#" * 262_145,
    ],
    ids=["dots", "lists", "size"],
)
def test_a_pyproject_made_to_blow_up_is_refused_soon(text, tree):
    begun = time.monotonic()
    with pytest.raises(load.ConfigProblem):
        load.from_text(text, "pyproject.toml")
    with suppress(load.ConfigProblem):
        load.find_config(tree({"pyproject.toml": text}))
    assert time.monotonic() - begun < 60
