"""Which set-up lines a repository gets that says none."""

from __future__ import annotations

import pytest

from agent.setup.templates import write_lines
from repo_config.project_files import ProjectFiles
from tests.unit.trees import DictTree

PROJECT = '[project]\nname = "x"\n'
BUILT = "[build-system]\n"
EXTRAS = "[project.optional-dependencies]\ntests = []\ndocs = []\n"
GROUPS = "[dependency-groups]\ndev = []\nlint = []\n"


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
            (("uv pip install --exclude-newer 2024-05-02 -e '.[tests]' --group dev"
             " -r requirements-dev.txt"),),
        ),
        (
            "",
            {"pyproject.toml": PROJECT + EXTRAS + GROUPS},
            ("uv pip install --exclude-newer 2024-05-02 -r pyproject.toml --extra tests --group dev",),
        ),
        (
            "",
            {"setup.py": "", "setup.cfg": "[options.extras_require]\ntest = pytest\n"},
            ("uv pip install --exclude-newer 2024-05-02 -e '.[test]'",),
        ),
        (
            "",
            # The extras are the names, not what they ask for.
            {"setup.py": "setup(extras_require={'tests': ['pytest'], 'doc': ['x-dev']})"},
            ("uv pip install --exclude-newer 2024-05-02 -e '.[tests]'",),
        ),
        (
            "",
            # Of the same purpose the plain one; what documents and linters want stays out.
            {
                "requirements.txt": "",
                "requirements/tests.txt": "",
                "requirements/tests-min.txt": "",
                "requirements/docs.txt": "",
                "tests/data/notes.txt": "",
            },
            (("uv pip install --exclude-newer 2024-05-02 -r requirements.txt"
             " -r requirements/tests.txt"),),
        ),
        (
            "pdm",
            {"pyproject.toml": BUILT + PROJECT},
            ("uv tool run --from 'pdm[locked]<3' pdm sync -G :all",),
        ),
        (
            "pipenv",
            {},
            ("uv tool run pipenv requirements --dev > /tmp/requirements.txt",
             "uv pip install -r /tmp/requirements.txt"),
        ),
        (
            "poetry",
            {
                "pyproject.toml": "[tool.poetry]\npackage-mode = false\n"
                "[tool.poetry.group.dev.dependencies]\n[tool.poetry.group.docs.dependencies]\n",
            },
            (("uv tool run --from 'poetry<3' --with poetry-plugin-export poetry export"
             " --all-extras --without-hashes --with dev,docs -o /tmp/requirements.txt"),
             "uv pip install -r /tmp/requirements.txt"),
        ),
    ],
)  # fmt: skip
def test_lines_are_those_of_the_lock_or_of_what_is_declared(lock, files, lines):
    tree = DictTree({path: text.encode() for path, text in files.items()})
    assert write_lines(ProjectFiles(tree), lock, "2024-05-02") == lines


@pytest.mark.parametrize(
    ("builders", "named"),
    [("", "setuptools"), ('requires = ["flit_core >=3.4,<4", "wheel"]\n', "flit_core wheel")],
)
def test_builders_of_before_they_could_install_for_editing_are_newer_ones(builders, named):
    tree = DictTree({"pyproject.toml": (BUILT + builders + PROJECT).encode()})
    (line,) = write_lines(ProjectFiles(tree), "", "2022-02-14")
    newer = " ".join(f"--exclude-newer-package {name}=2022-09-01" for name in named.split())
    assert line == f"uv pip install --exclude-newer 2022-02-14 {newer} -e ."
