"""The branch of a pull request in git: whose commits are on it, its base merged in, what goes on it."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agent import worktree
from agent.domain import Change, ChangedFile
from agent.errors import (
    BranchMoved,
)
from agent.pulls import Standing
from tests.integration import git_samples
from tests.integration import github_samples as samples

BRANCH = "mergewright/1-say-hi"
DATE = 1_800_000_000
ANN = ("Ann", "ann@example.org")
FORGE = ("GitHub", "noreply@github.com")
LINES = "".join(f"line {number}\n" for number in range(1, 21))


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with samples.serving_world(tmp_path_factory.mktemp("world")) as made:
        yield made


@dataclass
class Pull:
    """A pull request's branch on the forge, and a clone in which people and we work on it."""

    github: samples.Scene
    clone: Path
    home: Path
    url: str
    us: tuple[str, str]
    more: dict[str, object] = field(default_factory=dict)

    def git(self, *args, author=ANN, committer=None, stdin=None):
        """Run git as somebody, in the clone."""
        who = {"AUTHOR": author, "COMMITTER": committer or author}
        environ = {
            f"GIT_{role}_{key}": value
            for role, (name, email) in who.items()
            for key, value in (("NAME", name), ("EMAIL", email), ("DATE", "@1750000000 +0000"))
        }
        done = subprocess.run(
            ["git", *args], cwd=self.clone, capture_output=True, check=False, timeout=120,
            input=stdin,
            env={
                "PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1",
                "GIT_EDITOR": "true", "GIT_MERGE_AUTOEDIT": "no", **environ,
            },
        )  # fmt: skip
        assert done.returncode == 0, (args, done.stdout, done.stderr)
        return done.stdout.decode().strip()

    def on(self, branch, files, subject="Edit", *, author=ANN, committer=None):
        """Commit files to a branch and push it; None deletes a file."""
        self.git("checkout", "--quiet", branch)
        for path, content in files.items():
            if content is None:
                (self.clone / path).unlink()
            else:
                git_samples.put(self.clone, {path: content})
        self.git("add", "--all")
        self.git("commit", "--quiet", "-m", subject, author=author, committer=committer)
        return self.publish(branch)

    def publish(self, branch):
        self.git("push", "--quiet", "--force", "origin", f"HEAD:{branch}")
        return self.git("rev-parse", "HEAD")

    def on_base(self, files, subject="Base"):
        return self.on("main", files, subject)

    def ours(self, files, subject="Say hi"):
        return self.on(BRANCH, files, subject, author=self.us)

    def theirs(self, files, subject="By hand", **who):
        return self.on(BRANCH, files, subject, **who)

    def standing(self, **more):
        token = self.github.forge.credential(self.github.run, write=False)
        return worktree.standing(
            self.url, token, BRANCH, "main", self.home / "mirrors",
            author=self.us[0], email=self.us[1], **more,
        )  # fmt: skip

    def follow(self, standing, change, message="Answer the review", **more):
        who = {"author": self.us[0], "email": self.us[1], "date": DATE}
        return worktree.follow(
            standing, change, message, merge_message="Merge main", **{**who, **more}
        )

    def push(self, standing, commit, **more):
        token = self.github.forge.credential(self.github.run, write=True)
        worktree.push_follow(
            standing, commit, BRANCH, self.url, token, look_again="read pull request", **more
        )

    def tip(self, branch=BRANCH):
        return samples.head(self.github.repository, branch)

    def show(self, *args):
        """Run git on what the forge has."""
        return samples.git(self.github.repository, *args)


@pytest.fixture
def pull(world, tmp_path):
    github = samples.scene(world, tmp_path)
    github.repository.private = True
    clone = tmp_path / "clone"
    git_samples.git(tmp_path, "clone", "--quiet", str(github.repository.git_dir), str(clone))
    remote = github.forge.remote(github.run)
    made = Pull(github, clone, tmp_path / "home", remote.url, (remote.author, remote.email))
    made.on_base({"lines.txt": LINES, "keep.py": "kept = 1\n", "run.sh": "#!/bin/sh\n"}, "More")
    made.git("checkout", "--quiet", "-b", BRANCH)
    made.ours({"shop.py": "print('hi')\n"})
    return made


def change_of(standing: Standing, folder: Path, edit=lambda tree: None) -> Change:
    """The whole Change as a run makes it: what is there, and edits on top in a work tree."""
    tree = worktree.lay_out(standing.checkout, folder)
    tree.replay(standing.change)
    edit(tree)
    return Change(base_commit=standing.checkout.commit, files=tree.changes())


def contents(change):
    return {file.path: file.after for file in change.files}


def plus(standing, path, after, before=None):
    """The whole Change with one more file."""
    more = ChangedFile(path=path, before=before, after=after)
    files = sorted((*standing.change.files, more), key=lambda file: file.path)
    return Change(base_commit=standing.checkout.commit, files=tuple(files))


# --- looking -----------------------------------------------------------------------------------


def test_a_branch_of_our_own_beside_a_base_that_stands_still(pull):
    head = pull.tip()
    standing = pull.standing()
    base = pull.tip("main")
    assert (standing.head, standing.tip, standing.checkout.commit) == (head, base, base)
    assert (standing.checkout.base_branch, standing.checkout.subjects[0]) == ("main", "More")
    assert (standing.foreign, standing.moved, standing.conflicts, standing.unfit) == (
        (), False, (), "",
    )  # fmt: skip
    (file,) = standing.change.files
    assert (file.path, file.before, file.after) == (
        "shop.py",
        b"print('hello')\n",
        b"print('hi')\n",
    )
    assert (file.executable, file.was_executable) == (False, False)
    assert standing.tree == pull.git("rev-parse", f"{head}^{{tree}}")
    assert pull.standing() == standing, "it may run twice"


def test_what_other_people_have_committed_is_told_by_who_made_it(pull):
    person = pull.theirs({"notes.txt": "n\n"})
    # What GitHub commits for us and signs is ours; what it commits for a person is not.
    pull.theirs({"a.py": "a = 1\n"}, author=pull.us, committer=FORGE)
    suggestion = pull.theirs({"b.py": "b = 1\n"}, "Apply suggestion", committer=FORGE)
    amended = pull.theirs({"c.py": "c = 1\n"}, "Say hi", author=pull.us, committer=ANN)
    told_as_us = pull.theirs({"d.py": "d = 1\n"}, "By Mergewright", author=(pull.us[0], ANN[1]))
    by_address = pull.theirs({"e.py": "e = 1\n"}, author=(ANN[0], pull.us[1]))
    pull.ours({"f.py": "f = 1\n"})
    standing = pull.standing()
    assert standing.foreign == (person, suggestion, amended, told_as_us, by_address)
    assert set(contents(standing.change)) == {
        "shop.py", "notes.txt", "a.py", "b.py", "c.py", "d.py", "e.py", "f.py",
    }  # fmt: skip


def test_a_base_that_moved_is_merged_in(pull):
    tip = pull.on_base({"lines.txt": LINES + "one more\n"})
    standing = pull.standing()
    assert (standing.moved, standing.conflicts, standing.checkout.commit) == (True, (), tip)
    assert contents(standing.change) == {"shop.py": b"print('hi')\n"}
    assert standing.tree == pull.git("merge-tree", "--write-tree", "main", BRANCH)


def test_both_may_change_one_file_apart(pull):
    pull.ours({"lines.txt": LINES.replace("line 2\n", "ours\n")})
    pull.on_base({"lines.txt": LINES.replace("line 19\n", "theirs\n")})
    standing = pull.standing()
    wanted = LINES.replace("line 2\n", "ours\n").replace("line 19\n", "theirs\n").encode()
    assert contents(standing.change)["lines.txt"] == wanted


def test_where_they_do_not_go_together_all_is_held_against_the_fork(pull):
    fork = pull.tip("main")
    tip = pull.on_base({"shop.py": "print('moin')\n", "keep.py": "kept = 2\n"})
    standing = pull.standing()
    assert standing.conflicts == ("shop.py",)
    assert (standing.moved, standing.tip, standing.checkout.commit) == (True, tip, fork)
    assert contents(standing.change) == {"shop.py": b"print('hi')\n"}
    assert standing.tree == pull.git("rev-parse", f"{standing.head}^{{tree}}")
    made = pull.follow(standing, plus(standing, "new.py", b"n = 1\n"))
    pull.push(standing, made)
    assert pull.show("rev-parse", f"{BRANCH}^") == standing.head


def test_a_branch_that_only_the_forge_may_commit_to_is_held_against_the_fork(pull, tmp_path):
    fork = pull.tip("main")
    pull.on_base({"keep.py": "kept = 2\n"})
    standing = pull.standing(merging=False)
    assert (standing.moved, standing.conflicts, standing.checkout.commit) == (True, (), fork)
    change = change_of(standing, tmp_path / "tree", lambda tree: tree.write("new.py", b"n = 1\n"))
    added = worktree.increment(standing, change)
    assert (added.base_commit, contents(added)) == (standing.head, {"new.py": b"n = 1\n"})


# --- commits -----------------------------------------------------------------------------------


def test_an_answer_is_one_commit_on_the_branch(pull, tmp_path):
    person = pull.theirs({"notes.txt": "n\n"})
    standing = pull.standing()

    def edit(tree):
        tree.write("shop.py", b"print('hi!')\n")
        tree.delete("notes.txt")

    change = change_of(standing, tmp_path / "tree", edit)
    made = pull.follow(standing, change)
    assert made == pull.follow(standing, change), "equal arguments, equal commits"
    pull.push(standing, made)
    pull.push(standing, made)
    assert pull.tip() == made
    form = "--format=%P|%an|%ae|%cn|%ce|%ct|%B"
    told = (person, *pull.us, *pull.us, str(DATE), "Answer the review")
    assert pull.show("log", "-1", form, BRANCH) == "|".join(told)
    assert pull.show("diff", "--name-status", person, made) == "D\tnotes.txt\nM\tshop.py"
    assert pull.standing().foreign == (person,)


def test_where_nothing_is_to_be_done_the_branch_stays(pull, tmp_path):
    standing = pull.standing()
    made = pull.follow(standing, change_of(standing, tmp_path / "tree"))
    assert made == standing.head
    pull.push(standing, made)
    assert pull.tip() == standing.head


def test_our_own_commits_are_rebased_as_one_and_the_answer_goes_on_top(pull, tmp_path):
    pull.ours({"new.py": "n = 1\n"}, "Second round")
    tip = pull.on_base({"keep.py": "kept = 2\n"})
    standing = pull.standing()
    change = change_of(standing, tmp_path / "tree", lambda tree: tree.write("new.py", b"n = 2\n"))
    made = pull.follow(standing, change)
    pull.push(standing, made)
    assert pull.show("log", "--format=%s", f"{tip}..{BRANCH}") == "Answer the review\nSay hi"
    assert pull.show("rev-parse", f"{BRANCH}~2") == tip
    assert pull.show("show", f"{BRANCH}:keep.py") == "kept = 2"
    assert pull.show("show", f"{BRANCH}:new.py") == "n = 2"
    assert pull.show("show", f"{BRANCH}~1:new.py") == "n = 1"
    pull.push(standing, made)
    after = pull.standing()
    assert (after.moved, after.foreign, after.change.digest) == (False, (), change.digest)


def test_with_commits_of_people_the_base_is_merged_and_nothing_of_theirs_goes(pull):
    person = pull.theirs({"notes.txt": "n\n"})
    tip = pull.on_base({"keep.py": "kept = 2\n"})
    standing = pull.standing()
    made = pull.follow(standing, plus(standing, "new.py", b"n = 1\n"))
    pull.push(standing, made)
    assert pull.show("log", "-1", "--format=%P", f"{BRANCH}~1") == f"{person} {tip}"
    assert pull.show("log", "-2", "--format=%s", "--first-parent", BRANCH) == (
        "Answer the review\nMerge main"
    )
    merged = pull.show("rev-parse", f"{BRANCH}~1^{{tree}}")
    assert merged == standing.tree
    after = pull.standing()
    assert (after.foreign, after.moved) == ((person,), False)


def test_a_branch_is_brought_up_to_date_without_an_answer_too(pull):
    tip = pull.on_base({"keep.py": "kept = 2\n"})
    standing = pull.standing()
    pull.push(standing, pull.follow(standing, standing.change))
    assert pull.show("log", "--format=%s", f"{tip}..{BRANCH}") == "Say hi"
    assert pull.standing().moved is False


# --- pushing -----------------------------------------------------------------------------------


@pytest.mark.parametrize("moved", [False, True])
def test_a_branch_that_somebody_pushed_to_meanwhile_is_looked_at_again(pull, moved):
    if moved:
        pull.on_base({"keep.py": "kept = 2\n"})
    standing = pull.standing()
    made = pull.follow(standing, plus(standing, "new.py", b"n = 1\n"))
    person = pull.theirs({"notes.txt": "n\n"})
    with pytest.raises(BranchMoved, match="Somebody has pushed") as problem:
        pull.push(standing, made)
    assert problem.value.look_again == "read pull request"
    assert pull.tip() == person
    again = pull.standing()
    assert again.foreign == (person,)
    pull.push(again, pull.follow(again, plus(again, "new.py", b"n = 1\n")))
    assert pull.show("merge-base", "--is-ancestor", person, BRANCH) == ""
