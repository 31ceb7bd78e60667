"""The bubblewrap room: what it gives, what it refuses, and that nothing of it is left."""

from __future__ import annotations

import ast
import json
import os
import platform
import secrets
import shutil
import signal
import socket
import struct
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from agent.adapters.bubblewrap import cgroup, opened, presence, seccomp, shared, slots, walls
from agent.adapters.bubblewrap.channel import Frames
from agent.adapters.bubblewrap_sandbox import BubblewrapSandbox
from agent.errors import SandboxLost, SandboxMissing, SettingsInvalid
from agent.ports import Mount, RoomFile, RoomLimits, RoomOrder, RoomResult
from agent.settings import Settings

MIB = 1024**2
PYTHON = ("/usr/bin/python3", "-I", "-S", "-c")
INSIDE = Path(walls.__file__).parents[1] / "inside"
SMALL = RoomLimits(seconds=20, memory_bytes=512 * MIB, processes=64, disk_bytes=32 * MIB)

own_root = os.environ.get("MERGEWRIGHT_ROOM_ROOT")


@pytest.fixture(params=[None, own_root] if own_root else [None], ids=str)
def room_root(request: pytest.FixtureRequest) -> Path | None:
    return Path(request.param) if request.param else None


@pytest.fixture
def sandbox(home: Path, room_root: Path | None) -> BubblewrapSandbox:
    return BubblewrapSandbox(Settings(home=home, room_root=room_root))


@pytest.fixture
def tree(home: Path) -> Path:
    folder = home / "tree"
    (folder / "package").mkdir(parents=True)
    (folder / "package" / "module.py").write_text("value = 1\n")
    (folder / "run.sh").write_text("#!/bin/sh\necho ran\n")
    (folder / "run.sh").chmod(0o755)
    (folder / "link").symlink_to("package/module.py")
    return folder


def code(text: str, **more: Any) -> RoomOrder:
    """Order a piece of Python."""
    given: dict[str, Any] = {"limits": SMALL} | more
    return RoomOrder(argv=(*PYTHON, textwrap.dedent(text)), **given)


def worst(*args: str, **limits: object) -> RoomOrder:
    """Order one of the functions of `inside/worst.py`."""
    argv = (*PYTHON, (INSIDE / "worst.py").read_text(), *args)
    return RoomOrder(argv=argv, limits=SMALL.model_copy(update=limits))


def alive(marker: str) -> list[int]:
    """Host processes with this word in their command line, zombies aside."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if marker.encode() in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def wait_for(marker: str, count: int = 1) -> None:
    for _ in range(400):
        if len(alive(marker)) >= count:
            return
        time.sleep(0.05)
    pytest.fail(f"no process with {marker} came up")


# --- what a room gives -------------------------------------------------------------------------


def test_a_command_ends_with_its_own_exit_code_and_output(sandbox: BubblewrapSandbox) -> None:
    result = sandbox.run(
        RoomOrder(argv=("/bin/sh", "-c", "echo out; echo err >&2; exit 3"), limits=SMALL)
    )
    assert (result.exit_code, result.limit) == (3, None)
    assert result.output == "out\nerr\n"
    assert result.output_bytes == 8
    assert 0 < result.seconds < 60


def test_a_signal_is_a_negative_exit_code(sandbox: BubblewrapSandbox) -> None:
    result = sandbox.run(RoomOrder(argv=("/bin/sh", "-c", "kill -SEGV $$"), limits=SMALL))
    assert result.exit_code == -signal.SIGSEGV


def test_a_command_that_is_not_there_ends_with_127_and_says_so(sandbox: BubblewrapSandbox) -> None:
    result = sandbox.run(RoomOrder(argv=("no-such-tool",), limits=SMALL))
    assert result.exit_code == 127
    assert "cannot start no-such-tool: No such file" in result.output


def test_a_missing_working_directory_is_named(sandbox: BubblewrapSandbox) -> None:
    result = sandbox.run(RoomOrder(argv=("true",), directory="/work/sub", limits=SMALL))
    assert result.exit_code == 127
    assert "/work/sub" in result.output


def test_the_tree_is_a_private_copy_with_modes_and_links(
    sandbox: BubblewrapSandbox, tree: Path
) -> None:
    script = "./run.sh && readlink link && rm -r package && echo changed > run.sh"
    result = sandbox.run(RoomOrder(argv=("/bin/sh", "-c", script), tree=str(tree), limits=SMALL))
    assert result.exit_code == 0, result.output
    assert result.output == "ran\npackage/module.py\n"
    assert (tree / "package" / "module.py").read_text() == "value = 1\n"
    assert (tree / "run.sh").read_text() == "#!/bin/sh\necho ran\n"


def test_only_new_or_changed_files_of_the_tree_come_back(
    sandbox: BubblewrapSandbox, tree: Path
) -> None:
    (tree / "same-size.txt").write_text("aaa")
    result = sandbox.run(
        code(
            """
            open("package/new.py", "w").write("new = 1\\n")
            open("same-size.txt", "w").write("bbb")
            open("/out/report.xml", "w").write("<x/>")
            """,
            tree=str(tree),
            collect=("/work/**", "/out/*.xml"),
        )
    )
    assert result.files == {
        "/work/package/new.py": b"new = 1\n",
        "/work/same-size.txt": b"bbb",
        "/out/report.xml": b"<x/>",
    }
    assert result.refused == ()


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("/out/*.txt", ["/out/a.txt", "/out/b.txt"]),
        ("/out/[!a].txt", ["/out/b.txt"]),
        ("/out/?.txt", ["/out/a.txt", "/out/b.txt"]),
        ("/out/**/*.txt", ["/out/a.txt", "/out/b.txt", "/out/deep/er/c.txt"]),
        ("/out/*/er/*", ["/out/deep/er/c.txt"]),
        ("/out/a.txt", ["/out/a.txt"]),
        ("/out/none/*", []),
    ],
)
def test_patterns_choose_what_comes_back(
    sandbox: BubblewrapSandbox, pattern: str, expected: list[str]
) -> None:
    script = "mkdir -p deep/er && touch a.txt b.txt deep/er/c.txt"
    order = RoomOrder(
        argv=("/bin/sh", "-c", script), directory="/out", collect=(pattern,), limits=SMALL
    )
    assert sorted(sandbox.run(order).files) == expected


def test_ordered_files_replace_what_the_tree_has_and_follow_no_link(
    sandbox: BubblewrapSandbox, tree: Path
) -> None:
    result = sandbox.run(
        RoomOrder(
            argv=("/bin/sh", "-c", "cat link package/module.py /out/deep/er; test ! -L link"),
            tree=str(tree),
            files=(
                RoomFile(path="/work/link", content=b"laid\n"),
                RoomFile(path="/out/deep/er", content=b"\xffbytes\n"),
            ),
            limits=SMALL,
        )
    )
    assert result.exit_code == 0
    assert result.output == "laid\nvalue = 1\n�bytes\n"


def test_a_file_ordered_into_a_read_only_place_is_named(sandbox: BubblewrapSandbox) -> None:
    order = RoomOrder(argv=("true",), files=(RoomFile(path="/usr/x", content=b""),), limits=SMALL)
    with pytest.raises(SandboxLost, match=r"/usr/x could not be written: Read-only"):
        sandbox.run(order)


def test_the_environment_is_exactly_what_was_ordered(
    sandbox: BubblewrapSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANARY_SECRET", "leaked")
    result = sandbox.run(
        code(
            """
            import os, sys
            print(sorted(os.environ.items()))
            print(os.path.isdir(os.environ["HOME"]), repr(sys.stdin.read()))
            """,
            environ={"GIVEN": "ü", "LANG": "C"},
        )
    )
    first, second = result.output.splitlines()
    seen = dict(ast.literal_eval(first))
    seen.pop("LC_CTYPE", None)  # Python's own, for LANG=C
    assert seen == {
        "GIVEN": "ü",
        "HOME": "/tmp/home",
        "LANG": "C",
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "TMPDIR": "/tmp",
    }
    assert "leaked" not in result.output
    assert second == "True ''"


def test_ordinary_programs_find_what_they_need(sandbox: BubblewrapSandbox) -> None:
    result = sandbox.run(
        code(
            """
            import getpass, multiprocessing, os, pathlib, socket, ssl, tempfile, threading
            assert getpass.getuser() == "room"
            assert pathlib.Path.home() == pathlib.Path("/tmp/home")
            tempfile.TemporaryFile().close()
            threading.Thread(target=print, args=("thread",)).start()
            multiprocessing.Queue().put(1)
            server = socket.create_server(("127.0.0.1", 0))
            socket.create_connection(server.getsockname())
            assert socket.gethostbyname("localhost") == "127.0.0.1"
            trusted = ssl.get_default_verify_paths()
            assert trusted.cafile or len(os.listdir(trusted.capath)) > 50
            assert oct(os.umask(0)) == "0o22"
            assert open("/proc/self/oom_score_adj").read() == "500\\n"
            """
        )
    )
    assert (result.exit_code, result.output) == (0, "thread\n")


def test_a_writable_mount_is_lent_to_the_room_and_comes_back_harmless(
    sandbox: BubblewrapSandbox, home: Path
) -> None:
    folder = home / "environment"
    folder.mkdir(mode=0o700)
    mount = Mount(source=str(folder), target="/env", writable=True)
    script = "cp /bin/true /env/tool && chmod 6777 /env/tool && ln -s /etc/shadow /env/link"
    script += " && mkdir -m 700 /env/closed && echo x > /env/closed/file && umask"
    result = sandbox.run(RoomOrder(argv=("/bin/sh", "-c", script), mounts=(mount,), limits=SMALL))
    assert result.exit_code == 0, result.output
    for path in (folder, folder / "tool", folder / "closed", folder / "closed" / "file"):
        assert path.stat().st_uid == os.geteuid()
        assert path.stat().st_mode & 0o7022 == 0
        assert path.stat().st_mode & 0o004
    assert Path("/etc/shadow").stat().st_mode & 0o007 == 0
    # Another room, with another user, can read all of it and write none.
    reading = Mount(source=str(folder), target="/env")
    with ThreadPoolExecutor(2) as pool:
        script = "cat /env/closed/file && ! touch /env/new 2>&1"
        order = RoomOrder(argv=("/bin/sh", "-c", script), mounts=(reading,), limits=SMALL)
        for result in pool.map(sandbox.run, [order, order]):
            assert result.exit_code == 0, result.output


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


# --- limits ------------------------------------------------------------------------------------

FORK_BOMB = """
import os
while True:
    try:
        os.fork()
    except OSError:
        pass
"""


def test_a_fork_bomb_ends_and_the_room_next_door_does_not_notice(
    sandbox: BubblewrapSandbox,
) -> None:
    neighbour = worst("forks", "40", processes=45, seconds=3)
    with ThreadPoolExecutor(2) as pool:
        bomb = pool.submit(sandbox.run, code(FORK_BOMB))
        other = pool.submit(sandbox.run, neighbour)
    assert bomb.result().limit == "processes"
    assert bomb.result().exit_code is None
    assert other.result().output == "f" * 40
    assert other.result().limit == "time"


def test_a_process_in_its_own_session_does_not_outlive_its_room(
    sandbox: BubblewrapSandbox,
) -> None:
    marker = secrets.token_hex(8)
    result = sandbox.run(
        code(
            f"""
            import os, signal, time
            marker = "{marker}"
            if os.fork() == 0:
                os.setsid()
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                if os.fork() == 0:
                    time.sleep(60)
                os._exit(0)
            """
        )
    )
    assert (result.exit_code, result.limit) == (0, None)
    assert result.seconds < 60
    assert alive(marker) == []


def test_a_command_that_ignores_every_request_ends_in_time(sandbox: BubblewrapSandbox) -> None:
    marker = secrets.token_hex(8)
    began = time.monotonic()
    result = sandbox.run(worst("deaf", marker, seconds=1))
    assert (result.limit, result.exit_code) == ("time", None)
    assert time.monotonic() - began < 60
    assert alive(marker) == []


def test_memory_taken_by_a_child_is_named_even_if_the_command_ends_well(
    sandbox: BubblewrapSandbox,
) -> None:
    result = sandbox.run(worst("hog", "1", "300", memory_bytes=128 * MIB))
    assert (result.limit, result.exit_code) == ("memory", None)
    assert "g" not in result.output


@pytest.mark.parametrize("place", ["/tmp", "/work", "/out", "/dev/shm"])
def test_a_full_disk_is_named(sandbox: BubblewrapSandbox, place: str) -> None:
    result = sandbox.run(worst("fill", place))
    assert (result.limit, result.exit_code) == ("disk", None)
    assert result.output.count("m") == 32


def test_a_tree_that_does_not_fit_is_a_disk_limit(sandbox: BubblewrapSandbox, tree: Path) -> None:
    (tree / "large").write_bytes(bytes(40 * MIB))
    result = sandbox.run(RoomOrder(argv=("true",), tree=str(tree), limits=SMALL))
    assert (result.limit, result.exit_code) == ("disk", None)


def test_endless_empty_files_are_a_disk_limit(sandbox: BubblewrapSandbox) -> None:
    result = sandbox.run(worst("names", "/tmp", disk_bytes=4 * MIB))
    assert result.limit in ("disk", "memory")
    assert result.exit_code is None


def test_a_writable_mount_is_bounded_too(sandbox: BubblewrapSandbox, home: Path) -> None:
    folder = home / "lent"
    folder.mkdir()
    mount = Mount(source=str(folder), target="/env", writable=True)
    order = code(
        """
        import time
        for number in range(64):
            open("/env/%d" % number, "wb").write(bytes(1024 * 1024))
        time.sleep(20)
        """,
        mounts=(mount,),
    )
    result = sandbox.run(order)
    assert (result.limit, result.exit_code) == ("disk", None)
    assert result.seconds < 60


def test_ten_million_lines_are_counted_and_neither_kept_nor_blocking(
    sandbox: BubblewrapSandbox,
) -> None:
    before = _resident()
    result = sandbox.run(worst("loud", "10000000", output_bytes=64 * 1024, seconds=60))
    assert result.exit_code == 0
    assert result.output_bytes == 200_000_000
    assert len(result.output) < 65 * 1024
    assert "bytes left out" in result.output
    assert result.output.startswith("0123456789abcdefghi\n")
    assert result.output.endswith("0123456789abcdefghi\n")
    assert _resident() - before < 64 * MIB


def _descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def test_links_pipes_and_too_large_files_stay_in_the_room(sandbox: BubblewrapSandbox) -> None:
    order = worst("returns", "/out", returned_bytes=MIB, disk_bytes=512 * MIB)
    result = sandbox.run(order.model_copy(update={"collect": ("/out/**",)}))
    assert result.files == {"/out/plain": b"plain"}
    assert result.limit == "returned"
    assert result.exit_code == 0
    assert sorted(result.refused) == [
        "/out/folder: symbolic link",
        "/out/large: too large (268435456 bytes)",
        "/out/link: symbolic link",
        "/out/pipe: named pipe",
        "/out/second: has a second name (hard link)",
        "/out/twin: has a second name (hard link)",
    ]


def test_nothing_is_collected_through_a_linked_folder(sandbox: BubblewrapSandbox) -> None:
    script = "ln -s /etc /out/report && ln -s /proc/1 /work/one"
    result = sandbox.run(
        RoomOrder(
            argv=("/bin/sh", "-c", script),
            collect=("/out/report/passwd", "/out/**/passwd", "/work/one/environ"),
            limits=SMALL,
        )
    )
    assert result.files == {}
    assert result.refused == ("/out/report: symbolic link", "/work/one: symbolic link")


def test_too_many_files_and_unreadable_names_are_refused(sandbox: BubblewrapSandbox) -> None:
    result = sandbox.run(
        code(
            """
            for number in range(1000):
                open("/out/%04d" % number, "w").close()
            open(b"/out/\\xff", "w").close()
            """,
            collect=("/out/*",),
            limits=SMALL.model_copy(update={"returned_files": 10}),
        )
    )
    assert len(result.files) == 10
    assert result.limit == "returned"
    assert len(result.refused) == 101
    assert result.refused[-1] == "and 891 more"


def test_the_operator_bounds_what_an_order_may_ask_for(home: Path) -> None:
    sandbox = BubblewrapSandbox(Settings(home=home, room_processes=16, room_disk_mb=8))
    order = worst("forks", "40", processes=1000, disk_bytes=512 * MIB)
    result = sandbox.run(order)
    assert result.limit == "processes"
    assert result.output.count("f") == 15
    assert sandbox.run(worst("fill", "/tmp", disk_bytes=512 * MIB)).output.count("m") == 8


# --- attacks -----------------------------------------------------------------------------------


def test_a_forged_answer_and_a_killed_runner_do_not_change_the_verdict(
    sandbox: BubblewrapSandbox,
) -> None:
    result = sandbox.run(worst("forge"))
    assert (result.exit_code, result.limit, result.files) == (7, None, {})


@pytest.mark.parametrize(
    "attack",
    [
        "resource.prlimit(1, resource.RLIMIT_NOFILE, (0, 0))",
        "resource.prlimit(1, resource.RLIMIT_AS, (1, 1))",
        "resource.prlimit(1, resource.RLIMIT_CPU, (1, 1)); os.kill(1, signal.SIGXCPU)",
        "open('/proc/1/oom_score_adj', 'w').write('1000')",
        "open('/proc/1/mem', 'r+b').write(b'x')",
        "os.kill(1, signal.SIGINT); os.kill(1, signal.SIGUSR1); os.kill(-1, signal.SIGSTOP)",
        "[os.kill(pid, 9) for pid in (1, os.getppid())]",
        "ctypes.CDLL(None).ptrace(16, 1, 0, 0) and os._exit(9)",
    ],
)
def test_no_attack_on_the_runner_ends_as_success(sandbox: BubblewrapSandbox, attack: str) -> None:
    text = "import ctypes, os, resource, signal\ntry:\n    {}\nexcept OSError:\n    pass\n"
    try:
        result = sandbox.run(
            code(
                text.format(attack) + "os._exit(9)",
                limits=SMALL.model_copy(update={"seconds": 3}),
            )
        )
    except SandboxLost:
        return
    assert result.exit_code in (9, -9, None)
    assert result.exit_code is not None or result.limit is not None


def test_answers_that_no_runner_of_ours_sends_are_refused() -> None:
    nonce = secrets.token_bytes(16)
    frame = struct.Struct("!16sBQ")

    def feed(*pieces: tuple[bytes, int, bytes]) -> Frames:
        frames = Frames(nonce, RoomLimits(returned_bytes=100, returned_files=2))
        for sign, kind, body in pieces:
            frames.feed(frame.pack(sign, kind, len(body)) + body)
        return frames

    started = (nonce, 1, b"{}")
    ended = b'{"exit_code": 0, "limit": null, "files": [%s], "refused": []}'
    good = feed(started, (nonce, 2, ended % b'{"path": "/out/a", "size": 1}'), (nonce, 3, b"x"))
    assert good.complete
    assert good.files == {"/out/a": b"x"}
    for wrong, why in (
        ([(bytes(16), 1, b"{}")], "not signed"),
        ([(nonce, 2, ended % b"")], "out of order"),
        ([started, started], "out of order"),
        ([started, (nonce, 3, b"x")], "out of order"),
        ([started, (nonce, 9, b"x")], "out of order"),
        ([started, (nonce, 2, b"[")], "cannot be read"),
        ([started, (nonce, 2, b'{"exit_code": "0"}')], "cannot be read"),
        ([started, (nonce, 2, ended % b'{"path": "/a", "size": 101}')], "more than it may"),
        ([started, (nonce, 2, ended % b'{"path": "/a", "size": -1}')], "more than it may"),
        ([started, (nonce, 2, ended % b'{"path": "/a", "size": 1}'), (nonce, 3, b"")], "size"),
        (
            [started, (nonce, 2, ended % b",".join([b'{"path": "/a", "size": 1}'] * 2))],
            "more than it may",
        ),
    ):
        with pytest.raises(SandboxLost, match=why):
            feed(*wrong)
    with pytest.raises(SandboxLost, match="longer than it may"):
        Frames(nonce, RoomLimits()).feed(frame.pack(nonce, 1, 1 << 40))


def test_kernel_calls_that_only_an_escape_needs_are_refused(sandbox: BubblewrapSandbox) -> None:
    column = {"x86_64": 0, "aarch64": 1}.get(platform.machine())
    if column is None:
        pytest.skip("no filter is known for this processor; doctor says so")
    numbers = {name: found[column] for name, found in seccomp._REFUSED.items() if found[column]}
    result = sandbox.run(
        code(
            f"""
            import ctypes, errno, os, socket, subprocess, sys
            library = ctypes.CDLL(None, use_errno=True)
            for name, number in {numbers!r}.items():
                if library.syscall(number, 0, 0, 0, 0, 0) != -1 or ctypes.get_errno() != 1:
                    print("not refused:", name)
            for family in (socket.AF_VSOCK, socket.AF_ALG, socket.AF_PACKET, socket.AF_BLUETOOTH):
                try:
                    socket.socket(family, socket.SOCK_SEQPACKET)
                    print("opened", family)
                except OSError as problem:
                    assert problem.errno == errno.EAFNOSUPPORT, (family, problem)
            assert library.unshare(0x20000) == -1
            print(subprocess.run([sys.executable, "-c", "print('ran')"], capture_output=True).stdout)
            """
        )
    )
    assert result.output == "b'ran\\n'\n"


def test_writing_outside_changes_nothing_on_the_host(
    sandbox: BubblewrapSandbox, tree: Path, home: Path
) -> None:
    marker = f"escaped-{secrets.token_hex(8)}"
    folders = "/ /root /etc /usr /src /var /home /proc/1/root /proc/1/cwd /proc/self/root /dev"
    result = sandbox.run(
        code(
            f"""
            import os
            for folder in {[str(home), *folders.split()]!r}:
                try:
                    open(os.path.join(folder, "{marker}"), "w").write("x")
                    print("wrote to", folder)
                except OSError:
                    pass
            open("/tmp/{marker}", "w").write("only in the room")
            """,
            tree=str(tree),
        )
    )
    assert (result.exit_code, result.output) == (0, "")
    assert not (Path("/tmp") / marker).exists()
    assert not any(tree.rglob(marker))


# --- the way to the proxy ----------------------------------------------------------------------


@pytest.fixture
def proxy(home: Path) -> Iterator[Path]:
    """Answer every connection on a unix socket with what it said, in capitals."""
    path = home / "proxy.sock"
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    path.chmod(0o666)
    server.listen()

    def serve() -> None:
        while True:
            try:
                client = server.accept()[0]
            except OSError:
                return
            with client:
                while content := client.recv(65536):
                    client.sendall(content.upper())

    thread = threading.Thread(target=serve)
    thread.start()
    yield path
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join()


def test_the_only_way_out_is_the_proxy_and_only_where_it_is_ordered(
    sandbox: BubblewrapSandbox, proxy: Path
) -> None:
    talk = """
        import os, socket, urllib.parse
        assert [name for _, name in socket.if_nameindex()] == ["lo"]
        place = urllib.parse.urlsplit(os.environ["HTTPS_PROXY"])
        assert os.environ["https_proxy"] == os.environ["http_proxy"] == os.environ["ALL_PROXY"]
        for _ in range(3):
            line = socket.create_connection((place.hostname, place.port))
            sent = b"hello " * 100_000
            line.sendall(sent[:6])
            assert line.recv(6) == b"HELLO "
            line.shutdown(socket.SHUT_WR)
            assert line.recv(1) == b""
        assert os.path.getsize(os.environ["SSL_CERT_FILE"]) > 1000
        print("talked")
        """
    result = sandbox.run(code(talk, proxy_socket=str(proxy)))
    assert (result.exit_code, result.output) == (0, "talked\n")
    result = sandbox.run(code("import os; print([n for n in os.environ if 'proxy' in n.lower()])"))
    assert result.output == "[]\n"


def test_a_proxy_socket_that_the_room_may_not_use_is_named(
    sandbox: BubblewrapSandbox, proxy: Path
) -> None:
    if os.geteuid() != 0:
        pytest.skip("the room's user is the socket's owner")
    proxy.chmod(0o700)
    with pytest.raises(SandboxMissing, match=r"cannot write to .*proxy.sock"):
        sandbox.run(RoomOrder(argv=("true",), proxy_socket=str(proxy), limits=SMALL))


# --- nothing is left ---------------------------------------------------------------------------

HOST = """
import sys
from pathlib import Path
from agent.adapters.bubblewrap_sandbox import BubblewrapSandbox
from agent.ports import RoomOrder
from agent.settings import Settings
order = RoomOrder(argv=("/bin/sh", "-c", "sleep 60; : " + sys.argv[2]))
BubblewrapSandbox(Settings(home=Path(sys.argv[1]))).run(order)
"""


def _host(home: Path, *args: str, text: str = HOST) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", text, str(home), *args],
        cwd=Path(walls.__file__).parents[3],
        stderr=subprocess.PIPE,
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_host_leaves_no_process_and_no_cgroup(
    home: Path, number: signal.Signals
) -> None:
    marker = secrets.token_hex(8)
    host = _host(home, marker)
    wait_for(marker, count=2)  # the host itself, and the command in the room
    host.send_signal(number)
    _, complaint = host.communicate(timeout=20)
    if number == signal.SIGINT:
        assert b"KeyboardInterrupt" in complaint
        assert cgroup.names(slots.prefix(home)) == set()
    for _ in range(100):
        if not alive(marker):
            break
        time.sleep(0.05)
    assert alive(marker) == []
    # The next start sweeps what a killed one could not, and works.
    sandbox = BubblewrapSandbox(Settings(home=home))
    assert sandbox.run(RoomOrder(argv=("true",), limits=SMALL)).exit_code == 0
    assert cgroup.names(slots.prefix(home)) == set()


class Halfway(BubblewrapSandbox):
    """Stays in the moment in which bubblewrap's child is not yet bound to its parent."""

    marker = ""

    def _cgroup(self, order: RoomOrder, slot: slots.Slot) -> cgroup.Cgroup:
        return cgroup.Cgroup()

    def _arguments(self, order: RoomOrder, sheet: walls.Sheet) -> list[str]:
        # The answer to the question whether the namespace is ready never comes.
        args = super()._arguments(order, sheet)
        args.remove("--disable-userns")  # which cannot be had together with the question
        fifo = self._settings.home / "never"
        os.mkfifo(fifo)
        at, both_ends = sheet(b""), os.open(fifo, os.O_RDWR)
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
    assert alive(marker) == []


def test_a_host_killed_halfway_is_cleaned_up_after_at_the_next_start(home: Path) -> None:
    marker = secrets.token_hex(8)
    host = _host(home, marker, __file__, text=HALFWAY_HOST)
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


def test_a_finished_room_leaves_nothing(sandbox: BubblewrapSandbox, home: Path) -> None:
    descriptors = _descriptors()
    threads = threading.active_count()
    sandbox.run(worst("forks", "10", seconds=0.5))
    with pytest.raises(SandboxLost):
        sandbox.run(RoomOrder(argv=("true",), files=(RoomFile(path="/x", content=b""),)))
    assert _descriptors() == descriptors
    assert threading.active_count() == threads
    assert cgroup.names(slots.prefix(home)) == set()
    assert [path.name for path in home.iterdir()] == ["rooms"]


def test_rooms_at_the_same_time_have_users_of_their_own(sandbox: BubblewrapSandbox) -> None:
    markers = [secrets.token_hex(8) for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        rooms = [pool.submit(sandbox.run, worst("wait", "2", marker)) for marker in markers]
        users = []
        for marker in markers:
            wait_for(marker)
            users.append(Path(f"/proc/{alive(marker)[0]}").stat().st_uid)
        assert all(room.result().exit_code == 0 for room in rooms)
    if os.geteuid() == 0:
        assert len(set(users)) == 3
    assert 0 not in users


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


def test_a_failure_of_bubblewrap_is_never_the_exit_code_of_the_command(
    sandbox: BubblewrapSandbox, home: Path
) -> None:
    (home / "file").touch()
    mount = Mount(source=str(home / "file"), target="/usr/not-there/file")
    with pytest.raises(SandboxLost, match="did not open: bwrap: "):
        sandbox.run(RoomOrder(argv=("true",), mounts=(mount,), limits=SMALL))


def test_a_folder_out_of_reach_is_named_with_the_setting(
    sandbox: BubblewrapSandbox, tmp_path: Path
) -> None:
    if os.geteuid() != 0:
        pytest.skip("the room's user is our own")
    closed = tmp_path / "closed"
    (closed / "tree").mkdir(parents=True)
    closed.chmod(0o700)
    for parent in closed.parents:
        if parent.is_relative_to("/tmp") and parent != Path("/tmp"):
            parent.chmod(0o755)
    with pytest.raises(SandboxMissing, match=rf"{closed} is closed .*0700.* MERGEWRIGHT_HOME"):
        sandbox.run(RoomOrder(argv=("true",), tree=str(closed / "tree"), limits=SMALL))
    with pytest.raises(SandboxMissing, match="does not exist"):
        sandbox.run(RoomOrder(argv=("true",), tree=str(closed / "gone"), limits=SMALL))
    with pytest.raises(SandboxMissing, match="MERGEWRIGHT_ROOM_ROOT"):
        BubblewrapSandbox(Settings(home=tmp_path, room_root=closed / "tree")).run(
            RoomOrder(argv=("true",))
        )


def test_a_data_folder_that_cannot_be_used_is_named(home: Path) -> None:
    (home / "file").touch()
    sandbox = BubblewrapSandbox(Settings(home=home / "file" / "below"))
    with pytest.raises(SettingsInvalid, match=r"MERGEWRIGHT_HOME: .*below cannot be used: Not a"):
        sandbox.run(RoomOrder(argv=("true",)))


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
    script = Path(walls.__file__).parents[3] / "sandbox_images" / "make_root.sh"
    given = [arg.format(home=home) for arg in args]
    done = subprocess.run([script, *given], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == status
    assert words in done.stderr
    assert list((home / "closed").iterdir()) == []


def test_an_unreadable_file_in_the_tree_is_named(sandbox: BubblewrapSandbox, tree: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("the room's user is our own")
    (tree / "secret").touch(mode=0o600)
    with pytest.raises(SandboxMissing, match=r"secret' for reading: .*chmod -R o\+rX .*/tree"):
        sandbox.run(RoomOrder(argv=("true",), tree=str(tree), limits=SMALL))


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


def test_a_kept_folder_stays_with_its_user_and_out_of_the_reach_of_other_rooms(
    sandbox: BubblewrapSandbox, home: Path
) -> None:
    if os.geteuid() != 0:
        pytest.skip("a user who is not root has one user for all rooms")
    store = home / "store"
    (store / "cache" / "deep").mkdir(parents=True)
    (store / "cache" / "deep" / "old").write_text("old")  # as an earlier version left it
    keeping = Mount(source=str(store), target="/store", writable=True, kept="cache")

    def run(script: str, mount: Mount) -> RoomResult:
        return sandbox.run(RoomOrder(argv=("/bin/sh", "-c", script), mounts=(mount,), limits=SMALL))

    script = "cd /store && echo new > cache/new && mkdir out && ln cache/new cache/deep/old out"
    result = run(script, keeping)
    assert result.exit_code == 0, result.output
    kept = slots.keeper()
    assert {path.stat().st_uid for path in (store / "cache").rglob("*")} == {kept}
    assert [path.stat().st_uid for path in (store, store / "out")] == [0, 0]

    lent = Mount(source=str(store / "out"), target="/env", writable=True)
    script = "cat /env/new && touch /env/mine && ! echo bad >> /env/new && ! chmod 666 /env/old"
    result = run(script, lent)
    assert result.exit_code == 0, result.output
    assert (store / "cache" / "new").read_text() == "new\n"
    assert (store / "out" / "mine").stat().st_uid == 0
    assert run("echo more >> /store/cache/new && rm -r /store/out", keeping).exit_code == 0
    assert (store / "cache" / "new").read_text() == "new\nmore\n"


def test_usage_of_lent_folders_counts_only_what_was_added(tmp_path: Path) -> None:
    (tmp_path / "before").write_bytes(bytes(4 * MIB))
    mounts = (Mount(source=str(tmp_path), target="/env", writable=True),)
    watch = shared.Watch(mounts, MIB)
    assert not watch.exceeded()
    (tmp_path / "after").write_bytes(bytes(2 * MIB))
    watch._next = 0.0
    assert watch.exceeded()
    shutil.rmtree(tmp_path)


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
