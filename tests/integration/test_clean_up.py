"""PF2: what killed processes leave behind is removed, and nothing that only looks like it."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agent.git import worktree
from agent.models.change import Change, ChangedFile
from agent.models.code_host import NewPullRequest
from agent.models.outcome import Outcome
from agent.models.run import Reason, Run
from agent.publishing import commits
from agent.runs.folders import hold_trees
from agent.sandbox import cgroup, layout, slots
from agent.service.clean_up import Cleaner
from agent.settings import Settings
from agent.store.engine import Engine
from agent.store.sql_run_store import SqlRunStore
from tests.fakes import FakeCodeHost
from tests.integration import github_samples as samples
from tests.integration import run_samples
from tests.processes import is_alive

HOUR, DAY = 3600.0, 86_400.0
OLD = time.time() - 2 * HOUR


def run(number, started=1_700_000_000):
    about = {"run_id": f"20261120-101010-{number:016x}", "started": started}
    return run_samples.run(number).model_copy(update=about)


def aged(place: Path, at: float = OLD) -> Path:
    os.utime(place, (at, at), follow_symlinks=False)
    return place


def file(place: Path, text: str = "x", at: float = OLD) -> Path:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)
    return aged(place, at)


def there(*places: Path) -> list[Path]:
    return [place for place in places if os.path.lexists(place)]


class Place:
    """A data folder with what a worker has open there."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.settings = Settings(home=home)
        self.store = SqlRunStore(home)
        self.engine = Engine(home, lambda run_id, remember: remember("a", lambda: '"a"'))
        self.engine.launch()
        self.code_host = FakeCodeHost(None)  # type: ignore[arg-type]

    def cleaner(self, **settings: object) -> Cleaner:
        given = self.settings.model_copy(update=settings)
        return Cleaner(given, self.store, self.engine, lambda: self.code_host)

    def ended(self, one: Run, ago: float, outcome: Outcome | None = None) -> Path:
        """Note a run that is over, with the folder it leaves."""
        at = time.time() - ago
        kept = self.store.add_run(one, at)
        told = outcome or Outcome.for_stopped_run(one.run_id, Reason.UNCLEAR, "x")
        self.store.finish_run(kept.run_id, told, at)
        return file(self.home / "runs" / one.run_id / "ledger.jsonl", "", at).parent

    def close(self) -> None:
        self.engine.close()
        self.store.close()


@pytest.fixture
def place(home):
    made = Place(home)
    yield made
    made.close()


# --- work trees, files, mirrors, environments -------------------------------------------------


def test_PF2_a_work_tree_goes_once_nobody_holds_it(place):
    trees = place.home / "trees"
    left, held, theirs, young = (
        trees / name for name in ("20261120-101010-aaaaaaaaaaaaaaaa", "20261120-b", "notes", "env-1795191744-abcdef")
    )  # fmt: skip
    for folder in (left, held, theirs, young):
        file(folder / "base" / "a.py")
    for folder in (left, held):
        file(folder / ".held", "")
    aged(theirs)
    with (held / ".held").open() as holder:
        fcntl.flock(holder, fcntl.LOCK_EX)
        assert place.cleaner().turn()["trees"] == 1
        assert there(left, held, theirs, young) == [held, theirs, young]
    aged(young)
    assert place.cleaner().turn()["trees"] == 2
    assert there(left, held, theirs, young) == [theirs]


def test_PF2_temporary_files_go_when_they_are_old_and_named_as_we_name_them(place):
    home = place.home
    ours = [
        file(home / "baselines" / ".new-abcd1234"),
        file(home / "runs" / "20261120-101010-1" / ".new-abcd_234"),
        file(home / "environments" / ".interpreters.json.77"),
        file(home / "environments" / "tools" / "uv-1.2" / ".uv-77"),
        aged(file(home / "measure-abcd1234" / "a").parent),
        aged(file(home / "sandboxes" / ".runner-0123456789abcdef.77-aabbccdd" / "a").parent),
        aged(file(home / "sandboxes" / ".etc-0123456789abcdef.77-aabbccdd" / "a").parent),
    ]
    theirs = [
        file(home / "baselines" / ".new-abcd1235", at=time.time()),
        file(home / "baselines" / ".newer"),
        file(home / "baselines" / "a.json"),
        file(home / "runs" / "20261120-101010-1" / "run.log"),
        file(home / "measurements.txt"),
        aged(file(home / "sandboxes" / "runner-0123456789abcdef" / "a").parent),
        file(home / "sandboxes" / "slot-0"),
        aged(file(home / "measure-of-mine" / "a").parent),
    ]
    target = file(home.parent / f"{home.name}-outside" / "kept").parent
    link = home / "baselines" / ".new-link1234"
    link.symlink_to(target)
    aged(link)
    assert place.cleaner().turn()["files"] == len(ours) + 1
    assert there(*ours, link) == []
    assert there(*theirs, target / "kept") == [*theirs, target / "kept"]
    (target / "kept").unlink()
    target.rmdir()


def test_PF2_locks_and_half_clones_in_our_mirrors_go_and_those_in_use_stay(place):
    mirrors = place.home / "mirrors"
    ours, used = mirrors / "shop-0123456789ab.git", mirrors / "till-0123456789ab.git"
    theirs = mirrors / "mine.git"
    for mirror in (ours, used, theirs):
        mirror.parent.mkdir(exist_ok=True)
        subprocess.run(["git", "init", "-q", "--bare", str(mirror)], check=True)
        mirror.with_suffix(".lock").touch()
        for name in ("index.lock", "shallow.lock", "packed-refs.lock", "refs/heads/a/b.lock",
                     "gc.pid", "objects/pack/tmp_pack_a", "objects/ab/tmp_obj_a",
                     "objects/tmp_objdir-incoming-a/x"):  # fmt: skip
            file(mirror / name)
        file(mirror.with_suffix(".scratch") / "index")
    half = file(mirrors / "half-0123456789ab.scratch" / "fresh.git" / "HEAD").parent.parent
    half.with_suffix(".lock").touch()
    with used.with_suffix(".lock").open() as holder:
        fcntl.flock(holder, fcntl.LOCK_EX)
        assert place.cleaner().turn()["mirrors"] == 8 + 1 + 1
    left = [*ours.rglob("*.lock"), *ours.rglob("tmp_*"), ours / "gc.pid", half]
    assert there(*left, ours.with_suffix(".scratch")) == []
    subprocess.run(["git", "--git-dir", str(ours), "fsck"], check=True, capture_output=True)
    for mirror in (used, theirs):
        assert len(list(mirror.rglob("*.lock"))) == 4
        assert there(mirror.with_suffix(".scratch"))


# --- sandboxes -----------------------------------------------------------------------------------


def test_PF2_the_group_of_a_sandbox_goes_with_its_processes_and_only_where_the_slot_is_free(place):
    ours, used = (f"{slots.make_prefix(place.home)}{number}" for number in (60, 61))
    other = f"{slots.make_prefix(place.home / 'other')}60"
    groups = {name: cgroup.create_cgroup(name, 2**26, 10) for name in (ours, used, other)}
    if not groups[ours].folders:
        pytest.fail("this machine lets us make no control groups")
    sleeper = subprocess.Popen(["sleep", "60"])
    try:
        groups[ours].add(sleeper.pid)
        (place.home / "sandboxes").mkdir(exist_ok=True)
        with (place.home / "sandboxes" / "slot-61").open("w") as holder:
            fcntl.flock(holder, fcntl.LOCK_EX)
            assert place.cleaner().turn()["sandboxes"] == 1
        assert sleeper.wait(5) == -9
        assert cgroup.list_names(ours) == set()
        assert cgroup.list_names(used)
        assert cgroup.list_names(other)
    finally:
        sleeper.kill()
        sleeper.wait()
        for name in groups:
            cgroup.remove_stale(name)


def orphan(*words: str) -> int:
    """Start a process whose parent, in whose session it is, ends at once; return its number."""
    program = "import os, sys; print(os.spawnv(os.P_NOWAIT, sys.argv[1], sys.argv[2:]), flush=True)"
    with subprocess.Popen(
        [sys.executable, "-c", program, "/bin/bash", *words], start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ) as parent:  # fmt: skip
        assert parent.stdout is not None
        return int(parent.stdout.readline())


def test_PF2_a_sandbox_that_lost_its_opener_is_ended_and_a_look_alike_is_not():
    # The name of a program is what its starter says; these only wait.
    wait = ("-c", "sleep 30 & wait")
    ours = orphan("bwrap", *wait, layout.RUNNER)
    named, other = orphan("bwrap", *wait, "something"), orphan("bash", *wait, layout.RUNNER)
    try:
        assert cgroup.end_orphans() >= 1
        time.sleep(0.2)
        assert [is_alive(pid) for pid in (ours, named, other)] == [False, True, True]
    finally:
        for pid in (ours, named, other):
            if is_alive(pid):
                os.kill(pid, 9)


# --- branches ---------------------------------------------------------------------------------


class Pushed:
    """Branches at a simulated GitHub, and the run that they are of."""

    def __init__(self, place, github):
        self.place, self.github = place, github
        place.code_host = github.code_host
        self.run = github.run.model_copy(
            update={"run_id": "20261120-101010-abcdef0123456789", "started": 1_700_000_000}
        )
        self.name = commits.name_branch("mergewright/", "7", "Say hi", run_id=self.run.run_id)
        remote = github.code_host.find_remote(self.run)
        self.url, self.token = remote.url, github.code_host.create_credential(self.run, write=True)
        self.base = worktree.prepare_remote(self.url, self.token, "main", place.home / "mirrors")

    def push(self, name=None, content=b"hi\n", date=1_700_000_000, mirrors=None):
        """Push a commit of the run, or one that is like it."""
        base = self.base
        if mirrors is not None:
            base = worktree.prepare_remote(self.url, self.token, "main", mirrors)
        file = ChangedFile(path="new.txt", before=None, after=content)
        change = Change(base_commit=base.commit, files=(file,))
        commit = worktree.make_commit(base, change, "Say hi", date=date)
        return worktree.push_commit(base, commit, name or self.name, self.url, self.token), commit

    def over(self, ago=2 * HOUR, outcome=None, ledger='{"step": "publish"}\n'):
        folder = self.place.ended(self.run, ago, outcome)
        (folder / "ledger.jsonl").write_text(ledger)

    def branches(self):
        git_dir = str(self.github.repository.git_dir)
        told = subprocess.run(
            ["git", "--git-dir", git_dir, "for-each-ref", "--format=%(refname:short)", "refs/heads"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return set(told.stdout.split()) - {"main"}


@pytest.fixture
def pushed(place, world, tmp_path):
    return Pushed(place, samples.scene(world, tmp_path))


def test_PF2_a_branch_of_a_run_that_ended_without_a_pull_request_goes(pushed):
    second, _ = pushed.push(f"{pushed.name}-2", b"again\n")
    first, _ = pushed.push()
    assert pushed.branches() == {first, second}
    pushed.over()
    cleaner = pushed.place.cleaner()
    assert cleaner.turn()["branches"] == 2
    assert pushed.branches() == set()
    before = pushed.github.world.requests.next_number()
    assert cleaner.turn()["branches"] == 0
    assert pushed.github.world.requests.find("*", before, "*") == [], "nobody is asked twice"
    pushed.place.store.retry_run(pushed.run.run_id, "publish", 1.0)
    pushed.push()
    again = Outcome.for_stopped_run(pushed.run.run_id, Reason.UNCLEAR, "x")
    pushed.place.store.finish_run(pushed.run.run_id, again, time.time() - 2 * HOUR)
    assert cleaner.turn()["branches"] == 1, "it has ended again since"


@pytest.mark.deep
def test_PF2_a_branch_of_a_machine_that_never_comes_back_goes(place, world, tmp_path, postgresql):
    place.store.close()
    place.store = SqlRunStore(place.home, postgresql.create_database())
    pushed = Pushed(place, samples.scene(world, tmp_path))
    pushed.push()
    pushed.over(ledger="")
    elsewhere = place.store.files.open(pushed.run.run_id, tmp_path / "elsewhere")
    file(tmp_path / "elsewhere" / "ledger.jsonl", '{"step": "publish"}\n')
    elsewhere.store_ledger()
    assert place.cleaner().turn()["branches"] == 1


def test_PF2_branches_that_only_look_like_ours_stay(pushed, tmp_path):
    elsewhere = tmp_path / "mirrors"
    stay = {
        pushed.push("mergewright/7-say-hi-abcdee", b"1\n")[0],  # of no run that we know
        pushed.push(f"{pushed.name}-2", b"2\n", date=1_600_000_000)[0],  # of another run
        pushed.push(f"{pushed.name}-3", b"3\n", mirrors=elsewhere)[0],  # of another machine
        pushed.push(f"{pushed.name}-old", b"4\n")[0],  # of another name
    }
    pushed.over()
    assert pushed.place.cleaner().turn()["branches"] == 0
    assert pushed.branches() == stay


def test_PF2_a_branch_that_people_were_told_of_stays_for_two_weeks(pushed):
    name, commit = pushed.push()
    told = Outcome.for_stopped_run(pushed.run.run_id, Reason.ACCESS_LOST, "x").model_copy(
        update={"branch": name, "commit": commit}
    )
    pushed.over(13 * DAY, told)
    assert pushed.place.cleaner().turn()["branches"] == 0
    pushed.place.store.finish_run(pushed.run.run_id, told, time.time() - 15 * DAY)
    assert pushed.place.cleaner().turn()["branches"] == 1


def test_PF2_a_branch_with_a_pull_request_stays_and_so_does_that_of_an_active_run(pushed):
    name, commit = pushed.push()
    pushed.place.store.add_run(pushed.run, 1.0)
    assert pushed.place.cleaner().turn()["branches"] == 0
    folder = pushed.place.home / "runs" / pushed.run.run_id
    file(folder / "ledger.jsonl", '{"step": "publish"}\n')
    pushed.place.store.finish_run(
        pushed.run.run_id, Outcome.for_stopped_run(pushed.run.run_id, Reason.UNCLEAR, "x"), OLD
    )
    pushed.github.code_host.publish_pull_request(
        pushed.run,
        NewPullRequest(branch=name, commit=commit, base_branch="main", title="t", body="b"),
    )
    assert pushed.place.cleaner().turn()["branches"] == 0
    assert pushed.branches() == {name}


def test_PF2_a_branch_of_a_run_that_goes_on_while_it_is_looked_at_stays(pushed, monkeypatch):
    name, _ = pushed.push()
    pushed.over()
    host, store = pushed.github.code_host, pushed.place.store

    def look(run, branch):
        store.retry_run(pushed.run.run_id, "publish", 1.0)
        return False

    monkeypatch.setattr(host, "has_pull_request", look)
    assert pushed.place.cleaner().turn()["branches"] == 0
    assert pushed.branches() == {name}


def test_a_work_tree_is_left_over_at_once_when_its_removal_was_killed(place, monkeypatch):
    tree = place.home / "trees" / run(1).run_id

    def be_killed(folder, **_):
        (Path(folder) / ".held").unlink()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), monkeypatch.context() as patch, hold_trees(tree):
        file(tree / "base.git" / "HEAD")
        patch.setattr("agent.git.folders.shutil.rmtree", be_killed)
    assert place.cleaner().turn()["trees"] == 1
    assert [*tree.parent.glob("*")] == [tree.parent / ".lock"]


# --- what is kept for too long ----------------------------------------------------------------


def test_records_and_folders_go_after_the_days_they_are_kept_and_never_those_of_active_runs(place):
    old, young, active = run(1), run(2), run(3)
    folders = [place.ended(old, 100 * DAY), place.ended(young, 10 * DAY)]
    place.store.add_run(active, time.time() - 100 * DAY)
    at = time.time() - 100 * DAY
    folders.append(file(place.home / "runs" / active.run_id / "ledger.jsonl", "", at).parent)
    theirs = file(place.home / "runs" / "notes" / "ledger.jsonl", "mine", at).parent
    bare = aged(file(place.home / "runs" / "20200101-101010-0123456789abcdef" / "mine").parent, at)
    assert place.cleaner().turn()["folders"] == 1
    assert there(*folders, theirs, bare) == [*folders[1:], theirs, bare]
    assert place.store.get_run(old.run_id).outcome is not None
