"""Who may do what in the simulated GitHub: App JWTs, tokens, permissions, roles."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import github
import pytest

from agent.demo.simulator import credentials
from tests.integration.simulator_samples import Place, place


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with place(tmp_path_factory.mktemp("hub")) as made:
        made.world.limits.points = made.world.limits.content = 100_000
        yield made


@pytest.fixture
def private(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path, private=True) as made:
        yield made


def bearer(value: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {value}"}


# the App itself


def test_a_fresh_jwt_tells_who_the_app_is(hub: Place) -> None:
    said = hub.done("GET", "/app", headers=bearer(hub.app_jwt()))
    assert said["slug"] == "mergewright"
    assert said["installations_count"] == 1


def test_pygithub_finds_the_installation_and_gets_a_token(hub: Place) -> None:
    auth = github.Auth.AppAuth(hub.app.id, hub.app.private_key)
    integration = github.GithubIntegration(auth=auth, base_url=hub.api)
    found = integration.get_repo_installation("acme", "shop")
    made = integration.get_access_token(found.id, permissions={"contents": "read"})
    assert made.permissions == {"metadata": "read", "contents": "read"}
    assert 3500 < made.expires_at.timestamp() - time.time() <= 3601


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"exp": 3_600}, "too far in the future"),
        ({"exp": -5}, "future time"),
        ({"exp": None}, "future time"),
        ({"iat": 300}, "'Issued at' claim"),
        ({"iat": None}, "'Issued at' claim"),
        ({"iss": None}, "'Issuer' claim"),
        ({"iss": "999999"}, "Integration not found"),
    ],
)
def test_a_jwt_with_wrong_claims_is_refused(
    hub: Place, claims: dict[str, object], words: str
) -> None:
    # Numbers are seconds from now, which may be long after the tests were collected.
    now = int(time.time())
    given = {name: now + one if isinstance(one, int) else one for name, one in claims.items()}
    said = hub.refused(401, "GET", "/app", headers=bearer(hub.app_jwt(**given)))
    assert words in said["message"]


def test_a_jwt_of_another_key_is_refused(hub: Place) -> None:
    other, _ = credentials.key_pair()
    said = hub.refused(401, "GET", "/app", headers=bearer(hub.app_jwt(key=other)))
    assert said["message"] == "A JSON web token could not be decoded"


def test_a_jwt_signed_with_the_public_key_as_shared_secret_is_refused(hub: Place) -> None:
    import base64
    import hashlib
    import hmac
    import json

    def part(value: object) -> bytes:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")

    now = int(time.time())
    claims = {"iat": now - 60, "exp": now + 500, "iss": str(hub.app.id)}
    head = part({"alg": "HS256", "typ": "JWT"}) + b"." + part(claims)
    mac = hmac.new(hub.app.public_key.encode(), head, hashlib.sha256).digest()
    forged = (head + b"." + base64.urlsafe_b64encode(mac).rstrip(b"=")).decode()
    hub.refused(401, "GET", "/app", headers=bearer(forged))


def test_the_endpoints_of_the_app_take_no_token(hub: Place) -> None:
    hub.refused(401, "GET", "/app", hub.bot())
    hub.refused(401, "GET", f"{hub.repo}/installation", hub.person("ada"))


def test_a_jwt_does_not_open_repositories(hub: Place) -> None:
    answer = hub.ask("GET", f"{hub.repo}/pulls", headers=bearer(hub.app_jwt()))
    assert answer.status_code in (401, 403)


# installation tokens


def tokens(hub: Place) -> str:
    return f"/app/installations/{hub.installation.id}/access_tokens"


def test_empty_permissions_grant_all_that_the_installation_has(hub: Place) -> None:
    made = hub.done("POST", tokens(hub), headers=bearer(hub.app_jwt()), json={"permissions": {}})
    assert made["permissions"] == hub.installation.permissions


@pytest.mark.parametrize(
    "wanted",
    [
        {"permissions": {"workflows": "write"}},
        {"permissions": {"metadata": "write"}},
        {"permissions": {"contents": "everything"}},
        {"repositories": ["unknown"]},
        {"repository_ids": [1]},
    ],
)
def test_a_token_for_more_than_granted_is_refused(hub: Place, wanted: dict[str, object]) -> None:
    hub.refused(422, "POST", tokens(hub), headers=bearer(hub.app_jwt()), json=wanted)


def test_a_token_reaches_only_the_repositories_it_was_made_for(private: Place) -> None:
    world = private.world
    other = world.add_repository("acme/other", private=True)
    world.narrow(private.installation, [private.repository, other])
    made = private.done(
        "POST", tokens(private), headers=bearer(private.app_jwt()), json={"repositories": ["shop"]}
    )
    private.done("GET", private.repo, made["token"])
    private.refused(404, "GET", "/repos/acme/other", made["token"])


@pytest.mark.parametrize("value", ["ghs_unknown", "ghp_" + "x" * 36, "nonsense"])
def test_an_unknown_token_is_refused(hub: Place, value: str) -> None:
    said = hub.refused(401, "GET", hub.repo, headers={"Authorization": f"token {value}"})
    assert said["message"] == "Bad credentials"


def test_tokens_end_after_an_hour(private: Place) -> None:
    token = private.bot()
    private.done("GET", private.repo, token)
    private.control("POST", "/clock", json={"advance": 3_590})
    private.done("GET", private.repo, token)
    private.control("POST", "/clock", json={"advance": 11})
    private.refused(401, "GET", private.repo, token)


def test_tokens_end_when_they_are_made_to(private: Place) -> None:
    token, person = private.bot(), private.person("ada")
    wanted = {"installation_id": private.installation.id}
    assert private.control("POST", "/tokens/expire", json=wanted)["expired"] == 1
    private.refused(401, "GET", private.repo, token)
    private.done("GET", private.repo, person)


def test_removing_the_app_ends_its_tokens_and_hides_the_installation(private: Place) -> None:
    token = private.bot()
    private.control("DELETE", f"/installations/{private.installation.id}")
    private.refused(401, "GET", private.repo, token)
    private.refused(404, "GET", f"{private.repo}/installation", headers=bearer(private.app_jwt()))
    private.refused(404, "POST", tokens(private), headers=bearer(private.app_jwt()), json={})


def test_a_suspended_app_is_refused(private: Place) -> None:
    token = private.bot()
    private.control("PATCH", f"/installations/{private.installation.id}", json={"suspended": True})
    private.refused(403, "GET", private.repo, token)
    private.refused(403, "POST", tokens(private), headers=bearer(private.app_jwt()), json={})


READING = {
    "contents": "/contents/README.md",
    "issues": "/issues/1",
    "pull_requests": "/pulls",
    "checks": "/commits/main/check-runs",
    "statuses": "/commits/main/statuses",
}


@pytest.mark.parametrize("area", [area for area in READING if area != "issues"])
def test_reading_a_private_repository_needs_the_permission_for_each_area(
    private: Place, area: str
) -> None:
    others = {name: "read" for name in READING if name != area}
    answer = private.ask("GET", private.repo + READING[area], private.bot(**others))
    assert answer.status_code == 403
    assert answer.headers["X-Accepted-GitHub-Permissions"] == f"{area}=read"
    assert answer.json()["message"] == "Resource not accessible by integration"
    private.done("GET", private.repo + READING[area], private.bot(**{area: "read"}))


@pytest.mark.parametrize("area", ["issues", "pull_requests"])
def test_a_private_issue_is_read_with_one_of_two_permissions(private: Place, area: str) -> None:
    path = private.repo + f"/issues/{private.issue()}"
    assert private.ask("GET", path, private.bot(contents="read")).status_code == 403
    private.done("GET", path, private.bot(**{area: "read"}))


WRITING = [
    ("issues", "POST", "/issues", {"title": "x"}),
    ("issues", "POST", "/issues/1/comments", {"body": "x"}),
    ("issues", "POST", "/issues/1/labels", {"labels": ["bug"]}),
    ("issues", "POST", "/issues/1/reactions", {"content": "eyes"}),
    ("issues", "PATCH", "/issues/1", {"state": "closed"}),
    ("pull_requests", "POST", "/pulls", {"title": "x", "head": "a", "base": "main"}),
    ("contents", "POST", "/git/refs", {"ref": "refs/heads/x", "sha": "0" * 40}),
    ("checks", "POST", "/check-runs", {"name": "x", "head_sha": "0" * 40}),
    ("statuses", "POST", "/statuses/" + "0" * 40, {"state": "success"}),
]


@pytest.mark.parametrize(("area", "method", "path", "body"), WRITING)
def test_a_token_that_may_only_read_cannot_write(
    hub: Place, area: str, method: str, path: str, body: dict[str, object]
) -> None:
    if 1 not in hub.repository.issues:
        hub.issue()
    read_only = hub.bot(**dict.fromkeys(READING, "read"))
    said = hub.refused(403, method, hub.repo + path, read_only, json=body)
    assert said["message"] == "Resource not accessible by integration"


# people


@pytest.mark.parametrize(
    ("login", "role", "permission"),
    [
        ("ada", "admin", "admin"),
        ("mia", "maintain", "write"),
        ("will", "write", "write"),
        ("tri", "triage", "read"),
        ("rea", "read", "read"),
        ("max", "read", "read"),
    ],
)
def test_the_permission_of_a_person(hub: Place, login: str, role: str, permission: str) -> None:
    said = hub.done("GET", f"{hub.repo}/collaborators/{login}/permission", hub.bot())
    assert (said["role_name"], said["permission"]) == (role, permission)


def test_a_stranger_has_none_in_a_private_repository(private: Place) -> None:
    said = private.done("GET", f"{private.repo}/collaborators/max/permission", private.bot())
    assert said["permission"] == "none"


@pytest.mark.parametrize("login", ["nobody-at-all", "mergewright[bot]", "acme"])
def test_who_is_no_person_has_no_permission_to_ask_for(hub: Place, login: str) -> None:
    hub.refused(404, "GET", f"{hub.repo}/collaborators/{login}/permission", hub.bot())


def test_only_who_may_push_sees_the_permissions_of_others(hub: Place) -> None:
    hub.refused(403, "GET", f"{hub.repo}/collaborators/ada/permission", hub.person("tri"))


@pytest.mark.parametrize(("login", "may"), [("tri", True), ("will", True), ("rea", False)])
def test_labelling_needs_triage(hub: Place, login: str, may: bool) -> None:
    number = hub.issue()
    answer = hub.ask(
        "POST", f"{hub.repo}/issues/{number}/labels", hub.person(login), json={"labels": ["bug"]}
    )
    assert answer.status_code == (200 if may else 403)


def test_only_who_may_write_makes_labels_by_using_them(hub: Place) -> None:
    path = f"{hub.repo}/issues/{hub.issue()}/labels"
    hub.refused(403, "POST", path, hub.person("tri"), json={"labels": ["never seen"]})
    hub.done("POST", path, hub.person("will"), json={"labels": ["never seen"]})


def test_labels_and_assignees_of_a_reader_are_dropped_without_a_word(hub: Place) -> None:
    sent = {"title": "x", "labels": ["bug"], "assignees": ["ada"]}
    made = hub.done("POST", f"{hub.repo}/issues", hub.person("max"), json=sent)
    assert (made["labels"], made["assignees"]) == ([], [])


def test_another_persons_issue_or_comment_cannot_be_changed(hub: Place) -> None:
    number = hub.issue()
    path = f"{hub.repo}/issues/{number}"
    hub.refused(403, "PATCH", path, hub.person("rea"), json={"title": "mine"})
    hub.refused(403, "PATCH", path, hub.person("tri"), json={"title": "mine"})
    made = hub.done("POST", f"{path}/comments", hub.person("ada"), json={"body": "x"})
    comment = f"{hub.repo}/issues/comments/{made['id']}"
    hub.refused(403, "PATCH", comment, hub.person("rea"), json={"body": "y"})


def test_what_a_token_cannot_see_is_not_found(private: Place) -> None:
    for token in (private.person("max"), None, private.world.token_for("ada", scopes=())):
        private.refused(404, "GET", private.repo, token)
        private.refused(404, "GET", f"{private.repo}/issues/1", token)


def test_writing_needs_somebody(hub: Place) -> None:
    hub.done("GET", hub.repo)
    hub.refused(401, "POST", f"{hub.repo}/issues", json={"title": "x"})


def test_references_are_hidden_from_who_may_not_push(hub: Place) -> None:
    new = {"ref": "refs/heads/x", "sha": hub.tip()}
    hub.refused(404, "POST", f"{hub.repo}/git/refs", hub.person("tri"), json=new)


def test_check_runs_are_for_apps(hub: Place) -> None:
    sent = {"name": "x", "head_sha": hub.tip()}
    hub.refused(403, "POST", f"{hub.repo}/check-runs", hub.person("ada"), json=sent)


def test_only_the_app_that_made_a_check_run_changes_it(hub: Place) -> None:
    sent = {"name": "x", "head_sha": hub.tip()}
    made = hub.done("POST", f"{hub.repo}/check-runs", hub.bot(), json=sent)
    other = hub.world.add_app("other", "ada")
    token = hub.world.issue_token(hub.world.install(other, "acme")).value
    path = f"{hub.repo}/check-runs/{made['id']}"
    hub.refused(403, "PATCH", path, token, json={"conclusion": "success"})


def test_an_archived_repository_can_only_be_read(private: Place) -> None:
    number = private.issue()
    private.control("PATCH", "/repositories/acme/shop", json={"archived": True})
    token = private.bot()
    assert private.done("GET", private.repo, token)["archived"] is True
    for method, path, body in (
        ("POST", "/issues", {"title": "x"}),
        ("POST", f"/issues/{number}/comments", {"body": "x"}),
        ("POST", "/git/refs", {"ref": "refs/heads/x", "sha": "0" * 40}),
        ("POST", "/pulls", {"title": "x", "head": "a", "base": "main"}),
        ("POST", "/check-runs", {"name": "x", "head_sha": "0" * 40}),
    ):
        said = private.refused(403, method, private.repo + path, token, json=body)
        assert "archived" in said["message"]


def test_requests_without_a_user_agent_are_refused(hub: Place) -> None:
    answer = hub.ask("GET", hub.repo, headers={"User-Agent": ""})
    assert answer.status_code == 403
