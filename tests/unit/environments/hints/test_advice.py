from __future__ import annotations

from typing import Any

import pytest

from agent.environments.choosing import Choice
from agent.environments.explanation import Explanation
from agent.environments.hints import advice
from repo_config import detect, load


class Memory:
    def __init__(self, files: dict[str, str]) -> None:
        self._files = files

    def paths(self) -> tuple[str, ...]:
        return tuple(sorted(self._files))

    def read(self, path: str) -> bytes:
        return self._files[path].encode()


def explanation(**more: Any) -> Explanation:
    return Explanation(**{"python": "3.11.2", **more})


def hints(tree_files: dict[str, str], config: str = "", **said: Any) -> dict[str, tuple[str, str]]:
    """What is said of each subject, and the line."""
    tree = Memory(tree_files)
    settings = load.from_text(config, "mergewright.yml", tree)
    found = advice.hints(tree, explanation(**said), settings, detect.project(tree, settings))
    return {hint.subject: (hint.says, hint.line) for hint in found}


def workflow(run: str, more: str = "") -> dict[str, str]:
    lines = "\n".join(f"          {line}" for line in run.splitlines())
    text = f"jobs:\n  t:\n{more}    steps:\n      - run: |\n{lines}\n"
    return {".github/workflows/t.yml": text, "tests/test_x.py": "def test_x(): pass\n"}


def line(files: dict[str, str], subject: str, config: str = "", **said: Any) -> str:
    return hints(files, config, **said)[subject][1]


def test_nothing_is_said_where_nothing_is_seen():
    assert hints({"tests/test_x.py": ""}) == {}


def test_what_is_seen_names_its_place():
    tree = Memory({"tox.ini": "[tox]\nenvlist=py39\n[testenv]\ncommands=pytest\n"})
    config = load.from_text("", "mergewright.yml", tree)
    found = advice.hints(tree, explanation(), config, detect.project(tree, config))
    assert [(hint.subject, hint.where) for hint in found] == [
        ("Python", ("tox.ini envlist",)), ("tests", ("tox.ini [testenv]",)),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("tested", "wanted"),
    [('"3.10", "3.11"', ""), ('"3.9", "3.10"', 'python: {version: "3.10"}')],
)
def test_a_python_that_is_not_tested_differs(tested, wanted):
    files = workflow("pytest", f"    strategy: {{matrix: {{python-version: [{tested}]}}}}\n")
    assert line(files, "Python") == wanted


def test_nothing_is_said_to_differ_from_what_could_not_be_read():
    files = workflow(
        "apt-get install gdal-bin\npip install .[redis] -r ci.txt six\npytest",
        "    strategy: {matrix: {python-version: ['3.9']}}\n",
    )
    found = hints(files, declared=False, python="")
    assert {subject: line for subject, (_, line) in found.items()} == {
        "Python": "", "extras": "", "requirements files": "", "packages": "", "tests": "",
        "system packages": "python: {system_packages: [gdal-bin]}",
    }  # fmt: skip


def test_extras_and_groups_that_were_not_chosen_differ():
    files = workflow("pip install .[test,redis] --group dev\npytest")
    taken = (Choice(what="group dev", why=""), Choice(what="extra redis", why="", taken=False))
    assert line(files, "extras", choices=taken) == "python: {extras: [test, redis]}"
    assert line(files, "groups", choices=taken) == ""


PARTS = """
[project]
name = "x"
[project.optional-dependencies]
redis = []
test = []
[dependency-groups]
lint = []
dev = []
"""


@pytest.mark.parametrize(
    ("command", "extras", "groups"),
    [
        ("uv sync --all-extras", "redis, test", None),
        ("uv sync --extra redis --group=lint", "redis", "lint"),
        ("uv sync --all-groups", None, "lint, dev"),
        ("uv sync --only-group lint", None, "lint"),
        ("uv run --all-extras --group lint pytest -q", "redis, test", "lint"),
        ("uv pip install -r pyproject.toml --extra redis", "redis", None),
        ("uv pip install --all-extras -e .", "redis, test", None),
        ("pip install -e '.[redis]'", "redis", None),
        ("poetry install --all-extras --with lint", "redis, test", "lint"),
        ("pdm install -G :all", "redis, test", None),
    ],
)
def test_extras_and_groups_that_ci_installs_are_hints(command, extras, groups):
    found = hints(workflow(f"{command}\npytest") | {"pyproject.toml": PARTS})
    wanted = {"extras": extras, "groups": groups}
    assert {kind: found.get(kind, (None,))[0] for kind in wanted} == wanted
    assert "requirements files" not in found
    for kind, names in wanted.items():
        if names:
            assert found[kind][1] == f"python: {{{kind}: [{names}]}}"


def test_extras_of_a_package_that_is_not_built_yet_are_chosen_by_their_names():
    files = workflow("pip install .[test]\npytest")
    assert line(files, "extras", projects=(".",)) == ""
    assert line(files, "extras", "python: {extras: [x]}", projects=(".",)) == (
        "python: {extras: [x, test]}"
    )


def test_files_and_constraints_that_were_not_read_differ():
    found = hints(
        workflow("pip install -r ci.txt -r dev.txt -c limits.txt\npytest"), files=("dev.txt",)
    )
    assert found["requirements files"][1] == 'python: {install: ["-r ci.txt"]}'
    assert found["constraints"][1] == 'python: {install: ["-c limits.txt"]}'


def test_packages_that_are_declared_nowhere_differ():
    files = workflow(
        "pip install pytest six attrs 'pytest-xdist>=3' a==1\npip install a==2\npytest"
    )
    files["pyproject.toml"] = '[project]\nname="x"\ndependencies=["attrs"]\n'
    said = {"requirements": ("six==1.17  (r.txt:1)",), "projects": (".",)}
    assert line(files, "packages", **said) == 'python: {install: ["pytest-xdist>=3"]}'


SERVED = "    services: {db: {image: postgres:15-alpine}, c: valkey/valkey:8, m: mysql:8}\n"


def test_services_that_rooms_offer_can_be_asked_for():
    found = hints(workflow("pytest", SERVED))
    assert found["services"] == ("rooms do not offer mysql:8", "")
    tree = Memory(workflow("pytest", SERVED))
    config = load.from_text("services: [redis]", "mergewright.yml", tree)
    first = next(
        hint
        for hint in advice.hints(tree, explanation(), config, detect.project(tree, config))
        if hint.subject == "services"
    )
    assert first.line == "services: [redis, postgres:15]"


def test_variables_are_quoted_and_servers_are_on_the_loopback_interface():
    env = (
        '    env: {DATABASE_URL: "postgres://u:p@postgres:5432/x", DEBUG: "on", N: "1", CI: "1"}\n'
    )
    assert line(workflow("pytest", env), "variables") == (
        'env: {DATABASE_URL: postgres://u:p@127.0.0.1:5432/x, DEBUG: "on", N: "1"}'
    )
    assert line(workflow("pytest", env), "variables", 'env: {DEBUG: "x", N: "2"}') == (
        "env: {DATABASE_URL: postgres://u:p@127.0.0.1:5432/x}"
    )


def test_a_variable_from_a_secret_has_no_line():
    said, wanted = hints(workflow("pytest", "    env: {KEY: '${{ secrets.KEY }}'}\n"))["variables"]
    assert said == "KEY (set from elsewhere, so the value is not known)"
    assert wanted == ""


def test_system_packages_beyond_those_of_every_machine_differ():
    files = workflow("apt-get install -y gdal-bin curl libpq-dev\npytest")
    config = "python: {system_packages: [libpq-dev]}"
    assert line(files, "system packages", config) == (
        "python: {system_packages: [libpq-dev, gdal-bin]}"
    )
    assert line(workflow("apt-get install -y curl\npytest"), "system packages") == ""


def test_indexes_are_only_said():
    found = hints(workflow("pip install -i https://u:p@x.example.org/s six\npytest"))
    assert found["package indexes"] == ("https://x.example.org/s", "")


@pytest.mark.parametrize(
    ("command", "wanted"),
    [
        ("pytest", ""),
        ("pytest -q --cov=x --cov-report=xml -n auto --durations 5", ""),
        (
            "pytest tests/unit -m 'not slow'",
            'checks: {tests: {args: [tests/unit, "-m", "not slow"]}}',
        ),
        ("pytest --basetemp={envtmpdir} $ARGS", ""),
        ("python runtests.py", "checks: {tests: {runner: django, script: runtests.py}}"),
        ("tox", ""),
        # Two that differ: neither is better.
        ("pytest tests/a\npytest tests/b", ""),
        ("pytest\npytest tests/b", ""),
    ],
)
def test_the_way_tests_are_run_differs_or_not(command, wanted):
    assert line(workflow(command), "tests") == wanted


def test_every_line_is_taken_by_the_configuration():
    files = workflow(
        "apt-get install -y gdal-bin\npip install -r ci.txt -c limits.txt -e .[redis] pytest-xdist\npytest tests/unit -k 'a or b'",
        SERVED + '    env: {A: "x: \\"y\\" #", B: "yes", C: ""}\n'
        "    strategy: {matrix: {python-version: ['3.9']}}\n",
    )
    files |= {"ci.txt": "", "limits.txt": ""}
    tree = Memory(files)
    config = load.from_text("", "mergewright.yml", tree)
    found = advice.hints(tree, explanation(), config, detect.project(tree, config))
    lines = [hint.line for hint in found if hint.line]
    assert len(lines) >= 7
    for one in lines:
        load.from_text(one, "mergewright.yml", tree)


def test_what_cannot_be_read_is_said():
    assert hints({".gitlab-ci.yml": "a: ["})["not read"][0]
