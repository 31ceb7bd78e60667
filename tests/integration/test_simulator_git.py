"""Real git against the simulated GitHub: who may fetch and push, and what no push gets through."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.demo.simulator import git_store
from agent.demo.simulator.records import RuleKind, pattern_covers
from tests.integration.simulator_samples import Place, git, place


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path) as made:
        yield made


@pytest.fixture
def private(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path, private=True) as made:
        yield made


def clone(hub: Place, folder: Path, token: str | None) -> Path:
    target = folder / "clone"
    git(folder, "clone", "--quiet", hub.git_url(token), str(target))
    return target


def change(tree: Path, path: str = "shop/models.py", text: str = "changed = 1\n") -> None:
    (tree / path).parent.mkdir(parents=True, exist_ok=True)
    (tree / path).write_text(text)
    git(tree, "add", "--all")
    git(tree, "commit", "--quiet", "--message", f"Change {path}")


def test_a_token_that_may_write_clones_and_pushes(private: Place, tmp_path: Path) -> None:
    tree = clone(private, tmp_path, private.bot())
    change(tree)
    git(tree, "push", "origin", "HEAD:refs/heads/mergewright/1-x")
    assert private.tip("mergewright/1-x") == git(tree, "rev-parse", "HEAD").strip()


def test_a_token_that_may_only_read_clones_and_cannot_push(private: Place, tmp_path: Path) -> None:
    tree = clone(private, tmp_path, private.bot(contents="read"))
    change(tree)
    said = git(tree, "push", "origin", "HEAD:work", fails=True)
    assert "403" in said
    assert "Permission to acme/shop.git denied to mergewright[bot]" in said
    private.refused(404, "GET", f"{private.repo}/git/ref/heads/work", private.bot())


def test_a_token_without_contents_cannot_even_read(private: Place, tmp_path: Path) -> None:
    url = private.git_url(private.bot(issues="write"))
    assert "403" in git(tmp_path, "ls-remote", url, fails=True)


@pytest.mark.parametrize(("login", "may"), [("ada", True), ("will", True), ("tri", False)])
def test_pushing_needs_the_write_role(hub: Place, tmp_path: Path, login: str, may: bool) -> None:
    tree = clone(hub, tmp_path, hub.person(login))
    change(tree)
    git(tree, "push", "origin", "HEAD:work", fails=not may)


def test_a_public_repository_is_read_without_a_token_and_not_written(
    hub: Place, tmp_path: Path
) -> None:
    tree = clone(hub, tmp_path, None)
    change(tree)
    said = git(tree, "push", "origin", "HEAD:work", fails=True)
    assert "could not read Username" in said


def test_what_cannot_be_seen_asks_for_a_token_and_then_does_not_exist(
    private: Place, tmp_path: Path
) -> None:
    assert "could not read Username" in git(
        tmp_path, "ls-remote", private.git_url(None), fails=True
    )
    said = git(tmp_path, "ls-remote", private.git_url(private.person("max")), fails=True)
    assert "not found" in said


def test_an_expired_token_is_refused(hub: Place, tmp_path: Path) -> None:
    token = hub.bot()
    tree = clone(hub, tmp_path, token)
    change(tree)
    hub.world.expire_tokens()
    said = git(tree, "push", "origin", "HEAD:work", fails=True)
    assert "Authentication failed" in said


def test_an_archived_repository_takes_no_push(hub: Place, tmp_path: Path) -> None:
    tree = clone(hub, tmp_path, hub.bot())
    change(tree)
    hub.control("PATCH", "/repositories/acme/shop", json={"archived": True})
    assert "403" in git(tree, "push", "origin", "HEAD:work", fails=True)
    git(tree, "fetch")


def test_a_renamed_repository_is_followed(hub: Place, tmp_path: Path) -> None:
    url = hub.git_url(hub.bot())
    hub.control("PATCH", "/repositories/acme/shop", json={"name": "store"})
    tree = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", url, str(tree))
    change(tree)
    git(tree, "push", "origin", "HEAD:work")
    assert hub.tip("work")


@pytest.mark.parametrize("verb", ["add", "change", "delete", "rename"])
def test_workflows_need_their_own_permission(hub: Place, tmp_path: Path, verb: str) -> None:
    tree = clone(hub, tmp_path, hub.person("ada"))
    name = ".github/workflows/ci.yml"
    if verb != "add":
        change(tree, name, "on: push\njobs: {}\n")
        git(tree, "push", "origin", "HEAD:main")
    if verb == "delete":
        git(tree, "rm", "--quiet", name)
        git(tree, "commit", "--quiet", "--message", "Gone")
    elif verb == "rename":
        git(tree, "mv", name, "elsewhere.yml")
        git(tree, "commit", "--quiet", "--message", "Away")
    else:
        change(tree, name, "on: [push]\njobs: {}\n")
    said = git(tree, "push", hub.git_url(hub.bot()), "HEAD:work", fails=True)
    assert "refusing to allow a GitHub App to create or update workflow" in said
    hub.installation.permissions["workflows"] = "write"
    git(tree, "push", hub.git_url(hub.bot()), "HEAD:work")


def test_a_workflow_hidden_in_an_earlier_commit_of_the_push_is_seen(
    hub: Place, tmp_path: Path
) -> None:
    tree = clone(hub, tmp_path, hub.bot())
    change(tree, ".github/workflows/ci.yml", "on: push\n")
    git(tree, "rm", "--quiet", "-r", ".github")
    git(tree, "commit", "--quiet", "--message", "Hide")
    git(tree, "push", "origin", "HEAD:work", fails=True)


def test_a_personal_token_needs_the_workflow_scope(hub: Place, tmp_path: Path) -> None:
    tree = clone(hub, tmp_path, hub.world.token_for("ada", scopes=("repo",)))
    change(tree, ".github/workflows/ci.yml", "on: push\n")
    said = git(tree, "push", "origin", "HEAD:work", fails=True)
    assert "Personal Access Token" in said


RULES: list[tuple[RuleKind, bool, str]] = [
    ("pull_request", True, "GH006: Protected branch update failed for refs/heads/"),
    ("pull_request", False, "Changes must be made through a pull request."),
    ("creation", False, "Cannot create ref due to creations being restricted."),
    ("required_signatures", False, "Commits must have verified signatures."),
]


@pytest.mark.parametrize(("kind", "classic", "words"), RULES)
def test_a_pattern_that_covers_our_branch_refuses_the_push_and_the_api(
    hub: Place, tmp_path: Path, kind: RuleKind, classic: bool, words: str
) -> None:
    tree = clone(hub, tmp_path, hub.bot())
    change(tree)
    git(tree, "push", "origin", "HEAD:free")
    change(tree, text="changed = 2\n")
    hub.world.add_rule(hub.repository, "mergewright/*", [kind], classic=classic)
    said = git(tree, "push", "origin", "HEAD:mergewright/1-x", fails=True)
    assert words in said
    assert "remote rejected" in said
    if kind != "required_signatures":
        sent = {"ref": "refs/heads/mergewright/1-x", "sha": hub.tip("free")}
        hub.refused(422, "POST", f"{hub.repo}/git/refs", hub.bot(), json=sent)
    git(tree, "push", "origin", "HEAD:other")


@pytest.mark.parametrize("exempt", [True, False])
def test_a_rule_does_not_hold_for_who_is_exempt(hub: Place, tmp_path: Path, exempt: bool) -> None:
    logins = [hub.app.bot.login] if exempt else ["ada"]
    hub.control(
        "POST",
        "/repositories/acme/shop/rules",
        json={"pattern": "kept/*", "kinds": ["creation"], "exempt": logins},
    )
    tree = clone(hub, tmp_path, hub.bot())
    git(tree, "push", "origin", "HEAD:refs/heads/kept/one", fails=not exempt)
    sent = {"ref": "refs/heads/kept/two", "sha": hub.tip()}
    answer = hub.ask("POST", f"{hub.repo}/git/refs", hub.bot(), json=sent)
    assert answer.status_code == (201 if exempt else 422)
    (rule,) = hub.done("GET", f"{hub.repo}/rules/branches/kept/one", hub.bot())
    found = hub.done("GET", f"{hub.repo}/rulesets/{rule['ruleset_id']}", hub.bot())
    assert found["current_user_can_bypass"] == ("always" if exempt else "never")


def test_signed_commits_of_the_api_pass_where_signatures_are_required(
    hub: Place, tmp_path: Path
) -> None:
    hub.world.add_rule(hub.repository, "~ALL", ["required_signatures"])
    hub.branch("work")
    tree = clone(hub, tmp_path, hub.bot())
    git(tree, "fetch", "origin", "work")
    git(tree, "push", "origin", "FETCH_HEAD:refs/heads/again")
    forged = git(tree, "cat-file", "commit", "FETCH_HEAD").replace("A change", "Another")
    (tree / "forged").write_text(forged)
    sha = git(tree, "hash-object", "-t", "commit", "-w", "forged").strip()
    git(tree, "push", "origin", f"{sha}:refs/heads/forged", fails=True)


def test_the_rules_of_a_branch_can_be_asked_for_before_it_exists(hub: Place) -> None:
    hub.world.add_rule(hub.repository, "mergewright/*", ["required_signatures", "creation"])
    path = f"{hub.repo}/rules/branches"
    found = hub.done("GET", f"{path}/mergewright/1-x", hub.bot())
    assert {one["type"] for one in found} == {"required_signatures", "creation"}
    assert hub.done("GET", f"{path}/other", hub.bot()) == []
    hub.world.add_rule(hub.repository, "main", ["pull_request"], classic=True)
    assert hub.done("GET", f"{hub.repo}/branches/main")["protected"] is True


@pytest.mark.parametrize(
    ("pattern", "branch", "covered"),
    [
        ("mergewright/*", "mergewright/1-x", True),
        ("mergewright/*", "mergewright/a/b", False),
        ("mergewright/**/*", "mergewright/a/b", True),
        ("*", "main", True),
        ("*", "a/b", False),
        ("**/*", "a/b", True),
        ("~ALL", "a/b", True),
        ("release-?.x", "release-1.x", True),
        ("release-?.x", "release-1yx", False),
        ("Main", "main", False),
    ],
)
def test_patterns_are_read_as_github_reads_them(pattern: str, branch: str, covered: bool) -> None:
    assert pattern_covers(pattern, branch) is covered


def test_force_and_deletion_are_refused_where_protected(hub: Place, tmp_path: Path) -> None:
    tree = clone(hub, tmp_path, hub.bot())
    change(tree)
    git(tree, "push", "origin", "HEAD:work")
    hub.world.add_rule(hub.repository, "work", ["non_fast_forward", "deletion"])
    git(tree, "commit", "--quiet", "--amend", "--message", "Other")
    assert "force-push" in git(tree, "push", "--force", "origin", "HEAD:work", fails=True)
    assert "delete" in git(tree, "push", "origin", ":work", fails=True)
    assert "delete" in git(tree, "push", "origin", ":main", fails=True)


def test_a_lease_that_is_stale_is_refused(hub: Place, tmp_path: Path) -> None:
    tree = clone(hub, tmp_path, hub.bot())
    change(tree)
    git(tree, "push", "origin", "HEAD:work")
    lease = f"--force-with-lease=refs/heads/work:{'1' * 40}"
    assert "stale info" in git(tree, "push", lease, "origin", "HEAD~1:work", fails=True)


def test_a_push_moves_the_pull_request_and_is_told(hub: Place, tmp_path: Path) -> None:
    tree = clone(hub, tmp_path, hub.bot())
    change(tree)
    git(tree, "push", "origin", "HEAD:work")
    number = hub.pull("work")["number"]
    git(tree, "fetch", "origin", f"refs/pull/{number}/head")
    change(tree, text="changed = 3\n")
    git(tree, "push", "origin", "HEAD:work")
    head = git(tree, "rev-parse", "HEAD").strip()
    found = hub.done("GET", f"{hub.repo}/pulls/{number}")
    assert (found["head"]["sha"], found["commits"]) == (head, 2)
    shown = git(tree, "ls-remote", "origin", f"refs/pull/{number}/head")
    assert shown.split()[0] == head
    git(tree, "push", "origin", "HEAD:refs/pull/99/head", fails=True)


def test_a_commit_can_be_fetched_by_its_name_and_without_history(
    hub: Place, tmp_path: Path
) -> None:
    sha = hub.commit(hub.tip(), "x\n")
    tree = clone(hub, tmp_path, hub.bot())
    git(tree, "fetch", "--depth=1", "--filter=blob:none", "origin", sha)
    assert git(tree, "rev-parse", "FETCH_HEAD").strip() == sha


def test_tags_are_pushed_and_large_pushes_arrive_whole(hub: Place, tmp_path: Path) -> None:
    tree = clone(hub, tmp_path, hub.bot())
    (tree / "noise").write_bytes(os.urandom(3 * 1024 * 1024))
    git(tree, "add", "noise")
    git(tree, "commit", "--quiet", "--message", "Noise")
    git(tree, "tag", "--annotate", "v1", "--message", "One")
    git(tree, "push", "origin", "HEAD:work", "v1")
    size = next(
        one.size
        for one in git_store.list_tree(hub.repository.git_dir, hub.tip("work"), recursive=True)
        if one.path == "noise"
    )
    assert size == 3 * 1024 * 1024


def test_a_world_is_made_from_a_history_or_a_bare_repository(hub: Place, tmp_path: Path) -> None:
    tree = clone(hub, tmp_path, None)
    change(tree)
    git(tree, "branch", "--move", "trunk")
    bare = tmp_path / "bare.git"
    git(tmp_path, "clone", "--quiet", "--bare", str(tree), str(bare))
    for source, name in ((tree, "acme/one"), (bare, "acme/two")):
        made = hub.world.add_repository(name, source)
        assert made.default_branch == "trunk"
        assert git_store.branch(made.git_dir, "trunk") == git(tree, "rev-parse", "HEAD").strip()


def test_other_clients_of_git_are_told_to_upgrade(hub: Place) -> None:
    answer = hub.client.get(f"{hub.url}/acme/shop.git/info/refs")
    assert answer.status_code == 403
