"""The branch of a pull request in git: whose commits are on it, its base merged in, what goes on it."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.errors import BranchMoved, RepositoryUnfit
from agent.git import pull_branch, remote, worktree
from agent.models.change import Change, ChangedFile
from tests.folders import lay_files
from tests.integration import git_samples
from tests.integration import github_samples as samples

BRANCH = "mergewright/1-say-hi"
DATE = 1_800_000_000
ANN = ("Ann", "ann@example.org")
FORGE = ("GitHub", "noreply@github.com")
LINES = "".join(f"line {number}\n" for number in range(1, 21))


@dataclass
class Pull:
    """A pull request's branch on the code host, and a clone in which people and we work on it."""

    github: samples.Scene
    clone: Path
    home: Path
    url: str
    us: tuple[str, str]

    def git(self, *args, author=ANN, committer=None, stdin=None):
        who = {"AUTHOR": author, "COMMITTER": committer or author}
        environ = {
            f"GIT_{role}_{key}": value
            for role, (name, email) in who.items()
            for key, value in (("NAME", name), ("EMAIL", email), ("DATE", "@1750000000 +0000"))
        }
        return git_samples.git(self.clone, *args, stdin=stdin, GIT_EDITOR="true", **environ)

    def on(self, branch, files, subject="Edit", *, author=ANN, committer=None):
        """Commit files to a branch and push it; None deletes a file."""
        self.git("checkout", "--quiet", branch)
        for path, content in files.items():
            if content is None:
                (self.clone / path).unlink()
            else:
                lay_files(self.clone, {path: content})
        self.git("add", "--all")
        self.git("commit", "--quiet", "-m", subject, author=author, committer=committer)
        return self.publish(branch)

    def publish(self, branch):
        origin = ("--git-dir", str(self.github.repository.git_dir))
        wanted = f"+HEAD:refs/heads/{branch}"
        self.git(*origin, "fetch", "--quiet", "--no-auto-maintenance", str(self.clone), wanted)
        return self.git("rev-parse", "HEAD")

    def on_base(self, files, subject="Base"):
        return self.on("main", files, subject)

    def ours(self, files):
        return self.on(BRANCH, files, "Say hi", author=self.us)

    def theirs(self, files, subject="By hand", **who):
        return self.on(BRANCH, files, subject, **who)

    def branch_state(self, **more):
        token = self.github.code_host.create_credential(self.github.run, write=False)
        return pull_branch.read_branch_state(
            self.url, token, BRANCH, "main", self.home / "mirrors",
            author=self.us[0], email=self.us[1], **more,
        )  # fmt: skip

    def follow(self, state, change):
        return pull_branch.make_follow_up_commit(
            state, change, "Answer the review", merge_message="Merge main",
            author=self.us[0], email=self.us[1], date=DATE,
        )  # fmt: skip

    def push(self, state, commit):
        token = self.github.code_host.create_credential(self.github.run, write=True)
        pull_branch.push_follow(
            state, commit, BRANCH, self.url, token, look_again="read pull request"
        )

    def tip(self, branch=BRANCH):
        return samples.head(self.github.repository, branch)

    def show(self, *args):
        return samples.git(self.github.repository, *args)


@pytest.fixture
def pull(world, tmp_path):
    github = samples.scene(world, tmp_path)
    github.repository.private = True
    clone = tmp_path / "clone"
    git_samples.git(tmp_path, "clone", "--quiet", str(github.repository.git_dir), str(clone))
    remote = github.code_host.find_remote(github.run)
    made = Pull(github, clone, tmp_path / "home", remote.url, (remote.author, remote.email))
    made.on_base({"lines.txt": LINES, "keep.py": "kept = 1\n", "run.sh": "#!/bin/sh\n"}, "More")
    made.git("checkout", "--quiet", "-b", BRANCH)
    made.ours({"shop.py": "print('hi')\n"})
    return made


def contents(change):
    return {file.path: file.after for file in change.files}


def plus_new_file(state):
    more = ChangedFile(path="new.py", before=None, after=b"n = 1\n")
    files = sorted((*state.change.files, more), key=lambda file: file.path)
    return Change(base_commit=state.checkout.commit, files=tuple(files))


def test_a_branch_of_our_own_beside_a_base_that_stands_still(pull):
    head = pull.tip()
    state = pull.branch_state()
    base = pull.tip("main")
    assert (state.head, state.tip, state.checkout.commit) == (head, base, base)
    assert (state.checkout.base_branch, state.checkout.subjects[0]) == ("main", "More")
    assert (state.foreign_commits, state.base_has_moved, state.conflicts) == ((), False, ())
    (file,) = state.change.files
    assert (file.before, file.after) == (b"print('hello')\n", b"print('hi')\n")
    assert (file.path, file.executable, file.was_executable) == ("shop.py", False, False)
    assert state.tree == pull.git("rev-parse", f"{head}^{{tree}}")
    assert pull.branch_state() == state, "it may run twice"


def test_what_other_people_have_committed_is_told_by_who_made_it(pull):
    person = pull.theirs({"notes.txt": "n\n"})
    # What GitHub commits for us and signs is ours; what it commits for a person is not.
    pull.theirs({"a.py": "a = 1\n"}, author=pull.us, committer=FORGE)
    suggestion = pull.theirs({"b.py": "b = 1\n"}, "Apply suggestion", committer=FORGE)
    amended = pull.theirs({"c.py": "c = 1\n"}, "Say hi", author=pull.us, committer=ANN)
    told_as_us = pull.theirs({"d.py": "d = 1\n"}, "By Mergewright", author=(pull.us[0], ANN[1]))
    by_address = pull.theirs({"e.py": "e = 1\n"}, author=(ANN[0], pull.us[1]))
    pull.ours({"f.py": "f = 1\n"})
    state = pull.branch_state()
    assert state.foreign_commits == (person, suggestion, amended, told_as_us, by_address)
    assert set(contents(state.change)) == {
        "shop.py", "notes.txt", "a.py", "b.py", "c.py", "d.py", "e.py", "f.py",
    }  # fmt: skip


def test_where_they_do_not_go_together_all_is_held_against_the_fork(pull):
    fork = pull.tip("main")
    tip = pull.on_base({"shop.py": "print('moin')\n", "keep.py": "kept = 2\n"})
    state = pull.branch_state()
    assert state.conflicts == ("shop.py",)
    assert (state.base_has_moved, state.tip, state.checkout.commit) == (True, tip, fork)
    assert contents(state.change) == {"shop.py": b"print('hi')\n"}
    assert state.tree == pull.git("rev-parse", f"{state.head}^{{tree}}")
    made = pull.follow(state, plus_new_file(state))
    pull.push(state, made)
    assert pull.show("rev-parse", f"{BRANCH}^") == state.head


def test_a_branch_that_is_gone_is_said_to_be(pull):
    state = pull.branch_state()
    made = pull.follow(state, plus_new_file(state))
    pull.show("update-ref", "-d", f"refs/heads/{BRANCH}")
    with pytest.raises(RepositoryUnfit, match=f"branch {BRANCH} no longer exists"):
        pull.branch_state()
    with pytest.raises(BranchMoved, match="Someone deleted"):
        pull.push(state, made)
    assert BRANCH not in pull.show("for-each-ref", "refs/heads")


@pytest.mark.parametrize(
    ("mode", "target", "path"), [("120000", b"shop.py", "link.py"), ("160000", None, "inner")]
)
def test_links_and_submodules_in_a_branch_are_left_to_people(pull, mode, target, path):
    object_id = pull.git("hash-object", "-w", "--stdin", stdin=target) if target else "1" * 40
    pull.git("update-index", "--add", "--cacheinfo", f"{mode},{object_id},{path}")
    pull.git("commit", "--quiet", "-m", "Entry")
    pull.publish(BRANCH)
    with pytest.raises(RepositoryUnfit, match=f"`{path}`"):
        pull.branch_state()


def test_GR2_no_driver_filter_or_hook_of_the_repository_runs(pull, tmp_path, monkeypatch, canary):
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for name in ("reference-transaction", "pre-merge-commit", "post-merge", "pre-push"):
        (hooks / name).symlink_to(canary)
    settings = (
        f'[merge "evil"]\n\tdriver = {canary} driver %A\n[merge]\n\tdefault = evil\n'
        f'[filter "evil"]\n\tclean = {canary} clean\n\tsmudge = {canary} smudge\n'
        f'[diff "evil"]\n\ttextconv = {canary} textconv\n\tcommand = {canary} diff\n'
        f"[core]\n\thooksPath = {hooks}\n\tfsmonitor = {canary} fsmonitor\n"
        f"[gpg]\n\tprogram = {canary}\n[commit]\n\tgpgSign = true\n"
    )
    (tmp_path / ".gitconfig").write_text(settings)
    attributes = "* merge=evil filter=evil diff=evil\nshop.py merge=union\n"
    # In the tree, on both sides; a `.gitconfig` and an `.lfsconfig` there mean nothing either.
    pull.on_base({".gitattributes": attributes, ".gitconfig": settings, ".lfsconfig": settings})
    pull.git("checkout", "--quiet", BRANCH)
    pull.git("merge", "--quiet", "main", author=pull.us)
    pull.ours({"lines.txt": LINES.replace("line 2\n", "ours\n")})
    pull.on_base({"lines.txt": LINES.replace("line 19\n", "theirs\n")})
    apart = pull.git("rev-parse", "main"), pull.git("rev-parse", BRANCH)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / ".gitconfig"))
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", str(canary))

    state = pull.branch_state()
    made = pull.follow(state, plus_new_file(state))
    pull.push(state, made)
    assert list((tmp_path / "hits").iterdir()) == []
    wanted = LINES.replace("line 2\n", "ours\n").replace("line 19\n", "theirs\n")
    assert contents(state.change)["lines.txt"] == wanted.encode()

    # Nor do attributes of the tree make one of what is two: both sides have line 1.
    pull.git("checkout", "--quiet", BRANCH)
    pull.git("fetch", "--quiet", "origin", BRANCH)
    pull.git("reset", "--quiet", "--hard", "FETCH_HEAD")
    pull.on_base({"shop.py": "print('moin')\n"})
    state = pull.branch_state()
    assert state.conflicts == ("shop.py",)
    # The controls: git as a person runs it falls for both.
    plain = ["git", "merge-tree", "--write-tree"]
    for sides in (("main", BRANCH), apart):
        run = subprocess.run(
            [*plain, *sides], cwd=pull.clone, check=False, timeout=60, capture_output=True
        )
        assert run.returncode == 0, run.stdout
    assert (tmp_path / "hits" / "canary-driver").exists()


def test_an_answer_is_one_commit_on_the_branch(pull, tmp_path):
    person = pull.theirs({"notes.txt": "n\n"})
    state = pull.branch_state()
    # The whole Change as a run makes it: what is there, and edits on top in a work tree.
    tree = worktree.lay_out(state.checkout, tmp_path / "tree")
    tree.replay(state.change)
    tree.write("shop.py", b"print('hi!')\n")
    tree.delete("notes.txt")
    change = Change(base_commit=state.checkout.commit, files=tree.changes())
    made = pull.follow(state, change)
    assert made == pull.follow(state, change), "equal arguments, equal commits"
    pull.push(state, made)
    pull.push(state, made)
    assert pull.tip() == made
    form = "--format=%P|%an|%ae|%cn|%ce|%ct|%B"
    told = (person, *pull.us, *pull.us, str(DATE), "Answer the review")
    assert pull.show("log", "-1", form, BRANCH) == "|".join(told)
    assert pull.show("diff", "--name-status", person, made) == "D\tnotes.txt\nM\tshop.py"
    assert pull.branch_state().foreign_commits == (person,)


def test_with_commits_of_people_the_base_is_merged_and_nothing_of_theirs_goes(pull):
    person = pull.theirs({"notes.txt": "n\n"})
    tip = pull.on_base({"keep.py": "kept = 2\n"})
    state = pull.branch_state()
    made = pull.follow(state, plus_new_file(state))
    pull.push(state, made)
    assert pull.show("log", "-1", "--format=%P", f"{BRANCH}~1") == f"{person} {tip}"
    assert pull.show("log", "-2", "--format=%s", "--first-parent", BRANCH) == (
        "Answer the review\nMerge main"
    )
    merged = pull.show("rev-parse", f"{BRANCH}~1^{{tree}}")
    assert merged == state.tree
    after = pull.branch_state()
    assert (after.foreign_commits, after.base_has_moved) == ((person,), False)


def test_somebody_who_is_quicker_in_the_last_moment_loses_nothing(pull, monkeypatch):
    pull.on_base({"keep.py": "kept = 2\n"})
    state = pull.branch_state()
    made = pull.follow(state, state.change)
    late = []

    def push(*args, **more):
        late.append(pull.theirs({"notes.txt": "n\n"}))
        real(*args, **more)

    real = remote.RemoteRepository.push_branch
    monkeypatch.setattr(remote.RemoteRepository, "push_branch", push)
    with pytest.raises(BranchMoved):
        pull.push(state, made)
    assert [pull.tip()] == late
