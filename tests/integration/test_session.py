"""A sandbox that stays open: what it gives, and what is taken from it."""

import threading
from contextlib import closing

import pytest

from agent.errors import Cancelled, EditFailed
from agent.models.change import Change, ChangedFile
from agent.models.environment import OpenedRepository, SandboxService
from agent.models.record import replace
from agent.setup import storage
from tests.fakes import FakeSessions
from tests.integration.session_samples import FILES, LIMITS, Workplace, paths
from tests.sandboxes import settings_for


def test_commands_run_one_after_the_other_in_the_tree(session):
    first = session.run("echo out; echo err >&2; pwd; exit 3", seconds=20)
    assert (first.output, first.exit_code) == ("out\nerr\n/work\n", 3)
    assert not first.timed_out
    session.run("echo more >>app/models.py", seconds=20)
    assert session.run("./run.sh; tail -n1 app/models.py", seconds=20).output == "ran\nmore\n"
    assert session.run("kill -SEGV $$", seconds=20).exit_code == -11
    assert session.run("read line || echo no input", seconds=20).output == "no input\n"


def test_the_environment_is_first_on_the_path_and_cannot_be_written_to(session):
    shown = session.run(
        "project-tool; gate-tool; ruff; command -v python; echo $PYTHONDONTWRITEBYTECODE;"
        " touch /env/bin/x /gate/x /mergewright/x /base.git/x /src/x 2>&1 | grep -c Read-only",
        seconds=20,
    )
    assert shown.output.splitlines() == [
        "project-tool of environment", "gate-tool of gate", "ruff of pinned", "/env/bin/python",
        "1", "5",
    ]  # fmt: skip
    assert session.run("touch ~/x $TMPDIR/y && echo written", seconds=20).output == "written\n"


def test_of_a_long_output_the_middle_is_left_out(session):
    long = session.run("seq 100000", seconds=20)
    assert (long.output.startswith("1\n2\n"), long.omitted_bytes > 400_000) == (True, True)


def test_a_command_past_its_time_is_ended_with_what_it_printed(session):
    ended = session.run("echo begun; sleep 60 & sleep 60; echo over", seconds=1)
    assert (ended.output, ended.exit_code, ended.timed_out) == ("begun\n", None, True)
    assert (
        session.run("cat /proc/[0-9]*/comm | grep sleep || echo none", seconds=20).output
        == "none\n"
    )


def test_a_stopped_run_ends_its_command_within_a_moment(place):
    stopped = threading.Event()
    session = place.open(stopped=stopped)
    try:
        threading.Timer(0.3, stopped.set).start()
        with pytest.raises(Cancelled):
            session.run("sleep 600", seconds=600)
    finally:
        session.close()
        session.close()


def test_servers_are_started_for_each_command(backend, home):
    place = Workplace(settings_for(backend, home, **LIMITS))
    redis = SandboxService(
        name="redis", title="Redis 7", argv=("/usr/bin/redis-server", "--port", "6379"), ports=(6379,),
        variables={"REDIS_HOST": "127.0.0.1"},
    )  # fmt: skip
    environment = replace(
        place.prepared.environment,
        services=(redis,),
        scripts_path=str(storage.provide_scripts(place.settings)),
    )
    prepared = replace(place.prepared, environment=environment)
    with closing(place.sessions.open(prepared, place.change())) as session:
        ask = "exec 3<>/dev/tcp/127.0.0.1/6379; echo PING >&3; read -r -t 5 word <&3; echo $word"
        for _ in range(2):
            assert (
                session.run(f"{ask}; echo $REDIS_HOST", seconds=30).output == "+PONG\r\n127.0.0.1\n"
            )


def test_git_works_on_one_commit_of_the_base(session):
    session.run("echo '    size = 1' >>app/models.py; echo new >app/new.py", seconds=20)
    assert session.run("git log --format=%s; git status --porcelain", seconds=20).output == (
        "Base\n M app/models.py\n?? app/new.py\n"
    )
    assert "+    size = 1" in session.run("git diff", seconds=20).output
    assert session.run("git grep -l size", seconds=20).output == "app/models.py\n"
    stashed = session.run("git stash -qu && git status --porcelain && git stash pop -q", seconds=20)
    assert (stashed.output, stashed.exit_code) == ("", 0)
    assert session.run("git add -A && git commit -qm More && git log --oneline | wc -l", seconds=20)
    taken = session.take().change
    assert paths(taken) == {"app/models.py": "changed", "app/new.py": "added"}


def test_files_are_read_and_written_inside(session):
    assert session.read("app/views.py") == b"def view():\n    return 1\n"
    session.write("app/deep/er/new.py", b"x = 1\n")
    session.write("run.sh", b"#!/bin/sh\necho again\n")
    assert session.run("cat app/deep/er/new.py; ./run.sh", seconds=20).output == "x = 1\nagain\n"
    session.run("mkfifo pipe; ln -s /etc/passwd out; ln -s / root", seconds=20)
    for path in ("none", "app", "pipe", "out", "root/etc/passwd", "../etc/passwd", "/etc/passwd"):
        assert session.read(path) is None, path


def test_what_leads_out_or_is_no_file_is_not_written_to(session):
    session.run("mkfifo pipe; ln -s /tmp out", seconds=20)
    refused = ("../x", "/tmp/x", ".git/config", "out/x", "link", "pipe", "app", "a\0b", "")
    for path in refused:
        with pytest.raises(EditFailed):
            session.write(path, b"x")
    assert session.run("ls /tmp", seconds=20).output == ""


def test_the_change_is_what_differs_and_goes_into_another_session_as_it_is(place, session):
    session.run(
        "sed -i s/first/second/ app/models.py; rm app/views.py; mkdir -p new/er; echo x >new/er/f;"
        "mv docs pages; printf '#!/bin/sh\\n' >tool; chmod +x tool; touch docs; rm docs",
        seconds=20,
    )
    taken = session.take()
    assert paths(taken.change) == {
        "app/models.py": "changed",
        "app/views.py": "deleted",
        "docs/index.md": "deleted",
        "new/er/f": "added",
        "pages/index.md": "added",
        "tool": "added",
    }
    assert [file.path for file in taken.change.files if file.executable] == ["tool"]
    assert (taken.findings, taken.ignored) == ((), ())
    with closing(place.open(taken.change)) as other:
        assert other.take() == taken
        assert other.run("test -x tool && ls", seconds=20).exit_code == 0


def test_ignored_is_what_git_would_not_add(session):
    session.run(
        "echo '/c.*' >>.gitignore; echo a >a.log; mkdir -p build/x; echo b >build/x/b; echo c >c.txt;"
        "echo more >>tracked.log; mkdir .cache; echo d >.cache/d;"
        "mkdir .venv; echo f >.venv/f.py; mkdir -p ~/.config/git; echo e.py >~/.config/git/ignore;"
        "mkdir -p app/sub; echo '*.pyc' >app/sub/.gitignore; echo e >app/sub/e.py",
        seconds=20,
    )
    taken = session.take()
    assert taken.ignored == ("a.log", "build/", "c.txt")
    assert paths(taken.change) == {
        ".gitignore": "changed",
        "app/sub/.gitignore": "added",
        "app/sub/e.py": "added",
        "tracked.log": "changed",
    }


def test_modes_are_taken_and_links_and_binary_files_that_nobody_asked_for_are_not(session):
    session.run(
        "ln -s /etc/passwd out; rm link; ln -s app link; rm docs/index.md;"
        "ln -s ../run.sh docs/index.md; printf 'a\\0b' >b.dat; printf '\\0' >>picture.bin;"
        "chmod +x app/views.py; chmod -x run.sh; echo '#!/bin/sh' >s; chmod +x s;"
        "echo no >plain; chmod +x plain; mkfifo pipe",
        seconds=20,
    )
    taken = session.take()
    found = {finding.path for finding in taken.findings}
    assert found == {
        "out", "link", "docs/index.md", "b.dat", "picture.bin", "pipe",
    }  # fmt: skip
    assert {file.path: file.executable for file in taken.change.files} == {
        "app/views.py": True,
        "plain": False,
        "run.sh": False,
        "s": True,
    }
    taken = session.take(binaries=("b.dat", "picture.bin", "out"))
    assert {"b.dat", "picture.bin"} < set(taken.change.paths)
    assert "out" in {finding.path for finding in taken.findings}


@pytest.mark.parametrize("is_fake", [True, False])
def test_the_fake_is_as_the_real_one(place, *, is_fake):
    base = {path: content for path, content in FILES.items() if isinstance(content, bytes)}
    base |= {path: text.encode() for path, text in FILES.items() if isinstance(text, str)}
    sessions = FakeSessions(base, ("*.log",)) if is_fake else place.sessions
    with closing(
        sessions.open(place.prepared, place.change(new_DOT_py=(None, b"new\n")))
    ) as session:
        session.write("app/more.py", b"more\n")
        ran = session.run(
            "cat new.py; rm app/views.py; echo x >a.log; ln -s / out; exit 4", seconds=20
        )
        assert (ran.output, ran.exit_code, ran.timed_out) == ("new\n", 4, False)
        assert session.run("sleep 20", seconds=0.2).timed_out
        assert session.read("new.py") == b"new\n"
        assert session.read("app/views.py") is session.read("out/etc/passwd") is None
        with pytest.raises(EditFailed):
            session.write("out/x", b"")
        taken = session.take()
        assert paths(taken.change) == {
            "app/more.py": "added", "app/views.py": "deleted", "new.py": "added",
        }  # fmt: skip
        assert [finding.path for finding in taken.findings] == ["out"]
        assert taken.ignored == ("a.log",)


def test_what_was_given_stays_where_it_cannot_be_taken(place):
    views = b"def view():\n    return 1\n"
    files = {
        "a.log": (None, b"ignored\n", False),
        "new.bin": (None, b"\0new", False),
        "picture.bin": (b"\x00\x01\x02", b"\0given", False),
        "tool": (None, b"no script\n", True),
        "app/views.py": (views, views, True),
    }
    change = Change(
        base_commit=place.commit,
        files=tuple(
            ChangedFile(path=path, before=before, after=after, executable=mode)
            for path, (before, after, mode) in sorted(files.items())
        ),
    )
    with closing(place.open(change)) as session:
        assert session.take().change.digest == change.digest
        session.run("printf '\\0other' >picture.bin; rm new.bin tool; ln -s a.log tool", seconds=20)
        taken = session.take()
        assert {finding.path for finding in taken.findings} == {"picture.bin", "tool"}
        assert taken.change.paths == ("a.log", "app/views.py", "picture.bin", "tool")
        assert {file.path: file.after for file in taken.change.files}["picture.bin"] == b"\0given"


# --- what a model is told works ---------------------------------------------------------------


@pytest.fixture
def equipped(workshop, home):
    """A session whose environment has nothing, beside a gate with every tool."""
    files = {
        "test_one.py": "def test_one():\n    assert 1 == 1\n",
        ".hidden/a.py": "x = 'find me'\n",
    }
    place = Workplace(settings_for("bubblewrap", home, **LIMITS), files)
    session = place.sessions.open(
        replace(place.prepared, environment=workshop.environment()), place.change()
    )
    yield session
    session.close()


def test_a_tool_that_only_the_gate_has_runs_as_a_module_of_the_environments_python(equipped):
    ran = equipped.run("pytest -q test_one.py", seconds=60)
    assert (ran.exit_code, "1 passed" in ran.output) == (0, True), ran.output
    assert equipped.run("python -m mypy --version", seconds=60).exit_code == 0
    # To the code of the repository, the gate's packages are not there.
    assert "No module named" in equipped.run("python -c 'import pytest'", seconds=60).output
    assert equipped.run("python -c 'print(1)'", seconds=60).output == "1\n"


def test_before_an_environment_there_is_the_tree_with_git(place):
    prepared = place.prepared
    opened = OpenedRepository(
        run=prepared.run, checkout=prepared.checkout, contract=prepared.contract
    )
    with closing(place.sessions.open(opened, place.change())) as session:
        ran = session.run("git grep -l class; ls /env 2>&1 | grep -c 'No such'", seconds=20)
        assert ran.output == "app/models.py\n1\n"
