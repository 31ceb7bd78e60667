"""What people made of our change before they merged it: real git, however it was merged."""

from __future__ import annotations

import pytest

from agent.git import merge_edits
from agent.git.merge_edits import MergedPullRequest
from tests.integration import github_samples as samples
from tests.integration.git_samples import git

PULL = 4
LINES = "".join(f"line {number}\n" for number in range(1, 21))
OURS = LINES.replace("line 3\n", "line three\nline three and a half\n")


class Told:
    def __init__(self, github, folder):
        self.github, self.tree, self.mirrors = github, folder / "clone", folder / "mirrors"
        self.origin = str(github.repository.git_dir)
        git(folder, "clone", "--quiet", self.origin, str(self.tree))
        self.commit("main", {"shop.py": LINES, "other.py": LINES})
        self.at("checkout", "-q", "-b", "ours")
        self.first = self.ours = self.commit("ours", {"shop.py": OURS, "new.py": "a = 1\n"})

    def at(self, *args):
        who = ("-c", "user.name=p", "-c", "user.email=p@example.org")
        return git(self.tree, *who, *args).strip()

    def commit(self, branch, files, message="A commit"):
        """Commit to a branch, with a file for each path; None removes it."""
        if self.at("branch", "--show-current") != branch:
            self.at("checkout", "-q", branch)
        for path, text in files.items():
            if text is None:
                (self.tree / path).unlink()
            else:
                (self.tree / path).write_bytes(text if isinstance(text, bytes) else text.encode())
        self.at("add", "-A")
        self.at("commit", "-q", "-m", message)
        return self.at("rev-parse", "HEAD")

    def merge(self, how):
        """Merge as a code host does; return the commit by which it was merged."""
        head, self.base = self.at("rev-parse", "ours"), self.at("rev-parse", "main")
        self.at("checkout", "-q", "main")
        if how == "merge":
            self.at("merge", "-q", "--no-ff", "-m", "Merge pull request", "ours")
        elif how == "squash":
            self.at("merge", "-q", "--squash", "ours")
            self.at("commit", "-q", "-m", "Squashed")
        elif how == "rebase":
            self.at("-c", "user.name=q", "cherry-pick", "--no-ff", "main..ours")
        else:
            self.at("merge", "-q", "--ff-only", "ours")
        made = self.at("rev-parse", "HEAD")
        self.at("push", "-q", "origin", "main")
        self.publish(head)
        return made

    def publish(self, head):
        # What was pushed stays for long, whatever was pushed over it.
        for commit in (self.first, self.ours, head):
            self.at("push", "-q", "--force", "origin", f"{commit}:refs/heads/kept")
        samples.git(self.github.repository, "update-ref", f"refs/pull/{PULL}/head", head)
        samples.git(self.github.repository, "update-ref", "-d", "refs/heads/kept")

    def measure(self, token=None, **more):
        found = self.github.code_host.find_remote(self.github.run)
        secret = token or self.github.code_host.create_credential(self.github.run, write=False)
        asked = MergedPullRequest(
            pull=PULL, base=self.base, first=self.first, ours=self.ours
        )  # fmt: skip
        asked = asked.model_copy(update=more)
        return merge_edits.measure_edits(found.url, secret, self.mirrors, asked, max_bytes=10**9)


@pytest.fixture
def told(world, tmp_path):
    github = samples.scene(world, tmp_path)
    github.repository.private = True
    return Told(github, tmp_path)


@pytest.mark.parametrize("how", ["merge", "squash", "rebase", "by hand"])
def test_what_people_change_on_top_of_ours_counts_and_nothing_of_the_base_does(told, how):
    if how != "by hand":
        told.commit("main", {"shop.py": LINES.replace("line 18\n", "line eighteen\n")})
    edited = OURS.replace("line three\n", "line 3, of ours\n").replace("line 12\n", "")
    told.commit("ours", {"shop.py": edited, "notes.txt": "one\ntwo\n"})
    told.merge(how)
    found = told.measure()
    # A line of ours is another one (2), one of base is gone (1), a file came with two lines (2).
    assert (found.distance, found.as_it_was) == (5, False)
    assert found.merged_lines == 7


@pytest.mark.parametrize("how", ["squash", "rebase"])
def test_a_branch_that_was_brought_up_to_date_by_people_has_no_more_distance_for_it(told, how):
    told.commit("main", {"shop.py": LINES.replace("line 18\n", "line eighteen\n"), "b.py": "b\n"})
    told.at("checkout", "-q", "ours")
    told.at("merge", "-q", "-m", "Merge main", "main")
    if how == "rebase":
        # GitHub rebases no merges.
        told.at("reset", "-q", "--hard", told.ours)
        told.at("rebase", "-q", "main")
    told.merge(how)
    found = told.measure()
    assert found.distance == 0
    assert (found.merged_lines, found.as_it_was) == (4, True)
