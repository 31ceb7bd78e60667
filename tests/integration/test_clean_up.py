"""PF2: what killed processes leave behind is removed, and nothing that only looks like it."""

import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agent.git import mirror
from agent.models.outcome import Outcome
from agent.models.record import replace
from agent.models.run import Reason, Run
from agent.runs import folders
from agent.sandbox import cgroup, layout, slots
from agent.service.clean_up import Cleaner
from agent.settings import Settings
from agent.setup import storage
from agent.store.engine import Engine
from agent.store.sql_inbox import Inbox
from agent.store.sql_run_store import SqlRunStore
from tests import run_samples
from tests.processes import is_alive

HOUR, DAY = 3600.0, 86_400.0
OLD = time.time() - 2 * HOUR


def run(number, started=1_700_000_000):
    return run_samples.run(number, run_id=f"20261120-101010-{number:016x}", started=started)


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
        self.store, self.inbox = SqlRunStore(home), Inbox(home)
        self.engine = Engine(home, lambda run_id, remember: remember("a", lambda: '"a"'))
        self.engine.launch()

    def cleaner(self, **settings: object) -> Cleaner:
        given = replace(self.settings, **settings)
        return Cleaner(given, self.store, self.inbox, self.engine)

    def ended(self, one: Run, ago: float, outcome: Outcome | None = None) -> Path:
        """Note a run that is over, with the folder it leaves."""
        at = time.time() - ago
        kept = self.store.add_run(one, at)
        told = outcome or Outcome.for_stopped_run(one.run_id, Reason.UNCLEAR, "x")
        self.store.finish_run(kept.run_id, told, at)
        return file(self.home / "runs" / one.run_id / "run.log", "", at).parent

    def close(self) -> None:
        self.engine.close()
        self.store.close()
        self.inbox.close()


@pytest.fixture
def place(home):
    made = Place(home)
    yield made
    made.close()


# --- work trees, files, environments ----------------------------------------------------------


def test_PF2_a_work_tree_goes_once_nobody_holds_it(place):
    trees = place.home / "trees"
    left, held = (trees / f"20261120-101010-{name * 16}" for name in "ab")
    theirs = trees / "notes"
    for folder in (left, theirs):
        file(folder / "base" / "a.py")
    with folders.lock_trees(held):
        assert there(left, held, theirs) == [held, theirs]
        file(left / "base" / "a.py")
        assert place.cleaner().run_once()["trees"] == 1
        assert there(left, held, theirs) == [held, theirs]
    assert there(left, held, theirs) == [theirs]


def test_PF2_what_a_killed_git_has_left_of_a_clone_goes_where_no_other_one_works(place):
    mirrors = place.home / "mirrors"
    left = mirrors / "shop-1.scratch"
    left.mkdir(parents=True)
    with mirror.lock_mirror(mirrors / "shop-2.git") as used:
        assert place.cleaner().run_once()["clones"] == 1
        assert used.scratch.exists()
        assert not left.exists()


def test_PF2_temporary_files_go_when_they_are_old_and_named_as_we_name_them(place):
    home = place.home
    ours = [
        file(home / "baselines" / ".new-abcd1234"),
        file(home / "runs" / "20261120-101010-1" / ".new-abcd_234"),
        aged(file(home / "measure-abcd1234" / "a").parent),
        aged(file(home / "gateway-abcd1234" / "authority.pem").parent),
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
    assert place.cleaner().run_once()["files"] == len(ours) + 1
    assert there(*ours, link) == []
    assert there(*theirs, target / "kept") == [*theirs, target / "kept"]
    (target / "kept").unlink()
    target.rmdir()


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
            assert place.cleaner().run_once()["sandboxes"] == 1
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
        # Workers of other tests on this machine may have been first.
        cgroup.end_orphans()
        time.sleep(0.2)
        assert [is_alive(pid) for pid in (ours, named, other)] == [False, True, True]
    finally:
        for pid in (ours, named, other):
            if is_alive(pid):
                os.kill(pid, 9)


def test_base_commits_that_were_measured_long_ago_go(home):
    folder = home / "baselines"
    folder.mkdir(parents=True)
    for name, days in (("old.json", 40), ("young.json", 2)):
        (folder / name).write_text("x" * 5000)
        os.utime(folder / name, (time.time() - days * DAY,) * 2)
    assert storage.remove_unused(Settings(home=home)) == 1
    assert os.listdir(folder) == ["young.json"]
