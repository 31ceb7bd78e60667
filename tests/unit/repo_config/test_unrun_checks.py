"""Which checks of a repository none of ours runs."""

import textwrap

from repo_config import detect, unrun_checks
from repo_config.project_files import ProjectFiles
from repo_config.schema import RepoConfig
from tests.unit.trees import DictTree

FILES = {
    "tests/test_a.py": "def test_a(): ...\n",
    ".pre-commit-config.yaml": """
        repos:
        - repo: https://example.org/x
          hooks: [{id: ruff}, {id: codespell}, {id: "two\\nlines `"}, {name: none}]
        - repo: local
          hooks:
          - {id: style, entry: uv run ruff check --fix}
          - {id: docs, entry: make docs}
          - {id: links, entry: make links}
        """,
    ".github/workflows/checks.yml": """
        on: [push, pull_request]
        jobs:
          a:
            steps:
            - uses: actions/checkout@v4
            - uses: pre-commit/action@v3
            - uses: example/analyze@v1
            - run: tox -e ${{ matrix.env }}
            - run: python -m pytest -x
            - run: uv run --no-sync coverage run --source=shop -m pytest tests
            - run: make docs
            - run: uvx pre-commit run --from-ref ${BASE}
            - run: make links && echo pre-commit
            - run: |
                cd docs
                make html
            - run: npm test
            - run: uv run mkdir data
            - run: uv run python manage.py makemigrations --check
          b: {steps: [{run: npm test}, {run: npm test}]}
          c: {uses: ./.github/workflows/more.yml}
          d: {uses: ./.github/workflows/lost.yml}
        """,
    ".github/workflows/more.yml": """
        on: workflow_call
        jobs:
          a: {steps: [{run: make slow}]}
          b: {uses: ./.github/workflows/more.yml}
        """,
    "manage.py": "import django\n",
    ".github/workflows/a-site.yml": """
        on: push
        jobs: {a: {steps: [{run: make site}]}}
        """,
    ".github/workflows/release.yml": """
        on: {push: {tags: ["v*"]}}
        jobs: {a: {steps: [{run: twine upload}]}}
        """,
}


def test_hooks_and_steps_that_no_check_runs_are_listed() -> None:
    tree = DictTree({path: textwrap.dedent(text) for path, text in FILES.items()})
    config = RepoConfig.model_validate(
        {
            "framework": "django",
            "setup": ["mkdir data"],
            "checks": {"tests": "pytest", "extra": [{"name": "docs", "run": "make docs"}]},
        },
        strict=False,
    )
    assert detect.detect_project(tree, config).unrun == {
        "pre-commit hooks": ("codespell", "two; lines `", "links"),
        "jobs of CI": (
            "a: tox -e ${{ matrix.env }}; python -m pytest -x; make links; cd docs; make html; npm test",
            "b: npm test", "a: make slow",
            "b: ./.github/workflows/more.yml", "d: ./.github/workflows/lost.yml",
        ),
    }  # fmt: skip


def test_a_step_that_runs_other_tests_than_ours_is_listed() -> None:
    files = {
        "tests/test_a.py": "def test_a(): ...\n",
        "tests/conftest.py": "def pytest_addoption(parser):\n"
        "    parser.addoption('--runslow', default=False)\n",
        "pytest.ini": "[pytest]\naddopts = -m 'not slow'\n",
        ".github/workflows/checks.yml": "on: push\njobs: {a: {steps: [{run: pytest -x},"
        " {run: pytest --runslow=yes}, {run: pytest -m slow},"
        " {run: 'uv run -p ${{ matrix.v }} pytest'}], strategy: {matrix: {v: ['3.12']}}}}\n",
    }
    found = detect.detect_project(DictTree(files), RepoConfig())
    assert found.unrun == {"jobs of CI": ("a: pytest -x; pytest --runslow=yes; pytest -m slow",)}
    files["pytest.ini"] = "[pytest]\naddopts = -x --runslow=yes -m slow\n"
    assert detect.detect_project(DictTree(files), RepoConfig()).unrun == {}


def test_where_there_is_nothing_or_nothing_can_be_read_nothing_is_listed() -> None:
    broken = dict.fromkeys(FILES, "[}")
    assert detect.detect_project(DictTree(broken), RepoConfig()).unrun == {}


def test_pull_requests_come_before_pushes_and_set_up_is_no_check():
    def list_jobs(on: str) -> tuple[str, ...]:
        files = {
            ".github/workflows/a.yml": f"on: {on}\njobs: {{a: {{name: Docs, steps: [{{run: make docs}}]}}}}",
            ".github/workflows/b.yml": """
on: [push]
jobs:
  b:
    steps:
    - uses: example/set-up@v1
    - run: sudo apt-get update && sudo apt-get install -y git
    - run: python -m pip install -U tox
    - run: echo done
    - run: tox
""",
        }
        return detect.detect_project(DictTree(files), RepoConfig()).unrun["jobs of CI"]

    assert list_jobs("pull_request") == ("Docs: make docs",)
    assert list_jobs("push") == ("Docs: make docs", "b: tox")


def test_jobs_for_tags_and_those_that_sum_up_others_do_not_run_for_changes():
    workflows = {
        "tests": """
on: {push: {tags: ["*"]}, pull_request: {}}
env: {PIP_NO_COLOR: "1", COLUMNS: "120"}
jobs:
  tests:
    name: "${{ matrix.title }}"
    strategy:
      matrix:
        python-version: ["3.12", pypy-3.11, 3.13t]
        tox: [plain, minimal]
        experimental: [true, false]
        include: [{title: Newest, tox: plain}, {title: Oldest, tox: minimal}]
    continue-on-error: ${{ matrix.experimental }}
    steps: [{run: tox, name: "${{ matrix.title }}", env: {TOXENV: "${{ matrix.tox }}"}}]
  release: {if: "startsWith(github.ref, 'refs/tags/')", steps: [{run: twine upload}]}
  notes: {needs: [release], steps: [{run: gh release create}]}
  docs: {if: "${{ !startsWith(github.ref, 'refs/tags/') }}", steps: [{run: make docs}]}
  all: {needs: [tests], steps: [{uses: an/action, with: {jobs: "${{ toJSON(needs) }}"}}]}
""",
        "closed": "on: {pull_request: {types: [closed]}}\njobs: {a: {steps: [{run: thanks}]}}",
    }
    tree = DictTree({f".github/workflows/{name}.yml": text for name, text in workflows.items()})
    project = detect.detect_project(tree, RepoConfig())
    assert project.unrun == {"jobs of CI": ("tests: tox", "docs: make docs")}
    assert unrun_checks.list_cells(ProjectFiles(tree), "3.11", {}, ()) == {
        "Pythons of CI": ("3.12", "3.13", "pypy-3.11", "3.13t"),
        "matrix of CI": ("tox: plain, minimal",),
        "variables of CI": ("COLUMNS",),
    }
