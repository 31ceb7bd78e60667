"""Git over HTTP with a token: fetch, push with lease, lost replies, and where the token is seen."""

import os
import threading
import time
from concurrent import futures
from pathlib import Path

import pytest

from agent.errors import AccessLost, Cancelled, CodeHostUnavailable, PermanentError, RepositoryUnfit
from agent.git import worktree
from agent.git.remote import RemoteRepository
from agent.models.change import Change, ChangedFile
from tests.integration import git_samples
from tests.integration import github_samples as samples
from tests.processes import find_processes, wait_until

MIB = 1024 * 1024


@pytest.fixture
def github(world, tmp_path):
    there = samples.scene(world, tmp_path)
    # Git sends a token only where it is asked for one.
    there.repository.private = True
    return there


def prepared(github, home, branch="main", max_mb=64):
    remote = github.code_host.find_remote(github.run)
    token = github.code_host.create_credential(github.run, write=False)
    return remote, worktree.prepare_remote(
        remote.url, token, branch, home / "mirrors", max_mb=max_mb
    )


def changed(checkout, content=b"print('hi')\n"):
    file = ChangedFile(path="shop.py", before=b"print('hello')\n", after=content)
    change = Change(base_commit=checkout.commit, files=(file,))
    return worktree.make_commit(checkout, change, "Say hi", date=1_700_000_000)


def branches(github):
    form = "--format=%(refname:short) %(objectname)"
    listed = samples.git(github.repository, "for-each-ref", form, "refs/heads")
    return dict(line.split() for line in listed.splitlines())


def test_the_base_is_fetched_and_a_new_commit_is_fetched_next_time(github, home):
    remote, first = prepared(github, home)
    assert first.commit == branches(github)["main"]
    assert first.base_branch == "main"
    tree = worktree.lay_out(first, home / "tree")
    assert tree.read("shop.py") == b"print('hello')\n"
    token = github.code_host.create_credential(github.run, write=True)
    worktree.push_commit(first, changed(first), "mergewright/x", remote.url, token)
    _, again = prepared(github, home, "mergewright/x")
    assert again.commit == branches(github)["mergewright/x"] != first.commit
    assert again.mirror == first.mirror


def grown(github, scratch, sizes):
    """Add a commit to main with random files of these sizes; return its id."""
    origin = str(github.repository.git_dir)
    git_samples.git(scratch.parent, "clone", "--quiet", origin, str(scratch))
    for number, size in enumerate(sizes):
        (scratch / f"chance-{number}").write_bytes(os.urandom(size))
    commit = git_samples.commit_all(scratch, "Grow")
    git_samples.git(scratch, "push", "--quiet", origin, "HEAD:main")
    return commit


def test_GR8_a_repository_that_is_too_large_is_refused_and_nothing_of_it_stays(github, home):
    grown(github, home / "scratch", [3 * MIB])
    with pytest.raises(RepositoryUnfit, match=r"larger than 2 MB.*MERGEWRIGHT_MAX_REPOSITORY_MB"):
        prepared(github, home, max_mb=2)
    assert [path.suffix for path in (home / "mirrors").iterdir()] == [".lock"]
    assert prepared(github, home)[1].base_branch == "main"


def test_GH4_a_wrong_token_is_access_lost_and_not_shown(github, home):
    remote = github.code_host.find_remote(github.run)
    with pytest.raises(AccessLost) as lost:
        worktree.prepare_remote(remote.url, "ghp_wrongwrongwrong", "main", home / "mirrors")
    assert "contents: read" in lost.value.message
    assert "ghp_wrong" not in lost.value.message


def test_GH4_a_token_that_github_has_made_and_does_not_know_is_shown_again(
    github, home, monkeypatch
):
    url, waits = github.code_host.find_remote(github.run).url, []
    monkeypatch.setattr(RemoteRepository._fetch.retry, "sleep", waits.append)
    with pytest.raises(CodeHostUnavailable, match="does not know the token"):
        worktree.prepare_remote(url, "ghs_unknown", "main", home / "mirrors")
    assert waits == [1, 2, 4]


@pytest.mark.parametrize("url", ["http://example.org/a/b.git", "ssh://h/a", "file:///etc"])
def test_a_token_is_sent_to_https_or_this_machine_only(home, url):
    with pytest.raises(PermanentError, match="no token"):
        worktree.prepare_remote(url, "ghs_x", "main", home / "mirrors")


def test_GH5_a_strangers_branch_is_left_alone(github, home):
    remote, base = prepared(github, home)
    token = github.code_host.create_credential(github.run, write=True)
    strange, ours = changed(base, b"strange\n"), changed(base)
    worktree.push_commit(base, strange, "mergewright/x", remote.url, token)
    assert worktree.push_commit(base, ours, "mergewright/x", remote.url, token) == "mergewright/x-2"
    assert branches(github)["mergewright/x"] == strange
    assert branches(github)["mergewright/x-2"] == ours


def test_a_branch_in_the_way_is_named_at_the_push(github, home):
    remote, base = prepared(github, home)
    token = github.code_host.create_credential(github.run, write=True)
    worktree.push_commit(base, base.commit, "bots", remote.url, token)
    words = "`bots` prevents branches named `bots/.*branch_prefix"
    with pytest.raises(RepositoryUnfit, match=words):
        worktree.push_commit(base, changed(base), "bots/tickets/x", remote.url, token)


def test_a_full_disk_of_the_code_host_is_not_taken_for_ours(github, home):
    remote, base = prepared(github, home)
    hook = github.repository.git_dir / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'fatal: No space left on device' >&2\nexit 1\n")
    hook.chmod(0o755)
    token = github.code_host.create_credential(github.run, write=True)
    with pytest.raises(AccessLost, match="No space left on device"):
        worktree.push_commit(base, changed(base), "mergewright/x", remote.url, token)


def test_GH1_a_push_whose_reply_is_lost_is_made_once(github, home):
    remote, base = prepared(github, home)
    commit, token = changed(base), github.code_host.create_credential(github.run, write=True)
    github.fault("lose_answer", "POST", "/*/git-receive-pack", count=1)
    assert worktree.push_commit(base, commit, "mergewright/x", remote.url, token) == "mergewright/x"
    assert branches(github) == {"main": base.commit, "mergewright/x": commit}


def test_a_redirect_does_not_take_the_token_elsewhere(github, home):
    asked = github.world.requests
    remote = github.code_host.find_remote(github.run)
    token = github.code_host.create_credential(github.run, write=False)
    elsewhere = {"Location": f"{github.world.base_url}/other/place.git/info/refs"}
    github.fault("answer", "GET", "/*/store.git/*", status=302, headers=elsewhere, count=None)
    with pytest.raises((CodeHostUnavailable, AccessLost)):
        worktree.prepare_remote(remote.url, token, "main", home / "mirrors")
    assert not asked.find("/other/*")


def test_UI6_the_token_is_in_no_argument_no_environment_and_no_file(github, home):
    remote = github.code_host.find_remote(github.run)
    token = github.code_host.create_credential(github.run, write=False)
    github.fault("slow", "GET", "/*/store.git/*", seconds=0.8, count=1)
    seen: list[str] = []
    looked = 0

    def fetch():
        worktree.prepare_remote(remote.url, token, "main", home / "mirrors")

    thread = threading.Thread(target=fetch)
    thread.start()
    while thread.is_alive():
        for process in Path("/proc").glob("[0-9]*"):
            for name in ("cmdline", "environ"):
                try:
                    text = (process / name).read_bytes()
                except OSError:
                    continue
                looked += b"git" in text
                if token.encode() in text:
                    seen.append(f"{process}/{name}")
        time.sleep(0.05)
    thread.join()
    assert looked > 0
    assert seen == []
    files = [path for path in home.rglob("*") if path.is_file()]
    assert files
    assert [path for path in files if token.encode() in path.read_bytes()] == []


SLOW = 45


def test_a_fetch_that_is_stopped_ends_its_git_and_leaves_the_mirror_usable(github, home):
    prepared(github, home)
    wanted = grown(github, home / "scratch", [64 * 1024])
    fault = github.fault("slow", "POST", "/*/git-upload-pack", seconds=SLOW, count=1)
    remote, stopped = github.code_host.find_remote(github.run), threading.Event()
    token = github.code_host.create_credential(github.run, write=False)
    mirrors = home / "mirrors"
    with futures.ThreadPoolExecutor(1) as pool:
        fetching = pool.submit(
            worktree.prepare_remote, remote.url, token, "main", mirrors, stopped=stopped
        )
        wait_until(lambda: fault.hits and find_processes(mirrors))
        stopped.set()
        problem = fetching.exception(20)
    assert isinstance(problem, Cancelled), problem
    assert "git fetch was cancelled" in problem.message
    assert find_processes(mirrors) == []
    left = [path for path in mirrors.rglob("*") if ".lock" in path.name or "tmp" in path.name]
    assert [path.parent for path in left] == [mirrors], "the mirror's own lock alone"
    _, again = prepared(github, home)
    assert again.commit == wanted
