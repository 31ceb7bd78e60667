"""`mergewright check` on repositories of each kind; what it prints is made by hand."""

import json
import subprocess

import pytest
from typer.testing import CliRunner

from agent.cli import run, terminal
from agent.cli.main import app
from agent.git import source
from agent.models.base_report import BaseCheck, BaseReport
from agent.models.checks import Status
from agent.models.outcome import Outcome
from agent.models.record import replace
from agent.models.run import Reason
from agent.models.step import Step
from tests.flow.stories import Repository

pytestmark = pytest.mark.usefixtures("commands_home")

RED = BaseCheck(
    name="tests", command="pytest", result=Status.FAILED, counts="3 tests: 1 passed, 2 failed",
    reason="", failing=("a", "b"), failing_count=2, seconds=4.0,
    causes=("2 x OSError: no driver",),
)  # fmt: skip
TEXT = "version: 1\nsetup:\n  - mkdir data\n"
BASE = BaseReport(
    commit="c" * 40, branch="main", set_up="By a template.", python="3.12.4", checks=(RED,),
    attempt_seconds=38.0, minutes=30, usd=3.0, configuration=TEXT,
)  # fmt: skip


@pytest.fixture
def repository(tmp_path):
    made = Repository(tmp_path / "shop")
    made.path.mkdir()
    made.git("init", "-q", "-b", "main")
    made.write("shop.py", "x = 1\n")
    made.commit()
    return made


@pytest.fixture
def measured(monkeypatch):
    """Have each repository end so, without anything being run."""
    ended = [Outcome.for_stopped_run("r1", Reason.CHECKED, "1 check ran.")]
    monkeypatch.setattr(run, "carry", lambda *given: (ended[0], {"baseline": 4.0}))

    def set_base(base, reason=Reason.CHECKED):
        end = Outcome.for_stopped_run("r1", reason, "1 check ran.")
        ended[0] = replace(end, base=base)

    set_base(BASE)
    return set_base


def check(repository, *words):
    return CliRunner().invoke(app, ["check", "--repo", str(repository.path), *words])


def test_it_shows_what_runs_and_writes_the_configuration_where_there_is_none(repository, measured):
    ended = check(repository, "--write")
    assert ended.exit_code == 0, ended.output
    assert "failing: tests  a, b\n                2 x OSError: no driver" in ended.output
    for words in ("at most about 38 s", "      - mkdir data", "(checked)"):
        assert words in ended.output
    path = repository.path / ".github/mergewright.yml"
    assert path.read_text() == TEXT
    path.write_text(TEXT + "label: robots\n")
    again = check(repository, "--write")
    assert (again.exit_code, "exists; nothing was written" in again.output) == (1, True)
    assert path.read_text() == TEXT + "label: robots\n"
    path.unlink()
    measured(replace(BASE, configuration=f"{TEXT}env:\n  KEY: '[secret removed]'\n"))
    assert "Put a made-up value there first." in check(repository, "--write").output
    measured(replace(BASE, configuration="", config_file=str(path.name)))
    assert "nothing was written" in check(repository, "--write").output


def test_a_configuration_elsewhere_or_a_link_is_left_alone(repository, measured):
    measured(replace(BASE, config_file="pyproject.toml"))
    assert "The configuration is in pyproject.toml" in check(repository, "--write").output
    measured(BASE)
    (repository.path / ".github").symlink_to(repository.path.parent)
    ended = check(repository, "--write")
    assert (ended.exit_code, "is a link" in ended.output) == (1, True)
    assert not (repository.path.parent / "mergewright.yml").exists()


def test_json_is_one_object_without_what_only_the_service_needs(repository, measured):
    measured(BASE, Reason.NO_TESTS)
    ended = check(repository, "--json")
    told = json.loads(ended.stdout)
    assert (ended.exit_code, told["schema_version"]) == (1, 1)
    assert told["base"]["checks"][0]["failing"] == ["a", "b"]
    assert "review_state" not in told
    assert not {"told_at", "first_round"} & told["figures"].keys()


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (Reason.INTERRUPTED, "next    To continue, run `mergewright check --ref 'a b'`."),
        (Reason.NO_TESTS, "next    Add a test"),
        (Reason.CHECKED, "next    Give it a ticket: `mergewright run --ticket FILE`"),
        (Reason.UNFIT, ""),
    ],
)
def test_the_next_step_is_one_for_a_check(repository, measured, monkeypatch, reason, words):
    monkeypatch.setattr("sys.argv", ["/bin/mergewright", "check", "--ref", "a b"])
    measured(BASE, reason)
    shown = check(repository).stdout
    assert words in shown
    assert bool(words) == ("next " in shown)


def test_uncommitted_files_are_counted_and_nothing_of_the_repository_runs(repository):
    assert source.count_uncommitted(str(repository.path)) == 0
    repository.write("shop.py", "x = 2\n")
    repository.write("new.py", "")
    trap = repository.path.parent / "trap"
    repository.git("config", "core.fsmonitor", f"touch {trap}; false")
    repository.git("config", "filter.a=b.clean", f"touch {trap}; cat")
    assert source.count_uncommitted(str(repository.path)) == 0, "a filter that cannot be turned off"
    repository.write(".gitattributes", "*.py filter=a=b\n")
    assert source.count_uncommitted(str(repository.path)) == 0
    repository.git("config", "--unset", "filter.a=b.clean")
    assert source.count_uncommitted(str(repository.path)) == 3
    assert not trap.exists()
    bare = repository.path.parent / "bare.git"
    subprocess.run(["git", "clone", "-q", "--bare", repository.path, bare], check=True)
    assert source.count_uncommitted(str(bare)) == 0


def test_steps_are_named_in_words():
    named = {
        Step.BASELINE.named("try 2"): "checks on the base branch try 2",
        Step.PLAN.named("2 reply"): "plan: waiting for the model",
        Step.REVIEW.named(1).named("opening"): "review: reading the repository",
        Step.CHECKS.named(2): "checks with the change 2",
    }
    assert {step: terminal.describe_step(step) for step in named} == named
