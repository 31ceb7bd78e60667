"""Which set-up lines a repository gets that says none."""

import pytest

from agent.setup import templates
from agent.setup.templates import write_lines
from repo_config.project_files import ProjectFiles
from tests.unit.trees import DictTree

PROJECT = '[project]\nname = "x"\n'
BUILT = "[build-system]\n"
EXTRAS = "[project.optional-dependencies]\ntests = []\n"
GROUPS = "[dependency-groups]\ndev = []\n"
HATCH = """
[tool.hatch.envs.default]
dependencies = ["pytest", "httpx<1", "sibling @ {root:uri}/../sibling"]
[tool.hatch.envs.hatch-test]
extra-dependencies = ["coverage"]
[tool.hatch.envs.docs]
dependencies = ["mkdocs"]
"""
INSTALL = "uv pip install --exclude-newer 2024-05-02"
WANTED = "-e '.[tests]' --group tests"
ITSELF = 'echo "Not installed: the project itself"'
KEEP = "uv pip freeze --exclude-editable > /tmp/installed.txt"
ADD = f"timeout 300 {INSTALL} -c /tmp/installed.txt $part"
OR_NOT = '|| echo "Not installed: extras and groups that are not for the tests"'
EXPORT = (
    "uv tool run --from 'poetry<3' --with poetry-plugin-export poetry export --without-hashes"
    " -o /tmp/requirements.txt"
)
PDM = "uv tool run --from 'pdm[locked]<3' pdm sync -G :all"
INSTALL_EXPORTED = "uv pip install -r /tmp/requirements.txt"
OR_POETRY = "else uv tool run --from 'poetry<3' poetry install --no-root; fi"


def add_project(needs: str, whole: str) -> tuple[str, str]:
    return needs, f"{whole} || {ITSELF}"


def add_each(parts: str) -> str:
    return f'for part in {parts}; do {ADD} || echo "Not installed: $part"; done'


def write(files: dict[str, str], lock: str = "") -> tuple[str, ...]:
    tree = DictTree({path: text.encode() for path, text in files.items()})
    return write_lines(ProjectFiles(tree), lock, "2024-05-02")


@pytest.mark.parametrize(
    ("lock", "files", "lines"),
    [
        ("", {"app.py": ""}, ()),
        (
            "uv",
            {"pyproject.toml": PROJECT + EXTRAS + GROUPS},
            ("uv sync --frozen --extra tests --group dev",),
        ),
        (
            "",
            {"pyproject.toml": BUILT + PROJECT + EXTRAS + GROUPS, "requirements-dev.txt": ""},
            add_project(
                f"{INSTALL} -r pyproject.toml --extra tests --group dev -r requirements-dev.txt",
                f"{INSTALL} -e '.[tests]' --group dev -r requirements-dev.txt",
            ),
        ),
        (
            "",
            {"pyproject.toml": BUILT + PROJECT + HATCH},
            add_project(
                f"{INSTALL} -r pyproject.toml pytest 'httpx<1' coverage",
                f"{INSTALL} -e . pytest 'httpx<1' coverage",
            ),
        ),
        (
            "",
            {"pyproject.toml": PROJECT + EXTRAS + GROUPS},
            (f"{INSTALL} -r pyproject.toml --extra tests --group dev",),
        ),
        (
            # Settings of tools make no package.
            "",
            {"setup.cfg": "[tool:pytest]\n", "requirements.txt": ""},
            (f"{INSTALL} -r requirements.txt",),
        ),
        (
            "",
            # Of the same purpose the plain one.
            {
                "requirements.txt": "",
                "requirements/tests.txt": "",
                "requirements/tests-min.txt": "",
                "requirements-min/tests-min.txt": "",
                "tests/data/notes.txt": "",
            },
            (f"{INSTALL} -r requirements.txt -r requirements/tests.txt",),
        ),
        (
            "",
            # What the tests want has another purpose than the plain file.
            {"requirements.txt": "", "requirements-test.txt": ""},
            (f"{INSTALL} -r requirements.txt -r requirements-test.txt",),
        ),
        (
            "pdm",
            {"pyproject.toml": BUILT + PROJECT},
            add_project(f"{PDM} --no-self", PDM),
        ),
        (
            "pipenv",
            {},
            ("uv tool run pipenv requirements --dev > /tmp/requirements.txt", INSTALL_EXPORTED),
        ),
        (
            "poetry",
            {
                "pyproject.toml": "[tool.poetry]\npackage-mode = false\n"
                "[tool.poetry.group.dev.dependencies]\n",
            },
            (f"if {EXPORT} --with dev; then {INSTALL_EXPORTED}; {OR_POETRY}",),
        ),
    ],
)  # fmt: skip
def test_lines_are_those_of_the_lock_or_of_what_is_declared(lock, files, lines):
    assert write(files, lock) == lines


EXTRAS_OF_OTHERS = "'-r pyproject.toml --extra crypto' '-r pyproject.toml --extra yaml'"
OTHERS = """
[project.optional-dependencies]
crypto = []
tests = []
yaml = []
[dependency-groups]
dev = []
tests = []
typing = []
"""


@pytest.mark.parametrize(
    ("lock", "files", "needed", "more"),
    [
        (
            "",
            {
                "pyproject.toml": BUILT + PROJECT + OTHERS,
                "requirements-mypy.txt": "",
                "requirements-test.txt": "",
            },
            add_project(
                f"{INSTALL} -r pyproject.toml --extra tests --group tests -r requirements-test.txt",
                f"{INSTALL} {WANTED} -r requirements-test.txt",
            ),
            (
                KEEP,
                add_each(
                    f"{EXTRAS_OF_OTHERS} '--group dev' '--group typing' '-r requirements-mypy.txt'"
                ),
            ),
        ),
        (
            # None is called for tests.
            "",
            {"pyproject.toml": PROJECT + "[dependency-groups]\ndev = []\nci = []\n"},
            (f"{INSTALL} -r pyproject.toml --group dev",),
            (KEEP, add_each("'--group ci'")),
        ),
        (
            "uv",
            {"pyproject.toml": PROJECT + OTHERS},
            ("uv sync --frozen --extra tests --group tests",),
            (f"timeout 300 uv sync --frozen --inexact --all-extras --all-groups {OR_NOT}",),
        ),
        (
            "poetry",
            {
                "pyproject.toml": BUILT + "[tool.poetry.extras]\ncrypto = []\n"
                "[tool.poetry.group.docs]\n[tool.poetry.group.test]\n"
            },
            (
                f"if {EXPORT} --with test; then {INSTALL_EXPORTED}; {OR_POETRY}",
                f"uv pip install --no-deps -e . || {ITSELF}",
            ),
            (f"{EXPORT} --all-extras --all-groups && timeout 300 {INSTALL_EXPORTED} {OR_NOT}",),
        ),
    ],
)
def test_what_the_tests_do_not_ask_for_is_added_by_a_line_that_may_fail(lock, files, needed, more):
    assert write(files, lock) == (*needed, *more)


@pytest.mark.parametrize(
    ("builders", "named"),
    [("", "setuptools"), ('requires = ["flit_core >=3.4,<4", "wheel"]\n', "flit_core wheel")],
)
def test_builders_of_before_they_could_install_for_editing_are_newer_ones(builders, named):
    tree = DictTree({"pyproject.toml": (BUILT + builders + PROJECT).encode()})
    lines = write_lines(ProjectFiles(tree), "", "2022-02-14")
    newer = " ".join(f"--exclude-newer-package {name}=2022-09-01" for name in named.split())
    assert lines[-1].startswith(f"uv pip install --exclude-newer 2022-02-14 {newer} -e . || ")


def test_what_a_change_declares_may_be_newer_than_base() -> None:
    lines = (f"{INSTALL} -e .", "uv pip freeze")
    newer = templates.keep_newer(lines, ("ruff==0.12.11", "ruff>=0.12 ; x"))
    assert newer == (f"{INSTALL} --exclude-newer-package ruff=2100-01-01 -e .", "uv pip freeze")
    assert templates.keep_newer(lines, ()) == lines


def test_a_lock_is_the_affair_of_the_version_of_uv_that_a_project_requires(monkeypatch) -> None:
    monkeypatch.setattr(templates.metadata, "version", lambda name: "0.13.8")

    def write(required: str, lock: str = "") -> str:
        text = (
            f'{PROJECT}[dependency-groups]\ntest = []\n[tool.uv]\nrequired-version = "{required}"\n'
        )
        (line,) = write_lines(ProjectFiles(DictTree({"pyproject.toml": text})), lock)
        return line

    assert write(">=0.5") == "uv pip install -r pyproject.toml --group test"
    assert write("<0.6") == "uv --no-config pip install -r pyproject.toml --group test"
    assert write("0.5.1", "uv").startswith("uv --no-config tool run --from uv==0.5.1 uv sync ")
    assert write("$(touch /tmp/x)", "uv").startswith("uv sync ")
