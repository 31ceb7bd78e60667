"""Lock files, exported by the tools that write them and built for real; hostile project files."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
from pathlib import Path

import pytest
import uv

from agent.environments import build, toolsets
from agent.environments import lock_export as export
from agent.environments.package_index import SimpleIndex
from agent.environments.request import EnvironmentRequest
from agent.errors import EnvironmentFailed
from agent.models.sandbox import SANDBOX_GATE, Mount
from agent.sandbox.bubblewrap import BubblewrapSandbox
from tests.folders import lay_files
from tests.integration.environment_building import ensure, local
from tests.unit.environments import local_index

SAMPLES = Path(__file__).parents[1] / "samples" / "locks"
LOCKS = {"poetry": "poetry.lock", "pdm": "pdm.lock", "pipenv": "Pipfile.lock"}


def lay_sample(folder: Path, kind: str) -> Path:
    shutil.copytree(SAMPLES / kind, folder, dirs_exist_ok=True)
    return folder / LOCKS[kind]


@pytest.mark.index
@pytest.mark.deep
@pytest.mark.parametrize("kind", LOCKS)
def test_a_lock_fixes_versions_and_hashes(settings, folder, kind):
    lock = lay_sample(folder, kind)
    said: list[str] = []
    environment = ensure(settings, folder, said=said)
    assert environment.packages == ("iniconfig==2.0.0", "six==1.16.0")
    assert environment.sources == (LOCKS[kind],)
    assert f"{kind} exports {LOCKS[kind]}" in said
    lock.write_text(re.sub(r"sha256:[0-9a-f]{64}", f"sha256:{'0' * 64}", lock.read_text()))
    with pytest.raises(EnvironmentFailed, match="six|iniconfig"):
        ensure(settings, folder)


@pytest.mark.index
@pytest.mark.deep
@pytest.mark.parametrize(("bound", "version"), [(">=1.15", "1.16.0"), (">=1.17", "1.17.0")])
def test_of_a_lock_that_its_tool_refuses_the_versions_are_kept_to(settings, folder, bound, version):
    lay_sample(folder, "poetry")
    project = folder / "pyproject.toml"
    project.write_text(project.read_text().replace('six = "1.16.0"', f'six = "{bound}"'))
    said: list[str] = []
    environment = ensure(settings, folder, said=said)
    assert environment.refused_lock == "poetry.lock"
    assert environment.packages == ("iniconfig==2.0.0", f"six=={version}")
    # The second run knows it, and builds nothing.
    again: list[str] = []
    assert ensure(settings, folder, said=again).key == environment.key
    assert again == ["the environment is from an earlier run"]


@pytest.mark.index
@pytest.mark.deep
def test_projects_of_the_tree_are_installed_and_git_sources_left_out(settings, folder):
    lock = lay_sample(folder, "pipenv")
    lay_files(folder, {"lib/pyproject.toml": '[project]\nname = "lib"\nversion = "1"\n'})
    lay_files(folder, {"lib/lib/__init__.py": ""})
    document = json.loads(lock.read_text())
    document["default"]["lib"] = {"path": "./lib", "editable": True}
    lock.write_text(json.dumps(document))
    assert "lib==1" in ensure(settings, folder).packages
    document["default"]["lib"] = {"git": "https://u:hunter2@example.org/lib", "ref": "0" * 40}
    lock.write_text(json.dumps(document))
    environment = ensure(settings, folder)
    [left] = environment.left_out
    assert (left.startswith("lib: Pipfile.lock: "), "hunter2" in left) == (True, False)
    assert "six==1.16.0" in environment.packages


UV = '[project]\nname = "shop"\nversion = "1"\nrequires-python = ">=3.9"\ndependencies = [{}]\n'


@pytest.fixture
def served():
    with local_index.serving() as index:
        index.add(
            local_index.wheel("direct", "1.0", ("transitive",)),
            local_index.wheel("transitive", "1.0"),
            local_index.wheel("transitive", "2.0"),
            local_index.wheel("checker", "1.0"),
        )
        yield index


@pytest.mark.index
@pytest.mark.deep
def test_a_uv_lock_is_brought_up_to_date_with_what_it_holds_kept(settings, folder, served):
    lay_files(folder, {"pyproject.toml": UV.format('"transitive==1.0"')})
    locking = [uv.find_uv_bin(), "lock", "--quiet", "--default-index", served.url]
    subprocess.run(locking, cwd=folder, check=True)

    def update():
        request = EnvironmentRequest(tree=str(folder), nearest_tag=None)
        given = BubblewrapSandbox(settings), local(settings, served), settings, [].append
        return build.update_lock(request, *given)

    assert update() == {}
    lay_files(folder, {"pyproject.toml": UV.format('"transitive", "checker"')})
    (lock,) = update().values()
    assert b'name = "checker"' in lock
    assert lock.count(b'version = "1.0"') == 2, "what was locked stays"
    lay_files(folder, {"pyproject.toml": UV.format('"transitive", "direct"')})
    elsewhere = re.sub(rb"http://[^/]+", b"https://pypi.org", lock)
    for refused in (elsewhere, b"version = 1\n[[package]]\n"):
        (folder / "uv.lock").write_bytes(refused)
        with pytest.raises(EnvironmentFailed):
            update()


#: What a project file says, and what comes with a change.
_DECLARES = {
    "poetry": ('[tool.poetry.dependencies]\npython = ">=3.9"\n', 'attrs = "*"\n'),
    "pdm": ("dependencies = [", '"attrs", '),
    "pipenv": ("[packages]\n", 'attrs = "*"\n'),
}


@pytest.mark.index
@pytest.mark.deep
@pytest.mark.parametrize("kind", LOCKS)
def test_other_locks_are_brought_up_to_date_by_their_own_tools(settings, folder, kind):
    lock = lay_sample(folder, kind)
    project = folder / ("Pipfile" if kind == "pipenv" else "pyproject.toml")
    before, new = _DECLARES[kind]
    text = project.read_text()
    assert before in text
    text = text.replace(before, before + new)
    if kind == "poetry":
        # What it asks of pypi.org itself is more than a simple index has.
        url = SimpleIndex(settings).url.rstrip("/")
        text += f'[[tool.poetry.source]]\nname = "main"\nurl = "{url}"\npriority = "primary"\n'
        source = f'\\1[package.source]\ntype = "legacy"\nurl = "{url}"\nreference = "main"\n'
        lock.write_text(
            re.sub(
                r"(^files = \[\n.*?^\]\n)", source, lock.read_text(), flags=re.MULTILINE | re.DOTALL
            )
        )
    project.write_text(text)
    request = EnvironmentRequest(tree=str(folder), nearest_tag=None)
    given = BubblewrapSandbox(settings), SimpleIndex(settings), settings, [].append
    (content,) = build.update_lock(request, *given).values()
    assert b"attrs" in content
    assert b"six" in content
    lock.write_bytes(content)
    assert any(one.startswith("attrs==") for one in ensure(settings, folder).packages)


#: What code sees that an exporter is led to run, by whichever trick.
_LOOK = """
import json, os, pathlib, socket
seen = {"files": sorted(str(p) for p in pathlib.Path("/work").rglob("*") if p.is_file())}
seen["environ"] = dict(os.environ)
def attempt(name, call):
    try:
        seen[name] = repr(call())
    except OSError as problem:
        seen[name] = None
attempt("secret", lambda: open(PLACE).read())
attempt("tools", lambda: open("/env/planted", "w"))
attempt("ours", lambda: open("/mergewright/planted", "w"))
attempt("network", lambda: socket.create_connection(("127.0.0.1", PORT), 2))
print(json.dumps(seen))
"""


@pytest.mark.index
@pytest.mark.deep
def test_a_lock_of_a_workspace_knows_members_that_come_with_the_change(settings, folder, served):
    root = '[project]\nname = "shop"\nversion = "1.0"\nrequires-python = ">=3.9"\n'
    root += 'dependencies = ["till"]\n\n[tool.uv.workspace]\nmembers = ["parts/*"]\n\n'
    root += "[tool.uv.sources]\ntill = { workspace = true }\n"
    member = '[project]\nname = "{}"\nversion = "1.0"\nrequires-python = ">=3.9"\n'
    files = {"pyproject.toml": root, "parts/till/pyproject.toml": member.format("till")}
    lay_files(folder, files)
    locking = [uv.find_uv_bin(), "lock", "--quiet", "--default-index", served.url]
    subprocess.run(locking, cwd=folder, check=True)
    lay_files(folder, {"parts/bank/pyproject.toml": member.format("bank")})
    request = EnvironmentRequest(tree=str(folder))
    given = BubblewrapSandbox(settings), local(settings, served), settings, [].append
    (lock,) = build.update_lock(request, *given).values()
    assert b'name = "bank"' in lock


@pytest.mark.index
def test_what_an_exporter_is_led_to_run_sees_project_file_and_lock_alone(
    settings, folder, monkeypatch
):
    monkeypatch.setenv("GITHUB_TOKEN", "hunter2")
    lay_sample(folder, "poetry")
    lay_files(folder, {"settings.py": "SECRET_KEY = 'hunter2'", ".git/config": "hunter2"})
    secret = folder.parent / "host-secret"
    secret.write_text("hunter2")
    secret.chmod(0o644)
    prepared = build.prepare_build(
        EnvironmentRequest(tree=str(folder)), BubblewrapSandbox(settings),
        SimpleIndex(settings), settings, lambda _: None,
    )  # fmt: skip
    lock, build_context = prepared.declaration.lock, prepared.build_context
    assert lock is not None
    with socket.create_server(("127.0.0.1", 0)) as server:
        look = _LOOK.replace("PLACE", repr(str(secret)))
        look = look.replace("PORT", str(server.getsockname()[1]))
        gate = toolsets.locate_tools(toolsets.GATE, build_context) / "venv"
        mounts = (
            Mount(source=str(gate), target=SANDBOX_GATE),
            Mount(source=str(gate), target="/env"),
        )
        command = (f"{SANDBOX_GATE}/bin/python", "-I", "-c", look)
        result = export._run_in_sandbox(lock, build_context, mounts, command)
    seen = json.loads(result.files[export._PINS])
    assert seen["files"] == ["/work/poetry.lock", "/work/pyproject.toml"]
    assert "hunter2" not in json.dumps(seen)
    assert [seen[name] for name in ("secret", "tools", "ours", "network")] == [None] * 4
