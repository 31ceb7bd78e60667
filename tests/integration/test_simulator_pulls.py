"""Pull requests, reviews, checks and commits over the API of the simulated GitHub."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.demo.simulator.git_store import ZERO
from tests.integration.simulator_samples import Place, commit, place


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path) as made:
        yield made


def test_pygithub_opens_looks_at_and_merges_a_pull_request(hub: Place) -> None:
    number = hub.issue()
    hub.branch("mergewright/1-x")
    repository = hub.pygithub(hub.bot()).get_repo("acme/shop")
    made = repository.create_pull(
        title="Change", body=f"Closes #{number}", head="mergewright/1-x", base="main"
    )
    found = repository.get_pull(made.number)
    assert (found.mergeable, found.mergeable_state) == (True, "clean")
    assert (found.additions, found.deletions, found.changed_files, found.commits) == (1, 1, 1, 1)
    assert [one.number for one in repository.get_pulls(head="acme:mergewright/1-x")] == [
        made.number
    ]
    assert list(repository.get_pulls(head="acme:other")) == []
    assert found.merge().merged
    assert repository.get_pull(made.number).merged
    assert repository.get_issue(number).state == "closed"


def test_whether_it_can_be_merged_is_not_known_in_the_first_answer(hub: Place) -> None:
    made = hub.pull()
    assert (made["mergeable"], made["mergeable_state"]) == (None, "unknown")


REFUSED_PULLS: list[tuple[dict[str, object], str]] = [
    ({"head": "nowhere"}, "head"),
    ({"base": "nowhere"}, "base"),
    ({"head": "stranger:work"}, "head"),
    ({"head": "main"}, "No commits between main and main"),
    ({}, "A pull request already exists for acme:work."),
    ({"title": "x" * 257}, "title"),
    ({"body": "x" * 65_537}, "body"),
]


@pytest.mark.parametrize(("change", "words"), REFUSED_PULLS)
def test_a_pull_request_that_cannot_be_is_refused(
    hub: Place, change: dict[str, object], words: str
) -> None:
    hub.pull("work")
    sent = {"title": "x", "head": "work", "base": "main", **change}
    said = hub.refused(422, "POST", f"{hub.repo}/pulls", hub.bot(), json=sent)
    assert words in (said["errors"][0].get("message"), said["errors"][0].get("field"))


def test_a_closed_pull_request_makes_room_for_another(hub: Place) -> None:
    first = hub.pull("work")
    path = f"{hub.repo}/pulls/{first['number']}"
    hub.done("PATCH", path, hub.bot(), json={"state": "closed"})
    assert hub.pull("work")["number"] == first["number"] + 1


def test_a_branch_with_the_same_content_of_another_history_has_nothing_in_common(
    hub: Place,
) -> None:
    alone = commit(hub.world, hub.repository, hub.tip(), "new.py", "x\n", hub.app.bot, parents=())
    ref = {"ref": "refs/heads/alone", "sha": alone}
    hub.done("POST", f"{hub.repo}/git/refs", hub.bot(), json=ref)
    wanted = {"title": "x", "head": "alone", "base": "main"}
    said = hub.refused(422, "POST", f"{hub.repo}/pulls", hub.bot(), json=wanted)
    assert "no history in common" in said["errors"][0]["message"]


def test_drafts_are_refused_where_the_plan_has_none(hub: Place) -> None:
    hub.control("PATCH", "/repositories/acme/shop", json={"drafts": False})
    hub.branch("work")
    sent = {"title": "x", "head": "work", "base": "main", "draft": True}
    said = hub.refused(422, "POST", f"{hub.repo}/pulls", hub.bot(), json=sent)
    assert said["message"] == "Draft pull requests are not supported in this repository."
    assert hub.pull("work")["draft"] is False


def test_pygithub_turns_drafts_into_ready(hub: Place) -> None:
    number = hub.pull(draft=True)["number"]
    found = hub.pygithub(hub.bot()).get_repo("acme/shop").get_pull(number)
    assert found.draft
    found.mark_ready_for_review()
    assert not hub.done("GET", f"{hub.repo}/pulls/{number}")["draft"]


def test_the_head_follows_what_is_pushed(hub: Place) -> None:
    made = hub.pull("work")
    new = hub.commit(made["head"]["sha"], "class Customer:\n    name = 4\n    age = 2\n")
    hub.move("work", new)
    found = hub.done("GET", f"{hub.repo}/pulls/{made['number']}")
    assert (found["head"]["sha"], found["commits"]) == (new, 2)


def test_deleting_the_head_branch_closes_it_for_good(hub: Place) -> None:
    made = hub.pull("work")
    hub.move("work", ZERO)
    path = f"{hub.repo}/pulls/{made['number']}"
    assert hub.done("GET", path)["state"] == "closed"
    hub.refused(422, "PATCH", path, hub.bot(), json={"state": "open"})


# merging


def merge(hub: Place, made: Any, status: int, **body: object) -> str:
    path = f"{hub.repo}/pulls/{made['number']}/merge"
    return str(hub.refused(status, "PUT", path, hub.person("will"), json=body)["message"])


def test_a_draft_is_not_merged(hub: Place) -> None:
    assert "draft" in merge(hub, hub.pull(draft=True), 405)


def test_a_closed_one_is_not_merged(hub: Place) -> None:
    made = hub.pull()
    hub.done("PATCH", f"{hub.repo}/pulls/{made['number']}", hub.bot(), json={"state": "closed"})
    assert merge(hub, made, 405) == "Pull Request is not mergeable"


def test_a_conflict_is_not_merged_and_seen_before(hub: Place) -> None:
    made = hub.pull("work")
    sha = hub.commit(hub.tip(), "class Customer:\n    name = 9\n    age = 2\n")
    hub.move("main", sha)
    found = hub.done("GET", f"{hub.repo}/pulls/{made['number']}")
    assert (found["mergeable"], found["mergeable_state"]) == (False, "dirty")
    assert merge(hub, made, 405) == "Pull Request is not mergeable"


def test_a_head_that_moved_is_not_merged(hub: Place) -> None:
    assert "Head branch was modified" in merge(hub, hub.pull(), 409, sha="0" * 40)


def test_requested_changes_block_until_approved(hub: Place) -> None:
    made = hub.pull()
    reviews = f"{hub.repo}/pulls/{made['number']}/reviews"
    wanted = {"event": "REQUEST_CHANGES", "body": "No"}
    hub.done("POST", reviews, hub.person("mia"), json=wanted)
    merge(hub, made, 405)
    hub.done("POST", reviews, hub.person("mia"), json={"event": "APPROVE"})
    path = f"{hub.repo}/pulls/{made['number']}/merge"
    assert hub.done("PUT", path, hub.person("will"), json={})["merged"]


def test_merging_needs_the_right_to_push(hub: Place) -> None:
    path = f"{hub.repo}/pulls/{hub.pull()['number']}/merge"
    hub.refused(404, "PUT", path, hub.person("tri"), json={})
    token = hub.bot(pull_requests="write", contents="read")
    hub.refused(403, "PUT", path, token, json={})


def test_squashing_makes_one_commit_and_a_push_of_the_head_merges_too(hub: Place) -> None:
    made = hub.pull("work")
    path = f"{hub.repo}/pulls/{made['number']}/merge"
    sha = hub.done("PUT", path, hub.person("will"), json={"merge_method": "squash"})["sha"]
    assert len(hub.done("GET", f"{hub.repo}/commits/{sha}")["parents"]) == 1
    other = hub.pull("more")
    hub.move("main", other["head"]["sha"])
    assert hub.done("GET", f"{hub.repo}/pulls/{other['number']}")["merged"]


# reviews


def test_nobody_approves_their_own(hub: Place) -> None:
    path = f"{hub.repo}/pulls/{hub.pull()['number']}/reviews"
    for event in ("APPROVE", "REQUEST_CHANGES"):
        said = hub.refused(422, "POST", path, hub.bot(), json={"event": event, "body": "x"})
        assert "your own pull request" in said["errors"][0]


@pytest.mark.parametrize(
    "body",
    [
        {"event": "COMMENT"},
        {"event": "LGTM", "body": "x"},
        {"event": "COMMENT", "comments": [{"path": "none.py", "line": 1, "body": "x"}]},
        {"event": "COMMENT", "comments": [{"path": "shop/models.py", "line": 99, "body": "x"}]},
    ],
)
def test_a_review_that_cannot_be_is_refused(hub: Place, body: dict[str, object]) -> None:
    path = f"{hub.repo}/pulls/{hub.pull()['number']}/reviews"
    hub.refused(422, "POST", path, hub.person("will"), json=body)
    assert hub.done("GET", path) == []


def test_review_threads_are_answered_and_resolved(hub: Place) -> None:
    made = hub.pull()
    path = f"{hub.repo}/pulls/{made['number']}"
    line = {"path": "shop/models.py", "line": 2, "body": "Why?"}
    sent = {"event": "COMMENT", "body": "See", "comments": [line]}
    hub.done("POST", f"{path}/reviews", hub.person("will"), json=sent)
    (first,) = hub.done("GET", f"{path}/comments")
    assert first["diff_hunk"].endswith("+    name = 3")
    answer = hub.done(
        "POST", f"{path}/comments/{first['id']}/replies", hub.bot(), json={"body": "So"}
    )
    assert answer["in_reply_to_id"] == first["id"]
    hub.refused(
        404, "POST", f"{path}/comments/{answer['id']}/replies", hub.bot(), json={"body": "x"}
    )
    (thread,) = threads(hub, made)
    assert [one["body"] for one in thread["comments"]["nodes"]] == ["Why?", "So"]
    reply = "mutation($i: AddPullRequestReviewThreadReplyInput!) {"
    reply += " addPullRequestReviewThreadReply(input: $i) { comment { body databaseId } } }"
    wanted = {"pullRequestReviewThreadId": thread["id"], "body": "And so"}
    done = hub.graphql(hub.bot(), reply, i=wanted)
    assert done["data"]["addPullRequestReviewThreadReply"]["comment"]["body"] == "And so"
    resolve = "mutation($i: ResolveReviewThreadInput!) {"
    resolve += " resolveReviewThread(input: $i) { thread { isResolved resolvedBy { login } } } }"
    done = hub.graphql(hub.person("will"), resolve, i={"threadId": thread["id"]})
    assert done["data"]["resolveReviewThread"]["thread"] == {
        "isResolved": True,
        "resolvedBy": {"login": "will"},
    }
    assert threads(hub, made)[0]["isResolved"]


def threads(hub: Place, made: Any, bounds: str = "first: 50") -> Any:
    query = """query($owner: String!, $name: String!, $number: Int!) {
      repository(owner: $owner, name: $name) { pullRequest(number: $number) {
        reviewThreads(%s) { nodes { id isResolved isOutdated path line
          comments(first: 20) { nodes { body databaseId author { login __typename } } } } } } } }"""
    said = hub.graphql(hub.bot(), query % bounds, owner="acme", name="shop", number=made["number"])
    return said["data"]["repository"]["pullRequest"]["reviewThreads"]["nodes"]


def test_a_line_that_is_changed_again_makes_its_thread_outdated(hub: Place) -> None:
    made = hub.pull("work")
    line = {"path": "shop/models.py", "line": 2, "body": "Why?", "commit_id": made["head"]["sha"]}
    path = f"{hub.repo}/pulls/{made['number']}/comments"
    hub.done("POST", path, hub.person("will"), json=line)
    new = hub.commit(made["head"]["sha"], "class Customer:\n    name = 8\n    age = 2\n")
    hub.move("work", new)
    (thread,) = threads(hub, made)
    assert (thread["isOutdated"], thread["line"]) == (True, None)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        (
            '{ repository(owner: "acme", name: "shop") { nonsense } }',
            "Cannot query field 'nonsense'",
        ),
        ("{ repository {", "Syntax Error"),
        (
            """{ repository(owner: "acme", name: "shop") {
              pullRequest(number: 1) { reviewThreads { totalCount } } } }""",
            "You must provide a `first` or `last` value",
        ),
        (
            '{ repository(owner: "acme", name: "shop") { pullRequest(number: 99) { id } } }',
            "Could not resolve to a PullRequest",
        ),
        ('{ repository(owner: "acme", name: "no") { id } }', "Could not resolve to a Repository"),
        ('{ node(id: "PR_x") { id } }', "Could not resolve to a node"),
    ],
)
def test_graphql_tells_what_is_wrong(hub: Place, query: str, words: str) -> None:
    hub.pull()
    (error,) = hub.graphql(hub.bot(), query)["errors"]
    assert words in error["message"]


def test_graphql_needs_a_token_and_the_permission(hub: Place) -> None:
    made = hub.pull(draft=True)
    query = "mutation($i: MarkPullRequestReadyForReviewInput!) {"
    query += " markPullRequestReadyForReview(input: $i) { clientMutationId } }"
    token = hub.bot(pull_requests="read")
    said = hub.graphql(token, query, i={"pullRequestId": made["node_id"]})
    assert said["data"] == {"markPullRequestReadyForReview": None}
    assert said["errors"][0]["type"] == "FORBIDDEN"
    assert hub.client.post(f"{hub.url}/api/graphql", json={"query": query}).status_code == 401


# checks and statuses


def test_check_runs_go_from_queued_to_completed_and_collect_annotations(hub: Place) -> None:
    sha = hub.tip()
    repository = hub.pygithub(hub.bot()).get_repo("acme/shop")
    run = repository.create_check_run("gate", sha, status="in_progress", external_id="r1")
    remark: Any = {
        "path": "shop/models.py",
        "start_line": 1,
        "end_line": 1,
        "annotation_level": "warning",
        "message": "m",
    }
    output: Any = {"title": "t", "summary": "s", "annotations": [remark] * 50}
    run.edit(output=output)
    run.edit(conclusion="failure", output={**output, "annotations": [remark] * 2})
    found = repository.get_check_run(run.id)
    assert (found.status, found.conclusion, found.external_id) == ("completed", "failure", "r1")
    assert found.output.annotations_count == 52
    listed = repository.get_commit(sha).get_check_runs(check_name="gate")
    assert [one.id for one in listed] == [run.id]


REMARK = {"path": "a", "start_line": 1, "end_line": 1, "annotation_level": "notice", "message": "m"}
CHECK_LIMITS: list[dict[str, object]] = [
    {"name": None},
    {"head_sha": "0" * 40},
    {"status": "completed"},
    {"status": "done"},
    {"conclusion": "good"},
    {"output": {"title": "t"}},
    {"output": {"summary": "s"}},
    {"output": {"title": "t", "summary": "x" * 65_536}},
    {"output": {"title": "t", "summary": "s", "text": "x" * 65_536}},
    {"output": {"title": "t", "summary": "s", "annotations": [REMARK] * 51}},
    {"output": {"title": "t", "summary": "s", "annotations": [{**REMARK, "end_line": 0}]}},
    {
        "output": {
            "title": "t",
            "summary": "s",
            "annotations": [{**REMARK, "annotation_level": "x"}],
        }
    },
    {"actions": [{"label": "l", "description": "d", "identifier": "i"}] * 4},
    {"started_at": "yesterday"},
]


@pytest.mark.parametrize("change", CHECK_LIMITS)
def test_a_check_run_over_a_limit_is_refused(hub: Place, change: dict[str, object]) -> None:
    sent = {"name": "gate", "head_sha": hub.tip(), **change}
    hub.refused(422, "POST", f"{hub.repo}/check-runs", hub.bot(), json=sent)
    assert hub.done("GET", f"{hub.repo}/commits/main/check-runs")["total_count"] == 0


def test_the_newest_status_of_each_context_counts(hub: Place) -> None:
    sha = hub.tip()
    path = f"{hub.repo}/statuses/{sha}"
    for state, context in (("failure", "a"), ("success", "a"), ("pending", "b")):
        hub.done("POST", path, hub.person("will"), json={"state": state, "context": context})
    combined = hub.done("GET", f"{hub.repo}/commits/main/status")
    assert (combined["state"], combined["total_count"]) == ("pending", 2)
    assert len(hub.done("GET", f"{hub.repo}/commits/main/statuses")) == 3


@pytest.mark.parametrize(
    "change",
    [{"state": "green"}, {"description": "x" * 141}, {"target_url": "ftp://x"}],
)
def test_a_status_over_a_limit_is_refused(hub: Place, change: dict[str, object]) -> None:
    path = f"{hub.repo}/statuses/{hub.tip()}"
    hub.refused(422, "POST", path, hub.person("will"), json={"state": "success", **change})
    hub.refused(404, "POST", path, hub.person("tri"), json={"state": "success"})


# commits through the API


COMMIT = """mutation($i: CreateCommitOnBranchInput!) { createCommitOnBranch(input: $i) {
  commit { oid message signature { isValid wasSignedByGitHub } } } }"""


def commit_input(hub: Place, head: str, **changes: object) -> dict[str, object]:
    content = base64.b64encode(b"new = 1\n").decode()
    return {
        "branch": {"repositoryNameWithOwner": "acme/shop", "branchName": "work"},
        "expectedHeadOid": head,
        "message": {"headline": "Add", "body": "Signed-off-by: A <a@example.com>"},
        "fileChanges": {
            "additions": [{"path": "shop/new.py", "contents": content}],
            "deletions": [{"path": "README.md"}],
        },
        **changes,
    }


def test_a_commit_on_a_branch_by_graphql_is_signed(hub: Place) -> None:
    head = hub.branch("work")
    done = hub.graphql(hub.bot(), COMMIT, i=commit_input(hub, head))["data"]["createCommitOnBranch"]
    assert done["commit"]["signature"] == {"isValid": True, "wasSignedByGitHub": True}
    assert hub.tip("work") == done["commit"]["oid"]
    found = hub.done("GET", f"{hub.repo}/commits/work")
    changed = {one["filename"]: one["status"] for one in found["files"]}
    assert changed == {"README.md": "removed", "shop/new.py": "added"}
    assert found["commit"]["verification"]["reason"] == "valid"
    assert found["commit"]["author"]["name"] == "mergewright[bot]"
    assert found["commit"]["committer"]["name"] == "GitHub"


def test_github_vouches_for_no_commit_that_it_did_not_make(hub: Place) -> None:
    sha = commit(
        hub.world, hub.repository, hub.tip(), "x.py", "x\n", hub.world.user("will"), sign=False
    )
    verification = hub.done("GET", f"{hub.repo}/commits/{sha}")["commit"]["verification"]
    assert (verification["verified"], verification["reason"]) == (False, "unsigned")


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"expectedHeadOid": "1" * 40}, "STALE_DATA"),
        ({"branch": {"repositoryNameWithOwner": "acme/shop", "branchName": "no"}}, "NOT_FOUND"),
        ({"fileChanges": {"deletions": [{"path": "no.py"}]}}, "UNPROCESSABLE"),
        ({"fileChanges": {"additions": [{"path": "../x", "contents": ""}]}}, "UNPROCESSABLE"),
        ({"fileChanges": {"additions": [{"path": "x", "contents": "%"}]}}, "UNPROCESSABLE"),
        ({"message": {"headline": " "}}, "UNPROCESSABLE"),
    ],
)
def test_a_commit_by_graphql_that_cannot_be_is_refused(
    hub: Place, changes: dict[str, object], kind: str
) -> None:
    head = hub.branch("work")
    said = hub.graphql(hub.bot(), COMMIT, i=commit_input(hub, head, **changes))
    assert [one["type"] for one in said["errors"]] == [kind]
    assert hub.tip("work") == head


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"ref": "heads/x"}, "must start with 'refs/'"),
        ({"ref": "refs/heads/x..y"}, "not a valid ref name"),
        ({"ref": "refs/heads/x", "sha": "0" * 40}, "Object does not exist"),
        ({"ref": "refs/heads/main"}, "Reference already exists"),
    ],
)
def test_a_reference_that_cannot_be_is_refused(
    hub: Place, body: dict[str, str], words: str
) -> None:
    sent = {"sha": hub.tip(), **body}
    said = hub.refused(422, "POST", f"{hub.repo}/git/refs", hub.bot(), json=sent)
    assert words in said["message"]
