"""Sandboxes of every kind: what they give, what they refuse, and that nothing of them is left."""

import ast
import os
import platform
import secrets
import signal
import struct
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from agent.errors import SandboxLost
from agent.models.record import replace
from agent.models.sandbox import Mount, SandboxFile, SandboxLimits, SandboxRequest, Stoppable
from agent.sandbox import limit_probes, seccomp
from agent.sandbox.frames import Frames
from tests.deep import deep
from tests.sandboxes import (
    MIB,
    ROOT,
    SMALL,
    code,
    left_of,
    open_sandbox,
    shell,
    wait_for,
    wait_until_gone,
)


@pytest.fixture
def tree(home):
    folder = home / "tree"
    (folder / "package").mkdir(parents=True)
    (folder / "package" / "module.py").write_text("value = 1\n")
    (folder / "run.sh").write_text("#!/bin/sh\necho ran\n")
    (folder / "run.sh").chmod(0o755)
    (folder / "link").symlink_to("package/module.py")
    return folder


def test_a_command_ends_with_its_own_exit_code_and_output(sandbox):
    result = sandbox.run(
        SandboxRequest(argv=("/bin/sh", "-c", "echo out; echo err >&2; exit 3"), limits=SMALL)
    )
    assert (result.exit_code, result.limit) == (3, None)
    assert result.output == "out\nerr\n"
    assert result.output_bytes == 8
    assert 0 < result.seconds < 60
    result = sandbox.run(SandboxRequest(argv=("/bin/sh", "-c", "kill -SEGV $$"), limits=SMALL))
    assert result.exit_code == -signal.SIGSEGV
    result = sandbox.run(SandboxRequest(argv=("no-such-tool",), limits=SMALL))
    assert result.exit_code == 127
    assert "no-such-tool" in result.output


def test_the_tree_is_a_private_copy_of_which_new_and_changed_files_come_back(sandbox, tree):
    (tree / "same-size.txt").write_text("aaa")
    result = sandbox.run(
        code(
            """
            import os, subprocess
            subprocess.run(["./run.sh"], check=True)
            assert os.readlink("link") == "package/module.py"
            os.unlink("package/module.py")
            open("package/new.py", "w").write("new = 1\\n")
            open("same-size.txt", "w").write("bbb")
            open("/out/report.xml", "w").write("<x/>")
            os.makedirs("/out/deep/er")
            for name in "abc": open("/out/deep/er/" + name, "w").close()
            """,
            tree=str(tree),
            collect=(
                "/work/*",
                "/work/package/*",
                "/out/report.xml",
                "/out/none",
                "/out/deep/er/*",
            ),
        )
    )
    assert result.output == "ran\n"
    assert (tree / "package" / "module.py").read_text() == "value = 1\n"
    assert (tree / "same-size.txt").read_text() == "aaa"
    assert result.files == {
        "/work/package/new.py": b"new = 1\n",
        "/work/same-size.txt": b"bbb",
        "/out/report.xml": b"<x/>",
        **dict.fromkeys((f"/out/deep/er/{name}" for name in "abc"), b""),
    }
    assert result.refused == ()


def test_RX7_nothing_but_plain_files_is_handed_back(sandbox):
    leave = (
        "cd /out && ln -s /etc/passwd link && ln -s /etc folder && mkfifo pipe && echo t >twin"
        " && ln twin second && printf plain >plain && truncate -s 256M large"
    )
    order = shell(leave, returned_bytes=MIB, disk_bytes=512 * MIB)
    result = sandbox.run(replace(order, collect=("/out/*", "/out/folder/*")))
    assert (result.limit, result.files) == ("returned", {"/out/plain": b"plain"})


def test_ordered_files_replace_what_the_tree_has_and_follow_no_link(sandbox, tree):
    result = sandbox.run(
        SandboxRequest(
            argv=("/bin/sh", "-c", "cat link package/module.py /out/deep/er; test ! -L link"),
            tree=str(tree),
            files=(
                SandboxFile(path="/work/link", content=b"laid\n"),
                SandboxFile(path="/out/deep/er", content=b"\xffbytes\n"),
            ),
            limits=SMALL,
        )
    )
    assert result.exit_code == 0
    assert result.output == "laid\nvalue = 1\n�bytes\n"


def test_the_environment_is_exactly_what_was_ordered(sandbox, monkeypatch):
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
        "HOME": "/home/sandbox",
        "LANG": "C",
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "TMPDIR": "/tmp",
    }
    assert "leaked" not in result.output
    assert second == "True ''"


def test_ordinary_programs_find_what_they_need(sandbox):
    result = sandbox.run(
        code(
            """
            import getpass, multiprocessing, os, pathlib, socket, ssl, tempfile, threading
            assert getpass.getuser() == "sandbox"
            assert pathlib.Path.home() == pathlib.Path("/home/sandbox")
            tempfile.TemporaryFile().close()
            threading.Thread(target=print, args=("thread",)).start()
            multiprocessing.Queue().put(1)
            server = socket.create_server(("127.0.0.1", 0))
            socket.create_connection(server.getsockname())
            assert socket.gethostbyname("localhost") == "127.0.0.1"
            (server,) = open("/etc/resolv.conf").read().removeprefix("nameserver ").splitlines()
            try:
                socket.socket(type=socket.SOCK_DGRAM).sendto(b"?", (server, 53))
            except OSError as problem:
                assert problem.strerror == "Network is unreachable"
            else:
                raise AssertionError("a process that asks there waits")
            trusted = ssl.get_default_verify_paths()
            assert trusted.cafile or len(os.listdir(trusted.capath)) > 50
            assert oct(os.umask(0)) == "0o22"
            assert open("/proc/self/oom_score_adj").read() == "500\\n"
            """
        )
    )
    assert (result.exit_code, result.output) == (0, "thread\n")


def test_a_writable_mount_is_lent_to_the_sandbox_and_comes_back_harmless(sandbox, home):
    folder = home / "environment"
    folder.mkdir(mode=0o700)
    mount = Mount(source=str(folder), target="/env", writable=True)
    script = "cp /bin/true /env/tool && chmod 6777 /env/tool && ln -s /etc/shadow /env/link"
    script += " && mkdir -m 700 /env/closed && echo x > /env/closed/file && umask"
    result = sandbox.run(
        SandboxRequest(argv=("/bin/sh", "-c", script), mounts=(mount,), limits=SMALL)
    )
    assert result.exit_code == 0, result.output
    for path in (folder, folder / "tool", folder / "closed", folder / "closed" / "file"):
        assert path.stat().st_uid == os.geteuid()
        assert path.stat().st_mode & 0o7022 == 0
        assert path.stat().st_mode & 0o004
    assert Path("/etc/shadow").stat().st_mode & 0o007 == 0
    # Another sandbox, with another user, can read all of it and write none.
    reading = Mount(source=str(folder), target="/env")
    with ThreadPoolExecutor(2) as pool:
        script = "cat /env/closed/file && ! touch /env/new 2>&1"
        order = SandboxRequest(argv=("/bin/sh", "-c", script), mounts=(reading,), limits=SMALL)
        for result in pool.map(sandbox.run, [order, order]):
            assert result.exit_code == 0, result.output


def test_output_is_heard_before_the_command_ends(sandbox):
    heard, enough = bytearray(), threading.Event()

    def hear(piece: bytes) -> None:
        heard.extend(piece)
        if b"begun" in heard:
            enough.set()

    stoppable = Stoppable(sandbox, threading.Event())
    # Only output that is heard ends this sandbox within five minutes.
    with pytest.raises(SandboxLost, match="removed before"):
        stoppable.run(SandboxRequest(argv=("/bin/sh", "-c", "echo begun; sleep 300")), enough, hear)
    assert heard == b"begun\n"


def test_a_tree_that_does_not_fit_is_a_disk_limit(sandbox, tree):
    (tree / "large").write_bytes(bytes(40 * MIB))
    result = sandbox.run(SandboxRequest(argv=("true",), tree=str(tree), limits=SMALL))
    assert (result.limit, result.exit_code) == ("disk", None)


def test_a_writable_mount_is_bounded_too(sandbox, home):
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


def _descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_the_operator_bounds_what_an_order_may_ask_for_but_for_what_is_kept(sandboxes, home):
    sandbox = sandboxes(sandbox_processes=16, sandbox_disk_mb=8)
    order = shell(limit_probes.FORKS, processes=1000, disk_bytes=512 * MIB)
    result = sandbox.run(order)
    assert result.limit == "processes"
    assert result.output.count(".") in (14, 15)
    more = replace(SMALL, disk_bytes=512 * MIB)
    fill = SandboxRequest(
        argv=("sh", "-c", "head -c 9M /dev/zero >/tmp/fill; sleep 5"), limits=more
    )
    assert sandbox.run(fill).limit == "disk"


def test_answers_that_no_runner_of_ours_sends_are_refused():
    nonce = secrets.token_bytes(16)
    frame = struct.Struct("!16sBQ")
    printed = bytearray()

    def feed(*pieces: tuple[bytes, int, bytes]) -> Frames:
        limits = SandboxLimits(returned_bytes=100, returned_files=2)
        frames = Frames(nonce, limits, printed.extend)
        for sign, kind, body in pieces:
            frames.feed(frame.pack(sign, kind, len(body)) + body)
        return frames

    started = (nonce, 1, b"{}")
    ended = b'{"facts": {}, "sizes": [%s]}'
    good = feed(started, (nonce, 5, b"out"), (nonce, 2, ended % b"1"), (nonce, 3, b"x"))
    assert good.complete
    assert good.answer is not None
    assert (good.answer.contents, printed) == ([b"x"], b"out")
    for wrong, why in (
        ([(bytes(16), 1, b"{}")], "not signed"),
        ([(nonce, 2, ended % b"")], "out of order"),
        ([(nonce, 5, b"out")], "out of order"),
        ([started, started], "out of order"),
        ([started, (nonce, 3, b"x")], "out of order"),
        ([started, (nonce, 2, ended % b"1"), (nonce, 5, b"late")], "out of order"),
        ([started, (nonce, 9, b"x")], "out of order"),
        ([started, (nonce, 2, b"[")], "cannot be read"),
        ([started, (nonce, 2, b'{"sizes": []}')], "cannot be read"),
        ([started, (nonce, 2, ended % b"101")], "more files or bytes than allowed"),
        ([started, (nonce, 2, ended % b"-1")], "more files or bytes than allowed"),
        ([started, (nonce, 2, ended % b"1, 1, 1")], "more files or bytes than allowed"),
        ([started, (nonce, 2, ended % b"1"), (nonce, 3, b"")], "size"),
    ):
        with pytest.raises(SandboxLost, match=why):
            feed(*wrong)
    with pytest.raises(SandboxLost, match="too long"):
        feed((nonce, 1, bytes(5 * MIB)))


def test_kernel_calls_that_only_an_escape_needs_are_refused(sandbox):
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


HOST = """
import sys
from pathlib import Path
from agent.models.sandbox import SandboxRequest
from tests.sandboxes import open_sandbox
order = SandboxRequest(argv=("/bin/sh", "-c", "sleep 60; : " + sys.argv[2]))
open_sandbox(sys.argv[3], Path(sys.argv[1])).run(order)
"""


@pytest.mark.parametrize("number", [deep(signal.SIGINT), signal.SIGKILL])
def test_an_interrupted_host_leaves_no_process_and_what_else_it_leaves_is_swept(
    home, backend, number
):
    marker = secrets.token_hex(8)
    host = subprocess.Popen(
        [sys.executable, "-c", HOST, str(home), marker, backend], cwd=ROOT, stderr=subprocess.PIPE
    )
    wait_for(marker, count=2)  # the host itself, and the command in the sandbox
    host.send_signal(number)
    _, complaint = host.communicate(timeout=20)
    if number == signal.SIGINT:
        assert b"KeyboardInterrupt" in complaint
        assert left_of(backend, home) == set()
    wait_until_gone(marker)
    # The next start sweeps what a killed one could not, and works.
    sandbox = open_sandbox(backend, home)
    assert sandbox.run(SandboxRequest(argv=("true",), limits=SMALL)).exit_code == 0
    assert left_of(backend, home) == set()


def test_a_finished_sandbox_leaves_nothing(sandbox, backend, home):
    assert sandbox.run(SandboxRequest(argv=("true",), limits=SMALL)).exit_code == 0
    descriptors = _descriptors()
    threads = threading.active_count()
    sandbox.run(shell(limit_probes.FORKS, seconds=0.5))
    with pytest.raises(SandboxLost):
        sandbox.run(SandboxRequest(argv=("true",), files=(SandboxFile(path="/x", content=b""),)))
    assert _descriptors() == descriptors
    assert threading.active_count() == threads
    assert left_of(backend, home) == set()
    assert [path.name for path in home.iterdir()] == ["sandboxes"]
