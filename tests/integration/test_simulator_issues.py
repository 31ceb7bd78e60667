"""Issues, labels and comments of the simulated GitHub: limits, refusals, what follows what."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import github
import pytest

from agent.demo.simulator import actions
from tests.integration.simulator_samples import Place, place


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with place(tmp_path_factory.mktemp("hub")) as made:
        made.world.limits.points = made.world.limits.content = 100_000
        made.world.limits.content_hourly = 100_000
        yield made


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path) as made:
        yield made


def test_pygithub_opens_labels_comments_and_closes_an_issue(hub: Place) -> None:
    repository = hub.pygithub(hub.bot()).get_repo("acme/shop")
    issue = repository.create_issue("Add ☃ שלום", body="Bitte", labels=["bug"])
    issue.add_to_labels("mergewright")
    issue.remove_from_labels("bug")
    comment = issue.create_comment("first")
    comment.edit("second")
    comment.create_reaction("eyes")
    issue.create_reaction("rocket")
    issue.edit(state="closed", state_reason="not_planned")
    found = repository.get_issue(issue.number)
    assert found.title == "Add ☃ שלום"
    assert found.user.login == "mergewright[bot]"
    assert [one.name for one in found.labels] == ["mergewright"]
    assert [one.body for one in found.get_comments()] == ["second"]
    assert [one.content for one in hub.repository.issues[issue.number].reactions] == ["rocket"]
    assert (found.state, found.state_reason) == ("closed", "not_planned")


ISSUE_LIMITS = [
    ({"title": "x" * 257}, "title"),
    ({"title": "   "}, "title"),
    ({"title": "x", "body": "x" * 65_537}, "body"),
    ({"title": "x", "labels": ["x" * 51]}, "name"),
    ({"title": "x", "assignees": ["nobody-here"]}, "assignees"),
]


@pytest.mark.parametrize(("body", "field"), ISSUE_LIMITS)
def test_an_issue_over_a_limit_is_refused(hub: Place, body: dict[str, object], field: str) -> None:
    said = hub.refused(422, "POST", f"{hub.repo}/issues", hub.person("ada"), json=body)
    assert said["message"] == "Validation Failed"
    assert [one["field"] for one in said["errors"]] == [field]


def test_what_is_just_within_the_limits_is_taken(hub: Place) -> None:
    sent = {"title": "é" * 256, "body": "☃" * 65_536, "labels": ["x" * 50]}
    made = hub.done("POST", f"{hub.repo}/issues", hub.person("ada"), json=sent)
    assert (len(made["title"]), len(made["body"])) == (256, 65_536)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, '"title" wasn\'t supplied'),
        ({"title": ["x"]}, "properties/title"),
        ({"title": "x", "labels": "bug"}, "properties/labels"),
    ],
)
def test_a_request_of_the_wrong_shape_is_refused(
    hub: Place, body: dict[str, object], words: str
) -> None:
    said = hub.refused(422, "POST", f"{hub.repo}/issues", hub.person("ada"), json=body)
    assert words in said["message"]


@pytest.mark.parametrize("raw", [b"{", b"[]", b"\xff", b'{"title": "\\ud800"}'])
def test_what_is_no_json_is_refused(hub: Place, raw: bytes) -> None:
    hub.refused(400, "POST", f"{hub.repo}/issues", hub.person("ada"), content=raw)


def test_no_more_than_ten_can_be_assigned(own: Place) -> None:
    logins = [f"person{number}" for number in range(11)]
    for login in logins:
        own.world.add_user(login)
        own.world.grant(own.repository, login, "read")
    sent = {"title": "x", "assignees": logins}
    own.refused(422, "POST", f"{own.repo}/issues", own.person("ada"), json=sent)
    sent["assignees"] = logins[:10]
    made = own.done("POST", f"{own.repo}/issues", own.person("ada"), json=sent)
    assert len(made["assignees"]) == 10


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "x" * 51}, "name"),
        ({"name": ""}, "name"),
        ({"name": "x", "color": "#ff0000"}, "color"),
        ({"name": "x", "description": "x" * 101}, "description"),
        ({"name": "BUG"}, "name"),
    ],
)
def test_a_label_over_a_limit_is_refused(hub: Place, body: dict[str, object], field: str) -> None:
    said = hub.refused(422, "POST", f"{hub.repo}/labels", hub.bot(), json=body)
    assert said["errors"][0]["field"] == field


def test_deleting_a_label_takes_it_off_every_issue(own: Place) -> None:
    number = own.issue(labels=["wontfix"])
    with own.world.lock:
        label = own.repository.labels["wontfix"]
        actions.delete_label(own.world, own.repository, label, own.world.user("ada"))
    assert own.done("GET", f"{own.repo}/issues/{number}")["labels"] == []
    assert "wontfix" not in own.repository.labels


def test_labels_with_spaces_and_slashes_have_addresses(own: Place) -> None:
    repository = own.pygithub(own.bot()).get_repo("acme/shop")
    made = repository.create_label("state: a/b ☃", "ff0000", "words")
    assert made.description == "words"
    issue = repository.create_issue("x")
    issue.add_to_labels("state: a/b ☃")
    issue.remove_from_labels("state: a/b ☃")
    with pytest.raises(github.GithubException, match="Label does not exist"):
        issue.remove_from_labels("state: a/b ☃")


@pytest.mark.parametrize("body", ["", "  \n", "x" * 65_537])
def test_a_comment_must_say_something_and_not_too_much(hub: Place, body: str) -> None:
    path = f"{hub.repo}/issues/{hub.issue()}/comments"
    hub.refused(422, "POST", path, hub.bot(), json={"body": body})


def test_a_comment_can_be_edited_to_the_limit_and_no_further(hub: Place) -> None:
    path = f"{hub.repo}/issues/{hub.issue()}/comments"
    made = hub.done("POST", path, hub.bot(), json={"body": "x"})
    own = f"{hub.repo}/issues/comments/{made['id']}"
    hub.done("PATCH", own, hub.bot(), json={"body": "y" * 65_536})
    hub.refused(422, "PATCH", own, hub.bot(), json={"body": "z" * 65_537})
    assert hub.done("GET", own)["body"].startswith("y")


def test_only_people_who_may_write_speak_in_a_locked_conversation(hub: Place) -> None:
    number = hub.issue()
    path = f"{hub.repo}/issues/{number}"
    with hub.world.lock:
        issue = hub.repository.issues[number]
        actions.lock(hub.world, hub.repository, issue, hub.world.user("ada"), "resolved")
    said = hub.done("GET", path)
    assert (said["locked"], said["active_lock_reason"]) == (True, "resolved")
    for token in (hub.bot(), hub.person("rea"), hub.person("tri")):
        refused = hub.refused(403, "POST", f"{path}/comments", token, json={"body": "x"})
        assert "locked" in refused["message"]
    hub.done("POST", f"{path}/comments", hub.person("will"), json={"body": "x"})


def test_the_same_reaction_twice_is_one(hub: Place) -> None:
    path = f"{hub.repo}/issues/{hub.issue()}/reactions"
    first = hub.ask("POST", path, hub.bot(), json={"content": "eyes"})
    second = hub.ask("POST", path, hub.bot(), json={"content": "eyes"})
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["id"] == second.json()["id"]
    hub.refused(422, "POST", path, hub.bot(), json={"content": "thumbsup"})


def test_a_renamed_repository_redirects_reads_and_writes(own: Place) -> None:
    number = own.issue()
    before = own.repo
    own.control("PATCH", "/repositories/acme/shop", json={"name": "store"})
    answer = own.ask("GET", f"{before}/issues/{number}?a=b")
    assert answer.status_code == 301
    location = f"{own.api}/repositories/{own.repository.id}/issues/{number}?a=b"
    assert answer.headers["Location"] == location
    assert answer.json()["url"] == location
    assert own.client.get(location).json()["title"] == "A title"
    again = own.ask("POST", f"{before}/issues/{number}/comments", own.bot(), json={"body": "x"})
    assert again.status_code == 307
    assert own.pygithub(own.bot()).get_repo("acme/shop").full_name == "acme/store"


def test_a_transferred_issue_redirects_to_where_it_went(own: Place) -> None:
    number = own.issue(labels=["bug"])
    other = own.world.add_repository("acme/other")
    moved = own.control(
        "POST", "/transfers", json={"repository": "acme/shop", "number": number, "to": "acme/other"}
    )
    answer = own.ask("GET", f"{own.repo}/issues/{number}")
    assert answer.status_code == 301
    assert answer.headers["Location"].endswith(f"/repositories/{other.id}/issues/{moved['number']}")
    assert (
        own.client.get(answer.headers["Location"]).json()["repository_url"].endswith("acme/other")
    )
    assert number not in own.repository.issues


def test_an_issue_transferred_to_where_one_cannot_look_is_not_found(own: Place) -> None:
    number = own.issue()
    own.world.add_repository("acme/secret", private=True)
    own.control(
        "POST",
        "/transfers",
        json={"repository": "acme/shop", "number": number, "to": "acme/secret"},
    )
    own.refused(404, "GET", f"{own.repo}/issues/{number}", own.person("max"))


def test_where_issues_are_switched_off_they_are_gone(own: Place) -> None:
    number = own.issue()
    own.control("PATCH", "/repositories/acme/shop", json={"issues": False})
    own.refused(410, "GET", f"{own.repo}/issues/{number}", own.bot())
    own.refused(410, "POST", f"{own.repo}/issues", own.bot(), json={"title": "x"})


def test_lists_come_in_pages_with_links(own: Place) -> None:
    number = own.issue()
    path = f"{own.repo}/issues/{number}/comments"
    said = [f"{turn}" for turn in range(7)]
    for body in said:
        own.done("POST", path, own.bot(), json={"body": body})
    first = own.ask("GET", f"{path}?per_page=3")
    assert [one["body"] for one in first.json()] == said[:3]
    assert 'rel="next"' in first.headers["Link"]
    assert 'page=3>; rel="last"' in first.headers["Link"]
    last = own.ask("GET", f"{path}?per_page=3&page=3")
    assert len(last.json()) == 1
    assert 'rel="next"' not in last.headers["Link"]
    issue = own.pygithub(own.bot()).get_repo("acme/shop").get_issue(number)
    assert [one.body for one in issue.get_comments()] == said


def test_comments_can_be_asked_for_since_a_moment(own: Place) -> None:
    path = f"{own.repo}/issues/{own.issue()}/comments"
    first, second = (
        own.done("POST", path, own.bot(), json={"body": body}) for body in ("first", "second")
    )
    own.control("POST", "/clock", json={"advance": 3_000})
    one = f"{own.repo}/issues/comments/{first['id']}"
    edited = own.done("PATCH", one, own.bot(), json={"body": "edited"})
    since = {"since": edited["updated_at"]}
    assert [each["id"] for each in own.done("GET", path, params=since)] == [first["id"]]
    all_of_them = own.done("GET", path, params={"since": second["updated_at"]})
    assert [each["id"] for each in all_of_them] == [first["id"], second["id"]]
    own.refused(422, "GET", path, params={"since": "yesterday"})


def test_files_and_folders_can_be_read(hub: Place) -> None:
    repository = hub.pygithub(hub.bot()).get_repo("acme/shop")
    found = repository.get_contents("docs/üñí.txt")
    assert not isinstance(found, list)
    assert found.decoded_content.decode() == "ü\n"
    listed = repository.get_contents("")
    assert isinstance(listed, list)
    assert {one.path: one.type for one in listed} == {
        "README.md": "file",
        "docs": "dir",
        "shop": "dir",
    }
    hub.refused(404, "GET", f"{hub.repo}/contents/nothing.txt")
    hub.refused(404, "GET", f"{hub.repo}/contents/README.md?ref=nowhere")


def test_an_empty_repository_says_so(own: Place) -> None:
    own.world.add_repository("acme/empty")
    said = own.refused(404, "GET", "/repos/acme/empty/contents/README.md")
    assert said["message"] == "This repository is empty."
    own.refused(409, "GET", "/repos/acme/empty/git/ref/heads/main")
    own.refused(404, "GET", "/repos/acme/empty/branches/main")


@pytest.mark.parametrize(
    "path", ["/nothing", "/repos/acme", "/repos/acme/shop/issues/x", "/repos/a/b"]
)
def test_what_does_not_exist_is_not_found(hub: Place, path: str) -> None:
    assert hub.refused(404, "GET", path, hub.bot())["message"] == "Not Found"
