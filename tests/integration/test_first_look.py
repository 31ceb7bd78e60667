"""What would stop every run is found before a model is asked for anything."""

import shutil
import signal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agent.cli.main import app
from tests import scripted
from tests.scripted import Said


@pytest.fixture
def server(monkeypatch, home):
    """A model that counts its requests."""
    with scripted.serving(lambda seen: Said("Done.")) as server:
        for name, value in {**server.environ(), "MERGEWRIGHT_HOME": str(home)}.items():
            monkeypatch.setenv(name, value)
        yield server
        assert server.requests == []


@pytest.fixture
def signals():
    """Commands in a process of their own answer signals themselves."""
    numbers = signal.SIGTERM, signal.SIGINT, signal.SIGHUP
    handlers = {number: signal.getsignal(number) for number in numbers}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("server", "signals")
@pytest.mark.parametrize(
    ("command", "cause"),
    [
        ("run", "no sandbox"), ("run", "no space"), ("run", "no key"),
        ("backtest", "no sandbox"), ("work", "no key"),
    ],
)  # fmt: skip
def test_a_command_says_what_the_operator_has_to_do_and_asks_no_model(
    command, cause, repository, tmp_path, monkeypatch, request
):
    if cause == "no sandbox":
        (tmp_path / "bin").mkdir()
        for program in ("git", "env"):
            (tmp_path / "bin" / program).symlink_to(shutil.which(program))
        monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    elif cause == "no space":
        disk: Path = request.getfixturevalue("small_disk")(4)
        monkeypatch.setenv("MERGEWRIGHT_HOME", str(disk))
    else:
        monkeypatch.delenv("OPENAI_BASE_URL")
        monkeypatch.delenv("OPENAI_API_KEY")
    monkeypatch.setattr("agent.cli.serve._require_access", lambda _: None)
    monkeypatch.setattr("agent.wiring.make_access", lambda *_: None)
    (tmp_path / "ticket.md").write_text("The page is slow.")
    place = str(repository)
    words = {
        "run": ["run", "--repo", place, "--ticket", str(tmp_path / "ticket.md"), "--json"],
        "backtest": ["backtest", "--repo", place, "--commits", "HEAD"],
        "work": ["work"],
    }[command]
    done = CliRunner().invoke(app, words)
    said = {
        "no sandbox": "apt-get install bubblewrap",
        "no space": "Free some space",
        "no key": "OPENAI_API_KEY is not set",
    }[cause]
    assert said in (done.output or str(done.exception))
    assert done.exit_code
