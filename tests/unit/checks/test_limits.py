"""How long a check may take: what the repository asks for, held to what the operator allows."""

import dataclasses
import json
import time
from pathlib import Path

import pytest

from agent.checks import check, reports
from agent.checks.check import Site
from agent.checks.commands import make_check
from agent.checks.django_state import DJANGO_CHECK, MAKEMIGRATIONS
from agent.checks.runners import Suite
from agent.models.checks import CheckReport, Status, TestRun
from agent.models.environment import Checkout
from agent.models.record import replace
from agent.models.run import Run
from agent.settings import Settings
from repo_config.command_lines import read_command
from repo_config.detect import DjangoProject
from repo_config.schema import ChecksSection, RepoConfig
from tests.run_contexts import make_prepared
from tests.unit.trees import make_environment, make_project

PROJECT = make_project(test_runner="pytest")
ENVIRONMENT = make_environment(interpreter={"version": "3.11.2", "path": "/env/bin/python"})


def site(minutes: int, **settings: int) -> Site:
    wanted = RepoConfig(checks=ChecksSection(minutes=minutes))
    return Site(
        tree=Path("/t"),
        environment=ENVIRONMENT,
        config=wanted,
        project=PROJECT,
        limits=check.get_granted_limits(Settings(home=Path("/h"), **settings)),
    )


def test_django_is_asked_with_the_settings_that_the_tests_have() -> None:
    django = DjangoProject(settings_module="config.settings.production", manage="manage.py",
                           python_path=("",))  # fmt: skip
    here = dataclasses.replace(site(10), project=replace(PROJECT, django=django))
    for question in (MAKEMIGRATIONS, DJANGO_CHECK):
        (request,) = question.make_request(here).files
        assert json.loads(request.content)["settings"] == "config.settings.production"


@pytest.mark.parametrize(
    ("minutes", "settings", "tests", "tools"),
    [(1, {}, 60, 600), (90, {"max_minutes": 120}, 5400, 600)],
)
def test_the_shortest_of_all_limits_holds(
    minutes: int, settings: dict[str, int], tests: float, tools: float
) -> None:
    limited = site(minutes, **settings)
    assert limited.test_limits().seconds == tests
    assert limited.tool_limits().seconds == tools


def test_nothing_takes_longer_than_the_run_has_minutes_left() -> None:
    here = dataclasses.replace(site(10), until=time.monotonic() + 30)
    assert 29 < here.test_limits().seconds <= 30
    assert here.tool_limits().seconds <= 30
    over = dataclasses.replace(here, until=time.monotonic() - 1)
    assert over.test_limits().seconds == check.LEAST_SECONDS
    trial = dataclasses.replace(here, config=RepoConfig()).limit_seconds(7)
    assert trial.test_limits().seconds == 7, "all of it, without minutes of the repository"


def test_every_check_finds_the_same_variables() -> None:
    wanted = {"A": "b", "DJANGO_SETTINGS_MODULE": "config.test"}
    env = {"A": "b", "DJANGO_SETTINGS_MODULE": "config.other"}
    config = RepoConfig.model_validate({"env": env, "django": {"settings": "config.test"}})
    django = DjangoProject(settings_module="config.test", manage="manage.py", python_path=("",))
    project = make_project(test_runner="pytest", django=django)
    here = dataclasses.replace(site(10), config=config, project=project)
    tools = (make_check(read_command(line)) for line in ("mypy src", "make docs"))
    for question in (*tools, MAKEMIGRATIONS, DJANGO_CHECK, Suite()):
        environ = question.make_request(here).environ
        assert environ.items() >= wanted.items(), question.name


@pytest.mark.parametrize("exit_code", [0, None])
def test_a_base_is_measured_again_where_a_limit_ended_it(
    tmp_path: Path, exit_code: int | None
) -> None:
    run = TestRun(name="tests", status=Status.FAILED, exit_code=exit_code, reason="as it is")
    report = CheckReport(side="base", commit="0" * 40, results=(run,))
    reports.store_baseline(tmp_path / "base.json", report)
    assert (reports.load_baseline(tmp_path / "base.json") == report) is (exit_code is not None)


def test_what_is_measured_of_a_base_serves_its_repository_alone(tmp_path: Path) -> None:
    def locate(repository: str) -> set[Path]:
        run = Run(run_id="r", repository=repository, ticket="t", started=0)
        checkout = Checkout(
            repository=repository, mirror="/m", commit="c", base_branch=None, nearest_tag=None
        )
        prepared, settings = make_prepared(run, checkout, ENVIRONMENT), Settings(home=tmp_path)
        return {reports.locate_baseline(prepared, settings)}

    assert locate("/one") == locate("/one")
    assert len(locate("/one") | locate("/other")) == 2
