"""What befalls the service's processes: kills, absence, sandboxes that die; and what they leave."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from agent.demo import play
from agent.demo.play import MAINTAINER, Service, Stage
from agent.demo.simulator import actions
from agent.demo.simulator.world import APP_EVENTS
from tests import faulty_github
from tests.chaos import effects, judge
from tests.chaos.broken import BREAKS
from tests.chaos.campaign import Campaign
from tests.chaos.ground import Ground, Workers, laid_out
from tests.chaos.points import AROUND, Point, When
from tests.chaos.tickets import Tickets
from tests.faulty_github import HookFault
from tests.flow.github_stories import FILES, Story, await_
from tests.folders import data_folder

#: Nothing that a recipe knows: such a run is over in a moment.
PLAIN = {"title": "Make it faster", "body": "It is slow.\n"}
#: In front of the program that opens sandboxes; it dies at once while a file beside it is there.
SHIM = (
    '#!/bin/sh\ncase "$1" in --version) ;; *) test -e {0}/dies && exit 0 ;; esac\nexec {1} "$@"\n'
)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Listener and worker as processes, which look every three seconds for what they have missed."""
    with data_folder("kills", built=True) as home:
        tools = home / "tools"
        tools.mkdir(mode=0o755)
        (tools / "bwrap").write_text(SHIM.format(tools, shutil.which("bwrap")))
        (tools / "bwrap").chmod(0o755)
        more = {"PATH": f"{tools}:{os.environ['PATH']}", "MERGEWRIGHT_RECONCILE_MINUTES": "0.05"}
        with faulty_github.staging(home, tmp_path_factory.mktemp("kills"), **more) as made:
            made.app.hook.events = APP_EVENTS
            yield made


def worker_pid(stage: Stage) -> int | None:
    """Number of the worker's process, as `serve` has started it."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if int(fields[1]) == stage.service.pid() and b"work" in words:
            return int(folder.name)
    return None


@pytest.mark.deep
def test_WH3_GH5_a_worker_that_is_killed_at_its_pull_request_leaves_nothing_twice(story, stage):
    told = story()
    stage.world.hooks.faults.append(HookFault("lose", "issues.labeled"))
    told.label()
    # Longer than the kill takes, shorter than a start: GitHub is done with it by then.
    fault = told.fault("slow", "POST", "pulls", seconds=1)
    await_(lambda: fault.hits or None, "the pull request, of a label whose delivery was lost")
    before = worker_pid(stage)
    assert before is not None
    os.kill(before, signal.SIGKILL)
    told.assert_ready()
    assert worker_pid(stage) not in (None, before)
    (run,) = told.runs()
    assert run.run.attempt == 1


@pytest.mark.deep
def test_PF6_whatever_happens_while_the_service_is_down_leads_to_what_github_shows_now(
    story, stage
):
    ready, twice, taken_off, closed, opened = story(), *(story(**PLAIN) for _ in range(4))
    stage.service.stop()
    for told in (ready, twice, taken_off, closed, opened):
        told.label()
    twice.unlabel()
    taken_off.unlabel()
    closed.close()
    opened.close()
    world = stage.world
    with world.lock:
        actions.set_state(opened.issue, "open", world.user(MAINTAINER))  # fmt: skip
    time.sleep(1.1)  # GitHub's times are whole seconds
    twice.edit(body="It is very slow.\n")
    twice.label()
    assert world.hooks.drain(30)
    stage.service.start()
    ready.assert_ready()
    assert opened.ended().reason.value == "no_recipe"
    assert [one[0] for one in taken_off.decided() + closed.decided()] == ["ignored", "ignored"]
    twice.decided(2)
    for attempt in range(1, len(twice.runs()) + 1):
        twice.ended(attempt)
    time.sleep(4)
    assert [len(told.runs()) for told in (ready, opened, taken_off, closed)] == [1, 1, 0, 0]
    assert [len(told.comments()) for told in (ready, opened, taken_off, closed)] == [1, 1, 0, 0]
    assert twice.runs()[-1].run.snapshot.body == "It is very slow.\n"


@pytest.mark.deep
def test_PF7_a_run_waits_for_sandboxes_and_goes_on_when_they_are_there(story, stage, tmp_path):
    mark = Path(f"/tmp/mergewright-mark-{os.getpid()}")
    test = f"from pathlib import Path\n\n\ndef test_mark():\n    Path({str(mark)!r}).touch()\n"
    told, dies = story(files={**FILES, "tests/test_mark.py": test}), stage.home / "tools/dies"
    dies.touch()
    try:
        told.label()

        def waiting() -> str | None:
            stored = told.present()
            assert stored.active, stored.outcome
            return stored.waits_for if stored.wait_count else None

        assert "sandbox" in await_(waiting, "the wait", 60).lower()
        told.assert_nothing_pushed()
    finally:
        dies.unlink()
    told.assert_ready()
    assert not mark.exists(), "nothing of it ran outside of a sandbox"


@pytest.fixture
def polled(stage: Stage, story, built_home: Path, tmp_path: Path) -> Iterator[Story]:
    """An issue in a repository of somebody who has no App; the service for it is not started."""
    world = stage.world
    for login in ("robot", "nobodys"):
        if login not in world.users:
            world.add_user(login)
    told = story(owner="nobodys", **PLAIN)
    world.grant(told.repository, "robot", "write")
    token, secret = tmp_path / "token", tmp_path / "secret"
    for path, text in ((token, world.token_for("robot")), (secret, "0f" * 32)):
        path.touch(mode=0o600)
        path.write_text(text)
    port = play._free_port()
    environ = {
        "MERGEWRIGHT_GITHUB_URL": f"{world.base_url}/api/v3",
        "MERGEWRIGHT_GITHUB_TOKEN_FILE": str(token),
        "MERGEWRIGHT_WEBHOOK_SECRET_FILE": str(secret),
        "MERGEWRIGHT_LISTEN_PORT": str(port),
        "MERGEWRIGHT_HOME": str(built_home),
        "MERGEWRIGHT_REPOSITORIES": f"nobodys/gone, {told.name}",
        "MERGEWRIGHT_RECONCILE_MINUTES": "0.05",
    }
    service = Service(environ, f"http://127.0.0.1:{port}", tmp_path / "service.log")
    try:
        yield replace(told, stage=replace(stage, service=service, home=built_home))
    finally:
        service.stop()


def ours(told: Story) -> list[str]:
    """What we have written on the issue."""
    return [one.body for one in told.issue.comments if one.author.login == "robot"]


@pytest.mark.deep
def test_labels_and_comments_are_found_without_any_webhook_and_count_once(polled):
    told, service = polled, polled.stage.service
    service.start()
    told.label()
    assert told.ended().reason.value == "no_recipe"
    time.sleep(4)  # one more look
    told.edit(body="It is slower still.\n")
    time.sleep(1.1)  # GitHub's times have seconds
    told.comment("/mergewright retry", by="carl")
    word = told.comment("/mergewright retry")
    told.ended(2)
    assert [one.content for one in word.reactions] == ["+1"]
    service.stop()
    service.start()
    time.sleep(6)
    assert len(told.runs()) == 2
    snapshot = told.runs()[1].run.snapshot
    assert (snapshot.actor, snapshot.body) == (MAINTAINER, "It is slower still.\n")
    assert "Traceback" not in service.log.read_text()


@pytest.fixture(scope="module")
def ground(store: Path) -> Iterator[Ground]:
    (store / "environments").mkdir(mode=0o755, exist_ok=True)
    with data_folder("chaos") as folder, laid_out(folder, store / "environments") as made:
        yield made


@pytest.fixture(scope="module")
def campaign(ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> Campaign:
    """One that knows what comes of a small ticket without kills."""
    tickets = Tickets(ground, tmp_path_factory.mktemp("repositories"))
    made = Campaign(ground, tickets, 1, print)
    made.undisturbed(("logging",))
    return made


def assert_well(ground: Ground, campaign: Campaign) -> None:
    verdict = judge.judge(ground, campaign.tickets.all, campaign.expected)
    assert verdict.well, "\n".join((verdict.line(), *verdict.words))
    assert campaign.missed == []


def test_PF1_kill_9_after_two_effects_before_their_record_does_nothing_twice(ground, campaign):
    assert {"announce", "publish"} < {*campaign.steps["logging"]}
    campaign.steps["logging"] = ["announce", "publish"]
    campaign.at_every_step("logging", (When.EFFECT,))
    assert campaign.kills.total() == 2
    assert_well(ground, campaign)


def test_PF1_kill_9_at_every_write_around_a_call_for_a_person_calls_once(ground, campaign):
    campaign.undisturbed(("unclear",))
    (comment,) = campaign.expected["unclear"]["comment"]
    assert " call=" in comment
    before = campaign.kills.total()
    writes = {"POST issues/N/comments", "DELETE issues/comments/N"}
    campaign.writes["unclear"] = [one for one in campaign.writes["unclear"] if one in writes]
    campaign.at_every_write("unclear")
    assert campaign.kills.total() - before == len(writes)
    assert_well(ground, campaign)


@pytest.mark.deep
def test_PF1_kill_9_at_every_step_and_at_random_loses_nothing_and_doubles_nothing(ground, campaign):
    campaign.undisturbed(("add-field", "unclear"))
    before = campaign.kills.total()
    campaign.at_every_step("add-field", AROUND)
    campaign.at_random(12, 6)
    assert campaign.kills.total() - before == 3 * len(campaign.steps["add-field"]) + 12
    assert_well(ground, campaign)


@pytest.mark.deep
def test_PF1_a_service_that_is_broken_on_purpose_is_noticed(ground, campaign):
    assert "publish" in BREAKS
    with closing(Workers(ground.environ, ground.workers.log, "publish")) as workers:
        faulty = Campaign(replace(ground, workers=workers), campaign.tickets, 1, print)
        ticket = faulty.one("logging", Point("publish", When.EFFECT))
    verdict = judge.Verdict()
    judge.compare(verdict, ticket.name, campaign.expected["logging"], effects.of(ground, ticket))
    assert verdict.double > 0, verdict.line()
