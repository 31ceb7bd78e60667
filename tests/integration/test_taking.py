"""A change that is taken from any tree fits the base that it was taken against."""

import importlib
import os
import random
import shutil
from pathlib import Path

import pytest

from agent.git import one_commit, worktree
from agent.git.tree import WorkTree
from agent.models.change import Change
from agent.models.sandbox import CollectedChange
from agent.sandbox import change_collection
from tests.deep import deep
from tests.folders import lay_files
from tests.integration import git_samples
from tests.sandboxes import INSIDE

FILES: dict[str, str | bytes] = {
    "a": "a\n",
    "d/x": "x\n",
    "d/e/y": "y\n",
    "d/e/z": "z\n",
    "large": "large\n" * 200,
    "f/g/h": "h\n",
}
NAMES = ("a", "d", "d/x", "d/e", "d/e/y", "d/link", "d/e/z/new", "f", "f/g", "f/sub", "f/sub/new",
         "folder-link", "folder-link/new", "large", "large/new", "laid", "laid/new", "b.log", "new")  # fmt: skip


class Place:
    """A repository with a link in a folder, a link to a folder and a submodule."""

    def __init__(self, folder: Path) -> None:
        repository = git_samples.make(folder / "repository", FILES)
        lay_files(repository, {".gitignore": "*.log\n"})
        (repository / "d" / "link").symlink_to("x")
        (repository / "folder-link").symlink_to("d")
        head = git_samples.commit_all(repository, "Links")
        git_samples.git(repository, "update-index", "--add", "--cacheinfo", f"160000,{head},f/sub")
        git_samples.git(repository, "commit", "-qm", "Submodule")
        self.checkout = worktree.prepare_checkout(str(repository), None, folder / "mirrors")
        self.base = worktree.open_tree(self.checkout, folder / "base")
        self.folder = folder

    def copy(self, name: str) -> WorkTree:
        shutil.rmtree(self.folder / name, ignore_errors=True)
        shutil.copytree(self.base.folder, self.folder / name, symlinks=True)
        return WorkTree(self.folder / name, self.base.paths())

    def take(self, tree: Path, given: Change) -> CollectedChange:
        """Collect what differs in a tree that has a file of ours beside."""
        differing = importlib.import_module("differing")
        files = {file.path: file for file in given.files if file.after is not None}
        ground = change_collection.TreeBase(self.checkout, self.base, files, {"laid": b"laid\n"})
        order = {
            "base": str(self.folder / one_commit.NAME), "tree": str(tree), "directory": str(tree),
            "bulk": (), "layers": (), "rlimits": {},
        }  # fmt: skip
        index = differing.make_index(order)
        found = differing.Difference(order, index, sorted(files), sorted(ground.links))
        os.close(index)
        return change_collection.collect_change(
            (change_collection.ChangedEntry(path, *entry) for path, entry in found.entries.items()),
            lambda path: (tree / path).read_bytes(),
            ground,
            found.ignored,
        )


def disturb(tree: Path, chance: random.Random) -> None:
    """Replace what is at one name; what is in its way goes."""
    place = tree
    for part in chance.choice(NAMES).split("/"):
        if place.is_symlink() or not place.is_dir():
            place.unlink(missing_ok=True)
            place.mkdir()
        place /= part
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    place.unlink(missing_ok=True)
    kind = chance.randrange(6)
    if kind < 3:
        place.write_text(f"{chance.random()}\n")
    elif kind == 3:
        place.symlink_to("/etc/passwd")
    elif kind == 4:
        place.write_bytes(b"\0binary")


def see(tree: Path) -> dict[str, bytes]:
    found = (Path(folder, name) for folder, _, names in os.walk(tree) for name in names)
    return {
        str(path.relative_to(tree)): path.read_bytes() for path in found if not path.is_symlink()
    }


@pytest.mark.parametrize(
    ("most_bytes", "seeds"), [(change_collection.MOST_BYTES, 4), deep(1000, 60)]
)
def test_a_change_that_is_taken_can_always_be_laid(tmp_path, monkeypatch, most_bytes, seeds):
    monkeypatch.syspath_prepend(INSIDE)
    monkeypatch.syspath_prepend(INSIDE.parents[1] / "git")
    monkeypatch.setattr(change_collection, "MOST_BYTES", most_bytes)
    place = Place(tmp_path)
    empty = Change(base_commit=place.checkout.commit, files=())
    for seed in range(seeds):
        chance = random.Random(seed)
        tree, change = place.copy("tree").folder, empty
        (tree / "laid").write_text("laid\n")
        for _ in range(2):
            for _ in range(chance.randrange(1, 5)):
                disturb(tree, chance)
            taken = place.take(tree, change)
            change = taken.change
            again = place.copy("again")
            again.replay(change)
            left = {finding.path for finding in taken.findings} | set(taken.ignored)
            if most_bytes == 1000:
                continue
            one, two = see(tree), see(again.folder)
            differs = {path for path in {*one, *two} if one.get(path) != two.get(path)}
            unsaid = {
                path
                for path in differs - {"laid"}
                if not any(
                    f"{path}/".startswith(f"{said.rstrip('/')}/") or said.startswith(f"{path}/")
                    for said in left
                )
            }
            assert not unsaid, (seed, unsaid, left)


def test_sandboxes_have_tags_and_history_where_tests_call_git(tmp_path):
    files = {"tests/test_a.py": "run(['git', 'describe'])\n"}
    repository = git_samples.make(tmp_path / "repository", files)
    git_samples.git(repository, "tag", "v1")
    lay_files(repository, {"tests/test_a.py": "x = 'legit'\n"})
    git_samples.commit_all(repository, "Later")
    git_samples.git(repository, "tag", "v2")
    later = git_samples.git(repository, "rev-parse", "v2")
    described = []
    for commit in ("v1", "v2"):
        checkout = worktree.prepare_checkout(str(repository), commit, tmp_path / "mirrors")
        folder = tmp_path / commit / "tree"
        worktree.open_tree(checkout, folder)
        place = tmp_path / commit / one_commit.NAME
        inside = one_commit.read_files(place)
        inside["objects/info/alternates"] = f"{place}/objects\n".encode()
        lay_files(folder / ".git", inside)
        described.append(git_samples.git(folder, "describe", "--tags", "--always", "--long")[:3])
        everything = "cat-file", "--batch-check", "--batch-all-objects"
        assert later not in git_samples.git(folder, *everything), commit
    assert described[0] == "v1-"
    assert described[1] != "v2-", "no test of this commit calls git"
