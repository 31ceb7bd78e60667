"""What only the bubblewrap sandbox has: its own ways of failing, and limits where there are no groups."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.errors import SandboxLost, SandboxMissing
from agent.models.sandbox import Mount, SandboxRequest, SandboxResult
from agent.sandbox import bwrap_arguments, cgroup, limit_probes, running
from agent.sandbox.bubblewrap import BubblewrapSandbox
from agent.settings import Settings
from tests.sandboxes import MIB, SMALL, code, shell

FORK_BOMB = """
import os
while True:
    try:
        os.fork()
    except OSError:
        pass
"""


def test_forbidden_namespaces_are_explained(home, monkeypatch):
    """A sandbox forbids further namespaces, so a bubblewrap in it meets just that."""
    sandbox = BubblewrapSandbox(Settings(home=home))
    order = SandboxRequest(argv=("/usr/bin/bwrap", "--ro-bind", "/", "/", "true"), limits=SMALL)
    result = sandbox.run(order)
    assert result.exit_code not in (0, 127), result.output
    explained = bwrap_arguments.explain_failure(result.output)
    assert explained is not None
    assert "namespaces" in explained
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    assert "worker.yaml" in bwrap_arguments.explain_failure(result.output)
    assert bwrap_arguments.explain_failure("bwrap: Can't find source path /x: No such file") is None


def test_a_failure_of_bubblewrap_is_never_the_exit_code_of_the_command(home):
    sandbox = BubblewrapSandbox(Settings(home=home))
    (home / "file").touch()
    mount = Mount(source=str(home / "file"), target="/usr/not-there/file")
    with pytest.raises(SandboxLost, match="did not start: bwrap: "):
        sandbox.run(SandboxRequest(argv=("true",), mounts=(mount,), limits=SMALL))


def test_without_cgroups_limits_hold_by_sampling(home, monkeypatch):
    monkeypatch.setattr(cgroup, "_find_parents", lambda root: {})
    sandbox = BubblewrapSandbox(Settings(home=home))
    all_together = sandbox.run(shell(limit_probes.HOGS, memory_bytes=128 * MIB))
    assert (all_together.limit, all_together.exit_code) == ("memory", None)
    bomb = sandbox.run(code(FORK_BOMB))
    assert (bomb.limit, bomb.exit_code) == ("processes", None)


def test_cgroup_version_2_is_set_up_and_read_as_the_kernel_documents_it(tmp_path):
    for folder in (tmp_path, tmp_path / "mergewright"):
        folder.mkdir(exist_ok=True)
        (folder / "cgroup.subtree_control").write_text("memory pids")
    (tmp_path / "cgroup.controllers").write_text("memory pids")
    made = tmp_path / "mergewright" / "one"
    made.mkdir()
    (made / "memory.max").write_text("max")  # the kernel's own; a plain folder has none
    group = cgroup.Cgroup(dict.fromkeys(("memory", "pids"), made))
    cgroup._set_limits(made, "memory", 1000, 7)
    cgroup._set_limits(made, "pids", 1000, 7)
    assert (made / "memory.max").read_text() == "1000"
    assert (made / "memory.swap.max").read_text() == "0"
    assert (made / "pids.max").read_text() == "7"
    assert cgroup.list_names("on", tmp_path) == {"one"}
    assert group.find_reached_limit() is None
    (made / "pids.events").write_text("max 1\n")
    assert group.find_reached_limit() == "processes"
    (made / "memory.events").write_text("low 0\nhigh 0\nmax 3\noom 1\noom_kill 1\n")
    assert group.find_reached_limit() == "memory"


def _as_user(uid: int, work: Callable[[], str]) -> str:
    """Do something as a user who is not root; the modules are loaded already."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            os.write(writing, work().encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        answer = file.read()
    os.waitpid(pid, 0)
    return answer.decode()


def test_a_user_who_is_not_root_has_the_same_sandboxes(home):
    if os.geteuid() != 0:
        pytest.skip("every other test here runs as such a user")
    if any(not folder.stat().st_mode & 0o001 for folder in Path(__file__).resolve().parents):
        pytest.skip("this checkout lies where another user cannot read our own code")
    own = home / "user"
    own.mkdir()
    os.chown(own, 64_321, 64_321)
    sandbox = BubblewrapSandbox(Settings(home=own))

    def measured() -> str:
        return json.dumps(limit_probes.probe_limits(sandbox, Settings(home=own)))

    lines = json.loads(_as_user(64_321, measured))
    assert [line["limit"] for line in lines if line["required"] and not line["enforced"]] == []
    assert len(lines) > 15

    def ran(order: SandboxRequest) -> SandboxResult:
        text = _as_user(64_321, lambda: sandbox.run(order).model_dump_json())
        return SandboxResult.model_validate_json(text)

    result = ran(code("import os; print(os.getuid(), flush=True); os._exit(5)"))
    assert (result.exit_code, result.output) == (5, "1000\n")


FAKES = {
    "hangs": "#!/bin/sh\nexec sleep 300\n",
    "dies": "#!/bin/sh\nexit 0\n",
    "is too old": "#!/bin/sh\necho bwrap: Unknown option --disable-userns >&2\nexit 1\n",
}


@pytest.mark.parametrize("kind", ["missing", "is too old", "dies"])
def test_PF7_a_sandbox_program_that_does_not_work_is_no_result_and_runs_nothing_here(
    kind, home, tmp_path, monkeypatch
):
    tools, mark = tmp_path / "bin", tmp_path / "ran"
    tools.mkdir()
    if kind != "missing":
        (tools / "bwrap").write_text(FAKES[kind])
        (tools / "bwrap").chmod(0o755)
        tmp_path.chmod(0o755)
    monkeypatch.setenv("PATH", str(tools))
    order = SandboxRequest(argv=("/usr/bin/touch", str(mark)))
    with pytest.raises((SandboxMissing, SandboxLost)):
        BubblewrapSandbox(Settings(home=home)).run(order)
    assert not mark.exists()


def test_PF7_a_sandbox_that_hangs_while_it_is_opened_is_taken_down(home, monkeypatch):
    tools = home / "bin"
    tools.mkdir(mode=0o755)
    (tools / "bwrap").write_text(FAKES["hangs"])
    (tools / "bwrap").chmod(0o755)
    monkeypatch.setattr(running, "_OPENING_SECONDS", 1.0)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    with pytest.raises((SandboxMissing, SandboxLost)):
        BubblewrapSandbox(Settings(home=home)).run(SandboxRequest(argv=("/bin/true",)))
