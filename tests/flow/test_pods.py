"""`deploy/kubernetes/` carries a ticket: each container as its pod runs it, each on an empty disk."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import cast
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from agent import settings
from agent.telemetry import signature
from tests import postgresql
from tests.chaos.ground import Ground
from tests.chaos.tickets import Tickets
from tests.demo import play
from tests.folders import data_folder
from tests.pods import Pod, read_pod
from tests.processes import find_free_port, wait_until
from tests.simulator import serving
from tests.simulator.world import World

pytestmark = [
    pytest.mark.deep,
    pytest.mark.index,
    pytest.mark.skipif(
        os.geteuid() != 0 or shutil.which("runc") is None, reason="runc, as root, runs the pods"
    ),
]
PORTS = {
    "LISTEN_PORT": "8080", "HEALTH_PORT": "8082", "METRICS_PORT": "9100", "DASHBOARD_PORT": "8081",
}  # fmt: skip


def ask(port: str, path: str) -> int:
    """Return the status of an answer; 0: there is none yet."""
    try:
        return int(urlopen(f"http://127.0.0.1:{port}{path}", timeout=8).status)
    except HTTPError as answer:
        return answer.code
    except OSError:
        return 0


class Cluster:
    """Pods that share a database, on the network of this machine."""

    def __init__(self, folder: Path, configured: dict[str, dict[str, str]]) -> None:
        self._folder, self._given = folder, configured
        self._ports = {name: str(find_free_port()) for name in PORTS}
        self._number = 0
        self._more = {f"MERGEWRIGHT_{name}": port for name, port in self._ports.items()} | {
            name: value for name, value in os.environ.items() if name.startswith(("PIP_", "UV_"))
        }

    @contextmanager
    def start(self, name: str, container: str = "") -> Iterator[subprocess.Popen[str]]:
        self._number += 1
        place = self._folder / f"{name}-{self._number}"
        place.mkdir(mode=0o711)
        spec = read_pod(name)
        of_program = next(
            candidate for candidate in spec["containers"] if candidate["name"] == name
        )
        declared = {str(port["containerPort"]) for port in of_program.get("ports", ())}
        wanted = {key: value for key, value in self._more.items() if self._is_of(key, declared)}
        with Pod(place, spec, self._given).start(container or name, **wanted) as process:
            yield process

    def _is_of(self, name: str, declared: set[str]) -> bool:
        port = PORTS.get(name.removeprefix("MERGEWRIGHT_"))
        return port is None or port in declared

    def finish(self, name: str, container: str = "") -> str:
        """Run what ends by itself; return what it has said."""
        with self.start(name, container) as process:
            output, _ = process.communicate(timeout=240)
        assert process.returncode == 0, output
        return output

    def await_probes(self, name: str, process: subprocess.Popen[str]) -> None:
        (container,) = read_pod(name)["containers"]
        ports = {port["name"]: str(port["containerPort"]) for port in container["ports"]}
        for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
            probe = container[kind]["httpGet"]
            own_port = ports[probe["port"]]
            (at,) = [self._ports[key] for key, port in PORTS.items() if port == own_port]
            wait_until(
                lambda at=at, path=probe["path"]: (
                    process.poll() is not None or ask(at, path) == 200
                ),
                60,
            )
            assert process.poll() is None, process.communicate()[0]

    @property
    def door(self) -> str:
        return f"http://127.0.0.1:{self._ports['LISTEN_PORT']}"


@pytest.fixture
def folder() -> Iterator[Path]:
    with data_folder("pods") as made:
        yield made


def test_a_ticket_is_carried_by_pods_of_which_one_is_lost_with_its_disk(folder: Path):
    world = World(folder / "github")
    with postgresql.serving() as server, serving.running(world):
        configured: dict[str, dict[str, str]] = {
            "limits": {"limits.yml": "all: {usd_per_day: 1}\n"}
        }
        cluster = Cluster(folder, configured)
        app, of_app = play.people_and_app(world, cluster.door, folder)
        world.install(app, play.OWNER)
        address, database = server.create_database(), {}
        database["database"] = address
        public = signature.name_key(signature.load_key(settings.Settings(home=folder)))
        key = (folder / "signing" / "key.pem").read_text()
        secret = Path(of_app["MERGEWRIGHT_WEBHOOK_SECRET_FILE"]).read_text()
        configured["listener"] = database | {"webhook": secret}
        configured["dashboard"] = database | {"mergewright.pub": public}
        configured["worker"] = database | {"github": app.private_key, "signing": key}
        configured["worker-settings"] = {
            "MERGEWRIGHT_GITHUB_URL": of_app["MERGEWRIGHT_GITHUB_URL"],
            "MERGEWRIGHT_GITHUB_APP_ID": of_app["MERGEWRIGHT_GITHUB_APP_ID"],
            "MERGEWRIGHT_LIMITS": "/etc/mergewright/limits.yml",
            "MERGEWRIGHT_LEASE_SECONDS": "5",
            "MERGEWRIGHT_ONBOARDING": "off",
        }

        def ask_database(query: str) -> list[tuple[object, ...]]:
            return server.execute(query, address.rpartition("/")[2])

        assert "The database has all tables" in cluster.finish("tables")
        assert "Ready: this machine can run tickets" in cluster.finish("worker", "doctor")
        with cluster.start("listener") as listener, cluster.start("dashboard") as dashboard:
            cluster.await_probes("listener", listener)
            cluster.await_probes("dashboard", dashboard)
            with cluster.start("worker") as first:
                cluster.await_probes("worker", first)
                ticket = Tickets(cast("Ground", SimpleNamespace(world=world)), folder).label(
                    "small"
                )
                steps = "SELECT count(*) FROM dbos.operation_outputs"
                wait_until(lambda: int(str(ask_database(steps)[0][0])) >= 6, 120)
            assert ask_database("SELECT active FROM runs") == [(True,)]
            with cluster.start("worker") as second:
                cluster.await_probes("worker", second)
                wait_until(lambda: ask_database("SELECT active FROM runs") == [(False,)], 240)
        assert ask_database("SELECT state FROM runs") == [("open",)]
        assert len(ticket.repository.pulls()) == 1


def test_a_right_that_a_worker_pod_lacks_is_said_in_words_of_kubernetes(folder: Path):
    pod = read_pod("worker")
    pod["initContainers"][0]["securityContext"]["capabilities"]["add"].remove("KILL")
    with Pod(folder, pod, {"worker": {"github": "", "database": "", "signing": ""}}).start(
        "doctor", COLUMNS="200"
    ) as process:
        output, _ = process.communicate(timeout=120)
    assert process.returncode == 1
    (line,) = [line for line in output.splitlines() if line.strip().startswith("sandboxes: NO")]
    assert "Root lacks KILL here. Add that to `securityContext.capabilities.add`" in line
