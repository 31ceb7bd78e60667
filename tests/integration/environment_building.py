"""Short ways to lay a tree, to build its environment for real and to look into it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.environments import build, sandbox_requests
from agent.environments.package_index import SimpleIndex
from agent.environments.request import EnvironmentRequest
from agent.models.environment import Environment
from agent.models.sandbox import SandboxLimits
from agent.sandbox.bubblewrap import BubblewrapSandbox
from agent.settings import Settings
from repo_config.schema import PythonSection
from tests.folders import BUILT, data_folder


def lay(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def ensure(
    settings,
    folder,
    *,
    tag=None,
    index=None,
    said=None,
    env=None,
    needs_project=False,
    **section,
) -> Environment:
    return build.ensure_environment(
        EnvironmentRequest(
            tree=str(folder),
            nearest_tag=tag,
            python=PythonSection(**section),
            env=env or {},
            needs_project=needs_project,
        ),
        BubblewrapSandbox(settings),
        index or SimpleIndex(settings),
        settings,
        (said if said is not None else []).append,
    )


@contextmanager
def with_our_tools() -> Iterator[Settings]:
    """Give a data folder for many tests that has our own tools and nothing else built."""
    with data_folder("tools", built=True) as built, tempfile.TemporaryDirectory() as empty:
        Path(empty).chmod(0o755)
        ensure(Settings(home=built), Path(empty))
    with data_folder("environments") as home:
        (home / "environments").mkdir(mode=0o755)
        for part in ("gates", "tools"):
            (home / "environments" / part).symlink_to(Path(os.environ[BUILT]) / part)
        yield Settings(home=home)


def local(settings, served) -> SimpleIndex:
    return SimpleIndex(settings.model_copy(update={"index_url": served.url}), {})


def python(settings, environment, folder, program: str) -> str:
    """Run a program in a check sandbox and return what it prints."""
    order = sandbox_requests.make_request(
        environment, folder, (sandbox_requests.PYTHON, "-c", program),
        environ={}, limits=SandboxLimits(seconds=60),
    )  # fmt: skip
    result = BubblewrapSandbox(settings).run(order)
    assert result.exit_code == 0, result.output
    return result.output.strip()
