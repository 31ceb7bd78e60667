"""RX1, RX2, RX8, GR2, GR3: whole runs of a repository that attacks; what leaves is looked at.

The run is a process of its own with the operator's environment, as a service is. What leaves is the
branch with its commit, the pull-request text, the log, the events, the kept reports and whatever
was printed.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agent.settings import Settings
from agent.setup.package_index import PackageIndex
from tests.attacks import ground as grounds
from tests.attacks import planted
from tests.attacks.ground import Ground
from tests.flow.stories import SAMPLE, TICKET, Repository
from tests.signed_logs import assert_signed

pytestmark = [pytest.mark.index, pytest.mark.deep]

ROOT = Path(__file__).parents[2]
#: Changes what is checked, after the last edit: sources, tests, migrations, git.
LATE = """
import os as _os, sys as _sys
print("\\x1b]52;c;ZXZpbA==\\x07\\x1b[2J\\x9b2J\\rshown to whoever reads the log", file=_sys.stderr, flush=True)
for _path in ("shop/models.py", "shop/late.py", "shop/tests/test_models.py", "late.txt",
              ".git/hooks/post-checkout", ".gitattributes"):
    try:
        _os.makedirs(_os.path.dirname("/work/" + _path) or "/work", exist_ok=True)
        with open("/work/" + _path, "a") as _file:
            _file.write("\\n# late edit\\n")
    except OSError:
        pass
"""


@dataclass
class Trap:
    """The sample project, with attacks in it."""

    ground: Ground
    repository: Repository
    store: Path
    environ: dict[str, str]

    def run(self) -> tuple[dict[str, Any], str]:
        """Run the ticket; return the result and all that was printed."""
        done = subprocess.run(
            [
                *(sys.executable, "-m", "agent", "run", "--repo", str(self.repository.path)),
                *("--ticket", str(TICKET), "--json"),
            ],
            env={**self.environ, "MERGEWRIGHT_HOME": str(self.store)},
            cwd=ROOT, capture_output=True, text=True, timeout=900, check=False,
        )  # fmt: skip
        assert done.stdout, done.stderr
        return json.loads(done.stdout), done.stdout + done.stderr

    def outbound(self, result: dict[str, Any]) -> list[bytes]:
        """Collect every byte that leaves this machine, or may be shown to people."""
        folder = Path(result["files"]["log"]).parent
        texts = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
        assert any(path.name == "events.jsonl" for path in folder.iterdir())
        if result["branch"]:
            shown = self.repository.git("log", "-p", f"main..{result['branch']}")
            texts.append(shown.encode())
        return texts


@pytest.fixture(scope="module")
def store(base: Path) -> Path:
    return base


@pytest.fixture
def trap(home: Path, store: Path, settings: Settings) -> Iterator[Trap]:
    with grounds.opened(home / "ground") as ground:
        access = PackageIndex().list_accesses()[-1]
        environ = {
            "PATH": os.environ["PATH"],
            # What uv notes is no work of an attacker.
            "XDG_CACHE_HOME": str(home / "cache"),
            **{
                name: value
                for name, value in ground.operator.environ.items()
                if "CANARY" not in name
            },
            "UV_DEFAULT_INDEX": access.url,
            "MERGEWRIGHT_WEBHOOK_SECRET_FILE": str(ground.operator.home / "webhook-secret"),
            "MERGEWRIGHT_GITHUB_TOKEN": ground.operator.secret("MERGEWRIGHT_GITHUB_TOKEN"),
            "MERGEWRIGHT_SANDBOX": settings.sandbox,
            **({"MERGEWRIGHT_DOCKER_HOST": settings.docker_host} if settings.docker_host else {}),
            **({"SSL_CERT_FILE": access.ca_bundle} if access.ca_bundle else {}),
        }
        shutil.copytree(SAMPLE, home / "shop", ignore=shutil.ignore_patterns("__pycache__"))
        repository = Repository(home / "shop")
        repository.git("init", "-q", "-b", "main")
        yield Trap(ground, repository, store, environ)


def spring(trap: Trap) -> None:
    """Write the attacks, and secrets where a developer has them beside the code."""
    repository, operator = trap.repository, trap.ground.operator
    settings = (repository.path / "config/settings.py").read_text()
    repository.write("config/settings.py", trap.ground.payload("settings.py") + LATE + settings)
    repository.write("conftest.py", trap.ground.payload("conftest") + LATE)
    apps = (repository.path / "shop/apps.py").read_text()
    repository.write("shop/apps.py", trap.ground.payload("apps.py") + apps)
    repository.write(".gitignore", ".env\n__pycache__/\n")
    repository.commit("Add shop")
    repository.write(".env", f"TOKEN={operator.secret('.env')}\n")
    remote = f"https://u:{operator.secret('remote')}@127.0.0.1:1/o/r.git"
    repository.git("remote", "add", "origin", remote)
    repository.git("config", "http.extraHeader", f"X-Token: {operator.secret('extraHeader')}")
    repository.git("config", "core.fsmonitor", f"touch {trap.ground.folder}/neighbour/fsmonitor")
    hook = repository.path / ".git/hooks/reference-transaction"
    hook.write_text(f"#!/bin/sh\ntouch {trap.ground.folder}/neighbour/hook\n")
    hook.chmod(0o755)


def test_RX2_RX8_GR2_GR3_a_run_of_a_hostile_repository_publishes_the_edit_and_nothing_else(
    trap: Trap,
) -> None:
    spring(trap)
    before = planted.state(*trap.ground.watched())
    tree = planted.state(trap.repository.path / "shop", trap.repository.path / "config")
    result, printed = trap.run()
    assert (result["state"], result["reason"]) == ("open", "ready"), result["sentence"]
    changed = trap.repository.git("diff", "--name-status", f"main..{result['branch']}")
    assert changed.splitlines() == [
        "A\tshop/migrations/0002_customer_nickname.py",
        "M\tshop/models.py",
        "A\tshop/tests/test_customer_nickname.py",
    ]
    outbound = [*trap.outbound(result), printed.encode()]
    assert "late edit" not in trap.repository.git("log", "-p", f"main..{result['branch']}")
    assert trap.ground.leaks(*outbound) == set()
    assert any(b"shown to whoever reads the log" in text for text in outbound)
    assert not any(b"\x1b" in text or b"\xc2\x9b" in text for text in outbound)
    assert trap.ground.canary.silent()
    assert planted.state(*trap.ground.watched()) == before
    after = planted.state(trap.repository.path / "shop", trap.repository.path / "config")
    assert after == tree
    names = [path.name for path in Path("/tmp").glob("attacked/*")]
    # The control of another test runs without a sandbox, maybe at this moment.
    assert not [name for name in names if not name.startswith("control-")]
    folder = Path(result["files"]["log"]).parent
    assert_signed(folder.parents[1], folder.name)
    # The control: it did run, in sandboxes.
    log = (folder / "run.log").read_text()
    assert "attacked by settings.py" in log
