"""Where attacks take place: an operator, a canary, a sandbox that is watched, and the control."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

from agent.models.record import replace
from agent.models.sandbox import Flag, Hear, Root, Sandbox, SandboxRequest, SandboxResult
from tests.attacks import listeners, planted
from tests.attacks.listeners import Canary
from tests.attacks.planted import Operator

PAYLOAD = (Path(__file__).parent / "payload.py").read_text()
EVIDENCE = "/tmp/attacked/*"
#: Metadata services of clouds, a private network, the documentation's own network.
BEYOND = ("169.254.169.254", "10.0.0.1", "192.0.2.1")
ENGINES = (
    "/var/run/docker.sock", "/run/docker.sock", "/run/podman/podman.sock",
    "/run/containerd/containerd.sock", "/run/dbus/system_bus_socket", "/run/systemd/private",
)  # fmt: skip


@dataclass
class Ground:
    """One operator's machine, as far as a test has it."""

    folder: Path
    operator: Operator
    canary: Canary
    aim: dict[str, Any] = field(default_factory=dict)

    def payload(self, label: str) -> str:
        head, sep, body = PAYLOAD.partition("from __future__ import annotations\n")
        header = f"\nLABEL, AIM = {label!r}, {self.aim!r}\n"
        return f"{head}{sep}{header}{body}"

    def watched(self) -> tuple[Path, ...]:
        return (self.operator.home, self.folder / "neighbour", self.folder / "mirror")

    def leaks(self, *texts: str | bytes) -> set[str]:
        """Name the slots whose secret stands in one of the texts, or was heard."""
        leaked = planted.leaked(self.operator.secrets.values(), self.canary.words())
        for text in texts:
            raw = text.encode(errors="replace") if isinstance(text, str) else text
            leaked |= planted.leaked(self.operator.secrets.values(), raw)
        return {slot for slot, secret in self.operator.secrets.items() if secret in leaked}


@contextmanager
def opened(folder: Path) -> Iterator[Ground]:
    """Prepare a machine: operator, mirror, a neighbour's environment, listeners."""
    folder.mkdir()
    folder.chmod(0o755)
    with listeners.listening(folder / "canary") as canary:
        home = folder / "operator"
        home.mkdir()
        ground = Ground(folder, planted.operator(home), canary)
        spoil = [home / ".gitconfig", home / ".netrc"]
        for path, text in {
            "mirror/config": "[core]\n\tbare = true\n",
            "mirror/hooks/post-checkout": "#!/bin/sh\n",
            "neighbour/lib/package.py": "value = 1\n",
        }.items():
            place = folder / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
            spoil.append(place)
        for place in folder.rglob("*"):
            if canary.folder not in (place, *place.parents):
                place.chmod(0o777 if place.is_dir() else 0o666)
        plant = [home, folder / "mirror" / "hooks", folder / "neighbour" / "lib"]
        ground.aim = {
            **canary.aim(),
            "folders": [str(home), "/root", "/proc/1/root/root", "/home/sandbox"],
            "beyond": list(BEYOND),
            "names": ["canary.invalid", "pypi.org"],
            "engines": list(ENGINES),
            "spoil": [str(place) for place in spoil],
            "plant": [
                *map(str, plant), "/", "/usr", "/usr/bin", "/etc", "/sandbox", "/src", "/env",
                "/env/bin", "/gate", "/gate/bin", "/mergewright", "/dev", "/var/tmp",
            ],
            "open": [*planted.OF_THE_SYSTEM, "/env/pyvenv.cfg", "/sandbox/runner.py", "/dev/mem"],
        }  # fmt: skip
        yield ground


class Witness:
    """The sandbox under attack; takes the payload's evidence out of every sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._lock = Lock()
        self.evidence: list[dict[str, Any]] = []
        self.printed: list[str] = []
        self.orders: list[SandboxRequest] = []

    def run(
        self, order: SandboxRequest, cancelled: Flag | None = None, hear: Hear | None = None
    ) -> SandboxResult:
        request = replace(order, collect=(*order.collect, EVIDENCE))
        result = self._sandbox.run(request, cancelled, hear)
        ours = {path for path in result.files if path.startswith("/tmp/attacked/")}
        with self._lock:
            self.orders.append(order)
            self.printed.append(result.output)
            self.evidence += [json.loads(result.files[path]) for path in sorted(ours)]
        kept = {path: content for path, content in result.files.items() if path not in ours}
        return replace(result, files=kept)

    def roots(self) -> tuple[Root, ...]:
        return self._sandbox.roots()

    def ordered(self) -> list[str]:
        return [
            repr((order.argv, order.environ, [file.content for file in order.files]))
            for order in self.orders
        ]

    def labels(self) -> set[str]:
        return {record["label"] for record in self.evidence}

    def achieved(self) -> set[str]:
        loot = {
            f"{record['label']} found {secret}"
            for record in self.evidence
            for secret in record["loot"]
        }
        done = {f"{record['label']}: {deed}" for record in self.evidence for deed in record["done"]}
        return loot | done


def bare(ground: Ground) -> dict[str, Any]:
    """Run the payload as the operator would by accident: on the host, with all there is.

    What it plants and spoils below the ground's folder stays; it only opens what is the system's.
    """
    aim = {
        **ground.aim,
        "folders": [str(ground.operator.home)],
        "beyond": [],
        "names": [],
        "engines": [],
        "plant": [place for place in ground.aim["plant"] if place.startswith(str(ground.folder))],
        "open": list(planted.OF_THE_SYSTEM),
    }
    control = Ground(ground.folder, ground.operator, ground.canary, aim)
    place = ground.folder / "control.py"
    place.write_text(control.payload("control"))
    process = subprocess.Popen(
        [sys.executable, "-I", str(place)],
        env={"PATH": os.environ["PATH"], **ground.operator.environ},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    printed, _ = process.communicate(timeout=60)
    evidence = Path(f"/tmp/attacked/control-{process.pid}.json")
    record: dict[str, Any] = json.loads(evidence.read_text())
    evidence.unlink()
    assert "attacked by control" in printed
    return record
