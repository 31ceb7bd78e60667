"""Processes of ours and servers beside the tests: how they are run, where they listen, if they live."""

import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO, TypeVar

ROOT = Path(__file__).parents[1]
#: What a child does first: it is told to end when we end, however that comes about, and becomes
#: the program it is for. A function of ours between fork and start could wait for ever for a lock
#: that another of our threads holds.
_BOUND = """\
import ctypes, os, sys
ctypes.CDLL(None).prctl(1, 15, 0, 0, 0)
if os.getppid() != int(sys.argv[1]):
    sys.exit(1)
os.execv(sys.argv[2], sys.argv[2:])
"""
T = TypeVar("T")


def run_agent(
    *words: str, environ: Mapping[str, str], timeout: float = 300
) -> subprocess.CompletedProcess[str]:
    """Run `mergewright` with these variables alone."""
    return subprocess.run(
        [sys.executable, "-m", "agent", *words],
        env={"COLUMNS": "200", **environ},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def of_home(home: Path, **more: str) -> dict[str, str]:
    """Return the variables of the tests, for another data folder."""
    return {**os.environ, "MERGEWRIGHT_HOME": str(home), **more}


def find_free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as door:
        return int(door.getsockname()[1])


def bind_to_us() -> tuple[str, ...]:
    """Return the start of a command for Python, of which nothing stays when we are killed."""
    return (sys.executable, "-I", "-c", _BOUND, str(os.getpid()), sys.executable)


@contextmanager
def listening(
    argv: Sequence[str],
    port: int,
    environ: Mapping[str, str],
    out: int | IO[bytes],
    folder: Path = ROOT,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program of ours that listens at a port; it is ended with the block.

    Args:
        environ: Its variables.
        out: Takes what it prints.
        folder: Where it is started.

    Raises:
        SubprocessError: It has ended before it listened.
    """
    process = subprocess.Popen(
        argv, env=dict(environ), cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
        start_new_session=True,
    )  # fmt: skip

    def is_listening() -> bool:
        if process.poll() is not None:
            raise subprocess.SubprocessError(f"{argv} ended with {process.returncode}")
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        return False

    try:
        wait_until(is_listening, 60)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def is_alive(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def find_processes(folder: Path) -> list[int]:
    """Find the processes of which a word or a variable names this folder."""
    pids = []
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            text = (path / "environ").read_bytes() + (path / "cmdline").read_bytes()
            if str(folder).encode() in text and int(path.name) != os.getpid():
                pids.append(int(path.name))
    return [pid for pid in pids if is_alive(pid)]


def wait_until(
    find: Callable[[], T | None],
    seconds: float = 30,
    purpose: str = "it",
    show: Callable[[], object] = str,
) -> T:
    """Return what `find` returns as soon as that is true.

    Raises:
        AssertionError: It is not within these seconds; says what `show` returns.
    """
    end, pause = time.monotonic() + seconds, 0.05
    while not (hit := find()):
        assert time.monotonic() < end, f"{purpose} did not come within {seconds} s: {show()}"
        # To look too often takes time from the processes that are waited for.
        time.sleep(pause)
        pause = min(1.2 * pause, 0.2)
    return hit


class Silent(BaseHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextmanager
def answering(
    handler: Callable[..., BaseHTTPRequestHandler], tls: ssl.SSLContext | None = None
) -> Iterator[int]:
    """Answer HTTP on the loopback interface for the length of the block; give the port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
