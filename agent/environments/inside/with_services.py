"""Start the servers that a command needs, then become that command.

Runs in a room, on any Python from 3.9, with `-I -S` and the standard library alone. Each server is
started by a process that ends at once: so it belongs to the room and not to the command, which
may count its children or wait for them. And the command is not started but become: nobody stands
between it and whoever reads its exit code, and nobody is left whom the code under test could
attack. With the room the servers end as well.

What to start lies in a file that is deleted first. When a server does not come up, its own words
are left at the place named there, and the command never begins. The number of each is left beside
its log, for whoever looks at the end whether it is still there.

Arguments: the command.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import tarfile
import time

ORDER_PATH = "/tmp/mergewright-services.json"  # noqa: S108 - in the room, whose /tmp is its own
NOT_STARTED = 69
TICK_SECONDS = 0.01
MOST_WORDS = 4000
POSTGRES_PORT, REDIS_PORT = 5432, 6379
#: Nothing here outlives the room, so nothing needs to reach a disk; and equal runs are to see
#: equal query plans, which no worker in the background may change.
POSTGRES = {
    "listen_addresses": "localhost",
    "unix_socket_directories": "/tmp",  # noqa: S108
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_logical_replication_workers": "0",
    "min_wal_size": "2MB",
    "max_wal_size": "64MB",
    "shared_buffers": "32MB",
    "autovacuum": "off",
    "jit": "off",
    # Statements that fail are the tests' own matter; the log is for what befalls the server.
    "log_min_messages": "log",
}
#: Without its cluster's folder, and whatever the repository's variables say.
ENVIRON = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "TZ": "UTC"}


class NotStartedError(Exception):
    """A server did not come up; the text says why."""


class Server:
    """A server in a folder of its own."""

    def __init__(self, told):
        self.title = told["title"]
        self.program = told["program"]
        self.template = told["template"]
        self.folder = told["folder"]
        self.log = told["log"]
        self.number = told["number"]
        self.process = 0

    def start(self):
        """Lay the data out and start the program."""
        os.makedirs(self.folder, 0o700)
        self.process = _detached(self.arguments(), self.folder, self.log)
        with open(self.number, "w", encoding="ascii") as file:
            file.write(str(self.process))

    def wait(self, end):
        """Wait until it answers."""
        while not self.answers():
            if not _lives(self.process):
                raise NotStartedError("%s ended at once: %s" % (self.title, self.words()))
            if time.monotonic() > end:
                raise NotStartedError("%s does not answer: %s" % (self.title, self.words()))
            time.sleep(TICK_SECONDS)

    def words(self):
        """Return the end of its log."""
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()[-MOST_WORDS:].strip() or "it said nothing"


class Postgres(Server):
    """A database cluster that is as it was made, each time."""

    def arguments(self):
        """Unpack the cluster."""
        with tarfile.open(self.template) as tar:
            for member in tar:
                tar.extract(member, self.folder, set_attrs=False)
        self.data = os.path.join(self.folder, "data")
        os.chmod(self.data, 0o700)
        said = [word for name, value in POSTGRES.items() for word in ("-c", name + "=" + value)]
        return [self.program, "-D", self.data, "-p", str(POSTGRES_PORT), *said]

    def answers(self):
        """Look where `pg_ctl` looks as well."""
        try:
            with open(os.path.join(self.data, "postmaster.pid"), encoding="utf-8") as file:
                lines = file.read().splitlines()
        except OSError:
            return False
        return len(lines) > 7 and lines[7].strip() == "ready"


class Redis(Server):
    """An empty store that keeps nothing."""

    def arguments(self):
        """Bind it to the room itself."""
        return [
            self.program, "--bind", "127.0.0.1", "--port", str(REDIS_PORT),
            "--save", "", "--appendonly", "no", "--dir", self.folder,
        ]  # fmt: skip

    def answers(self):
        """Send it a PING."""
        try:
            with socket.create_connection(("127.0.0.1", REDIS_PORT), timeout=1.0) as there:
                there.sendall(b"PING\r\n")
                return there.recv(16).startswith(b"+PONG")
        except OSError:
            return False


KINDS = {"postgres": Postgres, "redis": Redis}


def _detached(argv, folder, log):
    """Start a program that is nobody's child but the room's; return its number."""
    reading, writing = os.pipe()
    between = os.fork()
    if between == 0:
        try:
            os.setsid()
            child = os.fork()
            if child == 0:
                _run(argv, folder, log)
            os.write(writing, b"%d" % child)
        finally:
            os._exit(0)
    os.close(writing)
    os.waitpid(between, 0)
    number = os.read(reading, 20)
    os.close(reading)
    if not number:
        raise NotStartedError("%s: no process could be made for it" % argv[0])
    return int(number)


def _run(argv, folder, log):
    """Become the server."""
    try:
        os.umask(0o077)
        _usual_signals()
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(os.open(log, flags, 0o600), 1)
        os.dup2(1, 2)
        os.chdir(folder)
        os.execve(argv[0], argv, ENVIRON)  # noqa: S606 - a path that we were told
    except OSError as problem:
        os.write(2, ("%s: %s\n" % (argv[0], problem.strerror)).encode())
    finally:
        os._exit(127)


def _lives(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def _usual_signals():
    """Undo what this interpreter has set for itself."""
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)


def _environ():
    """The environment as it was handed in: this interpreter may have added to its own."""
    with open("/proc/self/environ", "rb") as file:
        entries = file.read().split(b"\0")
    return dict(entry.split(b"=", 1) for entry in entries if b"=" in entry)


def main():
    """Start everything, then become the command."""
    with open(ORDER_PATH, encoding="utf-8") as file:
        order = json.load(file)
    os.unlink(ORDER_PATH)
    end = time.monotonic() + order["seconds"]
    servers = [KINDS[told["name"]](told) for told in order["services"]]
    try:
        for server in servers:
            server.start()
        for server in servers:
            server.wait(end)
    except (OSError, tarfile.TarError, NotStartedError) as problem:
        words = str(problem)
        with open(order["failure"], "w", encoding="utf-8") as file:
            file.write(words)
        print("mergewright:", words, flush=True)
        os._exit(NOT_STARTED)
    argv = sys.argv[1:]
    _usual_signals()
    try:
        os.execvpe(argv[0], argv, _environ())  # noqa: S606 - what a room is for
    except OSError as problem:
        print("mergewright: cannot start %s: %s" % (argv[0], problem.strerror), flush=True)
        os._exit(127)


if __name__ == "__main__":
    main()
