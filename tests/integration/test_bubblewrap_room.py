"""What only the bubblewrap room has: its own ways of failing, and limits where there are no groups."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.adapters.bubblewrap import cgroup, opened, presence, walls
from agent.adapters.bubblewrap_sandbox import BubblewrapSandbox
from agent.adapters.rooms import slots
from agent.errors import SandboxLost, SandboxMissing
from agent.ports import Mount, RoomOrder, RoomResult
from agent.settings import Settings
from tests.integration.test_room import FORK_BOMB
from tests.rooms import MIB, ROOT, SMALL, alive, code, wait_for, wait_until_gone, worst


def test_the_interpreter_may_come_from_a_read_only_mount_when_the_root_has_none(
    home: Path,
) -> None:
    root, prefix = home / "root", home / "prefix"
    for folder in (root / "usr" / "bin", prefix / "bin"):
        folder.mkdir(parents=True)
    (prefix / "bin" / "python3.9").write_text("")
    (prefix / "bin" / "python3.9").chmod(0o755)
    (prefix / "bin" / "python3").symlink_to("python3.9")
    mount = Mount(source=str(prefix), target="/opt/python")
    order = RoomOrder(argv=("true",), mounts=(mount,))
    assert walls.interpreter(order, root) == "/opt/python/bin/python3.9"
    lent = mount.model_copy(update={"writable": True})
    with pytest.raises(SandboxMissing, match="no python3"):
        walls.interpreter(RoomOrder(argv=("true",), mounts=(lent,)), root)
    (root / "usr" / "bin" / "python3").symlink_to("/root/outside")
    with pytest.raises(SandboxMissing, match="sandbox_images/make_root"):
        walls.interpreter(RoomOrder(argv=("true",)), root)


class Halfway(BubblewrapSandbox):
    """Stays in the moment in which bubblewrap's child is not yet bound to its parent."""

    marker = ""

    def _cgroup(self, order: RoomOrder, slot: slots.Slot) -> cgroup.Cgroup:
        return cgroup.Cgroup()

    def _arguments(self, order: RoomOrder, lend: walls.Lend) -> list[str]:
        # The answer to the question whether the namespace is ready never comes.
        args = super()._arguments(order, lend)
        args.remove("--disable-userns")  # which cannot be had together with the question
        fifo = self._settings.home / "never"
        os.mkfifo(fifo)
        at, both_ends = lend(b""), os.open(fifo, os.O_RDWR)
        os.dup2(both_ends, at)
        os.close(both_ends)
        return ["--userns-block-fd", str(at), "--setenv", "MARKER", self.marker, *args]


HALFWAY_HOST = """
import importlib.util, sys
from pathlib import Path
from agent.ports import RoomOrder
from agent.settings import Settings
spec = importlib.util.spec_from_file_location("room_tests", sys.argv[3])
tests = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tests)
sandbox = tests.Halfway(Settings(home=Path(sys.argv[1])))
sandbox.marker = sys.argv[2]
sandbox.run(RoomOrder(argv=("true",)))
"""


def test_a_room_given_up_halfway_leaves_nothing(home: Path) -> None:
    marker = secrets.token_hex(8)
    sandbox = Halfway(Settings(home=home))
    sandbox.marker = marker
    order = RoomOrder(argv=("true",))
    with slots.claim(home) as slot, opened.OpenedRoom(order, slot.uid, cgroup.Cgroup()) as room:
        room.open(sandbox._arguments, "/usr/bin/python3")
        wait_for(marker, count=2)
    wait_until_gone(marker)


def test_a_host_killed_halfway_is_cleaned_up_after_at_the_next_start(home: Path) -> None:
    marker = secrets.token_hex(8)
    host = subprocess.Popen(
        [sys.executable, "-c", HALFWAY_HOST, str(home), marker, __file__],
        cwd=ROOT,
        stderr=subprocess.PIPE,
    )
    wait_for(marker, count=3)
    host.kill()
    host.communicate(timeout=20)
    assert BubblewrapSandbox(Settings(home=home)).run(RoomOrder(argv=("true",))).exit_code == 0
    for _ in range(20):
        if not alive(marker):
            break
        time.sleep(0.5)
        # What was not yet orphaned when the first start looked is found by a later one.
        assert BubblewrapSandbox(Settings(home=home)).run(RoomOrder(argv=("true",))).exit_code == 0
    assert alive(marker) == []


# --- where no room can be had ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tool", "command"),
    [
        ("apt-get", "apt-get install bubblewrap"),
        ("dnf", "dnf install bubblewrap"),
        ("pacman", "pacman -S bubblewrap"),
        ("apk", "apk add bubblewrap"),
    ],
)
def test_without_bubblewrap_the_one_command_is_named_and_nothing_runs(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tool: str, command: str
) -> None:
    (tmp_path / tool).touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    marker = home / "ran"
    with pytest.raises(SandboxMissing, match=command):
        BubblewrapSandbox(Settings(home=home)).run(RoomOrder(argv=("touch", str(marker))))
    assert not marker.exists()


def test_a_bubblewrap_that_lacks_walls_is_refused(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bwrap").write_text("#!/bin/sh\necho bubblewrap 0.4.1\n")
    (tmp_path / "bwrap").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(SandboxMissing, match=r"bubblewrap 0\.4\.1 lacks walls"):
        BubblewrapSandbox(Settings(home=home)).run(RoomOrder(argv=("true",)))


def test_forbidden_namespaces_are_explained(home: Path) -> None:
    """A room forbids further namespaces, so a bubblewrap in it meets just that."""
    room = BubblewrapSandbox(Settings(home=home))
    order = RoomOrder(argv=("/usr/bin/bwrap", "--ro-bind", "/", "/", "true"), limits=SMALL)
    result = room.run(order)
    assert result.exit_code not in (0, 127), result.output
    explained = presence.explain(result.output)
    assert explained is not None
    assert "namespaces" in explained
    assert presence.explain("bwrap: Can't find source path /x: No such file") is None


def test_a_failure_of_bubblewrap_is_never_the_exit_code_of_the_command(home: Path) -> None:
    sandbox = BubblewrapSandbox(Settings(home=home))
    (home / "file").touch()
    mount = Mount(source=str(home / "file"), target="/usr/not-there/file")
    with pytest.raises(SandboxLost, match="did not open: bwrap: "):
        sandbox.run(RoomOrder(argv=("true",), mounts=(mount,), limits=SMALL))


def test_a_root_that_is_out_of_reach_is_named_with_its_setting(home: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("the room's user is our own")
    (home / "closed" / "root").mkdir(parents=True)
    (home / "closed").chmod(0o700)
    with pytest.raises(SandboxMissing, match="MERGEWRIGHT_ROOM_ROOT"):
        BubblewrapSandbox(Settings(home=home, room_root=home / "closed" / "root")).run(
            RoomOrder(argv=("true",))
        )


@pytest.mark.parametrize(
    ("args", "status", "words"),
    [
        ((), 2, "usage: make_root.sh SUITE TARGET"),
        (("bookworm",), 2, "usage: make_root.sh SUITE TARGET"),
        (("bookworm", "{home}"), 1, "exists; give a new folder"),
        (("bookworm", "{home}/closed/root"), 1, "closed is closed to other users"),
    ],
)
def test_the_builder_of_root_trees_refuses_what_cannot_work(
    home: Path, args: tuple[str, ...], status: int, words: str
) -> None:
    (home / "closed").mkdir(mode=0o700)
    script = ROOT / "sandbox_images" / "make_root.sh"
    given = [arg.format(home=home) for arg in args]
    done = subprocess.run([script, *given], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == status
    assert words in done.stderr
    assert list((home / "closed").iterdir()) == []


# --- limits without cgroups, and cgroup version 2 ----------------------------------------------


class Unbounded(BubblewrapSandbox):
    """A machine on which no cgroup can be made."""

    def _cgroup(self, order: RoomOrder, slot: slots.Slot) -> cgroup.Cgroup:
        return cgroup.Cgroup()


def test_without_cgroups_limits_hold_by_sampling(home: Path) -> None:
    sandbox = Unbounded(Settings(home=home))
    all_together = sandbox.run(worst("hog", "6", "60", memory_bytes=128 * MIB))
    assert (all_together.limit, all_together.exit_code) == ("memory", None)
    one = sandbox.run(worst("hog", "1", "300", memory_bytes=128 * MIB))
    assert "g" not in one.output
    bomb = sandbox.run(code(FORK_BOMB))
    assert (bomb.limit, bomb.exit_code) == ("processes", None)
    forks = sandbox.run(worst("forks", "200", processes=20, seconds=3))
    # The sample that finds the limit reached ends the room, maybe before the last one is printed.
    assert 10 < forks.output.count("f") <= 19


def test_cgroup_version_2_is_set_up_and_read_as_the_kernel_documents_it(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "mergewright"):
        folder.mkdir(exist_ok=True)
        (folder / "cgroup.subtree_control").write_text("memory pids")
    (tmp_path / "cgroup.controllers").write_text("memory pids")
    made = tmp_path / "mergewright" / "one"
    made.mkdir()
    (made / "memory.max").write_text("max")  # the kernel's own; a plain folder has none
    group = cgroup.Cgroup(dict.fromkeys(("memory", "pids"), made))
    cgroup._set(made, "memory", 1000, 7)
    cgroup._set(made, "pids", 1000, 7)
    assert (made / "memory.max").read_text() == "1000"
    assert (made / "memory.swap.max").read_text() == "0"
    assert (made / "pids.max").read_text() == "7"
    assert cgroup.names("on", tmp_path) == {"one"}
    assert group.hit() is None
    (made / "pids.events").write_text("max 1\n")
    assert group.hit() == "processes"
    (made / "memory.events").write_text("low 0\nhigh 0\nmax 3\noom 1\noom_kill 1\n")
    assert group.hit() == "memory"


def test_a_group_in_a_real_hierarchy_is_killed_and_removed() -> None:
    """The unified hierarchy, where there is one we may write to; else a controller's own."""
    root = next(
        (
            folder
            for folder in (cgroup.CGROUP_ROOT / "unified", cgroup.CGROUP_ROOT)
            if (folder / "cgroup.controllers").exists() and os.access(folder, os.W_OK)
        ),
        cgroup.CGROUP_ROOT / "pids",
    )
    if not os.access(root, os.W_OK):
        pytest.skip("no cgroup can be made by this user")
    folder = root / f"mergewright-test-{secrets.token_hex(4)}"
    folder.mkdir()
    group = cgroup.Cgroup({"pids": folder})
    with group, subprocess.Popen(["sleep", "60"]) as sleeper:
        group.add([sleeper.pid])
        assert str(sleeper.pid) in (folder / "cgroup.procs").read_text().split()
        group.kill()
        assert sleeper.wait(timeout=5) == -signal.SIGKILL
    assert not folder.exists()


def _as_user(uid: int, work: Callable[[], str]) -> str:
    """Do something as a user who is not root; the modules are loaded already."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            os.write(writing, work().encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        answer = file.read()
    os.waitpid(pid, 0)
    return answer.decode()


def test_a_user_who_is_not_root_has_the_same_rooms(home: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("every other test here runs as such a user")
    if any(not folder.stat().st_mode & 0o001 for folder in Path(__file__).resolve().parents):
        pytest.skip("this checkout lies where another user cannot read our own code")
    own = home / "user"
    own.mkdir()
    os.chown(own, 64_321, 64_321)
    sandbox = BubblewrapSandbox(Settings(home=own))

    def measured() -> str:
        return json.dumps([line.model_dump() for line in sandbox.measure()])

    lines = json.loads(_as_user(64_321, measured))
    assert [line["limit"] for line in lines if line["required"] and not line["enforced"]] == []
    assert len(lines) > 15

    def ran(order: RoomOrder) -> RoomResult:
        text = _as_user(64_321, lambda: sandbox.run(order).model_dump_json())
        return RoomResult.model_validate_json(text)

    assert ran(code(FORK_BOMB)).limit == "processes"
    result = ran(code("import os; print(os.getuid(), flush=True); os._exit(5)"))
    assert (result.exit_code, result.output) == (5, "1000\n")
    (own / "lent").mkdir()
    os.chown(own / "lent", 64_321, 64_321)
    mount = Mount(source=str(own / "lent"), target="/env", writable=True)
    assert ran(code("open('/env/made', 'w').close()", mounts=(mount,))).exit_code == 0
    assert (own / "lent" / "made").exists()
