"""Who gets in, and what they see and may do."""

import os
import time

import pytest

from agent import settings
from agent.dashboard import sign_in_links
from agent.dashboard.app import create_app
from agent.errors import CodeHostUnavailable
from agent.models.run import Reason, Wait
from agent.store.sql_run_store import SqlRunStore
from tests.unit.dashboard import made_runs
from tests.unit.dashboard.conftest import ADDRESS

PAGES = ("/", "/runs", "/queue", "/statistics")


def add_run(store: SqlRunStore, repository: str = made_runs.REPOSITORIES[0], number: int = 1):
    return store.add_run(made_runs.make_run(number, time.time(), repository), time.time())


def test_a_stranger_sees_the_sign_in_and_nothing_else(store, stranger):
    run = add_run(store)
    of_run = [f"/runs/{run.run_id}{below}" for below in ("", "/log", "/log.txt", "/changes")]
    for path in (*PAGES, *of_run):
        answer = stranger.get(path)
        assert answer.status_code == 303, path
        assert answer.headers["location"].startswith("/sign-in?next="), path
    assert stranger.post(f"/runs/{run.run_id}/stop").status_code == 401
    assert "Customers" not in stranger.get("/sign-in").text


def test_a_one_time_link_signs_in_once(store, stranger, tmp_path):
    code = sign_in_links.create_sign_in_link(tmp_path, "http://x").rpartition("=")[2]
    # What only looks at the link does not use it up.
    assert stranger.get(f"/sign-in/once?code={code}").status_code == 200
    answer = stranger.post("/sign-in/once", code=code)
    cookie = answer.headers["set-cookie"]
    assert answer.status_code == 303
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert stranger.get("/").status_code == 200
    assert stranger.post("/sign-in/once", code=code).status_code == 403


def test_a_link_that_is_too_old_does_not(stranger, tmp_path):
    code = sign_in_links.create_sign_in_link(tmp_path, "http://x").rpartition("=")[2]
    (made,) = (tmp_path / "dashboard" / "links").iterdir()
    old = time.time() - sign_in_links.LINK_SECONDS - 1
    os.utime(made, (old, old))
    assert stranger.post("/sign-in/once", code=code).status_code == 403
    assert stranger.post("/sign-in/once", code="../../etc/passwd").status_code == 403


def test_UI3_people_see_the_runs_of_repositories_that_they_can_read(store, stranger):
    seen, hidden = add_run(store), add_run(store, made_runs.REPOSITORIES[1], 2)
    stranger.sign_in("ann", {100: False})
    assert seen.run_id in stranger.get("/").text
    for path in ("/", "/queue", "/statistics"):
        assert made_runs.REPOSITORIES[1] not in stranger.get(path).text, path
    for path in (f"/runs/{hidden.run_id}", f"/runs/{hidden.run_id}/log"):
        assert stranger.get(path).status_code == 404, path


def test_whoever_can_only_read_cannot_act(store, stranger):
    run = add_run(store)
    stranger.sign_in("ann", {100: False})
    page = stranger.get(f"/runs/{run.run_id}").text
    assert "/stop" not in page
    answer = stranger.post(f"/runs/{run.run_id}/stop")
    assert answer.status_code == 409
    assert stranger.post("/queue/pause").status_code == 409
    assert store.get_run(run.run_id).stop_request is None


def end_run(store: SqlRunStore, run_id: str, reason: Reason) -> None:
    outcome = made_runs.Outcome.for_stopped_run(run_id, reason, "It was stopped.")
    store.finish_run(run_id, outcome, time.time())


def test_a_person_stops_a_run_and_lets_it_go_on_by_name(store, stranger):
    run = add_run(store)
    stranger.sign_in("ann", {100: True})
    assert stranger.post(f"/runs/{run.run_id}/stop").status_code == 303
    assert "ann" in (store.get_run(run.run_id).stop_request or "")
    end_run(store, run.run_id, Reason.CANCELLED)
    assert stranger.post(f"/runs/{run.run_id}/retry").status_code == 303
    assert store.get_run(run.run_id).active
    assert [(one.by, one.words) for one in store.list_guidance(run.run_id)] == [
        ("ann", "stop"), ("ann", "retry"),
    ]  # fmt: skip


def test_who_is_not_on_the_list_can_only_stop(store, stranger, tmp_path):
    run, file = add_run(store), tmp_path / "limits.yml"
    file.write_text("all: {start: [max]}\n")
    loaded = settings.load_settings(
        {"MERGEWRIGHT_HOME": str(tmp_path), "MERGEWRIGHT_LIMITS": str(file)}
    )
    stranger.serve(create_app(loaded, store, ADDRESS)).sign_in("ann", {100: True})
    assert stranger.post(f"/runs/{run.run_id}/stop").status_code == 303
    end_run(store, run.run_id, Reason.CANCELLED)
    assert stranger.post(f"/runs/{run.run_id}/retry").status_code == 409
    file.write_text("all: {start: [ANN]}\n")
    assert stranger.post(f"/runs/{run.run_id}/retry").status_code == 303


def test_what_people_do_on_the_dashboard_is_in_the_audit_log(store, stranger, operator):
    run = add_run(store)
    stranger.sign_in("ann", {100: True})
    stranger.post(f"/runs/{run.run_id}/stop")
    operator.post("/queue/pause")
    operator.post("/queue/resume")
    stranger.post("/sign-out")
    seen = [(entry.action, entry.by) for entry in store.audit.list_after()]
    assert seen == [
        ("sign in", "the operator"), *(("start", made_runs.make_run(1, 0).snapshot.actor),),
        ("sign in", "ann"), ("stop", "ann"), ("pause", "the operator"),
        ("unpause", "the operator"), ("sign out", "ann"),
    ]  # fmt: skip


def test_a_person_lets_only_those_runs_go_on_that_a_comment_could(store, stranger, operator):
    run = add_run(store)
    stranger.sign_in("ann", {100: True})
    retry = f"/runs/{run.run_id}/retry"
    end_run(store, run.run_id, Reason.BUDGET_SPENT)
    assert stranger.post(retry).status_code == 303
    end_run(store, run.run_id, Reason.NEW_FAILURES)
    assert stranger.post(retry).status_code == 409
    assert operator.post(retry).status_code == 303


def test_an_action_asks_github_anew_and_without_an_answer_is_refused(store, stranger, people):
    run = add_run(store)
    stranger.sign_in("ann", {100: True})
    stop = f"/runs/{run.run_id}/stop"
    people.problem = CodeHostUnavailable("silent")
    assert stranger.post(stop).status_code == 503
    people.problem, people.repositories["ann"] = None, {100: False}
    assert stranger.post(stop).status_code == 409
    assert store.get_run(run.run_id).stop_request is None
    people.repositories["ann"] = {100: True}
    assert stranger.post(stop).status_code == 303


def test_a_plan_is_approved_by_its_number(store, operator):
    run = add_run(store)
    store.postpone_run(
        run.run_id, Wait(reason="a person", until=time.time() + 1000, plan_asked="0a1b2c3d")
    )
    page = operator.get(f"/runs/{run.run_id}").text
    assert 'name="plan" value="0a1b2c3d"' in page
    path = f"/runs/{run.run_id}/approve"
    assert operator.post(path, plan="ffffffff").status_code == 409
    assert operator.post(path, plan="0a1b2c3d").status_code == 303
    (said,) = store.list_guidance(run.run_id)
    assert (said.kind, said.words, said.by) == ("approval", "0a1b2c3d", "the operator")


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site", "Origin": ADDRESS},
        {"Sec-Fetch-Site": "same-site", "Origin": ADDRESS},
        {"Origin": "http://dashboard.evil.example"},
        {"Origin": "null"},
        {},
    ],
)
def test_UI2_a_form_of_somebody_else_has_no_effect(store, operator, headers):
    run = add_run(store)
    answer = operator.ask("POST", f"/runs/{run.run_id}/stop", headers=headers)
    assert answer.status_code == 409
    assert store.get_run(run.run_id).stop_request is None


def test_the_operator_alone_pauses_and_resumes_everything(store, operator, stranger):
    operator.post("/queue/pause", reason="disk <b>full</b>")
    assert "paused by the operator (disk &lt;b&gt;full&lt;/b&gt;)" in operator.get("/").text
    add_run(store)
    stranger.sign_in("ann", {100: True})  # who may write everywhere
    assert stranger.post("/queue/resume").status_code == 409
    operator.post("/queue/resume")
    assert "paused" not in operator.get("/").text


def test_a_sign_in_that_failed_cannot_be_gone_on_with(stranger, people):
    people.repositories["ann"] = {100: True}
    state = stranger.get("/sign-in/github").headers["location"].rpartition("=")[2]
    verifier, people.verifier = people.verifier, "of another sign-in"
    assert stranger.get(f"/sign-in/github/back?code=ann&state={state}").status_code == 403
    people.verifier = verifier
    for given in ("code=ann&state=g%C3%BCltig", f"code=ann&state={state}"):
        assert stranger.get(f"/sign-in/github/back?{given}").status_code == 403
    assert stranger.get("/").status_code == 303


@pytest.mark.parametrize("address", ["//evil.example", "https://evil.example", "/\\evil.example"])
def test_signing_in_leads_to_our_own_pages_alone(stranger, address):
    assert "evil" not in stranger.get("/sign-in", params={"next": address}).text


def test_signing_out_ends_the_session_for_copies_of_its_cookie_as_well(operator, stranger):
    stranger.cookies.update(operator.cookies)
    assert stranger.get("/").status_code == 200
    operator.post("/sign-out")
    assert operator.get("/").status_code == stranger.get("/").status_code == 303


def test_the_host_that_a_request_names_leads_nowhere(operator):
    answer = operator.get("/queue/", headers={"Host": "evil.example"})
    assert answer.status_code == 404
    assert "evil" not in str(answer.headers)
