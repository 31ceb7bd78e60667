"""Short ways to lay a tree, to build its environment for real and to look into it."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent import wiring
from agent.desk import Desk
from agent.models.environment import Environment, Prepared
from agent.models.run import Run
from agent.models.sandbox import SandboxLimits
from agent.sandbox.bubblewrap import BubblewrapSandbox
from agent.settings import Settings
from agent.setup import build, sandbox_requests
from agent.setup.package_index import PackageIndex
from agent.setup.request import EnvironmentRequest
from agent.stages import checkout, environment
from repo_config.schema import PythonSection, RepoConfig
from tests.folders import data_folder, data_folder_with_tools
from tests.integration import git_samples


def ensure(
    settings,
    folder,
    *,
    tag=None,
    index=None,
    said=None,
    committed=0,
    project=None,
    **section,
) -> Environment:
    return build.ensure_environment(
        EnvironmentRequest(
            repository="r",
            tree=str(folder),
            committed=committed,
            project=project,
            config=RepoConfig(python=PythonSection(**section)),
            tag=tag,
        ),
        BubblewrapSandbox(settings),
        index or PackageIndex(),
        settings,
        (said if said is not None else []).append,
    )


@contextmanager
def with_our_tools() -> Iterator[Settings]:
    """Yield a data folder for many tests that has our own tools and no set-up of a repository."""
    with data_folder("tools", built=True) as built, tempfile.TemporaryDirectory() as empty:
        Path(empty).chmod(0o755)
        ensure(Settings(home=built), Path(empty))
    with data_folder_with_tools("environments") as home:
        yield Settings(home=home)


def local(settings, served) -> PackageIndex:
    return PackageIndex({"UV_DEFAULT_INDEX": served.url})


def python(settings, made, folder, program: str) -> str:
    """Run a program in a check sandbox and return what it prints."""
    order = sandbox_requests.make_request(
        made, folder, (sandbox_requests.PYTHON, "-c", program),
        environ={}, limits=SandboxLimits(seconds=60),
    )  # fmt: skip
    result = BubblewrapSandbox(settings).run(order)
    assert result.exit_code == 0, result.output
    return result.output.strip()


def begin_run(settings: Settings, files: dict[str, str | bytes]) -> tuple[Prepared, Desk]:
    """Carry a run on a repository of these files as far as its environment."""
    repository = git_samples.make(settings.home / "repository", files)
    run = Run(
        run_id="20261120-101010-0123456789abcdef", repository=str(repository), ticket="t", started=1
    )
    desk = wiring.make_local_desk(settings, lambda line: None)
    desk.base_folder(run).parent.mkdir(parents=True)
    base = checkout.prepare_checkout(run, desk)
    contract = checkout.read_contract(run, base, desk)
    built = environment.build_environment(run, base, contract, desk)
    return Prepared(run=run, checkout=base, contract=contract, environment=built), desk
