"""Our client and the simulated GitHub against GitHub's own description: a run in which it does all.

Every request that is made, every answer to it and every delivery that it causes is judged.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
from pydantic import SecretStr

from agent.conversation import deliveries
from agent.conversation.deliveries import Ignored
from agent.dashboard.github_people import GithubPeople
from agent.errors import AccessLost
from agent.github import merged_pulls
from agent.github.app_deliveries import AppDeliveries
from agent.github.tokens import TokenScope
from agent.models.code_host import NewPullRequest
from agent.models.outcome import Outcome
from agent.models.record import replace
from agent.models.run import Reason
from tests.contract import operations, schemas
from tests.integration import github_samples as samples
from tests.integration import workflow_runs
from tests.integration.github_samples import BRANCH, RUN_ID, Scene
from tests.outcomes import make_outcome
from tests.simulator import actions, calls, pull_actions, serving
from tests.simulator.hooks import Delivery
from tests.simulator.world import World
from webhooks import events as github_events

API = "/api/v3"


def intake(scene: Scene) -> None:
    issue = scene.run.snapshot.issue
    scene.intake_api.own_logins()
    scene.intake_api.read_start_label(issue)
    scene.intake_api.read_permission(issue, "ann")
    scene.intake_api.read_issue(issue)
    scene.intake_api.mark_seen(scene.run)
    with scene.world.lock:
        ann = scene.world.user("ann")
        comment = actions.comment(scene.issue, ann, "/mergewright help")
    scene.intake_api.add_reaction(issue, comment.id, "+1", inline=False)
    assert [reaction.content for reaction in comment.reactions] == ["+1"]
    assert scene.intake_api.has_comment(issue, comment.id)
    assert scene.intake_api.read_text(issue).title == scene.issue.title


def work(scene: Scene) -> None:
    code_host, run = scene.code_host, scene.run
    code_host.read_ticket(run)
    code_host.announce_start(run, "It works.")
    code_host.update_status(run, "A stage.", is_news=True)
    stopped = Outcome.for_stopped_run(run.run_id, Reason.UNCLEAR, "Which?")
    code_host.report_outcome(run, stopped, "Which?", occasion="unclear-0")
    code_host.announce_start(run, "It works.")
    code_host.find_remote(run)
    code_host.create_credential(run, write=False)


def publish(scene: Scene) -> None:
    code_host, run = scene.code_host, scene.run
    code_host.create_credential(run, write=True)
    commit = samples.push_branch(scene.repository)
    proposed = NewPullRequest(
        branch=BRANCH, commit=commit, base_branch="main", title="Add a field", body="Closes #1",
        summary="| check | head |", reviewers=("ann",), labels=("bug",),
    )  # fmt: skip
    code_host.publish_pull_request(run, proposed)
    # Proposed again, its words have changed meanwhile, and there is something to check.
    again = replace(proposed, title="Add one field", draft=True)
    pull = code_host.publish_pull_request(run, again)
    (issue,) = scene.repository.pulls()
    assert pull.draft and issue.pull.draft
    pull_actions.set_draft(issue.pull, scene.world.user("ann"), draft=False)
    pulled = replace(run.snapshot.issue, number=pull.number, issue_id=0)
    assert scene.intake_api.read_pull(pulled).state == "open"
    # The onboarding pull request is looked for.
    assert code_host.has_pull_request(run, BRANCH)
    # An end that a person has to see to takes the place of the earlier comment.
    for reason in (Reason.NEW_FAILURES, Reason.READY):
        code_host.report_outcome(
            run,
            make_outcome(
                run_id=RUN_ID, state=reason.state, reason=reason, sentence="So it ended.",
                text="body", pull_request=pull,
            ),
            "body",
            occasion=f"{reason.value}-0",
        )  # fmt: skip


def follow_up(scene: Scene) -> None:
    """Answer a review, and look at the project's own checks."""
    (issue,) = scene.repository.pulls()
    head, ann = issue.pull.head_sha, scene.world.user("ann")
    line = {"path": "new.py", "line": 1, "body": "Why?"}
    sent = {"event": "REQUEST_CHANGES", "body": "Please change this.", "comments": [line]}
    with scene.world.open_client(scene.repository, "ann") as client:
        assert client.post(f"pulls/{issue.number}/reviews", json=sent).status_code == 200
    with scene.world.lock:
        workflow_runs.conclude_workflow(
            scene.repository, head, "CI", "failure", ann,
            [workflow_runs.Job("test", "failure", "1 failed")],
        )  # fmt: skip
    on_line = issue.pull.review_comments()[0]
    ref = replace(scene.run.snapshot.issue, number=issue.number, issue_id=0)
    scene.intake_api.add_reaction(ref, on_line.id, "eyes", inline=True)
    assert [reaction.content for reaction in on_line.reactions] == ["eyes"]
    pulls = scene.code_host
    for number, thread in enumerate(pulls.read_pull(scene.run, issue.number).threads):
        assert pulls.reply_in_thread(scene.run, issue.number, thread, "Done.", key=str(number))
        assert pulls.resolve_thread(scene.run, thread) is (thread.place == "inline")
    (red,) = (check for check in pulls.list_checks(scene.run, head) if check.state == "failed")
    assert pulls.read_log(scene.run, red) == "1 failed\n"


def ask_for_less_than_wanted(scene: Scene) -> None:
    """Ask for a token of an installation that may not write checks: it is asked for without them."""
    if scene.installation is None:
        return
    scene.installation.permissions = {
        name: level for name, level in scene.installation.permissions.items() if name != "checks"
    }
    session = scene.access.open_session(scene.run.snapshot.issue, "another run")
    assert session.token(TokenScope.TALK)


def look_an_issue_up(scene: Scene) -> None:
    assert scene.intake_api.find_issue(scene.name, 1) is not None


def sign_in(scene: Scene) -> None:
    if scene.app is not None:
        web, back = scene.world.base_url, "http://127.0.0.1:1"
        secret = SecretStr(scene.app.client_secret)
        people = GithubPeople(
            scene.settings.github_url, web, scene.app.client_id, lambda: secret, back
        )
        sent = httpx.get(f"{people.authorize_url('x', 'secret')}&as=ann").headers["location"]
        code = httpx.URL(sent).params["code"]
        person = people.exchange(code, "secret")
        assert person.login == "ann"
        assert people.refresh(person).repositories == person.repositories
        assert scene.run.snapshot.issue.repository_id in person.repositories
        with pytest.raises(AccessLost):
            people.exchange(code, "secret")


def reconcile(scene: Scene) -> None:
    earlier = scene.intake_api.find_earlier_run(scene.run.snapshot)
    assert earlier and earlier.run_id == scene.run.run_id
    if scene.app is not None:
        log = AppDeliveries(scene.access)
        scene.world.hooks.drain()
        sent = log.read_page().deliveries[0]
        assert log.read_payload(sent.number)["action"] == sent.action


def look_back(scene: Scene) -> None:
    """List what was merged, as a backtest does."""
    opened, token, pulls = merged_pulls.open_repository(scene.access, scene.name)
    assert opened.name == scene.name
    assert token
    assert [[issue.number for issue in pull.issues] for pull in pulls] == [[1]]


def act_as_people(scene: Scene) -> None:
    """Do what people do with issue and pull request; some of it is refused."""
    (pull,) = scene.repository.pulls()
    ann = scene.world.user("ann")
    with scene.world.open_client(scene.repository, "ann") as client:
        for method, path, sent in (
            ("GET", f"issues/comments/{scene.issue.comments[0].id}", None),
            ("GET", "contents/shop.py", None),
            ("POST", "statuses/main", {"state": "failure", "context": "ci"}),
            ("GET", "issues/999", None),
            ("POST", "issues/1/comments", {"body": " "}),
            ("POST", "pulls", {"title": "Again", "head": "absent", "base": "main"}),
        ):
            client.request(method, path, json=sent)
    with scene.world.lock:
        for state in ("closed", "open"):
            actions.set_state(scene.issue, state, ann)
        actions.remove_label(scene.issue, scene.issue.labels[0], ann)
        pull_actions.merge(pull.pull, ann)


@dataclass
class Exchange:
    """One request to the API with its answer."""

    operation: str
    sent: bytes
    by_us: bool
    status: int
    kind: str
    answered: bytes


@pytest.fixture(scope="module")
def exchanged(tmp_path_factory) -> Iterator[tuple[list[Exchange], list[Delivery]]]:
    """Run all that our client can do, as an App and as a person."""
    exchanges: list[Exchange] = []
    answer = serving._answer

    def note(world: World, request: serving.Request) -> serving.Answer:
        status, headers, body = answer(world, request)
        if request.path.startswith("/api/"):
            path, kind = request.path.removeprefix(API), headers.get("Content-Type", "")
            operation = str(
                calls.find_operation(request.method, path) or f"{request.method} {path}"
            )
            by_us = request.headers.get("user-agent") == "mergewright"
            exchanges.append(Exchange(operation, request.body, by_us, status, kind, body))
        return status, headers, body

    with (
        pytest.MonkeyPatch.context() as patch,
        samples.serving_world(tmp_path_factory.mktemp("world")) as world,
    ):
        patch.setattr(serving, "_answer", note)
        for app in world.apps.values():
            app.hook.url = f"{world.base_url}/nowhere"
        for app in (True, False):
            scene = samples.scene(world, tmp_path_factory.mktemp("scene"), app=app)
            for deed in (
                intake, work, publish, follow_up, look_an_issue_up, sign_in, reconcile,
                ask_for_less_than_wanted, act_as_people, look_back,
            ):  # fmt: skip
                deed(scene)
        world.hooks.drain()
        yield exchanges, list(world.hooks.log)


def test_every_operation_is_one_of_githubs_and_called_by_our_client_or_by_people(exchanged):
    by_us = {exchange.operation for exchange in exchanged[0] if exchange.by_us} - {
        "POST /api/graphql"
    }
    assert by_us | set(operations.NOT_CALLED) == operations.OPERATIONS
    assert by_us & set(operations.NOT_CALLED) == set()


def test_every_answer_is_one_that_github_could_give(exchanged):
    judged = [exchange for exchange in exchanged[0] if exchange.operation in operations.OPERATIONS]
    assert {
        exchange.operation for exchange in judged if exchange.status < 400
    } == operations.OPERATIONS
    assert len({exchange.status for exchange in judged}) > 5, "refusals are among them"
    faults = {
        fault
        for exchange in judged
        for fault in schemas.response_faults(
            exchange.operation, exchange.status, exchange.kind, exchange.answered
        )
    }
    assert faults == set()


def test_every_payload_that_was_delivered_fits_the_schema_of_its_event(exchanged):
    faults = {
        fault
        for delivery in exchanged[1]
        for fault in schemas.hook_faults(delivery.event, delivery.body)
    }
    assert faults == set()
    parsed = [
        (delivery.event, github_events.parse_event(delivery.event, delivery.body))
        for delivery in exchanged[1]
    ]
    kept = {event for event, event_read in parsed if not isinstance(event_read, Ignored)}
    assert kept == set(deliveries.READS), "the listener reads what the simulator delivers"


def test_every_graphql_document_of_our_client_fits_githubs_schema(exchanged):
    graphql = "POST /api/graphql"
    bodies = [
        json.loads(exchange.sent) for exchange in exchanged[0] if exchange.operation == graphql
    ]
    documents = {body["query"] for body in bodies}
    assert len(documents) == 5
    assert [fault for document in documents for fault in schemas.document_faults(document)] == []
    answers = (
        json.loads(exchange.answered) for exchange in exchanged[0] if exchange.operation == graphql
    )
    faults = [
        fault
        for body, answer in zip(bodies, answers, strict=True)
        if answer["data"]
        for fault in schemas.answer_faults(body["query"], body["variables"], answer["data"])
    ]
    assert faults == []
    faults = schemas.document_faults("{ viewer { celebrated issues(age: 1) { totalCount } } }")
    assert all(word in fault for word, fault in zip(("celebrated", "age"), faults, strict=True))


def test_every_request_of_our_client_is_one_that_github_takes(exchanged):
    sent = [
        run for run in exchanged[0]
        if run.by_us and run.operation in operations.OPERATIONS and run.operation[:4] != "GET "
    ]  # fmt: skip
    assert len({exchange.operation for exchange in sent}) > 10
    faults = {
        fault
        for exchange in sent
        for fault in schemas.request_faults(exchange.operation, exchange.sent)
    }
    assert faults == set()
