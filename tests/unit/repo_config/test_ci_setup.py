"""What CI does before the tests is read from its workflows."""

from __future__ import annotations

from repo_config import ci_setup
from repo_config.ci_setup import CiSetup
from repo_config.project_files import Files


class Trees:
    """Files in memory."""

    def __init__(self, files: dict[str, str]) -> None:
        self._files = files

    def paths(self) -> list[str]:
        return sorted(self._files)

    def read(self, path: str) -> bytes:
        return self._files[path].encode()


def read(workflow: str = "", **more: str) -> CiSetup:
    files = {name.replace("__", "/"): text for name, text in more.items()}
    return ci_setup.read(Files(Trees({".github/workflows/ci.yml": workflow, **files})))


WORKFLOW = """\
env: {FROM_ALL: all, TOKEN: "${{ secrets.TOKEN }}"}
jobs:
  lint: {steps: [{run: flake8}]}
  test:
    env: {DJANGO: "${{ matrix.django }}"}
    strategy: {matrix: {django: ["4.2", "5.2"]}}
    services: {db: {image: "postgis/postgis:15"}, cache: {image: "redis:7"}}
    steps:
      - uses: actions/checkout@v4
      - run: pip install -r requirements-test.txt
      - {run: mkdir data, env: {WHERE: a b}, working-directory: site}
      - {name: Log in, run: "login ${{ secrets.TOKEN }}"}
      - run: |
          pip install coverage
          cp ci_settings.py settings.py
          coverage run manage.py test
          coverage report
        env: {DATABASE_URL: sqlite://}
      - run: echo done
"""


def test_what_stands_before_the_tests_is_taken_step_by_step():
    found = read(WORKFLOW)
    assert found.origin == ".github/workflows/ci.yml job test"
    made, copied = (command.split("\n")[1:-1] for command in found.commands)
    assert made == ["export WHERE='a b'", "cd site", "mkdir data"]
    assert copied[1:] == ["pip install coverage", "cp ci_settings.py settings.py"]
    assert found.not_done == ("Log in", "service postgis")


def test_variables_and_services_of_the_job_are_taken_where_they_are_known():
    found = read(WORKFLOW)
    assert found.env == {"FROM_ALL": "all", "DJANGO": "4.2", "DATABASE_URL": "sqlite://"}
    assert found.services == ("redis",)


def test_a_job_that_installs_and_tests_tells_nothing():
    assert not read("jobs: {t: {steps: [{run: pip install tox}, {run: tox}]}}")


def test_an_example_of_the_environment_file_is_copied_where_there_is_none():
    assert ci_setup.read(Files(Trees({".env.example": "A=1\n"}))).commands == (
        "cp .env.example .env",
    )
    assert ci_setup.read(Files(Trees({".env.example": "", ".env": ""}))).commands == ()


def test_a_workflow_that_is_no_yaml_says_nothing():
    assert read("jobs: [") == CiSetup()
