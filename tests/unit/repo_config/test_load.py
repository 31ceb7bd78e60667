"""A configuration is read whole, or refused with everything that is wrong with it."""

from __future__ import annotations

import json
import pickle
import random
import string
import time
from contextlib import suppress
from itertools import pairwise

import pytest

from repo_config import explain, load, reference
from repo_config.located import Problem
from repo_config.schema import RepoConfig

YML = ".github/mergewright.yml"


def refusal(text: str, name: str = YML, tree=None) -> list[str]:
    """The problems as a person sees them, without the file's name."""
    with pytest.raises(load.ConfigProblem) as caught:
        load.from_text(text, name, tree)
    lines = str(caught.value).splitlines()
    assert len(lines) == len(caught.value.problems)
    assert all(line.startswith(f"{name}:") for line in lines)
    return [line.removeprefix(f"{name}:") for line in lines]


def only(text: str, name: str = YML, tree=None) -> str:
    (problem,) = refusal(text, name, tree)
    return problem


# --- what is accepted --------------------------------------------------------------------------

WHOLE = """\
version: 1
python: {version: "3.10", install: ["pytest-xdist>=3", "-r reqs/test.txt"], extras: [dev], groups: [], system_packages: [libpq-dev, g++]}
env: {DJANGO_SETTINGS_MODULE: config.settings.test, EMPTY: ""}
services: ["postgres:15", redis]
framework: django
http_client: httpx
django: {manage: backend/manage.py, settings: config.settings.test, views: class, signals: forbid, managers: {Order: active, shop.models.Item: live}}
checks:
  makemigrations: off
  types: {tool: mypy, args: [--strict]}
  tests: {runner: django, script: tests/runtests.py, args: [-v, "2"], minutes: 3}
  lint: [ruff, black]
scope: {allow: ["src/**"], protect: [".github/**"], human_only: ["payments/**"], max_files: 5, max_lines: 50}
limits: {minutes: 7, runs_per_day: 3}
pull_request: {branch_prefix: bot/}
"""

WHOLE_TOML = """\
[project]
name = "x"

[tool.mergewright]
version = 1
env = {DJANGO_SETTINGS_MODULE = "config.settings.test", EMPTY = ""}
services = ["postgres:15", "redis"]
framework = "django"
http_client = "httpx"
limits.minutes = 7
limits.runs_per_day = 3
python = {version = "3.10", install = ["pytest-xdist>=3", "-r reqs/test.txt"], extras = ["dev"], groups = [], system_packages = ["libpq-dev", "g++"]}
django = {manage = "backend/manage.py", settings = "config.settings.test", views = "class", signals = "forbid", managers = {Order = "active", "shop.models.Item" = "live"}}
pull_request = {branch_prefix = "bot/"}

[tool.mergewright.checks]
makemigrations = "off"
types = {tool = "mypy", args = ["--strict"]}
tests = {runner = "django", script = "tests/runtests.py", args = ["-v", "2"], minutes = 3}
lint = ["ruff", "black"]

[tool.mergewright.scope]
allow = ["src/**"]
protect = [".github/**"]
human_only = ["payments/**"]
max_files = 5
max_lines = 50
"""


def test_every_key_is_read_from_yaml():
    config = load.from_text(WHOLE, YML)
    assert config.python.version == "3.10"
    assert config.python.install == ("pytest-xdist>=3", "-r reqs/test.txt")
    assert config.env == {"DJANGO_SETTINGS_MODULE": "config.settings.test", "EMPTY": ""}
    assert config.python.system_packages == ("libpq-dev", "g++")
    assert config.services == ("postgres:15", "redis")
    assert (config.django.views, config.django.signals) == ("class", "forbid")
    assert config.django.managers == {"Order": "active", "shop.models.Item": "live"}
    assert config.checks.makemigrations == "off"
    assert config.checks.lint == ("ruff", "black")
    assert config.checks.tests.args == ("-v", "2")
    assert config.pull_request.branch_prefix == "bot/"
    assert (config.limits.minutes, config.limits.runs_per_day) == (7, 3)


def test_the_same_keys_in_pyproject_give_the_same_configuration():
    assert load.from_text(WHOLE_TOML, "pyproject.toml") == load.from_text(WHOLE, YML)


def test_a_configuration_survives_json():
    config = load.from_text(WHOLE, YML)
    assert RepoConfig.model_validate_json(config.model_dump_json()) == config


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n", "---\n", "null\n", "{}\n", "\ufeff"])
def test_an_empty_file_means_every_default(text):
    assert load.from_text(text, YML) == RepoConfig()


def test_an_empty_table_means_every_default():
    assert load.from_text("[tool.mergewright]\n", "pyproject.toml") == RepoConfig()


@pytest.mark.parametrize(
    "written", ["-r reqs.txt", "-rreqs.txt", "--requirement reqs.txt", "-r ./reqs.txt"]
)
def test_a_requirements_file_is_kept_in_one_form(written):
    config = load.from_text(f'python: {{install: ["{written}"]}}', YML)
    assert config.python.install == ("-r reqs.txt",)


@pytest.mark.parametrize("written", ["-c c.txt", "-cc.txt", "--constraint=c.txt", "-c ./c.txt"])
def test_a_constraints_file_is_kept_in_one_form(written):
    config = load.from_text(f'python: {{install: ["{written}"]}}', YML)
    assert config.python.install == ("-c c.txt",)


# --- unknown keys ------------------------------------------------------------------------------


def test_an_unknown_key_is_answered_with_the_nearest_one_of_its_level():
    assert only("version: 1\npython:\n  verison: '3.11'\n") == (
        '3:3: unknown key "verison" in python. Did you mean version?'
    )


def test_a_key_that_belongs_elsewhere_is_sent_there():
    assert only("settings: a.b\n") == '1:1: unknown key "settings". settings belongs under django'
    assert (
        only("scope: {env: {}}") == '1:9: unknown key "env" in scope. env belongs at the top level'
    )
    assert only("scope: {minutes: 3}") == (
        '1:9: unknown key "minutes" in scope. minutes belongs under checks.tests or under limits'
    )


def test_a_key_like_no_other_is_answered_with_all_keys_of_its_level():
    assert only("limits: {zzz: 1}") == (
        '1:10: unknown key "zzz" in limits. Known keys here: minutes, usd, tokens, repair_rounds,'
        " candidates, review_rounds, ci_rounds, runs_per_day"
    )


def test_dashes_and_capitals_are_seen_through():
    assert only("HTTP-Client: any") == '1:1: unknown key "HTTP-Client". Did you mean http_client?'


def test_an_equally_near_pair_is_named_in_full():
    assert only("scope: {max_liles: 1}").endswith("Did you mean max_files or max_lines?")


def typos(word: str) -> set[str]:
    """All words one slip away: a letter left out, added, replaced, or swapped with the next."""
    letters = string.ascii_lowercase + "_"
    ends = range(len(word) + 1)
    made = {word[:at] + letter + word[at:] for at in ends for letter in letters}
    made |= {word[:at] + letter + word[at + 1 :] for at in ends[:-1] for letter in letters}
    made |= {word[:at] + word[at + 1 :] for at in ends[:-1]}
    made |= {word[:at] + two + one + word[at + 2 :] for at, (one, two) in enumerate(pairwise(word))}
    return made - {word}


ALIKE = ({"max_files", "max_lines"}, {"manage", "managers"})
KEYS = [
    (path, key, tuple(section.model_fields))
    for path, section in reference.sections()
    for key in section.model_fields
]


@pytest.mark.parametrize(
    ("path", "key", "known"), KEYS, ids=[".".join((*p, k)) for p, k, _ in KEYS]
)
def test_any_single_typo_in_a_key_is_answered_with_that_key(path, key, known):
    wrong = sorted(typos(key) - set(known))
    for typo in wrong:
        near = explain.nearest(typo, known)
        assert key in near, typo
        assert near == [key] or set(near) in ALIKE, typo
    for typo in random.Random(key).sample(wrong, 8):
        nested: object = {typo: 1}
        for step in reversed(path):
            nested = {step: nested}
        (problem,) = refusal(json.dumps(nested))
        assert f"unknown key {json.dumps(typo)}" in problem
        assert key in problem.rpartition("Did you mean ")[2].rstrip("?").split(" or ")


# --- wrong types and choices -------------------------------------------------------------------


def test_an_unquoted_version_is_told_apart_from_the_number_that_yaml_makes_of_it():
    assert only("python:\n  version: 3.10\n") == (
        '2:12: python.version: expected a minor version such as "3.11"; '
        'found the number 3.10 (without quotes it is 3.1). Write "3.10" in quotes'
    )
    assert only("python: {version: 3.11}").endswith('found the number 3.11. Write "3.11" in quotes')


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("3.1", '"3.10"'), ('"3.1"', '"3.10"'), ('"3.0"', '"3.10"'), ('"3.2"', '"3.12"'),
        ('"py310"', '"3.10"'), ("310", '"3.10"'), ('"3.10+"', '"3.10"'), ('"~=3.9"', '"3.9"'),
        ('"3.1O"', '"3.10"'), ('"3.100"', 'a version such as "3.11"'),
        ("3", 'a version such as "3.11"'), ('"four"', 'a version such as "3.11"'),
    ],
)  # fmt: skip
def test_the_version_that_was_meant_is_named(written, meant):
    assert only(f"python: {{version: {written}}}").endswith(f". Write {meant}")


def test_an_unquoted_version_in_pyproject_is_told_the_same():
    assert only("[tool.mergewright]\npython.version = 3.10\n", "pyproject.toml") == (
        '2:18: python.version: expected a minor version such as "3.11"; '
        'found the number 3.10 (without quotes it is 3.1). Write "3.10" in quotes'
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "framework: djnago",
            '1:12: framework: expected auto, django, fastapi, flask or none; found "djnago". Did you mean django?',
        ),
        (
            "http_client: curl",
            (
                '1:14: http_client: expected httpx, requests, aiohttp, urllib3 or any, or a mapping; found "curl". '
                "Write one of: httpx, requests, aiohttp, urllib3, any"
            ),
        ),
        (
            "checks: {lint: 5}",
            (
                "1:16: checks.lint: expected auto or off, or a list of ruff, flake8, black or isort; found the number 5. "
                "Write one of: auto, off"
            ),
        ),
        (
            "checks: {lint: [ruff, pylint]}",
            '1:23: checks.lint[1]: expected ruff, flake8, black or isort; found "pylint". Write one of: ruff, flake8, black, isort',
        ),
        (
            "checks: {types: {tool: false}}",
            "1:24: checks.types.tool: expected auto, mypy, pyright, basedpyright or off, or a list of mypy, pyright or basedpyright; found false. Write one of: auto, mypy, pyright, basedpyright, off",
        ),
        (
            "checks: {types: mypy}",
            '1:17: checks.types: expected a mapping; found "mypy". Write keys below it: tool, args',
        ),
        (
            "checks: {tests: {minutes: '10'}}",
            '1:27: checks.tests.minutes: expected a whole number of at least 1; found "10". Write 10 without quotes',
        ),
        (
            "limits: {usd: '3.5'}",
            '1:15: limits.usd: expected a number above 0; found "3.5". Write 3.5 without quotes',
        ),
        (
            "limits: {usd: 0}",
            "1:15: limits.usd: expected a number above 0; found the number 0. Write a number above 0",
        ),
        (
            "checks: {tests: {minutes: 0}}",
            (
                "1:27: checks.tests.minutes: expected a whole number of at least 1; found the number 0. "
                "Write a whole number of at least 1"
            ),
        ),
        (
            "limits: {minutes: true}",
            (
                "1:19: limits.minutes: expected a whole number of at least 1; found true. "
                "Write a whole number of at least 1"
            ),
        ),
        (
            "limits: {minutes: 1.5}",
            (
                "1:19: limits.minutes: expected a whole number of at least 1; found the number 1.5. "
                "Write a whole number of at least 1"
            ),
        ),
        (
            "limits: {runs_per_day: 0}",
            (
                "1:24: limits.runs_per_day: expected a whole number of at least 1; found the number "
                "0. Write a whole number of at least 1"
            ),
        ),
        (
            "limits: {runs_per_day: '5'}",
            (
                '1:24: limits.runs_per_day: expected a whole number of at least 1; found "5". '
                "Write 5 without quotes"
            ),
        ),
        (
            "python: {install: pytest}",
            '1:19: python.install: expected a list of requirements; found "pytest". Write a list: ["pytest"]',
        ),
        (
            "python: {extras: [1]}",
            '1:19: python.extras[0]: expected a name; found the number 1. Write "1" in quotes',
        ),
        (
            "env: {DEBUG: 1}",
            '1:14: env.DEBUG: expected text; found the number 1. Write "1" in quotes',
        ),
        (
            "env: {DEBUG: true}",
            '1:14: env.DEBUG: expected text; found true. Write "true" in quotes',
        ),
        (
            "env: {DAY: 2024-01-01}",
            '1:12: env.DAY: expected text; found the special value 2024-01-01. Write "2024-01-01" in quotes',
        ),
        (
            "env: {A: !!python/name:os.system x}",
            '1:10: env.A: expected text; found the special value x. Write "x" in quotes',
        ),
        ("env: {A: [x]}", "1:10: env.A: expected text; found a list. Write text"),
        (
            "env: [A]",
            (
                "1:6: env: expected a mapping of variable names to text; found a list. "
                "Write a mapping of variable names to text"
            ),
        ),
        (
            "limits:\n",
            "1:1: limits: expected a mapping; found nothing. Give a value, or remove the line",
        ),
        (
            "scope: [x]",
            (
                "1:8: scope: expected a mapping; found a list. Write keys below it: allow, protect, human_only, "
                "max_files, max_lines, new_dependencies, licences"
            ),
        ),
        ("version: 2", "1:10: version: expected 1; found the number 2. Write 1"),
        ("version: true", "1:10: version: expected 1; found true. Write 1"),
        ("version: 1.0", "1:10: version: expected 1; found the number 1.0. Write 1"),
        ("version: '1'", '1:10: version: expected 1; found "1". Write 1 without quotes'),
        (
            "- version: 1",
            "1:1: the configuration must be a mapping of keys; found a list. Begin with a key such as version: 1",
        ),
        (
            "version",
            '1:1: the configuration must be a mapping of keys; found "version". Begin with a key such as version: 1',
        ),
    ],
)
def test_a_wrong_value_is_answered_with_what_is_expected_and_what_stands_there(text, expected):
    assert only(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('python: {version: "3.10.1"}', '1:19: python.version: the version has more than two parts: "3.10.1". Write "3.10"'),
        ('python: {version: "2.7"}', '1:19: python.version: Python 2 is not supported: "2.7". Write a version such as "3.11"'),
        ('python: {version: ">=3.9"}', '1:19: python.version: not a minor version of Python 3: ">=3.9". Write "3.9"'),
        ('python: {version: "3.11\\n"}', '1:19: python.version: not a minor version of Python 3: "3.11\\n". Write "3.11"'),
        ("python: {install: [-e .]}", '1:20: python.install[0]: the only options taken here are -r and -c: "-e .". Write a requirement such as pytest-xdist>=3, or -r and the path of a file'),
        ("python: {install: [a b]}", None),
        ("python: {install: [-r ../x.txt]}", '1:20: python.install[0]: a path with ..: "-r ../x.txt". Write one that stays inside the repository'),
        ("python: {install: [-r /x.txt]}", '1:20: python.install[0]: an absolute path: "-r /x.txt". Write it relative to the root of the repository'),
        ("python: {install: [-r]}", '1:20: python.install[0]: an empty path: "-r". Write one, or remove the line'),
        ("python: {groups: [a b]}", '1:19: python.groups[0]: not a name of an extra or a group: "a b". Write letters, digits, dots, dashes and underscores only'),
        ("services: [mysql]", '1:12: services[0]: not a service that is known here: "mysql". Write postgres or redis'),
        ("services: [PostgreSQL:15]", '1:12: services[0]: not the name of this service: "PostgreSQL:15". Write "postgres:15"'),
        ("services: ['postgres:latest']", '1:12: services[0]: not a version of a service: "postgres:latest". Write one such as "postgres:15"'),
        ("services: [redis, 'redis:7']", "1:11: services: redis is named more than once: a list. Keep one of them"),
        ("services: postgres", '1:11: services: expected a list of services; found "postgres". Write a list: ["postgres"]'),
        ("services: [postgres: 15]", "1:12: services[0]: expected postgres or redis, or either with a version as in postgres:15; found a mapping. Write postgres or redis, or either with a version as in postgres:15"),
        ("django: {managers: {order: active}}", '1:21: django.managers.order: not the name of a model: "order". Write its class, as in Order or shop.models.Order'),
        ("django: {managers: {Order: shop.active}}", '1:28: django.managers.Order: not the name of an attribute: "shop.active". Write one such as `active`'),
        ("django: {managers: {Order: 5}}", "1:28: django.managers.Order: expected the name of an attribute; found the number 5. Write one such as `active`"),
        ("python: {system_packages: ['libpq-dev=15']}", '1:28: python.system_packages[0]: not the name of a Debian package: "libpq-dev=15". Write one such as libpq-dev'),
        ("env: {MERGEWRIGHT_HOME: x}", '1:7: env.MERGEWRIGHT_HOME: a variable of Mergewright itself: "MERGEWRIGHT_HOME". Choose another name'),
        ("env: {PYTHONINSPECT: '1'}", '1:7: env.PYTHONINSPECT: with this variable no program ends with its own exit code: "PYTHONINSPECT". Take it out of `env`'),
        ("env: {1A: x}", '1:7: env.1A: not a name for an environment variable: "1A". Write letters, digits and underscores, not beginning with a digit'),
        ('env: {A: "\\0"}', '1:10: env.A: a text with a NUL character: "\\x00". No environment variable can hold it'),
        ("django: {manage: C:/x}", '1:18: django.manage: an absolute path: "C:/x". Write it relative to the root of the repository'),
        ("django: {manage: a\\b}", '1:18: django.manage: a path with a backslash: "a\\b". Write forward slashes: / between folders'),
        ("django: {settings: a/b.py}", '1:20: django.settings: a file where a module is named: "a/b.py". Write "a.b"'),
        ("django: {settings: a..b}", '1:20: django.settings: not a dotted module name: "a..b". Write one such as "config.settings.test"'),
        ("checks: {tests: {script: -x.py}}", '1:26: checks.tests.script: a path that begins with a dash: "-x.py". Write ./-x.py'),
        ('checks: {tests: {args: ["a\\0"]}}', '1:25: checks.tests.args[0]: a text with a control character: "a\\x00". Remove it; write one line'),
        ("scope: {allow: [/a]}", '1:17: scope.allow[0]: an absolute pattern: "/a". Write it relative to the root of the repository'),
        ("scope: {allow: [a/../b]}", '1:17: scope.allow[0]: a pattern with ..: "a/../b". Write one that stays inside the repository'),
        ("scope: {protect: [.]}", '1:19: scope.protect[0]: a pattern that matches nothing: ".". Write "**" for everything'),
        ("scope: {human_only: ['#a']}", '1:22: scope.human_only[0]: a pattern that is read as a comment: "#a". Write [#] in place of the #'),
        ("scope: {human_only: ['!../a']}", '1:22: scope.human_only[0]: a pattern with ..: "!../a". Write one that stays inside the repository'),
        ("scope: {allow: ['']}", '1:17: scope.allow[0]: an empty pattern: "". Write one, or remove the line'),
        ('scope: {allow: ["a\\u200bb"]}', '1:17: scope.allow[0]: a pattern with an invisible character: "a\\u200bb". Remove that character'),
        ("pull_request: {branch_prefix: 'a..b/'}", None),
        ("pull_request: {branch_prefix: 'a//'}", None),
        ("pull_request: {branch_prefix: '.x/'}", None),
        ("pull_request: {branch_prefix: 'x~'}", None),
        ("pull_request: {branch_prefix: '\uff4dain/'}", '1:31: pull_request.branch_prefix: a branch prefix with a character that we do not use: "\uff4dain/". Write letters of ASCII, digits and . _ / + # = -, beginning with a letter or digit'),
    ],
)  # fmt: skip
def test_a_text_of_the_wrong_form_is_refused_at_its_place(text, expected):
    problem = only(text)
    assert expected is None or problem == expected


@pytest.mark.parametrize(
    ("written", "kept"),
    [("deploy/", "deploy/"), ("./src/**", "src/**"), ("!a", "!a"), ("*.py", "*.py"), ("**", "**")],
)
def test_a_pattern_as_in_gitignore_is_taken(written, kept):
    config = load.from_text(json.dumps({"scope": {"protect": [written]}}), YML)
    assert config.scope.protect == (kept,)


@pytest.mark.parametrize("prefix", ["", "bot/", "a-b/c-", "feature/x"])
def test_a_prefix_that_git_takes_is_taken(prefix):
    config = load.from_text(json.dumps({"pull_request": {"branch_prefix": prefix}}), YML)
    assert config.pull_request.branch_prefix == prefix


# --- all at once -------------------------------------------------------------------------------


def test_all_mistakes_are_named_at_once_in_the_order_of_the_file():
    text = """\
verison: 1
python:
  version: 3.10
  version: "3.11"
env:
  A: 1
  1B: 2
scope:
  allow: src
  max_files: many
7: x
"""
    assert [problem.split(": ")[0] for problem in refusal(text)] == [
        "1:1", "3:12", "4:3", "6:6", "7:3", "7:7", "9:10", "10:14", "11:1",
    ]  # fmt: skip


def test_a_problem_names_the_dotted_key_for_programs():
    with pytest.raises(load.ConfigProblem) as caught:
        load.from_text("checks: {lint: [pylint], tests: {minutes: x}}", YML)
    assert [problem.key for problem in caught.value.problems] == [
        "checks.lint[0]",
        "checks.tests.minutes",
    ]


def test_a_refusal_survives_pickling():
    with pytest.raises(load.ConfigProblem) as caught:
        load.from_text("a: 1\nb: 2", YML)
    copy = pickle.loads(pickle.dumps(caught.value))
    assert copy.problems == caught.value.problems
    assert str(copy) == str(caught.value)
    assert isinstance(copy, ValueError)


# --- YAML itself -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a:\n\tb: 1", "2:1: not valid YAML: found character '\\t' that cannot start any token. Indent with spaces instead of tabs"),
        ("env:\n  A: b: c", "2:7: not valid YAML: mapping values are not allowed here. Put text that contains a colon in quotes, and check the indentation"),
        ("scope: {allow: [", "1:17: not valid YAML: expected the node content, but found '<stream end>' while parsing a flow node. Correct the YAML at this place"),
        ("a: 'x", "1:6: not valid YAML: found unexpected end of stream while scanning a quoted scalar. Correct the YAML at this place"),
        ("version: 1\n---\nversion: 1\n", "2:1: a second document. Keep one document; remove this ---"),
        ("version: 1\nenv: {A: \x1b[31m}", "2:10: a character that YAML does not allow. Remove it, or write it as an escape in quotes"),
        ("python: {version: '3.11', version: '3.12'}", '1:27: the key "version" stands twice, first on line 1. Keep one of the two'),
        ("1: x", '1:1: the key 1 is not text. Write "1" in quotes'),
        ("? [a]\n: 1", "1:3: a key that is not text. Write a word before the colon"),
        (": 1", "1:1: the key before the colon is not text. Write a word before the colon"),
        ("env: &e {A: b}", "1:6: an anchor (&e). Remove it; anchors and aliases are not taken"),
        ("env: *e", "1:6: an alias (*e). Write the value out"),
        ("<<: {version: 1}", f'1:1: unknown key "<<". Known keys here: {", ".join(RepoConfig.model_fields)}'),
        ('env: {A: "\\ud800"}', "1:10: an escape of half a character (\\ud800 to \\udfff). Write the character itself"),
    ],
)  # fmt: skip
def test_yaml_that_cannot_be_taken_is_refused_at_its_place(text, expected):
    assert only(text) == expected


def test_no_escape_of_the_file_reaches_the_reader():
    with pytest.raises(load.ConfigProblem) as caught:
        load.from_text('"\\e[2J": 1\nframework: "a\\e]8;;x\\u202e"', YML)
    assert str(caught.value).isprintable() is False  # the line break between the two
    assert all(line.isprintable() for line in str(caught.value).splitlines())


BOMBS = {
    "aliases": "a: &a [x,x]\nb: &b [*a,*a,*a]\nc: &c [*b,*b,*b]\nd: [*c,*c,*c]",
    "nested lists": "[" * 60_000,
    "nested mappings": "{a: " * 15_000,
    "nested by indentation": "\n".join(" " * depth + "a:" for depth in range(300)),
    "nested dashes": "- " * 30_000,
    "long number": "version: " + "9" * 60_000,
    "many keys": "".join(f"a{number}: 1\n" for number in range(5_000)),
    "long key": "a" * 60_000 + ": 1",
}


@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS.keys())
def test_a_document_made_to_blow_up_is_refused_soon(text):
    begun = time.monotonic()
    with pytest.raises(load.ConfigProblem):
        load.from_text(text, YML)
    assert time.monotonic() - begun < 60


def test_a_file_of_more_than_64_kib_is_refused_unread():
    assert (
        only("#" * 65_537)
        == "1:1: the file is larger than 64 KiB. Shorten it; no configuration needs as much"
    )
    assert load.from_text("#" * 65_536, YML) == RepoConfig()


# --- TOML itself -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[tool.mergewright]\nversion=1\nversion=1\n", "3:10: not read as TOML: Cannot overwrite a value. Correct the file at this place"),
        ("[tool.mergewright]\nversion=", "2:9: not read as TOML: Invalid value. Correct the file at this place"),
        ("[tool.mergewright\n", "1:18: not read as TOML: Expected ']' at the end of a table declaration. Correct the file at this place"),
        ("[tool.other]\n", "1:1: no table [tool.mergewright]. Add it, or name another file"),
        ("[[tool.mergewright]]\nversion=1", "1:1: the configuration must be a mapping of keys; found a list. Begin with a key such as version: 1"),
        ("tool.mergewright = 1", "1:20: the configuration must be a mapping of keys; found the number 1. Begin with a key such as version: 1"),
        ("[tool.mergewright]\n" + "x = " + "[" * 20 + "]" * 20, "2:17: nested more than 12 levels deep. Correct the file at this place"),
    ],
)  # fmt: skip
def test_toml_that_cannot_be_taken_is_refused_at_its_place(text, expected):
    assert only(text, "pyproject.toml") == expected


def test_places_are_found_in_every_way_to_write_toml():
    text = '''\
# [tool.mergewright]
title = "[tool.mergewright] # not here"
[tool.poetry]
description = """
[tool.mergewright]
framework = "x" \\"""
"""
notes = \'\'\'it's
[tool.mergewright]\'\'\'
[[tool.poetry.packages]]
include = "a"
[[tool.poetry.packages]]
include = "b"
[ tool . "mergewright" ]
"verison" = 1 # comment ]
env = { A = "x", "B.C" = 'y',  D = 1979-05-27 07:32:00 }
checks.lint = [
  "ruff", # first
  """pylint""",
]
[tool.mergewright.checks.tests]
minutes = 0x0
'''
    assert refusal(text, "pyproject.toml") == [
        '15:1: unknown key "verison". Did you mean version?',
        (
            '16:18: env.B.C: not a name for an environment variable: "B.C". '
            "Write letters, digits and underscores, not beginning with a digit"
        ),
        (
            "16:36: env.D: expected text; found the special value 1979-05-27 07:32:00. "
            'Write "1979-05-27 07:32:00" in quotes'
        ),
        '19:3: checks.lint[1]: expected ruff, flake8, black or isort; found "pylint". Write one of: ruff, flake8, black, isort',
        (
            "22:11: checks.tests.minutes: expected a whole number of at least 1; found the number 0x0. "
            "Write a whole number of at least 1"
        ),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "a." * 100_000 + "a = 1\n[tool.mergewright]",
        "x = " + "[" * 200_000 + "\n[tool.mergewright]",
        "x = " + "{a=" * 60_000 + "\n[tool.mergewright]",
        "x = " + "9" * 20_000 + "\n[tool.mergewright]",
        " " * 250_000 + "\n[tool.mergewright",
        "\n" * 250_000 + "[tool.mergewright",
        "#" * 262_145,
    ],
    ids=["dots", "lists", "tables", "digits", "blanks", "lines", "size"],
)
def test_a_pyproject_made_to_blow_up_is_refused_soon(text, tree):
    begun = time.monotonic()
    with pytest.raises(load.ConfigProblem):
        load.from_text(text, "pyproject.toml")
    with suppress(load.ConfigProblem):
        load.find(tree({"pyproject.toml": text}))
    assert time.monotonic() - begun < 60


# --- whatever comes in -------------------------------------------------------------------------


def problems_of(text: str, name: str) -> tuple[Problem, ...]:
    try:
        load.from_text(text, name)
    except load.ConfigProblem as refused:
        return refused.problems
    return ()


@pytest.mark.parametrize(("text", "name"), [(WHOLE, YML), (WHOLE_TOML, "pyproject.toml")])
def test_a_damaged_file_is_read_or_refused_at_a_place_in_it(text, name):
    chance = random.Random(20)
    pieces = [
        *"abz019 \n\t:-[]{}\"'#&*!|>%@`.,=\\~?_\r",
        "\x00",
        "\x1b",
        "\ud800",
        "\ufeff",
        "<<: ",
    ]
    pieces += ["\\ud800", "null", "true", "1e999", "!!set ", "---\n", "[[", "0x", "2024-01-01"]
    taken = 0
    for _ in range(600):
        at = chance.randrange(len(text))
        damaged = text[:at] + chance.choice(pieces) + text[at + chance.randrange(4) :]
        problems = problems_of(damaged, name)
        taken += not problems
        for problem in problems:
            assert 1 <= problem.line <= damaged.count("\n") + 1
            assert problem.column >= 1
            assert problem.message
            assert problem.fix
            assert str(problem).isprintable()
    assert 0 < taken < 600
