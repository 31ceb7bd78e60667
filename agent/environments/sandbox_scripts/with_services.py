"""Start the servers that a command needs, then become that command.

Runs in a sandbox, on any Python from 3.9, with `-I -S` and the standard library alone. Each server
is started by a process that ends at once: so it belongs to the sandbox and not to the command,
which may count its children or wait for them. And the command is not started but become: nobody
stands between it and whoever reads its exit code, and nobody is left whom the code under test could
attack. With the sandbox the servers end as well.

What to start lies in a file that is deleted first. When a server does not come up, its own words
are left at the place named there, and the command never begins. The number of each is left beside
its log, for whoever looks at the end whether it is still there.

Arguments: the command.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import time

ORDER_PATH = "/tmp/mergewright-services.json"  # noqa: S108 - in the sandbox, whose /tmp is its own
NOT_STARTED = 69
TICK_SECONDS = 0.01
MOST_WORDS = 4000
POSTGRES_PORT, REDIS_PORT = 5432, 6379
#: Nothing here outlives the sandbox, so nothing needs to reach a disk; and equal runs are to see
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


#: In a session of its own, without a parent but the sandbox.
START = 'umask 077; cd "$1" || exit; shift; setsid "$@" </dev/null >>log 2>&1 & echo $!'


class NotStartedError(Exception):
    """A server did not come up; the text says why."""


def prepare_postgres(told):
    """Unpack a cluster that is as it was made, each time; return the server's arguments."""
    with tarfile.open(told["template"]) as tar:
        for member in tar:
            tar.extract(member, told["folder"], set_attrs=False)
    data = os.path.join(told["folder"], "data")
    os.chmod(data, 0o700)
    settings = [word for name, value in POSTGRES.items() for word in ("-c", name + "=" + value)]
    return ["-D", data, "-p", str(POSTGRES_PORT), *settings]


def postgres_answers(told):
    """Look where `pg_ctl` looks as well."""
    try:
        with open(os.path.join(told["folder"], "data", "postmaster.pid")) as file:
            lines = file.read().splitlines()
    except OSError:
        return False
    return len(lines) > 7 and lines[7].strip() == "ready"


def prepare_redis(told):
    """Return the arguments of an empty store that keeps nothing."""
    return [
        "--bind", "127.0.0.1", "--port", str(REDIS_PORT),
        "--save", "", "--appendonly", "no", "--dir", told["folder"],
    ]  # fmt: skip


def redis_answers(told):
    try:
        with socket.create_connection(("127.0.0.1", REDIS_PORT), timeout=1.0) as there:
            there.sendall(b"PING\r\n")
            return there.recv(16).startswith(b"+PONG")
    except OSError:
        return False


KINDS = {
    "postgres": (prepare_postgres, postgres_answers),
    "redis": (prepare_redis, redis_answers),
}


def start(told):
    """Start a server that is nobody's child but the sandbox's, and write its number down."""
    # In a sandbox that stays open an earlier command has left one.
    shutil.rmtree(told["folder"], ignore_errors=True)
    os.makedirs(told["folder"], 0o700)
    arguments = KINDS[told["name"]][0](told)
    shell = ["/bin/sh", "-c", START, "sh", told["folder"], told["program"], *arguments]
    done = subprocess.run(shell, env=ENVIRON, stdout=subprocess.PIPE, check=False)
    with open(told["number"], "wb") as file:
        file.write(done.stdout.strip())


def wait(told, end):
    while not KINDS[told["name"]][1](told):
        if not lives(told["number"]):
            raise NotStartedError("%s ended at once: %s" % (told["title"], last_words(told)))
        if time.monotonic() > end:
            raise NotStartedError("%s does not answer: %s" % (told["title"], last_words(told)))
        time.sleep(TICK_SECONDS)


def last_words(told):
    with open(told["log"], encoding="utf-8", errors="replace") as file:
        return file.read()[-MOST_WORDS:].strip() or "it said nothing"


def lives(number):
    """Whether the process whose number is in a file is there."""
    with open(number) as file:
        try:
            os.kill(int(file.read()), 0)
        except (ProcessLookupError, ValueError):
            return False
    return True


def read_environ():
    """Read the environment as it was handed in: this interpreter may have added to its own."""
    with open("/proc/self/environ", "rb") as file:
        entries = file.read().split(b"\0")
    return dict(entry.split(b"=", 1) for entry in entries if b"=" in entry)


def main():
    with open(ORDER_PATH, encoding="utf-8") as file:
        order = json.load(file)
    os.unlink(ORDER_PATH)
    end = time.monotonic() + order["seconds"]
    try:
        for told in order["services"]:
            start(told)
        for told in order["services"]:
            wait(told, end)
    except (OSError, tarfile.TarError, NotStartedError) as problem:
        words = str(problem)
        with open(order["failure"], "w", encoding="utf-8") as file:
            file.write(words)
        print("mergewright:", words, flush=True)
        os._exit(NOT_STARTED)
    argv = sys.argv[1:]
    # Undo what this interpreter has set for itself.
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execvpe(argv[0], argv, read_environ())  # noqa: S606 - what a sandbox is for
    except OSError as problem:
        print("mergewright: cannot start %s: %s" % (argv[0], problem.strerror), flush=True)
        os._exit(127)


if __name__ == "__main__":
    main()
