"""What the commands about a repository have in common."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from agent.cli import main, run
from agent.cli.main import app

pytestmark = pytest.mark.usefixtures("commands_home")

#: Each reads the repository that is here, or the one of --repo.
COMMANDS = (("config", "check"), ("run", "--ticket", "ticket.md"))


def called(*args: object):
    return CliRunner().invoke(app, [str(arg) for arg in args])


def plain(text: str) -> str:
    return " ".join(text.replace("│", " ").split())


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ticket.md").write_text("Add a field\n")
    return tmp_path


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_outside_of_a_repository_all_say_the_same(here, command):
    for more in ((), ("--json",)):
        result = called(*command, *more)
        assert (result.exit_code, result.stdout) == (2, "")
        assert f"{here} is not in a git repository" in plain(result.stderr)


@pytest.mark.parametrize(
    ("words", "setting", "problem"),
    [
        (("run", "--ticket", "none.md"), "5", "does not exist"),
        (("run", "--nobody-knows"), "5", "No such option"),
        (("doctor",), "-1", "MERGEWRIGHT_MODEL_USD: input should be greater than 0"),
    ],
)
def test_wrong_arguments_and_settings_are_one_object_for_programs(
    here, monkeypatch, capsys, words, setting, problem
):
    monkeypatch.setenv("MERGEWRIGHT_MODEL_USD", setting)
    monkeypatch.setenv("COLUMNS", "200")
    for asked in (["--json"], []):
        monkeypatch.setattr(sys, "argv", ["mergewright", *words, *asked])
        with pytest.raises(SystemExit) as ended:
            main.main()
        out, err = capsys.readouterr()
        assert ended.value.code == 2
        assert problem in plain(err)
        assert [json.loads(line)["problem"].count(problem) for line in out.splitlines()] == (
            [1] if asked else []
        )


PUBLIC = "https://api.github.com"
OWN = "https://git.shop.example:8443/api/v3"


@pytest.mark.parametrize(
    ("repo", "github_url"),
    [
        ("shop/till", PUBLIC),
        ("https://github.com/shop/till", PUBLIC),
        ("git@git.shop.example:shop/till.git", OWN),
    ],
)
def test_a_repository_is_named_by_itself_or_by_its_address(repo, github_url):
    assert run.read_repository_name(repo, github_url) == "shop/till"


@pytest.mark.parametrize(
    ("repo", "github_url", "ours"),
    [
        ("https://github.com.evil.example/shop/till", PUBLIC, "github.com"),
        ("https://github.com:8443/shop/till", PUBLIC, "github.com"),
        ("https://git.shop.example/shop/till", OWN, "git.shop.example"),
    ],
)
def test_an_address_on_another_server_is_refused_in_words(repo, github_url, ours):
    with pytest.raises(typer.BadParameter) as raised:
        run.read_repository_name(repo, github_url)
    assert ours in raised.value.message
    assert raised.value.param_hint == "--repo"


def test_an_address_is_cloned_for_a_ticket_once(tmp_path, monkeypatch):
    remote, here = tmp_path / "till.git", tmp_path / "here"
    subprocess.run(["git", "init", "--quiet", "--bare", remote], check=True)
    here.mkdir()
    monkeypatch.chdir(here)
    assert run.find_folder(remote.as_uri()) == here / "till"
    assert run.find_folder(remote.as_uri()) == here / "till"
    with pytest.raises(typer.BadParameter):
        run.find_folder((tmp_path / "missing.git").as_uri())
    asked = []
    monkeypatch.setattr(run, "_clone", lambda *given: asked.append(given))
    with pytest.raises(typer.BadParameter):
        run.find_folder("shop/missing")
    assert asked == [("https://github.com/shop/missing", Path("missing"))]
    assert run.find_folder("till") == here / "till"


def test_a_link_is_printed_only_to_a_dashboard_that_answers(commands_home, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
        monkeypatch.setenv("MERGEWRIGHT_DASHBOARD_PORT", str(port))
        assert f":{port}/sign-in/once?code=" in called("dashboard").stdout
    silent = called("dashboard")
    assert f"No dashboard answers at http://127.0.0.1:{port}." in str(silent.exception)
    assert silent.stdout == ""
