"""What a client may ask of GitHub, area by area: successes, refusals, and odd cases.

Each function drives the routes of one area through the judged client, which raises at the first
answer that GitHub would not give. Together they visit every route.
"""

from __future__ import annotations

from collections.abc import Callable

import httpx

from agent.demo.simulator import actions, pull_actions
from tests.contract.hub import API, PATH, Hub
from tests.integration import github_samples as samples
from tests.integration import simulator_samples, workflow_runs

ABSENT = "0" * 40


def apps(hub: Hub) -> None:
    app, world = hub.app_token, hub.world
    assert hub.ask("GET", "/app", app)["slug"] == "mergewright"
    hub.ask("GET", "/app", hub.owner, expect=401)
    one = f"/app/installations/{hub.installation.id}"
    assert hub.ask("GET", f"{API}/installation", app)["id"] == hub.installation.id
    hub.ask("GET", "/repos/octo/nothing/installation", app, expect=404)
    narrowed = {"repositories": ["shop"], "permissions": {"contents": "read"}}
    made = hub.ask("POST", f"{one}/access_tokens", app, json=narrowed, expect=201)
    assert made["permissions"] == {"metadata": "read", "contents": "read"}
    assert hub.ask("GET", API, made["token"])["full_name"] == "octo/shop"
    refused = {"permissions": {"members": "write"}}
    hub.ask("POST", f"{one}/access_tokens", app, json=refused, expect=422)
    samples.expire_tokens(world)
    hub.ask("GET", API, made["token"], expect=401)
    hub.acting = hub.ask("POST", f"{one}/access_tokens", app, expect=201)["token"]


def registration(hub: Hub) -> None:
    hub.world.registrations["code"] = hub.app
    made = hub.client.ask("POST", "/app-manifests/code/conversions", expect=201).json()
    assert made["slug"] == "mergewright"
    hub.client.ask("POST", "/app-manifests/code/conversions", expect=404)


def sign_in(hub: Hub) -> None:
    found = hub.ask("GET", "/user/installations")["installations"]
    assert [one["id"] for one in found] == [hub.installation.id]
    path = f"/user/installations/{hub.installation.id}/repositories"
    (owned,) = hub.ask("GET", path)["repositories"]
    assert owned["permissions"]["push"]
    for token, may_write in ((hub.writer, True), (hub.stranger, False)):
        listed = hub.ask("GET", path, token)["repositories"]
        assert not any(one["permissions"]["push"] is not may_write for one in listed)
    hub.ask("GET", "/user/installations/999999/repositories", expect=404)


def hook(hub: Hub) -> None:
    app = hub.app_token
    hub.issue("Something to deliver")
    number = hub.settled_delivery()
    listed = hub.ask("GET", "/app/hook/deliveries?per_page=2", app)
    assert 1 <= len(listed) <= 2
    hub.ask("POST", f"/app/hook/deliveries/{number}/attempts", app, expect=202)
    hub.ask("POST", "/app/hook/deliveries/1/attempts", app, expect=404)


def people(hub: Hub) -> None:
    assert hub.ask("GET", "/user", hub.writer)["login"] == "wanda"
    hub.ask("GET", "/user", hub.acting, expect=403)
    assert hub.ask("GET", "/users/mergewright[bot]")["type"] == "Bot"
    hub.ask("GET", "/users/nobody", expect=404)
    hub.ask("GET", "/nothing/here", expect=404)


def repository(hub: Hub) -> None:
    hub.ask("GET", API, hub.acting)
    hub.ask("GET", "/repos/octo/nothing", expect=404)
    for login, role in (("octo", "admin"), ("wanda", "write"), ("tria", "triage")):
        found = hub.ask("GET", f"{API}/collaborators/{login}/permission", hub.acting)
        assert found["role_name"] == role
    hub.ask("GET", f"{API}/collaborators/nobody/permission", hub.acting, expect=404)
    hub.ask("GET", f"{API}/collaborators/octo/permission", hub.stranger, expect=403)
    hub.ask("GET", f"{API}/contents/README.md")
    assert isinstance(hub.ask("GET", f"{API}/contents/shop"), list)
    hub.ask("GET", f"{API}/contents/.github/mergewright.yml?ref=main")
    hub.ask("GET", f"{API}/contents/nothing", expect=404)


def branches(hub: Hub) -> None:
    hub.branch("feature/one")
    kinds = ["pull_request", "non_fast_forward"]
    samples.add_rule(hub.repository, "guarded/*", *kinds, exempt=[hub.app.bot.login])
    found = hub.ask("GET", f"{API}/rules/branches/guarded/x")
    assert {each["type"] for each in found} == {"pull_request", "non_fast_forward"}
    one = f"{API}/rulesets/{found[0]['ruleset_id']}"
    assert hub.ask("GET", one, hub.acting)["current_user_can_bypass"] == "always"
    assert hub.ask("GET", one, hub.stranger)["current_user_can_bypass"] == "never"
    hub.ask("GET", f"{API}/rulesets/1", expect=404)
    assert hub.ask("GET", f"{API}/rules/branches/main") == []


def issues(hub: Hub) -> None:
    number = hub.issue("Title ☃ שלום", body="Body")
    one = f"{API}/issues/{number}"
    hub.ask("POST", f"{API}/issues", json={"body": "no title"}, expect=422)
    hub.ask("POST", f"{one}/labels", json={"labels": ["bug"]})
    hub.ask("GET", f"{API}/issues/99999", expect=404)
    hub.ask("PATCH", one, json={"state": "closed"})
    hub.ask("PATCH", one, hub.stranger, json={"state": "open"}, expect=403)
    assert hub.ask("GET", one)["closed_at"]
    hub.ask("PATCH", one, json={"state": "open"})
    found = hub.ask(
        "GET", f"{API}/issues?labels=BUG&state=all&sort=updated&since=2020-01-01T00:00:00Z"
    )
    assert number in [one["number"] for one in found]
    assert hub.ask("GET", f"{API}/issues?labels=bug,nothing") == []
    hub.ask("GET", "/repos/octo/nothing/issues", expect=404)
    issue, owner = hub.repository.issues[number], hub.world.user("octo")
    actions.edit(issue, owner, title="Another", body="Better")
    actions.lock(issue, owner)
    hub.ask("POST", f"{one}/comments", hub.stranger, json={"body": "x"}, expect=403)


def labels(hub: Hub) -> None:
    number = hub.issue("To be labelled")
    on = f"{API}/issues/{number}/labels"
    assert len(hub.ask("POST", on, hub.acting, json={"labels": ["state: working", "bug"]})) == 2
    assert len(hub.ask("POST", on, hub.triager, json=["enhancement"])) == 3
    hub.ask("POST", on, hub.stranger, json={"labels": ["bug"]}, expect=403)
    events = hub.ask("GET", f"{API}/issues/{number}/events?per_page=100", hub.acting)
    assert [one["label"]["name"] for one in events] == ["state: working", "bug", "enhancement"]
    assert events[-1]["actor"]["login"] == "tria"
    hub.ask("DELETE", f"{on}/enhancement")
    hub.ask("DELETE", f"{on}/enhancement", expect=404)
    assert len(hub.ask("DELETE", f"{on}/state: working", hub.acting)) == 1


def comments(hub: Hub) -> None:
    number = hub.issue("To be talked about")
    on = f"{API}/issues/{number}"
    made = hub.ask("POST", f"{on}/comments", hub.acting, json={"body": "Working"}, expect=201)
    hub.ask("POST", f"{on}/comments", json={"body": " "}, expect=422)
    hub.ask("POST", f"{on}/comments", hub.stranger, json={"body": "Hello"}, expect=201)
    assert len(hub.ask("GET", f"{on}/comments")) == 2
    one = f"{API}/issues/comments/{made['id']}"
    hub.ask("GET", one)
    assert hub.ask("PATCH", one, hub.acting, json={"body": "Done"})["body"] == "Done"
    hub.ask("PATCH", one, hub.stranger, json={"body": "Mine"}, expect=403)
    hub.ask("GET", f"{API}/issues/comments/1", expect=404)
    hub.ask("POST", f"{on}/reactions", hub.acting, json={"content": "eyes"}, expect=201)
    hub.ask("POST", f"{on}/reactions", hub.acting, json={"content": "eyes"})
    hub.ask("POST", f"{on}/reactions", hub.acting, json={"content": "odd"}, expect=422)
    hub.ask("POST", f"{one}/reactions", json={"content": "rocket"}, expect=201)
    hub.ask("DELETE", one, hub.stranger, expect=403)
    hub.ask("DELETE", one, hub.acting, expect=204)
    hub.ask("DELETE", one, hub.acting, expect=404)


def references(hub: Hub) -> None:
    sha = hub.branch("objects")
    assert hub.ask("GET", f"{API}/git/ref/heads/objects")["object"]["sha"] == sha
    hub.ask("GET", f"{API}/git/ref/heads/nothing", expect=404)


def checks(hub: Hub) -> None:
    sha = hub.branch("checked")
    annotation = {
        "path": PATH, "start_line": 1, "end_line": 1,
        "annotation_level": "warning", "message": "A remark",
    }  # fmt: skip
    output = {"title": "Checks", "summary": "All green", "annotations": [annotation]}
    started = {"name": "mergewright", "head_sha": sha, "status": "completed", "output": output}
    started["conclusion"] = "success"
    made = hub.ask("POST", f"{API}/check-runs", hub.acting, json=started, expect=201)
    hub.ask("POST", f"{API}/check-runs", hub.owner, json=started, expect=403)
    many = {**started, "output": {**output, "annotations": [annotation] * 51}}
    hub.ask("POST", f"{API}/check-runs", hub.acting, json=many, expect=422)
    assert made["conclusion"] == "success"
    assert hub.ask("GET", f"{API}/commits/{sha}/check-runs")["total_count"] == 1
    red = {**started, "name": "tests", "conclusion": "failure"}
    hub.ask("POST", f"{API}/check-runs", hub.acting, json=red, expect=201)
    status = {"state": "success", "context": "mergewright", "description": "Fine"}
    hub.ask("POST", f"{API}/statuses/{sha}", hub.acting, json=status, expect=201)
    (told,) = hub.ask("GET", f"{API}/commits/{sha}/status")["statuses"]
    assert told["state"] == "success"
    assert hub.ask("GET", f"{API}/commits/{sha}/statuses")
    for conclusion in ("failure", "action_required"):
        workflow_runs.conclude_workflow(
            hub.repository, sha, "Tests", conclusion, hub.world.user("wanda")
        )


def workflows(hub: Hub) -> None:
    sha, wanda = hub.branch("run"), hub.world.user("wanda")
    place = (hub.repository, sha)
    jobs = [
        workflow_runs.Job("lint", "success", "fine\n"),
        workflow_runs.Job("test", "failure", "1 failed\n"),
        workflow_runs.Job("docs", "skipped"),
    ]
    done = workflow_runs.conclude_workflow(*place, "CI", "failure", wanda, jobs)
    workflow_runs.begin_workflow(*place, "CI", wanda, status="waiting", event="push")
    found = hub.ask("GET", f"{API}/actions/runs?head_sha={sha}", hub.acting)
    assert [(one["event"], one["status"], one["conclusion"]) for one in found["workflow_runs"]] == [
        ("push", "waiting", None), ("pull_request", "completed", "failure"),
    ]  # fmt: skip
    workflow_runs.run_again(hub.repository, done, "success", wanda, jobs[:1])
    listed = hub.ask("GET", f"{API}/commits/{sha}/check-runs", hub.acting)["check_runs"]
    numbers = {one["name"]: one["id"] for one in listed}
    assert numbers.keys() == {"lint", "test", "docs"}
    of_run = f"{API}/actions/runs/{done.id}/jobs"
    assert len(hub.ask("GET", of_run, hub.acting)["jobs"]) == 3
    hub.ask("GET", f"{API}/actions/runs/1/jobs", hub.acting, expect=404)
    log = f"{API}/actions/jobs/{numbers['test']}/logs"
    sent = hub.client.ask("GET", log, hub.acting, expect=302)
    assert httpx.get(sent.headers["location"], trust_env=False).text.endswith("Z 1 failed\r\n")
    hub.client.ask("GET", log, expect=401)
    hub.ask("GET", f"{API}/actions/jobs/{numbers['docs']}/logs", hub.acting, expect=404)


def pulls(hub: Hub) -> None:
    number = hub.pull("topic", body="Closes #1", draft=True)
    one = f"{API}/pulls/{number}"
    again = {"title": "Again", "head": "topic", "base": "main"}
    hub.ask("POST", f"{API}/pulls", hub.acting, json=again, expect=422)
    hub.ask("POST", f"{API}/pulls", hub.acting, json={**again, "head": "absent"}, expect=422)
    assert hub.ask("GET", one)["draft"] is True
    hub.ask("GET", f"{API}/pulls/99999", expect=404)
    assert hub.ask("GET", f"{API}/pulls?head=octo:topic&state=all")[0]["number"] == number
    hub.ask("PATCH", one, hub.acting, json={"title": "Better", "body": "New"})
    asked = {"reviewers": ["wanda"]}
    hub.ask("POST", f"{one}/requested_reviewers", hub.acting, json=asked, expect=201)
    asked = {"reviewers": ["strange"]}
    hub.ask("POST", f"{one}/requested_reviewers", hub.acting, json=asked, expect=422)
    hub.ask("PUT", f"{one}/merge", hub.owner, expect=405)
    hub.ask("PATCH", one, json={"state": "closed"})
    hub.ask("PATCH", one, json={"state": "open"})
    other = hub.pull("topic-two")
    tip = hub.tip("topic-two")
    commit = simulator_samples.commit(
        hub.world, hub.repository, tip, PATH, "more\n", hub.world.user("wanda")
    )
    wanda = hub.world.user("wanda")
    branch = "refs/heads/topic-two"
    pull_actions.move_reference(hub.repository, wanda, branch, tip, commit)
    hub.ask("PUT", f"{API}/pulls/{other}/merge", hub.owner)
    assert hub.ask("GET", f"{API}/pulls/{other}")["merged"] is True


def reviews(hub: Hub) -> None:
    number = hub.pull("reviewed")
    one = f"{API}/pulls/{number}"
    line = {"path": PATH, "line": 1, "body": "Why?"}
    wanted = {"event": "REQUEST_CHANGES", "body": "Please", "comments": [line]}
    hub.ask("POST", f"{one}/reviews", hub.writer, json=wanted)
    hub.ask("POST", f"{one}/reviews", hub.writer, json={"event": "APPROVE"})
    hub.ask("POST", f"{one}/reviews", hub.writer, json={"event": "COMMENT"}, expect=422)
    assert len(hub.ask("GET", f"{one}/reviews")) == 2
    for odd in ({**line, "path": "not/changed.py"}, {**line, "line": 99}):
        refused = {**wanted, "comments": [odd]}
        hub.ask("POST", f"{one}/reviews", hub.writer, json=refused, expect=422)
    (made,) = hub.ask("GET", f"{one}/comments")
    answer = {"body": "Because"}
    hub.ask("POST", f"{one}/comments/{made['id']}/replies", hub.acting, json=answer, expect=201)
    hub.ask("POST", f"{one}/comments/1/replies", hub.acting, json=answer, expect=404)
    seen, eyes = f"{API}/pulls/comments/{made['id']}/reactions", {"content": "eyes"}
    hub.ask("POST", seen, hub.acting, json=eyes, expect=201)
    hub.ask("POST", seen, hub.acting, json=eyes)
    issue = hub.repository.issues[number]
    assert issue.pull is not None
    (thread,) = issue.pull.threads
    for actor in (hub.world.user("octo"), None):
        pull_actions.resolve(issue.pull, thread, actor)


AREAS: dict[str, Callable[[Hub], None]] = {
    area.__name__: area
    for area in (
        apps, registration, sign_in, hook, people, repository, branches, issues, labels, comments,
        references, checks, workflows, pulls, reviews,
    )
}  # fmt: skip
