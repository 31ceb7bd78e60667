"""What GitHub could not tell us is found out, and what an old backup has forgotten is not redone."""

from __future__ import annotations

import secrets
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from agent import backup
from agent.adapters.sql_inbox import Inbox
from agent.demo.play import LABEL, MAINTAINER, REPORTER, Service, Stage
from agent.demo.simulator import actions
from agent.demo.simulator.hooks import HookFault
from agent.demo.simulator.request_log import Asked
from agent.domain import RunState
from tests.deep import deep
from tests.flow.github_stories import BODY, Story, await_
from tests.flow.test_conversation import ALWAYS, planned

#: Nothing that a recipe knows: such a run is over in a moment.
PLAIN = {"title": "Make it faster", "body": "It is slow.\n"}
SECONDS = "0.05"


@pytest.fixture(scope="module")
def soon(stage: Stage) -> Iterator[Stage]:
    """The service, which looks for what it has missed every three seconds."""
    stage.service.stop()
    stage.service.environ["MERGEWRIGHT_RECONCILE_MINUTES"] = SECONDS
    stage.service.start()
    yield stage
    stage.service.stop()
    del stage.service.environ["MERGEWRIGHT_RECONCILE_MINUTES"]
    stage.service.start()


@contextmanager
def away(stage: Stage) -> Iterator[None]:
    """Let the whole service be down."""
    stage.service.stop()
    yield
    assert stage.world.hooks.drain(30)
    stage.service.start()


@contextmanager
def elsewhere(stage: Stage) -> Iterator[list[str]]:
    """Let deliveries be answered by somebody else, who takes them and does nothing."""
    heard: list[str] = []

    class Other(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            heard.append(self.headers["X-GitHub-Delivery"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Other)
    thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    hook, before = stage.app.hook, stage.app.hook.url
    hook.url = f"http://127.0.0.1:{server.server_port}/"
    try:
        yield heard
        assert stage.world.hooks.drain(30)
    finally:
        hook.url = before
        server.shutdown()
        thread.join()
        server.server_close()


def reopen(told: Story) -> None:
    """Open the issue again."""
    world = told.stage.world
    with world.lock:
        actions.set_state(world, told.repository, told.issue, "open", None, world.user(MAINTAINER))


def asked_again(told: Story) -> int:
    """How often GitHub was asked to deliver something again."""
    return len(told.requests("POST", "/api/v3/app/hook/deliveries/*/attempts"))


def settled(told: Story, seconds: float = 4.0) -> None:
    """Give the service the time for one more look."""
    time.sleep(seconds)


def test_WH3_PF6_whatever_happens_while_the_service_is_down_leads_to_what_github_shows_now(
    story, soon
):
    ready, twice, taken_off, closed, opened = story(), *(story(**PLAIN) for _ in range(4))
    with away(soon):
        for told in (ready, twice, taken_off, closed, opened):
            told.label()
        twice.unlabel()
        taken_off.unlabel()
        closed.close()
        opened.close()
        reopen(opened)
        # Times have no fractions there.
        time.sleep(1.1)
        twice.edit(body="It is very slow.\n")
        twice.label()
    ready.assert_ready()
    assert opened.ended().reason.value == "no_recipe"
    assert [one[0] for one in taken_off.decided()] == ["ignored"]
    assert closed.decided() == [("ignored", "the issue is closed")]
    twice.decided(2)
    for attempt in range(1, len(twice.runs()) + 1):
        twice.ended(attempt)
    settled(ready)
    assert [len(told.runs()) for told in (ready, opened, taken_off, closed)] == [1, 1, 0, 0]
    assert [len(told.comments()) for told in (ready, opened, taken_off, closed)] == [1, 1, 0, 0]
    newest = twice.runs()[-1].run.snapshot
    assert newest is not None
    assert newest.body == "It is very slow.\n"
    assert len([one for one in twice.comments() if "summary>Earlier run" not in one.body]) == 1


def test_WH3_deliveries_that_are_lost_while_we_are_at_work_come_nevertheless(story, soon):
    told = story(**PLAIN)
    soon.world.hooks.faults.append(HookFault("lose", "issues.labeled"))
    told.label()
    assert told.ended().reason.value == "no_recipe"
    settled(told)
    assert len(told.runs()) == 1
    assert asked_again(told) == 1


def test_WH3_what_somebody_else_has_answered_comes_nevertheless(story, soon):
    told = story(**PLAIN)
    with elsewhere(soon) as heard:
        told.label()
        await_(lambda: told.labelled()[0] in heard or None, "the delivery elsewhere")
    assert told.ended().reason.value == "no_recipe"


def test_WH3_a_delivery_that_comes_again_after_thirty_days_starts_nothing(story, soon):
    told = story(**PLAIN)
    told.label()
    told.ended()
    with closing(Inbox(soon.home)) as inbox:
        inbox.prune(time.time() + 31 * 86_400)
    (guid,) = told.labelled()
    hooks = soon.world.hooks
    for _ in range(20):
        hooks.redeliver(next(one for one in hooks.log if one.guid == guid))
    assert hooks.drain(30)
    settled(told, 1)
    assert len(told.runs()) == len(told.comments()) == 1


def test_PF6_a_label_that_was_taken_off_before_its_delivery_came_starts_nothing(story, soon):
    told = story(**PLAIN)
    soon.world.hooks.faults.append(HookFault("lose", "issues.labeled"))
    told.label()
    told.unlabel()
    assert [one[0] for one in told.decided()] == ["ignored"]
    assert told.comments() == []


@pytest.mark.deep
def test_GH2_a_log_that_may_not_be_read_now_is_read_later_and_not_asked_for_meanwhile(story, soon):
    told = story(**PLAIN)
    soon.world.hooks.faults.append(HookFault("lose", "issues.labeled"))
    limit = told.fault(
        "secondary", "GET", "/api/v3/app/hook/deliveries", headers={"Retry-After": "25"}
    )
    told.label()
    await_(lambda: limit.hits or None, "the limit", 15)
    since = soon.world.requests.next_number()
    time.sleep(6)
    assert soon.world.requests.find("/api/v3/app/hook/*", since) == []
    assert told.ended().reason.value == "no_recipe"


# --- an old backup ---------------------------------------------------------------------------------


@contextmanager
def restored(stage: Stage, folder: Path, after: Callable[[], None]) -> Iterator[None]:
    """Back up what the service knows while it is at work, let it go on, and restore that."""
    file, fresh = folder / "backup.tar.gz", folder / "fresh"
    backup.make(stage.home, file)
    after()
    stage.service.stop()
    # The caches are what an empty data folder would have again after a while.
    for path in stage.home.iterdir():
        if path.suffix != ".lock" and path.is_file():
            path.unlink()
    shutil.rmtree(stage.home / "runs")
    backup.restore(fresh, file)
    shutil.copytree(fresh, stage.home, dirs_exist_ok=True)
    stage.service.start()
    yield


@pytest.mark.deep
def test_PF2_an_old_backup_makes_no_second_pull_request_and_loses_no_run(story, soon, tmp_path):
    done, bare, half = story(), story(), story()
    lost: list[str] = []

    def go_on() -> None:
        half.fault("refuse", "POST", "pulls", status=502, count=None)
        for told in (done, bare, half):
            told.label()
        done.assert_ready()
        bare.assert_ready()
        await_(lambda: half.branches() or None, "the branch")
        lost.append(half.present().run.run_id)
        # What was approved just now cannot have been forgotten.
        time.sleep(max(0.0, 62 - (time.time() - half.issue.happenings[0].created)))

    with restored(soon, tmp_path, go_on):
        # Somebody may have deleted what we have said.
        bare.issue.comments.clear()
        soon.world.faults.remove()
        for told in (done, bare):
            ((outcome, reason),) = told.decided()
            assert outcome == "ignored"
            assert "has answered this label already" in reason
        half.assert_ready()
        assert [one.run.run_id for one in half.runs()] == lost
        settled(done)
        for told in (done, bare):
            assert told.runs() == []
            assert len(told.pulls()) == len(told.branches()) == 1
        assert len(done.comments()) == 1
        assert done.labels() == {LABEL, "mergewright: ready"}


@pytest.mark.parametrize(
    "kinds", [("lose",), deep(("duplicate", "reorder"))], ids=["lost", "twice and out of order"]
)
def test_PF6_WH3_a_whole_conversation_has_the_same_end_whatever_becomes_of_its_events(
    story, soon, kinds
):
    told = story(body="Replace print with logging in `till/cuont.py`.\n", files=ALWAYS)
    faults = soon.world.hooks.faults
    faults.extend(HookFault(kind) for _ in range(100) for kind in kinds)
    told.label()
    assert told.ended().reason.value == "unclear"
    told.comment(BODY)
    number = planned(told)
    told.comment("/mergewright approve 00000000", by=REPORTER)
    told.comment(f"/mergewright approve {number}")
    await_(lambda: told.runs()[0].outcome, "the end of the run", 120)
    pull = told.assert_ready()
    with soon.world.lock:
        person = soon.world.user(MAINTAINER)
        actions.set_state(soon.world, told.repository, pull, "closed", None, person)
    await_(lambda: told.runs()[0].state is RunState.CLOSED or None, "the end of it", 60)
    await_(lambda: told.labels() == {LABEL} or None, "labels without a state")
    (run,) = told.runs()
    assert (run.run.attempt, run.retries) == (1, 1)
    assert any(one.count == 0 for one in faults)


# --- token mode ------------------------------------------------------------------------------------


@pytest.fixture
def polled(
    stage: Stage, story, built_home: Path, tmp_path: Path
) -> Iterator[tuple[Story, Service]]:
    """An issue in a repository of somebody who has no App, and a service with a token."""
    world = stage.world
    for login in ("robot", "nobodys"):
        if login not in world.users:
            world.add_user(login)
    told = story(owner="nobodys", **PLAIN)
    world.grant(told.repository, "robot", "write")
    token, secret = tmp_path / "token", tmp_path / "secret"
    for path, text in ((token, world.token_for("robot")), (secret, secrets.token_hex(32))):
        path.touch(mode=0o600)
        path.write_text(text)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environ = {
        "MERGEWRIGHT_GITHUB_URL": f"{world.base_url}/api/v3",
        "MERGEWRIGHT_GITHUB_TOKEN_FILE": str(token),
        "MERGEWRIGHT_WEBHOOK_SECRET_FILE": str(secret),
        "MERGEWRIGHT_LISTEN_PORT": str(port),
        "MERGEWRIGHT_HOME": str(built_home),
        "MERGEWRIGHT_REPOSITORIES": f"nobodys/gone, {told.name}",
        "MERGEWRIGHT_RECONCILE_MINUTES": SECONDS,
    }
    service = Service(environ, f"http://127.0.0.1:{port}", tmp_path / "service.log")
    try:
        yield Story(
            Stage(
                world, stage.address, stage.app, service, built_home, stage.store, stage.inbox
            ),
            told.folder, told.repository, told.issue, told.since,
        ), service  # fmt: skip
    finally:
        service.stop()


def ours(told: Story) -> list[str]:
    """What we have written on the issue, but where a person is called to it."""
    bodies = [one.body for one in told.issue.comments if one.author.login == "robot"]
    return [body for body in bodies if not body.startswith("<!-- mergewright:call run=")]


def test_a_label_is_found_without_any_webhook_and_answered_once(polled):
    told, service = polled
    service.start()
    told.label()
    assert told.ended().reason.value == "no_recipe"
    service.stop()
    service.start()
    settled(told, 6)
    assert len(told.runs()) == len(ours(told)) == 1
    snapshot = told.runs()[0].run.snapshot
    assert snapshot is not None
    assert (snapshot.actor, snapshot.title) == (MAINTAINER, PLAIN["title"])
    # The label that is set anew is another word.
    told.unlabel()
    time.sleep(1.1)
    told.label()
    assert told.ended(2).reason.value == "no_recipe"
    assert "not looked through" in service.log.read_text()
    assert "Traceback" not in service.log.read_text()


@pytest.mark.parametrize(
    "change", [{"body": "It is very slow.\n"}, deep({"title": "Delete it all"})]
)
def test_TC4_a_text_that_was_edited_after_the_label_is_not_approved(polled, change):
    told, service = polled
    told.label()
    told.edit(**change)
    service.start()
    (words,) = await_(lambda: ours(told) or None, "the explanation")
    assert "was edited after the label `mergewright` was set" in words
    # What is done to the issue brings it up again, and is no approval.
    told.edit(body="It is slower still.\n")
    settled(told, 4)
    assert told.runs() == []
    assert len(ours(told)) == 1
    told.unlabel()
    time.sleep(1.1)  # GitHub's times have seconds
    told.label()
    told.ended()
    snapshot = told.runs()[0].run.snapshot
    assert snapshot is not None
    assert snapshot.body == "It is slower still.\n"
    assert snapshot.title == change.get("title", PLAIN["title"])


@pytest.mark.deep
def test_TC4_a_text_that_was_edited_before_the_label_is_approved_by_it(polled):
    told, service = polled
    told.edit(title="Slower than it was", body="It is very slow.\n")
    time.sleep(1.1)
    told.label()
    service.start()
    told.ended()
    snapshot = told.runs()[0].run.snapshot
    assert snapshot is not None
    assert (snapshot.title, snapshot.body) == ("Slower than it was", "It is very slow.\n")
    # What is edited from here on changes nothing.
    told.edit(body="Another text.\n")
    settled(told, 4)
    assert len(told.runs()) == len(ours(told)) == 1


def test_TC1_a_label_by_the_triage_role_is_found_and_starts_nothing(polled):
    told, service = polled
    told.stage.world.grant(told.repository, MAINTAINER, "triage")
    service.start()
    told.label()
    (words,) = await_(lambda: ours(told) or None, "the explanation")
    assert "triage role" in words
    settled(told)
    assert told.runs() == []
    assert len(ours(told)) == 1


def test_a_comment_is_heard_without_any_webhook_and_counts_once(polled):
    told, service = polled
    service.start()
    told.label()
    told.ended()
    settled(told)
    told.edit(body="It is slower still.\n")
    time.sleep(1.1)
    told.comment("/mergewright retry", by=REPORTER)
    word = told.comment("/mergewright retry")
    told.ended(2)
    assert [one.content for one in word.reactions] == ["+1"]
    service.stop()
    service.start()
    settled(told, 4)
    assert len(told.runs()) == 2
    snapshot = told.runs()[1].run.snapshot
    assert snapshot is not None
    assert (snapshot.actor, snapshot.body) == (MAINTAINER, "It is slower still.\n")
    assert "Traceback" not in service.log.read_text()


def test_GH2_a_quiet_repository_costs_next_to_nothing(polled):
    told, service = polled
    service.start()
    told.label()
    told.ended()
    here = f"/api/v3/repos/{told.name}"

    def quiet() -> list[Asked] | None:
        """Two looks after which nothing had changed: two questions of labels, two of comments."""
        found = told.stage.world.requests.find(f"{here}*", told.since)
        asked = [one for one in found if "/contents/" not in one.path][-8:]
        return asked if {one.status for one in asked} == {304} else None

    asked = await_(quiet, "looks that cost nothing")
    assert len(asked) == 8
    assert {one.path for one in asked} == {here, f"{here}/issues"}
