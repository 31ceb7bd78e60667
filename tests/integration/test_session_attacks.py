"""A hostile model in a sandbox that stays open: the runner, the limits, the tree."""

import os
import secrets
import signal
import threading
import time
from contextlib import closing, suppress
from pathlib import Path

import pytest

from agent.errors import SandboxLost
from agent.sandbox import change_collection
from agent.sandbox.session import Session
from tests.deep import deep
from tests.integration.session_samples import LIMITS, Workplace, paths
from tests.sandboxes import alive, left_of, settings_for, wait_for


def works(session: Session) -> bool:
    ran = session.run("echo works; cat app/views.py >/dev/null", seconds=20)
    return (ran.output, ran.exit_code) == ("works\n", 0)


_POISON = """
import ctypes, os, resource, signal
tried = {}
def attempt(name, call):
    try:
        call()
        tried[name] = "done"
    except OSError as problem:
        tried[name] = problem.errno
def call(*numbers):
    library = ctypes.CDLL(None, use_errno=True)
    if library.syscall(*map(ctypes.c_long, numbers)) == -1:
        raise OSError(ctypes.get_errno(), "")
one = (1, 1)
attempt("prlimit", lambda: resource.prlimit(1, resource.RLIMIT_NOFILE, one))
attempt("memory", lambda: resource.prlimit(1, resource.RLIMIT_AS, one))
attempt("priority", lambda: os.setpriority(os.PRIO_PROCESS, 1, 19))
attempt("priority of the user", lambda: os.setpriority(os.PRIO_USER, 0, 19))
attempt("priority of the group", lambda: os.setpriority(os.PRIO_PGRP, 0, 19))
attempt("affinity", lambda: os.sched_setaffinity(1, {0}))
attempt("scheduler", lambda: os.sched_setscheduler(1, os.SCHED_IDLE, os.sched_param(0)))
if os.uname().machine == "x86_64":
    attempt("io", lambda: call(251, 1, 1, 3 << 13))
    attempt("io of the user", lambda: call(251, 3, 0, 3 << 13))
attempt("memory file", lambda: open("/proc/1/mem", "rb"))
attempt("descriptors", lambda: os.listdir("/proc/1/fd"))
for number in range(1, signal.SIGRTMAX):
    attempt("signal %d" % number, lambda: os.kill(1, number))
print({name: end for name, end in tried.items() if end == "done" and "signal" not in name})
os.nice(1), resource.setrlimit(resource.RLIMIT_CORE, (0, 0)), os.sched_setaffinity(0, {0})
"""


def test_nothing_inside_reaches_the_runner(session):
    before = session.run("nice", seconds=20).output
    session.write("poison.py", _POISON.encode())
    ran = session.run("python poison.py", seconds=20)
    assert (ran.output, ran.exit_code) == ("{}\n", 0)
    assert session.run("nice; kill -TERM 0; sleep 1", seconds=20).output == before
    assert works(session)


def test_a_lost_sandbox_is_noticed_and_another_has_what_was_last_taken(place, session):
    session.run("echo kept >kept.txt; rm app/views.py", seconds=20)
    change = session.take().change
    session.run("echo lost >lost.txt", seconds=20)
    marker = secrets.token_hex(8)

    def kill() -> None:
        wait_for(marker)
        # What runs first is killed from outside, as the kernel does it for want of memory.
        runner = Path(f"/proc/{alive(marker)[0]}/status").read_text().partition("PPid:")[2]
        os.kill(int(runner.split()[0]), signal.SIGKILL)

    killing = threading.Thread(target=kill)
    killing.start()
    with pytest.raises(SandboxLost):
        session.run(f"echo begun; sleep 60; : {marker}", seconds=60)
    killing.join()
    with closing(place.open(change)) as again:
        assert paths(again.take().change) == {"app/views.py": "deleted", "kept.txt": "added"}
        again.write("edited.txt", b"")
        again._sandbox.send(bytes(8))  # no request: the runner ends
        for use in (lambda: again.write("other.txt", b""), again.take, lambda: again.read("x")):
            with pytest.raises(SandboxLost):
                use()


def test_a_fork_bomb_ends_with_its_command(session):
    # Where the bomb leaves no process for `sleep`, bash tries again for half a minute.
    bomb = session.run("b() { b | b & }; b; sleep 1", seconds=10)
    assert "fork" in bomb.output
    assert works(session)
    assert session.run("python -c 'while 1:\n import os\n os.fork()'", seconds=3).exit_code != 0
    assert works(session)


def test_no_daemon_survives_its_command(session):
    marker = secrets.token_hex(8)
    begun = time.monotonic()
    ran = session.run(
        f"(setsid nohup sh -c 'trap \"\" TERM HUP; sleep 300; : {marker}' &) ; sleep 0.3; echo on",
        seconds=20,
    )
    assert (ran.output, ran.exit_code) == ("on\n", 0)
    assert time.monotonic() - begun < 10
    assert alive(marker) == []


def test_a_full_disk_is_the_commands_own_failure(session):
    full = session.run("head -c 100M /dev/zero >fill; echo $?", seconds=30)
    assert full.output.endswith("1\n"), full.output
    session.run("rm fill; head -c 100M /dev/zero >/tmp/fill; rm /tmp/fill", seconds=30)
    assert works(session)
    names = "n=0; while :; do : >names-$n || break; n=$((n + 1)); done; echo over $n"
    ended = session.run(f"mkdir many; cd many; {names} 2>/dev/null", seconds=30)
    assert not ended.timed_out
    session.run("rm -rf many", seconds=30)
    assert works(session)
    assert session.take().change.files == ()


def test_too_much_memory_is_the_commands_own_end(session):
    with suppress(SandboxLost):  # an engine may end all of it
        hog = session.run("head -c 900M /dev/zero | tail >/dev/null; echo $?", seconds=60)
        assert "memory" in hog.output, hog.output
        assert works(session)


def test_a_page_that_was_written_through_a_mapping_is_seen(session):
    script = """
import mmap, os
before = os.stat("app/views.py")
with open("app/views.py", "r+b") as file:
    page = mmap.mmap(file.fileno(), 0)
    page[4:8] = b"gone"
    page.close()
os.utime("app/views.py", ns=(before.st_atime_ns, before.st_mtime_ns))
"""
    session.run(f"python - <<'E'\n{script}\nE", seconds=20)
    (file,) = session.take().change.files
    assert (file.path, file.after) == ("app/views.py", b"def gone():\n    return 1\n")


def test_special_files_closed_folders_and_a_second_name_hold_nothing_up(session):
    session.run(
        "mkfifo app/pipe; python -c \"import socket; socket.socket(1).bind('sock')\";"
        "ln run.sh second; echo x >closed.txt; mkdir shut; echo y >shut/y; chmod 0 closed.txt shut;"
        "mknod null c 1 3",
        seconds=20,
    )
    taken = session.take()
    assert paths(taken.change) == {"closed.txt": "added", "second": "added", "shut/y": "added"}
    assert {finding.path for finding in taken.findings} == {"app/pipe", "sock"}


def test_git_waits_for_no_pipe_in_place_of_its_own_files(session):
    session.run(
        "rm .gitignore; mkfifo .gitignore app/.gitattributes; mkdir .cache; mkfifo .cache/.gitignore;"
        "echo x >app/views.py; echo y >new.py",
        seconds=20,
    )
    taken = session.take()
    assert paths(taken.change) == {
        ".gitignore": "deleted", "app/views.py": "changed", "new.py": "added",
    }  # fmt: skip
    assert [finding.path for finding in taken.findings] == ["app/.gitattributes"]


def test_a_repository_in_the_tree_runs_nothing_of_ours(place, session):
    canary = place.home / "canary"
    session.run(
        "mkdir sub; cd sub; git init -q; git config core.fsmonitor 'touch /tmp/hit';"
        f"git config core.hooksPath /tmp; echo x >a.py; cd ..; "
        f"git config core.fsmonitor 'touch {canary}'; git config filter.x.clean 'touch {canary}';"
        "echo '* filter=x' >.gitattributes; mkdir -p app/.GIT; echo x >app/.GIT/config",
        seconds=20,
    )
    taken = session.take()
    assert paths(taken.change) == {".gitattributes": "added", "sub/a.py": "added"}
    assert {finding.path for finding in taken.findings} == {"sub/.git", "app/.GIT"}
    assert not canary.exists()


def test_names_that_cannot_be_shown_are_reported(session):
    session.run(
        "long=$(printf 'b%.0s' $(seq 1 250)); for n in $(seq 1 20); do mkdir $long && cd $long; done;"
        "touch f; cd /work; touch $'new\\nline' $'back\\\\slash' $'not-utf8-\\xff' -- -dash 'üml'; mkdir -p $'d\\x1b/'x;"
        "touch $'d\\x1b/x/y'; deep=$(printf 'a/%.0s' $(seq 1 250)); mkdir -p $deep; touch $deep/f",
        seconds=20,
    )
    taken = session.take()
    assert taken.change.paths == ("üml",)
    assert len(taken.findings) == 7, taken.findings


@pytest.mark.parametrize("count", [10_000, deep(100_000)])
def test_MO5_very_many_files_are_counted_and_not_carried(backend, home, count):
    place = Workplace(settings_for(backend, home, **(LIMITS | {"sandbox_disk_mb": 1024})))
    script = f"import os\nos.mkdir('m')\nfor n in range({count}): open(f'm/{{n}}', 'w').close()"
    with closing(place.open()) as session:
        session.write("make.py", script.encode())
        assert session.run("python make.py && ls m | wc -l", seconds=60).output == f"{count}\n"
        taken = session.take()
        assert len(taken.change.files) == change_collection.MOST_FILES
        assert f"{count - 1999} files are not part of it" in taken.findings[-1].message
        session.run("rm -rf m", seconds=60)
        assert session.take().change.paths == ("make.py",)


def test_a_large_file_is_left_out_and_files_of_holes_are_not_all_read(session):
    session.run("yes | head -c 9M >large.txt; echo x >small.txt", seconds=20)
    taken = session.take()
    assert taken.change.paths == ("small.txt",)
    assert [finding.path for finding in taken.findings] == ["large.txt"]
    session.run("rm *.txt; for n in $(seq 20); do truncate -s 8M hole-$n; done", seconds=20)
    taken = session.take()
    assert taken.change.files == ()
    assert "8 files are not part of it" in taken.findings[-1].message


def test_closing_leaves_nothing(backend, home):
    place = Workplace(settings_for(backend, home, **LIMITS))
    place.open().close()
    descriptors, threads = len(os.listdir("/proc/self/fd")), threading.active_count()
    for _ in range(3):
        session = place.open()
        session.run("echo x >/tmp/x; sleep 300 &", seconds=20)
        session.take()
        session.close()
    assert left_of(backend, home) == set()
    assert len(os.listdir("/proc/self/fd")) == descriptors
    assert threading.active_count() == threads


_LEAVE = """
import ctypes
library = ctypes.CDLL(None)
print([library.shmget(7, 1 << 20, 0o1600), library.semget(7, 1, 0o1600),
       library.msgget(7, 0o1600), library.mq_open(b"/left", 0o102, 0o600, None)])
"""
_FIND = """
import ctypes
library = ctypes.CDLL(None)
print(library.shmget(7, 0, 0), library.semget(7, 0, 0), library.msgget(7, 0),
      library.mq_open(b"/left", 0o2))
"""


def test_the_kernel_keeps_nothing_of_a_command(session):
    made = session.run(f"python3 -c '{_LEAVE}'", seconds=20).output
    assert "[0, 0, 0, -1]" in made
    assert session.run(f"python3 -c '{_FIND}'", seconds=20).output == "-1 -1 -1 -1\n"
    assert works(session)


def test_a_home_that_is_closed_or_replaced_ends_nothing(session):
    session.run("rm -rf ~; mkdir -p ~/.gitconfig/x", seconds=20)
    assert works(session)
    session.run("chmod 0 ~", seconds=20)
    assert works(session)
