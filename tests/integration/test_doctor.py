"""`doctor`: green where every wall stands, red as soon as one is taken away."""

from collections.abc import Callable
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from agent import settings, wiring
from agent.cli import doctor
from agent.errors import ModelUnusable, SettingsInvalid
from agent.models.record import replace
from agent.models.sandbox import SandboxRequest
from agent.sandbox import bwrap_arguments, limit_probes
from agent.settings import Settings
from agent.telemetry import signature
from tests import scripted
from tests.sandboxes import has_group
from tests.scripted import Fault, Said
from tests.scripted.faults import KEY

REQUIRED = {
    "read-only root", "source tree", "no network", "no privileges", "own namespaces",
    "no new namespaces", "runner not reachable", "clean environment", "own processes only",
    "unprivileged user", "processes", "memory of a process", "memory of the sandbox", "time",
    "disk space of /tmp", "disk space of /work", "disk space of /home/sandbox", "disk space of /out", "disk space of /dev/shm",
    "number of files", "output", "returned files", "proof of completion",
}  # fmt: skip
OPTIONAL = {
    "own user ids": {"bubblewrap"},
    "kernel call filter": {"bubblewrap", "docker"},
    "own root file system": {"docker"},
}


def test_every_limit_of_a_kind_holds(sandbox, backend, home):
    measures = limit_probes.probe_limits(sandbox, Settings(home=home))
    assert {line["limit"] for line in measures if line["required"]} == REQUIRED
    assert all(line["enforced"] for line in measures if line["required"]), measures
    assert all(line["detail"] for line in measures)
    optional = {line["limit"]: line["enforced"] for line in measures if not line["required"]}
    wanted = {limit: backend in kinds for limit, kinds in OPTIONAL.items()}
    assert optional == wanted | {"enforced by the kernel": has_group(backend)}
    assert [path.name for path in home.iterdir()] == ["sandboxes"]


Arguments = Callable[[list[str], SandboxRequest], None]


@pytest.fixture
def weaken(monkeypatch):
    """Change the walls of every sandbox at the last moment."""

    def weakened(change: Arguments) -> None:
        build = bwrap_arguments.build_arguments

        def build_weak(order: SandboxRequest, *given: Any, **more: Any) -> list[str]:
            args = build(order, *given, **more)
            change(args, order)
            return args

        monkeypatch.setattr(bwrap_arguments, "build_arguments", build_weak)

    return weakened


def drop(*words: str, give: tuple[str, ...] = ()) -> Arguments:
    """Remove these arguments, or replace them."""

    def change(args: list[str], order: SandboxRequest) -> None:
        at = next(n for n in range(len(args)) if tuple(args[n : n + len(words)]) == words)
        args[at : at + len(words)] = give

    return change


app = typer.Typer()
app.command()(doctor.doctor)


@pytest.fixture(autouse=True)
def _environment(home, monkeypatch):
    monkeypatch.setenv("MERGEWRIGHT_HOME", str(home))


@pytest.mark.index
def test_what_is_needed_is_told(monkeypatch, tmp_path):
    result = CliRunner().invoke(app, [])
    assert result.exit_code == 0, result.output
    said = " ".join(result.output.split())
    assert "no network: yes" in said
    assert "package indexes: yes; reachable through the gateway" in said
    assert said.endswith("Ready: this machine can run tickets.")

    monkeypatch.setenv("PATH", str(tmp_path))
    result = CliRunner().invoke(app, [])
    assert result.exit_code == 1
    said = " ".join(result.output.split())
    assert "apt-get install bubblewrap" in said
    assert said.endswith("Missing: sandboxes, git. No ticket can run on this machine.")


def test_walls_that_are_taken_away_are_named_as_the_reason_to_refuse(home, weaken):
    weaken(drop("--unshare-net"))
    weaken(drop("--cap-drop", "ALL", give=("--cap-add", "CAP_NET_RAW")))
    broken = [row.name for row in doctor.examine(Settings(home=home)) if not row.sound]
    assert broken[:3] == ["no network", "no privileges", "own namespaces"]


def test_a_worker_of_a_fleet_needs_a_key_that_it_is_given(tmp_path):
    given = Settings(home=tmp_path, database_url="postgresql+psycopg://db.example.org/mergewright")
    with pytest.raises(SettingsInvalid, match="MERGEWRIGHT_SIGNING_KEY_FILE"):
        doctor.check_signing(given)
    made = signature.name_key(signature.load_key(given))
    shared = replace(given, signing_key=tmp_path / "signing" / "key.pem")
    assert doctor.check_signing(shared) == f"public key {made}"


def load(home, **environ):
    return settings.load_settings({"MERGEWRIGHT_HOME": str(home), **environ})


def test_a_model_of_which_nothing_bounds_the_cost_is_refused_by_name(tmp_path):
    for field in ("MERGEWRIGHT_MODEL", "MERGEWRIGHT_MODEL_REVIEWER"):
        given = {"MERGEWRIGHT_MODEL": "openai-chat:gpt-4o", field: "openai-chat:nobody-knows-this"}
        loaded = load(tmp_path, **given)
        problems = " ".join(row.detail for row in doctor.list_models(loaded) if not row.sound)
        assert "nobody-knows-this has no known price" in problems
        with pytest.raises(ModelUnusable, match="nobody-knows-this has no known price"):
            wiring.make_models(loaded)
        assert wiring.make_models(replace(loaded, model_tokens=1000)) is not None


def test_each_model_is_asked_for_one_word_where_that_is_wanted(tmp_path, monkeypatch):
    def answer(seen):
        return Fault(status=401, code="invalid_api_key") if seen.model == "bad" else Said("ready")

    with scripted.serving(answer) as server:
        for name, value in server.environ().items():
            monkeypatch.setenv(name, value)
        environ = server.environ() | {"MERGEWRIGHT_MODEL": "openai-chat:good,openai-chat:bad"}
        loaded = load(tmp_path, **environ)
        assert all(row.sound for row in doctor.list_models(loaded))
        assert server.requests == []
        good, bad, *_ = rows = doctor.list_models(loaded, ask=True)
    assert (good.sound, bad.sound) == (True, False)
    assert all(fact in bad.detail for fact in ("401", "invalid_api_key", "OPENAI_API_KEY"))
    assert [request.model for request in server.requests] == ["good", "bad"]
    assert KEY not in str(rows)
