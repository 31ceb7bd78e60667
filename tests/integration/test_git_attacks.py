"""GR1 to GR8: hostile repositories, and what must happen.

Each attack that could run something has a canary, and a control that shows the canary works.
"""

import hashlib
import os
import socket
import stat
import time
from pathlib import Path

import pytest

from agent.errors import RepositoryUnfit
from agent.git import base, source, worktree
from agent.models.environment import Checkout
from tests.folders import lay_files
from tests.integration import git_samples as samples
from tests.integration.git_samples import git

DATE = 1_700_000_000
HOOKS = """
applypatch-msg commit-msg fsmonitor-watchman post-applypatch post-checkout post-commit
post-index-change post-merge post-receive post-rewrite post-update pre-applypatch
pre-auto-gc pre-commit pre-merge-commit pre-push pre-rebase pre-receive prepare-commit-msg
proc-receive push-to-checkout reference-transaction sendemail-validate update
"""


def hits(canary: Path) -> list[str]:
    return sorted(path.name for path in (canary.parent / "hits").iterdir())


def every_step(repository: Path, mirrors: Path, folder: Path) -> tuple[Checkout, str, str]:
    """Run everything that the host does with git, twice, as a resumed run would."""
    for _ in range(2):
        checkout = worktree.prepare_checkout(str(repository), None, mirrors)
        tree = worktree.lay_out(checkout, folder)
        tree = worktree.open_tree(checkout, folder)
        tree.write("a.py", b"x = 1\ny = 2\n")
        change = samples.change(checkout, *tree.changes())
        worktree.make_diff(checkout, change)
        commit = worktree.make_commit(checkout, change, "Edit", date=DATE)
        branch = worktree.deliver_branch(checkout, commit, "mergewright/x")
        worktree.remove_work_tree(folder)
    return checkout, commit, branch


@pytest.mark.parametrize(
    ("place", "base"),
    [
        ("", "--upload-pack={canary} base"),
        ("", "main\n--exec={canary}"),
        ("", "main@{{upstream}}"),
        ("", "main..other"),
        ("ext::{canary} repository", None),
        ("ssh://-oProxyCommand={canary}/x", None),
    ],
)
def test_GR1_what_is_no_name_and_no_folder_is_refused(repository, mirrors, canary, place, base):
    words = "cannot be the name|is not a commit in|not a folder on this machine"
    place = place.format(canary=canary) or str(repository)
    with pytest.raises(RepositoryUnfit, match=words):
        worktree.prepare_checkout(place, base and base.format(canary=canary), mirrors)
    assert not hits(canary)


def test_GR1_GR8_a_branch_name_that_is_none_or_looks_like_another_is_refused(repository, mirrors):
    checkout = worktree.prepare_checkout(str(repository), None, mirrors)
    commit = worktree.make_commit(checkout, samples.edit(checkout), "Edit", date=DATE)
    before = samples.state(repository)
    for branch in ("--force", "a\nb", "a@{u}", "\uff4dain", "ma\u200bin"):
        with pytest.raises(RepositoryUnfit, match="branch_prefix"):
            worktree.deliver_branch(checkout, commit, branch)
    assert samples.state(repository) == before


def poison(repository: Path, canary: Path) -> None:
    """Write every hook, and every key of the configuration known to start a program."""
    git_dir = repository / ".git"
    for folder in (git_dir / "hooks", git_dir / "other-hooks"):
        folder.mkdir(exist_ok=True)
        for hook in HOOKS.split():
            (folder / hook).unlink(missing_ok=True)
            (folder / hook).symlink_to(canary)
    runs = (
        "core.fsmonitor", "core.sshCommand", "core.pager", "core.alternateRefsCommand",
        "credential.helper", "diff.external", "diff.evil.command", "diff.evil.textconv",
        "filter.evil.clean", "filter.evil.smudge", "merge.evil.driver", "gpg.program",
        "uploadpack.packObjectsHook", "submodule.inner.update", "remote.origin.uploadpack",
        "alias.fetch",
    )  # fmt: skip
    bang = {"credential.helper", "submodule.inner.update", "alias.fetch"}
    keys = {key: f"{'!' if key in bang else ''}{canary} {key.rpartition('.')[2]}" for key in runs}
    keys |= {
        "core.hooksPath": str(git_dir / "other-hooks"),
        "core.attributesFile": str(git_dir / "attributes"),
        "commit.gpgSign": "true",
        "gc.auto": "1",
        "protocol.allow": "always",
        "protocol.ext.allow": "always",
        "remote.origin.url": f"ext::{canary} remote",
        "remote.origin.vcs": "evil",
        "include.path": str(git_dir / "included"),
        "core.worktree": "/nonexistent-worktree",
    }
    (git_dir / "included").write_text(f'[core]\n\tfsmonitor = "{canary} included"\n')
    (git_dir / "attributes").write_text("* filter=evil diff=evil merge=evil\n")
    (git_dir / "info").mkdir(exist_ok=True)
    (git_dir / "info" / "attributes").write_text("* filter=evil diff=evil merge=evil\n")
    for key, value in keys.items():
        git(repository, "config", "--file", str(git_dir / "config"), "--add", key, value)


def test_GR2_nothing_of_a_poisoned_repository_runs(repository, mirrors, canary, tmp_path):
    lay_files(repository, {".gitattributes": "* filter=evil diff=evil merge=evil -text\n"})
    samples.commit_all(repository, "Attributes")
    samples.make(repository / "nested", {"n": ""})
    poison(repository / "nested", canary)
    git(repository, "init", "--quiet", "--bare", "embedded.git")
    poison(repository, canary)
    os.utime(repository / "a.py", (1, 1))  # so that the status below has to look at its content

    assert source.count_uncommitted(str(repository)) >= 1
    _, commit, branch = every_step(repository, mirrors, tmp_path / "tree")

    assert hits(canary) == []
    assert (repository / ".git" / "refs" / "heads" / branch).read_text().strip() == commit
    # The control: git as a user runs it falls for it.
    git(repository, "--work-tree=.", "status", check=False)
    git(repository, "--work-tree=.", "diff", check=False)
    git(repository, "update-ref", "refs/heads/control", "HEAD", check=False)
    ran = hits(canary)
    assert "canary-fsmonitor" in ran or "canary-included" in ran
    assert any(name.startswith("reference-transaction-") for name in ran)
    assert len(ran) >= 3


def test_GR2_nothing_of_the_environment_reaches_git(
    repository, mirrors, canary, tmp_path, monkeypatch
):
    home = tmp_path / "poisoned-home"
    home.mkdir()
    (home / ".gitconfig").write_text(
        f'[core]\n\tfsmonitor = "{canary} home"\n\thooksPath = {home}\n\tpager = {canary} pager\n'
        f'[diff]\n\texternal = "{canary} external"\n[uploadpack]\n\tpackObjectsHook = {canary} pack\n'
        f"[commit]\n\tgpgSign = true\n[gpg]\n\tprogram = {canary}\n"
    )
    (home / "reference-transaction").symlink_to(canary)
    other = samples.make(tmp_path / "other", {"other": ""})
    for name, value in {
        **dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "GIT_TEMPLATE_DIR"), home),
        "GIT_CONFIG_GLOBAL": home / ".gitconfig",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.fsmonitor",
        "GIT_CONFIG_VALUE_0": f"{canary} count",
        "GIT_CONFIG_PARAMETERS": f"'core.fsmonitor'='{canary} parameters'",
        "GIT_EXTERNAL_DIFF": f"{canary} external",
        "GIT_SSH_COMMAND": f"{canary} ssh",
        "GIT_DIR": other / ".git",
        "GIT_WORK_TREE": other,
        "GIT_INDEX_FILE": other / "index",
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": other / ".git" / "objects",
        "GIT_ALLOW_PROTOCOL": "ext:file",
    }.items():
        monkeypatch.setenv(name, str(value))
    before = samples.state(other)
    checkout, commit, branch = every_step(repository, mirrors, tmp_path / "tree")
    assert hits(canary) == []
    assert samples.state(other) == before
    assert not list(Path(checkout.mirror).glob("hooks*"))
    assert git(repository, "rev-parse", branch) == commit


def test_GR3_rewritten_addresses_lead_nowhere(repository, mirrors, tmp_path):
    samples.make(tmp_path / "evil")
    git(tmp_path, "init", "--quiet", "--bare", "evil.git")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)
        port = listener.getsockname()[1]
        included = tmp_path / "included"
        included.write_text(f'[url "{tmp_path}/evil/.git"]\n\tinsteadOf = {mirrors}\n')
        for key, value in {
            f"url.{tmp_path}/evil/.git.insteadOf": "/",
            f"url.{tmp_path}/evil.git.pushInsteadOf": "/",
            "remote.pushDefault": "evil",
            "remote.origin.pushurl": f"http://127.0.0.1:{port}/evil.git",
            "remote.origin.url": f"http://127.0.0.1:{port}/evil.git",
            "http.proxy": f"http://127.0.0.1:{port}",
            "http.extraHeader": "Authorization: canary",
            "include.path": str(included),
        }.items():
            git(repository, "config", key, value)
        checkout, commit, branch = every_step(repository, mirrors, tmp_path / "tree")
        with pytest.raises(TimeoutError):
            listener.accept()
    assert git(tmp_path / "evil.git", "for-each-ref") == ""
    assert git(tmp_path / "evil", "branch", "--format=%(refname:short)") == "main"
    assert git(repository, "rev-parse", branch) == commit
    assert git(repository, "rev-parse", f"{branch}~1") == checkout.commit


def refuse(repository: Path, mirrors: Path, words: str) -> None:
    with pytest.raises(RepositoryUnfit, match=words):
        worktree.prepare_checkout(str(repository), None, mirrors)
    assert not list(mirrors.glob("*.git"))


def test_GR4_a_git_directory_that_is_none_is_refused_in_words(repository, mirrors):
    (repository / ".git").rename(repository / "was.git")
    (repository / ".git").write_text("gitdir: /nonexistent\n")
    refuse(repository, mirrors, "git cannot read .*not a git repository: /nonexistent")
    (repository / ".git").write_bytes(b"\0" * 3_000_000)
    refuse(repository, mirrors, "git cannot read .*too large to be a .git file")


def test_GR4_objects_that_a_clone_borrows_are_taken_along(repository, mirrors, tmp_path):
    git(tmp_path, "clone", "--quiet", "--shared", str(repository), "sharing")
    checkout, _, _ = every_step(tmp_path / "sharing", mirrors, tmp_path / "tree")
    git(Path(checkout.mirror), "fsck", "--strict")
    assert not list(Path(checkout.mirror).rglob("alternates"))


def test_GR4_missing_objects_are_not_fetched_by_the_repositorys_own_configuration(
    repository, mirrors, canary, tmp_path
):
    git(repository, "config", "uploadpack.allowFilter", "true")
    clone = tmp_path / "partial"
    args = ("clone", "--quiet", "--no-local", "--filter=blob:none", "--no-checkout")
    git(tmp_path, *args, str(repository), str(clone))
    git(clone, "config", "remote.origin.uploadpack", f"{canary} lazy")
    refuse(clone, mirrors, "Complete a partial clone")
    assert hits(canary) == []
    git(clone, "checkout", check=False)  # the control
    assert hits(canary) == ["canary-lazy"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of another user")
def test_GR4_a_clone_of_another_user_is_used_and_stays_theirs(home, canary):
    repository = samples.make(home / "project")
    poison(repository, canary)
    samples.give_away(repository)
    owners = {entry[1] for entry in samples.state(repository).values()}
    assert owners == {samples.OTHER_USER}
    _, commit, branch = every_step(repository, home / "mirrors", home / "tree")
    assert hits(canary) == []
    for path in (repository, *repository.rglob("*")):
        assert path.lstat().st_uid == samples.OTHER_USER, path
    assert (repository / ".git" / "refs" / "heads" / branch).read_text().strip() == commit


@pytest.mark.parametrize(
    ("modules", "rule"),
    [
        ('[submodule "x"]\n\tpath = x\n\turl = -u./payload\n', "gitmodulesUrl"),
        ('[submodule "../../x"]\n\tpath = x\n\turl = http://127.0.0.1/x\n', "gitmodulesName"),
        ('[submodule "x"]\n\tpath = x\n\turl = x\n\tupdate = !touch evil\n', "gitmodulesUpdate"),
        ("a.py", "gitmodulesSymlink"),
    ],
)
def test_GR5_dangerous_gitmodules_are_refused_by_name(repository, mirrors, modules, rule):
    if rule == "gitmodulesSymlink":
        samples.commit_tree(repository, link_tree(repository, ".gitmodules", modules))
    else:
        lay_files(repository, {".gitmodules": modules})
        samples.commit_all(repository, "Submodule")
    refuse(repository, mirrors, f"refuses an object.*{rule}")


def test_GR5_a_link_with_the_name_of_a_submodule_leads_into_no_git_folder(
    repository, mirrors, tmp_path
):
    link = samples.blob(repository, b".git")
    hook = samples.tree(
        repository, ("100755", samples.blob(repository, b"#!/bin/sh\n"), "post-checkout")
    )
    modules = samples.blob(repository, b'[submodule "x"]\n\tpath = A/modules/x\n\turl = x\n')
    inner = samples.tree(repository, ("040000", hook, "hooks"))
    root = samples.tree(
        repository,
        ("100644", modules, ".gitmodules"),
        ("040000", samples.tree(repository, ("040000", inner, "modules")), "A"),
        ("120000", link, "a"),
    )
    samples.commit_tree(repository, root)
    checkout = worktree.prepare_checkout(str(repository), None, mirrors)
    worktree.lay_out(checkout, tmp_path / "tree")
    assert not (tmp_path / "tree" / ".git").exists()
    assert (tmp_path / "tree" / "A" / "modules" / "hooks" / "post-checkout").is_file()


def test_GR5_submodules_are_not_entered(repository, mirrors, tmp_path, canary):
    inner = samples.make(tmp_path / "inner")
    head = git(inner, "rev-parse", "HEAD")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/x"
        # The name ends in a carriage return, which older git loses between reading and writing.
        modules = f'[submodule "x"]\n\tpath = "sub\r"\n\turl = {url}\n[submodule "y"]\n\tpath = sub\n\turl = {url}\n'
        lay_files(repository, {".gitmodules": modules})
        git(repository, "clone", "--quiet", str(inner), "sub")
        git(repository, "update-index", "--add", "--cacheinfo", f"160000,{head},sub")
        git(repository, "add", ".gitmodules")
        git(repository, "commit", "--quiet", "-m", "Submodule")
        poison(repository / "sub", canary)
        checkout, _, _ = every_step(repository, mirrors, tmp_path / "tree")
        tree = worktree.lay_out(checkout, tmp_path / "tree")
        with pytest.raises(TimeoutError):
            listener.accept()
    assert list((tmp_path / "tree" / "sub").iterdir()) == []
    assert "sub" not in tree.paths()
    assert hits(canary) == []


def test_GR6_attributes_change_no_byte(repository, mirrors, tmp_path, canary):
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:%b\nsize 53687091200\n" % (
        hashlib.sha256(b"").hexdigest().encode()
    )
    contents = {
        "crlf.txt": b"one\ntwo\n",
        "auto.txt": b"one\r\ntwo\n",
        "ident.py": b"# $Id$\n",
        "utf16.txt": "größe\n".encode(),
        "big.bin": pointer,
        "a.py": b"x = 1\n",
    }
    attributes = (
        "crlf.txt text eol=crlf\nauto.txt text=auto\nident.py ident\n"
        "utf16.txt working-tree-encoding=UTF-16LE\n*.bin filter=lfs diff=lfs merge=lfs -text\n"
        "a.py filter=evil diff=evil merge=evil\n"
    )
    entries = [
        ("100644", samples.blob(repository, content), name) for name, content in contents.items()
    ]
    entries.append(("100644", samples.blob(repository, attributes.encode()), ".gitattributes"))
    samples.commit_tree(repository, samples.tree(repository, *entries))
    git(repository, "config", "filter.lfs.smudge", f"{canary} lfs")
    git(repository, "config", "filter.lfs.clean", f"{canary} lfs")
    git(repository, "config", "diff.evil.textconv", f"{canary} textconv")
    checkout = worktree.prepare_checkout(str(repository), None, mirrors)
    tree = worktree.lay_out(checkout, tmp_path / "tree")
    assert {path: tree.read(path) for path in contents} == contents

    for path, content in contents.items():
        tree.write(path, content + b"more\n")
    change = samples.change(checkout, *tree.changes())
    worktree.make_diff(checkout, change)
    branch = worktree.deliver_branch(
        checkout, worktree.make_commit(checkout, change, "Edit", date=DATE), "mergewright/x"
    )
    for path, content in contents.items():
        blob = samples.blob(repository, content + b"more\n")
        assert git(repository, "rev-parse", f"{branch}:{path}") == blob
    assert hits(canary) == []


@pytest.mark.parametrize(
    ("name", "target"),
    [("link", "/etc/passwd"), ("pkg/link", "../../outside"), ("link", "pkg/../../outside")],
)
def test_GR7_a_symlink_out_of_the_tree_is_refused(repository, mirrors, name, target):
    samples.commit_tree(repository, link_tree(repository, name, target))
    refuse(repository, mirrors, f"symlink that leads out of the tree:\n- `{name}` -> ")


def link_tree(repository: Path, name: str, target: str) -> str:
    entry = ("120000", samples.blob(repository, target.encode()), name.rpartition("/")[2])
    for folder in name.split("/")[-2::-1] if "/" in name else []:
        entry = ("040000", samples.tree(repository, entry), folder)
    return samples.tree(repository, entry)


def test_GR7_odd_files_in_the_work_tree_do_not_hang(repository, mirrors, tmp_path):
    (repository / "a.py").unlink()
    os.mkfifo(repository / "a.py")
    os.mkfifo(repository / "untracked")
    checkout = worktree.prepare_checkout(str(repository), None, mirrors)
    assert worktree.lay_out(checkout, tmp_path / "tree").read("a.py") == b"x = 1\n"
    assert stat.S_ISFIFO((repository / "a.py").stat().st_mode)


def refused_soon(repository: Path, mirrors: Path, words: str) -> None:
    """Without these bounds a bomb would take hours."""
    start = time.monotonic()
    with pytest.raises(RepositoryUnfit, match=words):
        worktree.prepare_checkout(str(repository), None, mirrors)
    assert time.monotonic() - start < 60
    assert not list(mirrors.glob("*.git")), "refused before anything is copied"


@pytest.mark.parametrize("has_files", [True, False])
def test_GR8_ten_billion_paths_are_refused_at_once(repository, mirrors, *, has_files):
    """Also where they are folders alone; beside the base they do no harm."""
    git(repository, "branch", "small")
    made = git(repository, "hash-object", "-w", "-t", "tree", "--stdin", stdin=b"")
    below = ("040000", made)
    if has_files:
        below = ("100644", samples.blob(repository, b"boom\n"))
    for _ in range(10):
        made = samples.tree(repository, *((*below, f"d{number}") for number in range(10)))
        below = ("040000", made)
    samples.commit_tree(repository, made)
    refused_soon(repository, mirrors, "more than 100,000 files or folders")
    start = time.monotonic()
    assert worktree.prepare_checkout(str(repository), "small", mirrors).base_branch == "small"
    assert time.monotonic() - start < 60


def test_GR8_a_huge_file_is_refused_before_it_is_copied(repository, mirrors, monkeypatch):
    lay_files(repository, {"huge": b"\0" * 3_000_000, "large": b"\1" * 3_000_000})
    samples.commit_all(repository, "Huge")
    with monkeypatch.context() as patch:
        patch.setattr(base, "MAX_BYTES", 5 * 1024**2)
        refused_soon(repository, mirrors, "larger than 5 MB")
    assert worktree.prepare_checkout(str(repository), None, mirrors).base_branch == "main"


def test_GR8_refs_without_number_are_refused(repository, mirrors):
    head = git(repository, "rev-parse", "HEAD")
    lines = "".join(f"{head} refs/tags/t{number:07}\n" for number in range(100_001))
    (repository / ".git" / "packed-refs").write_text(
        f"# pack-refs with: peeled fully-peeled sorted \n{head} refs/heads/main\n{lines}"
    )
    refused_soon(repository, mirrors, "more than 100,000 branches and tags.*--single-branch")


def test_GR8_names_that_cannot_be_worked_with_are_refused(repository, mirrors):
    content = samples.blob(repository, b"")
    bad = (("100644", content, name) for name in ("x" * 255 + "\n", "git~1", "bad\udcff\\.git"))
    samples.commit_tree(repository, samples.tree(repository, *bad))
    with pytest.raises(RepositoryUnfit, match="unsupported file names:\n- ") as refusal:
        worktree.prepare_checkout(str(repository), None, mirrors)
    message = refusal.value.message
    assert all(c == "\n" or c.isprintable() for c in message), "shown inert"
    message.encode()
