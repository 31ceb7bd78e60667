"""The steps of deploy/action/action.yml, carried out in their order as a runner does."""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from ruamel.yaml import YAML

from agent.settings import Settings
from agent.telemetry import signature
from tests.demo.play import LABEL, MAINTAINER, REPORTER
from tests.signed_logs import assert_signed
from tests.simulator import actions

ACTION = Path(__file__).parents[2] / "deploy" / "action"
DEFINED = YAML(typ="safe").load(ACTION / "action.yml")
WORKFLOW = YAML(typ="safe").load(ACTION / "workflow.yml")
STEPS = DEFINED["runs"]["steps"]
_EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")


@pytest.fixture
def job(stage, begin_story, tmp_path, temp):
    """Label an issue of an account of its own, and carry out the job that this starts."""

    def begin(by: str = MAINTAINER, owner: str = "solo", **facts: str) -> SimpleNamespace:
        world = stage.world
        app = world.actions_app()
        app.hook.events, app.hook.url = ("issues",), "http://127.0.0.1:9/"
        if owner not in world.users:
            world.add_user(owner)
        story = begin_story(owner=owner, **facts)
        world.grant(story.repository, REPORTER, "triage")
        allowed = {name.replace("-", "_"): level for name, level in WORKFLOW["permissions"].items()}
        installed = world.install(app, owner, [story.repository], {"metadata": "read", **allowed})
        token = world.issue_token(installed).value
        with world.lock:
            label = story.repository.labels[LABEL]
            actions.add_labels(story.issue, [label], world.user(by))
        assert world.hooks.drain(30)
        (sent,) = [delivery for delivery in world.hooks.log if delivery.hook is app.hook and
                   delivery.repository_id == story.repository.id and delivery.action == "labeled"]  # fmt: skip
        payload = json.loads(sent.body)
        del payload["installation"]
        return carry_out(payload, token, stage, story, tmp_path, temp)

    return begin


@pytest.fixture
def temp(stage) -> Iterator[Path]:
    """The folder of a runner's job, through which sandboxes can pass; what is costly is there."""
    with tempfile.TemporaryDirectory(prefix="mergewright-job-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "mergewright" / "bin").mkdir(parents=True)
        program = Path(sys.executable).with_name("mergewright")
        (folder / "mergewright" / "bin" / "mergewright").symlink_to(program)
        (folder / "mergewright-home").symlink_to(stage.home)
        yield folder


def carry_out(payload, token, stage, story, folder, temp) -> SimpleNamespace:
    output, summary = folder / "output", folder / "summary"
    (folder / "event.json").write_text(json.dumps(payload))
    (folder / "workspace").mkdir()
    output.touch()
    context = {
        "github.token": token, "github.api_url": f"{stage.address}/api/v3",
        "runner.temp": str(temp),
    }  # fmt: skip
    context["inputs.token"] = fill(DEFINED["inputs"]["token"]["default"], context)
    environ = {name: value for name, value in os.environ.items() if "MERGEWRIGHT" not in name} | {
        "GITHUB_ACTIONS": "true", "GITHUB_ACTION_PATH": str(ACTION), "RUNNER_TEMP": str(temp),
        "GITHUB_EVENT_PATH": str(folder / "event.json"), "GITHUB_EVENT_NAME": "issues",
        "GITHUB_REPOSITORY": story.name, "GITHUB_API_URL": context["github.api_url"],
        "GITHUB_SERVER_URL": stage.address, "GITHUB_OUTPUT": str(output),
        "GITHUB_STEP_SUMMARY": str(summary),
    }  # fmt: skip
    printed, code = "", 0
    for step in STEPS:
        if "run" not in step or code:
            continue
        more = {name: fill(value, context) for name, value in step.get("env", {}).items()}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", step["run"]],
            env={**environ, **more}, cwd=folder / "workspace", timeout=300, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        printed, code = printed + done.stdout, done.returncode
    outputs = dict(line.split("=", 1) for line in output.read_text().splitlines())
    words = summary.read_text() if summary.exists() else ""
    return SimpleNamespace(
        story=story, code=code, printed=printed, outputs=outputs, summary=words, token=token
    )


def fill(value: str, context: dict[str, str]) -> str:
    return _EXPRESSION.sub(lambda match: context[match[1]], value)


def test_no_expression_stands_in_a_line_of_a_shell():
    for step in STEPS:
        assert "${{" not in step.get("run", "")
    (job,) = WORKFLOW["jobs"].values()
    assert all("run" not in step for step in job["steps"])


@pytest.mark.deep
def test_a_label_becomes_a_pull_request_of_the_job_with_its_log_and_summary(job, stage):
    done = job(
        title="`$(touch pwned)`; touch pwned\n::set-output name=log::/etc ${{ github.token }}"
    )
    assert done.code == 0, done.printed
    (pull,) = done.story.pulls()
    assert pull.author.login == "github-actions[bot]"
    assert done.outputs["pull-request"].endswith(f"/{done.story.name}/pull/{pull.number}")
    assert done.outputs["pull-request"] in done.summary
    assert signature.name_key(signature.load_key(Settings(home=stage.home))) in pull.body
    log = assert_signed(stage.home, Path(done.outputs["log"]).name)
    assert log.events.published[-1] in pull.body
    assert log.events.commit == pull.pull.head_sha
    assert done.token not in done.printed + done.summary
    assert_no_command(done.printed)
    assert not list(Path(done.outputs["log"]).parents[1].rglob("pwned"))


@pytest.mark.deep
def test_who_may_not_write_starts_nothing(job):
    done = job(by=REPORTER, title="x; touch pwned", body="::error::$(touch pwned) `touch pwned`\n")
    assert (done.code, done.outputs) == (0, {})
    assert "Nothing to do" in done.summary
    assert done.story.branches() == []
    assert_no_command(done.printed)


def assert_no_command(printed: str) -> None:
    """Check that text which the runner would take for a command stands where it takes none."""
    begin, *lines = [line for line in printed.splitlines() if "::" in line or "##[" in line]
    token = begin.removeprefix("::stop-commands::")
    assert len(token) == 32
    assert lines[-1] == f"::{token}::"
    assert token not in "".join(lines[:-1])
