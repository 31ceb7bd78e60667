"""Set-up commands in real sandboxes: what they may reach, and what of it lies under checks."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from agent.errors import EnvironmentFailed, IndexUnavailable
from agent.models.environment import Environment, Interpreter
from agent.models.record import replace
from agent.models.sandbox import Sandbox, SandboxLimits, SandboxResult
from agent.settings import Settings
from agent.setup import sandbox_requests, sandbox_services, setup_commands, storage
from agent.setup.build_context import BuildContext
from agent.setup.package_index import PackageIndex
from agent.setup.request import EnvironmentRequest
from repo_config.schema import RepoConfig
from tests.folders import lay_files
from tests.integration.session_samples import Workplace, paths
from tests.unit.setup import local_index
from tests.unit.trees import make_environment

FILES = {"app/views.py": "x = 1\n", "package.json": "{}\n", "secret.txt": "of the tree\n"}
ASK = """
import os, urllib.request
for url in (os.environ.get("PIP_INDEX_URL", "http://127.0.0.1:9/"), "http://example.org/"):
    try:
        print(urllib.request.urlopen(url + "pip/", timeout=5).status)
    except OSError as problem:
        print(getattr(problem, "code", "unreachable"))
"""


class Yard:
    """A tree, an environment of a few files, and sandboxes of one kind."""

    def __init__(self, sandbox: Sandbox, home: Path, index_url: str) -> None:
        self.sandbox, self.settings = sandbox, Settings(home=home)
        self.index = PackageIndex({"UV_DEFAULT_INDEX": index_url})
        self.tree = lay_files(home / "tree", FILES)
        venv = lay_files(
            home / "environments" / "ready" / "env" / "venv", {"pyvenv.cfg": "home = x\n"}
        )
        (venv / "bin").mkdir()
        (venv / "bin" / "python").symlink_to("/usr/bin/python3")
        gate = home / "gate"
        gate.mkdir()
        scripts = str(storage.provide_scripts(self.settings))
        self.environment = make_environment(
            key="env", path=str(venv), gate_path=str(gate), scripts_path=scripts
        )
        self.said: list[str] = []

    def context(self) -> BuildContext:
        python = Interpreter(version="3.11.2", path="/usr/bin/python3")
        return BuildContext(self.sandbox, self.index, self.settings, python, self.said.append)

    def set_up(self, *commands: Any, base: Environment | None = None) -> Environment:
        build_context = self.context()
        config = RepoConfig(env={"GREETING": "hello"}, setup=commands)
        asked = EnvironmentRequest(repository="r", tree=str(self.tree), config=config, base=base)
        plain = replace(base or self.environment, layers=(), sources=commands)
        return setup_commands.provide_layer(asked, plain, build_context)

    def run(self, environment: Environment, script: str) -> SandboxResult:
        limits = SandboxLimits(seconds=60)
        order = sandbox_requests.make_request(
            environment, self.tree, ("bash", "-c", script), environ={}, limits=limits,
            collect=("/work/*", "/work/data/*"),
        )  # fmt: skip
        services = environment.services
        return self.sandbox.run(sandbox_services.add_services(order, services))


@pytest.fixture
def yard(sandbox: Sandbox, home: Path) -> Iterator[Yard]:
    with local_index.serving() as served:
        served.add(local_index.wheel("pip", "1.0"))
        yield Yard(sandbox, home, served.url)


def test_what_commands_add_lies_under_every_check_and_what_they_alter_does_not(yard: Yard) -> None:
    made = yard.set_up(
        "mkdir -p data/deep; echo $GREETING >data/made.txt; ln -s made.txt data/link",
        "echo 'x = 2' >app/views.py; rm secret.txt; echo new >app/new.txt; touch package.json",
        "cat data/made.txt >~/seen; echo y >/env/lib.txt; mkfifo data/pipe",
    )
    assert any(line.endswith(": app/views.py") for line in yard.said)
    shown = yard.run(
        made,
        "cat data/link app/* ~/seen /env/lib.txt secret.txt; ls data; echo more >>data/made.txt;"
        " echo own >own.txt; touch /env/x 2>/dev/null || echo read-only",
    )
    assert shown.output.splitlines() == [
        "hello", "new", "x = 1", "hello", "y", "of the tree", "deep", "link", "made.txt",
        "read-only",
    ]  # fmt: skip
    assert sorted(shown.files) == ["/work/data/made.txt", "/work/own.txt"]
    assert not Path(yard.environment.path, "lib.txt").exists()


def test_uv_takes_the_chosen_python_and_no_other_that_a_file_names(yard: Yard) -> None:
    made = yard.set_up("echo 3.99 >.python-version; uv venv /tmp/v && touch found.txt")
    assert yard.run(made, "ls found.txt").exit_code == 0


def test_what_commands_write_to_the_database_is_there_for_every_check_on_their_tree(
    yard: Yard,
) -> None:
    config = RepoConfig(services=("postgres",))
    services, _ = sandbox_services.provide_services(config, yard.context())
    yard.environment = replace(yard.environment, services=services)
    psql = "psql -qtAU postgres -h 127.0.0.1"
    look = f"{psql} -c 'SELECT n FROM kept'"
    made = yard.set_up(f"{psql} -c 'CREATE TABLE kept (n int)' -c 'INSERT INTO kept VALUES (7)'")
    assert yard.run(made, look).output == "7\n"
    lay_files(yard.tree, {"package.json": "{ }\n"})
    create = f"{psql} -c 'CREATE TABLE kept (n int)' -c 'INSERT INTO kept VALUES (8)'"
    changed = yard.set_up(create, base=replace(made, services=services))
    assert changed.layers != made.layers
    assert yard.run(changed, look).output == "8\n"


def test_a_command_that_fails_is_named_with_its_line_and_last_words(yard: Yard) -> None:
    written = "setup:\n  - 'true'\n  - echo last words; false | cat\n"
    lay_files(yard.tree, {".github/mergewright.yml": written})
    with pytest.raises(EnvironmentFailed) as caught:
        yard.set_up("true", "echo last words; false | cat")
    said = caught.value.message
    assert "`echo last words; false | cat` ended with exit code 1" in said
    assert said.splitlines()[-1] == "last words"
    small = replace(yard.settings, sandbox_disk_mb=4)
    yard.settings = small
    with pytest.raises(EnvironmentFailed, match="disk limit"):
        yard.set_up("head -c 64M /dev/zero >zeros; sleep 5")


def test_commands_reach_package_indexes_and_no_other_host(yard: Yard) -> None:
    made = yard.set_up(f"/usr/bin/python3 -c '{ASK}' >~/asked; ls >~/files")
    assert yard.run(made, "cat ~/asked").output.split() == ["200", "403"]
    assert "secret.txt" in yard.run(made, "cat ~/files").output
    assert [line for line in made.left_out if "example.org" in line]
    assert any("example.org" in line for line in yard.said)


def test_what_commands_do_not_read_has_no_say_in_what_they_make(yard: Yard) -> None:
    made = yard.set_up("cat package.json >made.txt; ls app >listed.txt; touch run-$RANDOM")
    lay_files(yard.tree, {"app/views.py": "x = 5\n", "secret.txt": "other\n"})
    assert yard.set_up("cat package.json >made.txt; ls app >listed.txt; touch run-$RANDOM") == made
    assert yard.said[-1].startswith("set-up done")
    for changed in ({"package.json": "{ }\n"}, {"app/more.py": ""}):
        lay_files(yard.tree, changed)
        again = yard.set_up("cat package.json >made.txt; ls app >listed.txt; touch run-$RANDOM")
        assert again.layers != made.layers
        made = again


def test_what_needs_no_package_needs_no_index(yard: Yard) -> None:
    yard.index = PackageIndex({"UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple/"})
    assert yard.run(yard.set_up("echo made >made.txt"), "cat made.txt").output == "made\n"


def test_a_command_that_fails_behind_a_refused_host_has_the_host_named(yard: Yard) -> None:
    with pytest.raises(EnvironmentFailed) as caught:
        yard.set_up(f"/usr/bin/python3 -c '{ASK}'; false")
    assert "example.org" in caught.value.message
    assert "MERGEWRIGHT_ALLOW_HOSTS" in caught.value.message


def test_a_command_that_fails_while_an_index_is_down_is_no_fault_of_the_repository(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    with pytest.raises(IndexUnavailable, match="ended with exit code 3"):
        yard.set_up(f"python3 -c '{ASK}'; exit 3")
    with pytest.raises(EnvironmentFailed, match="ended with exit code 3"):
        yard.set_up(f"python3 -c '{ASK}'", "exit 3")


def test_what_the_code_of_a_change_sets_up_is_for_that_change_alone(yard: Yard) -> None:
    command = (
        "cat package.json >made; cp made ~/x; cp made /env/x;"
        " mkdir large; (cd large; seq 2100 | xargs touch)"
    )
    base = yard.set_up(command)
    lay_files(yard.tree, {"package.json": "{'of': 'change'}\n"})
    changed = yard.set_up(command, base=base)
    assert yard.set_up(command, base=base) == changed
    lay_files(yard.tree, {"app/views.py": "x = 5\n"})
    again = yard.set_up(command, base=base)
    assert again.layers != changed.layers, "what it says of its reading does not count"
    shown = yard.run(changed, "cat made ~/x /env/x; ls large | wc -l")
    assert shown.output.splitlines() == ["{'of': 'change'}"] * 3 + ["2100"]
    lay_files(yard.tree, {"package.json": "{}\n"})
    assert yard.set_up(command, base=base) == base


def test_commands_find_no_secret_and_nothing_of_this_machine(yard: Yard, home: Path) -> None:
    other = lay_files(home / "environments" / "ready" / "setup-other", {"tree/theirs": "private"})
    (home / "key").write_text("private")
    hunt = f"cat {home}/key {other}/tree/theirs /etc/shadow /root/.bashrc 2>/dev/null; env"
    lead = f"ln -s {home}/key key; ln -s {home} ~/all; ln -s {home} /env/all; ln -s / slash"
    made = yard.set_up(f"({hunt}) >found || true", f"{lead}; mkdir .git; echo x >.git/x")
    look = "cat found key ~/all/key slash/../key 2>/dev/null; test -e .git || echo no git"
    shown = yard.run(made, look).output
    assert "private" not in shown
    assert shown.splitlines()[-1] == "no git"
    assert not any("TOKEN" in line or "MERGEWRIGHT" in line for line in shown.splitlines())
    assert not Path(made.path, "all").is_symlink()


def test_a_large_folder_is_under_sandboxes_and_sessions_as_if_it_were_theirs(
    yard: Yard, place: Workplace
) -> None:
    command = "mkdir -p lib/deep; seq 3000 | (cd lib/deep; xargs touch); echo x >lib/deep/1"
    made = yard.set_up(command)
    assert [layer.bulk for layer in made.layers] == [("lib",)]
    script = "ls lib/deep | wc -l; cat lib/deep/1; touch lib/new && ls lib; echo y >own.txt"
    shown = yard.run(made, script)
    assert shown.output.splitlines() == ["3000", "x", "deep", "new"]
    assert list(shown.files) == ["/work/own.txt"]
    environment = replace(place.prepared.environment, layers=made.layers)
    place.prepared = replace(place.prepared, environment=environment)
    with closing(place.open()) as session:
        assert session.run(script, seconds=20).output.splitlines() == ["3000", "x", "deep", "new"]
        assert paths(session.take().change) == {"own.txt": "added"}
