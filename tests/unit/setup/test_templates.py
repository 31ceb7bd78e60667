"""Which set-up lines a repository gets that says none."""

from __future__ import annotations

import pytest

from agent.setup.templates import write_lines
from repo_config.project_files import ProjectFiles
from tests.unit.trees import DictTree

PROJECT = '[project]\nname = "x"\n'
BUILT = "[build-system]\n"
EXTRAS = "[project.optional-dependencies]\ntests = []\n"
GROUPS = "[dependency-groups]\ndev = []\n"
INSTALL = "uv pip install --exclude-newer 2024-05-02"
WANTED = "-e '.[tests]' --group tests"
ADD = f"timeout 300 {INSTALL} -c /tmp/installed.txt"
EXPORT = (
    "uv tool run --from 'poetry<3' --with poetry-plugin-export poetry export --without-hashes"
    " -o /tmp/requirements.txt"
)
INSTALL_EXPORTED = "uv pip install -r /tmp/requirements.txt"


def write(files: dict[str, str], lock: str = "", **more: bool) -> tuple[str, ...]:
    tree = DictTree({path: text.encode() for path, text in files.items()})
    return write_lines(ProjectFiles(tree), lock, "2024-05-02", **more)


def add_each(kind: str, names: str, command: str) -> str:
    return f'for {kind} in {names}; do {command} || echo "Not installed: {kind} ${kind}"; done'


@pytest.mark.parametrize(
    ("lock", "files", "lines"),
    [
        ("", {"app.py": ""}, ()),
        (
            "uv",
            {"pyproject.toml": PROJECT + EXTRAS + GROUPS},
            ("uv sync --frozen --inexact --extra tests --group dev",),
        ),
        (
            "",
            {"pyproject.toml": BUILT + PROJECT + EXTRAS + GROUPS, "requirements-dev.txt": ""},
            (f"{INSTALL} -e '.[tests]' --group dev -r requirements-dev.txt",),
        ),
        (
            "",
            {"pyproject.toml": PROJECT + EXTRAS + GROUPS},
            (f"{INSTALL} -r pyproject.toml --extra tests --group dev",),
        ),
        (
            "",
            {"setup.py": "", "setup.cfg": "[options.extras_require]\ntest = pytest\n"},
            (f"{INSTALL} -e '.[test]'",),
        ),
        (
            "",
            # The extras are the names, not what they ask for.
            {"setup.py": "setup(extras_require={'tests': ['pytest', 'x-dev']})"},
            (f"{INSTALL} -e '.[tests]'",),
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
            "",
            {"setup.py": "", "tests/requirements.txt": "", "docs/requirements.txt": ""},
            (f"{INSTALL} -e . -r tests/requirements.txt",),
        ),
        (
            "pdm",
            {"pyproject.toml": BUILT + PROJECT},
            ("uv tool run --from 'pdm[locked]<3' pdm sync -G :all",),
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
            (f"{EXPORT} --with dev", INSTALL_EXPORTED),
        ),
    ],
)  # fmt: skip
def test_lines_are_those_of_the_lock_or_of_what_is_declared(lock, files, lines):
    assert write(files, lock) == lines


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
    ("lock", "files", "needed", "others"),
    [
        (
            "",
            {
                "pyproject.toml": BUILT + PROJECT + OTHERS,
                "requirements-mypy.txt": "",
                "requirements-test.txt": "",
            },
            # What is for development decides about versions, too, where that can be.
            (
                (
                    f"{INSTALL} {WANTED} --group dev -r requirements-test.txt || {{ echo"
                    f' "Not installed: what is for development"; {INSTALL} {WANTED}'
                    " -r requirements-test.txt; }"
                ),
            ),
            (
                "uv pip freeze --exclude-editable > /tmp/installed.txt",
                add_each("extra", "crypto yaml", f'{ADD} -r pyproject.toml --extra "$extra"'),
                add_each("group", "typing", f'{ADD} --group "$group"'),
                add_each("file", "requirements-mypy.txt", f'{ADD} -r "$file"'),
            ),
        ),
        (
            # None is called for tests.
            "",
            {"pyproject.toml": PROJECT + "[dependency-groups]\ndev = []\nci = []\n"},
            (f"{INSTALL} -r pyproject.toml --group dev",),
            (
                "uv pip freeze --exclude-editable > /tmp/installed.txt",
                add_each("group", "ci", f'{ADD} --group "$group"'),
            ),
        ),
        (
            "uv",
            {
                "pyproject.toml": PROJECT + OTHERS + "django4 = []\n[tool.uv]\n"
                'conflicts = [[{group = "django4"}, {group = "django5"}]]\n'
            },
            ("uv sync --frozen --inexact --extra tests --group tests",),
            (
                add_each(
                    "extra",
                    "crypto yaml",
                    'timeout 300 uv sync --frozen --inexact --extra "$extra"',
                ),
                add_each(
                    "group",
                    "dev typing",
                    'timeout 300 uv sync --frozen --inexact --group "$group"',
                ),
            ),
        ),
        (
            "poetry",
            {
                "pyproject.toml": BUILT + "[tool.poetry.extras]\ncrypto = []\n"
                "[tool.poetry.group.docs]\n[tool.poetry.group.test]\n"
            },
            (f"{EXPORT} --with test", INSTALL_EXPORTED, "uv pip install --no-deps -e ."),
            (
                add_each(
                    "extra",
                    "crypto",
                    f'{EXPORT} --extras "$extra" && timeout 300 {INSTALL_EXPORTED}',
                ),
                add_each(
                    "group", "docs", f'{EXPORT} --only "$group" && timeout 300 {INSTALL_EXPORTED}'
                ),
            ),
        ),
    ],
)
def test_what_the_tests_do_not_ask_for_is_added_by_lines_that_may_fail(lock, files, needed, others):
    assert write(files, lock) == (*needed, *others)
    assert write(files, lock, is_whole=False) == needed


@pytest.mark.parametrize(
    ("builders", "named"),
    [("", "setuptools"), ('requires = ["flit_core >=3.4,<4", "wheel"]\n', "flit_core wheel")],
)
def test_builders_of_before_they_could_install_for_editing_are_newer_ones(builders, named):
    tree = DictTree({"pyproject.toml": (BUILT + builders + PROJECT).encode()})
    (line,) = write_lines(ProjectFiles(tree), "", "2022-02-14")
    newer = " ".join(f"--exclude-newer-package {name}=2022-09-01" for name in named.split())
    assert line == f"uv pip install --exclude-newer 2022-02-14 {newer} -e ."
