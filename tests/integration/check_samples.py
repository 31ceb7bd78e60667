"""What tests of the checks share: environments, trees and repositories, in real sandboxes."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uv

from agent.checks import check, running
from agent.checks.check import Site
from agent.checks.runners import Suite
from agent.desk import Desk
from agent.git import worktree
from agent.git.tree import WorkTree
from agent.models.change import Change, ChangedFile, ClearedChange, Plan
from agent.models.checks import TESTS, CheckReport
from agent.models.environment import Environment, Prepared
from agent.models.review import Judgement
from agent.models.run import Run
from agent.models.sandbox import Flag, Hear, Sandbox, SandboxRequest, SandboxResult
from agent.models.ticket import Ticket
from agent.sandbox.bubblewrap import BubblewrapSandbox
from agent.settings import Settings
from agent.setup import build, storage
from agent.setup.package_index import PackageIndex
from agent.setup.request import EnvironmentRequest
from agent.stages import baseline
from agent.stages import checks as checks_stage
from repo_config import detect
from repo_config.schema import RepoConfig
from tests.fakes import FakeCodeHost
from tests.folders import BUILT, lay_files
from tests.integration import git_samples
from tests.run_contexts import make_prepared
from tests.unit.checks.samples import compare_sides
from tests.unit.trees import make_environment, make_project

Files = Mapping[str, str]
PLAN = Plan(recipe="", title="t", parameters="", steps=())


def make_flat(files: Files) -> dict[str, str]:
    return {path: textwrap.dedent(text).lstrip("\n") for path, text in files.items()}


TOOLS = (
    "pytest",
    "pytest-xdist",
    "mypy",
    "ruff",
    "flake8",
    "black",
    "isort[colors]",
    "coverage",
    "tblib",
    "django>=5.2,<5.3",
)
GREEN = {"test_sums.py": "def test_sum():\n    assert 1 + 1 == 2\n"}
RED = {
    "test_sums.py": "def test_sum():\n    assert 1 + 1 == 2\n\n\ndef test_wrong():\n    assert 1 == 2\n"
}

#: A project with Django whose application has no models yet.
SITE = make_flat({
    "manage.py": """
        import os, sys

        def main():
            os.environ.setdefault("DJANGO_SETTINGS_MODULE", "proj.settings")
            from django.core.management import execute_from_command_line
            execute_from_command_line(sys.argv)

        if __name__ == "__main__":
            main()
    """,
    "proj/__init__.py": "",
    "proj/urls.py": "urlpatterns = []\n",
    "proj/settings.py": """
        SECRET_KEY = "x"
        INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "shop"]
        DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
        DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
        ROOT_URLCONF = "proj.urls"
    """,
    "shop/__init__.py": "",
    "shop/migrations/__init__.py": "",
})  # fmt: skip


# --- a workshop: environments that are made once, and what runs in them ----------------------


@dataclass
class Workshop:
    """Environments, trees and a sandbox below one folder."""

    home: Path
    settings: Settings
    sandbox: BubblewrapSandbox
    said: list[str] = field(default_factory=list)

    def environment(self, *packages: str) -> Environment:
        """Return an environment of exactly these packages; the gate has every tool but pyright."""
        path, gate = _venv(*packages), _venv(*TOOLS)
        listed = _uv("pip", "freeze", "--python", str(path / "bin" / "python"))
        return make_environment(
            key=path.name,
            path=str(path),
            gate_path=str(gate),
            scripts_path=str(storage.provide_scripts(self.settings)),
            interpreter={"version": "3.11.2", "path": "/usr/bin/python3.11"},
            packages=tuple(sorted(listed.split())),
        )

    def tree(self, files: Files) -> Path:
        """Make a tree of these files."""
        return lay_tree(self.home, files)

    def site(
        self,
        files: Files,
        *,
        packages: tuple[str, ...] = TOOLS,
        config: Mapping[str, object] | None = None,
        **detected: object,
    ) -> Site:
        """Make a site of these files."""
        return Site(
            tree=self.tree(files),
            environment=self.environment(*packages),
            config=RepoConfig.model_validate(config or {}, strict=False),
            project=make_project(**detected),
            limits=check.get_granted_limits(self.settings),
        )

    def measure(self, site: Site) -> CheckReport:
        """Run all checks of a site."""
        results = running.run_checks(
            (*running.list_others(site), *running.list_tests(site)),
            self.sandbox,
            self.said.append,
        )
        return CheckReport(side="base", commit="0" * 40, results=results)

    def run_tests(self, site: Site, suite: Suite = Suite()) -> Any:  # noqa: B008 - a constant
        """Run the tests of a site alone, or a part of them."""
        return running.run_check(suite, site, self.sandbox, self.said.append)

    def one(self, name: str, files: Files, **more: Any) -> Any:
        """Run one check of these files."""
        site = self.site(files, **more)
        checks = running.list_tests(site) if name == TESTS else running.list_others(site)
        results = running.run_checks(checks, self.sandbox, self.said.append)
        return next(result for result in results if result.name == name)

    def tests(self, files: Files, **more: Any) -> Any:
        """Run the tests of these files, by pytest unless another runner is passed."""
        return self.one("tests", files, **{"test_runner": "pytest", **more})

    def compared(self, name: str, before: Files, after: Files, **more: Any) -> Any:
        """Compare one check of base with that of head."""
        sides = [self.measure(self.site(files, **more)) for files in (before, after)]
        return next(comparison for comparison in compare_sides(*sides) if comparison.name == name)


def _venv(*packages: str) -> Path:
    """Return an environment that is kept for later runs, and made by one process alone."""
    kept = Path(os.environ[BUILT]) / "of-checks"
    kept.mkdir(exist_ok=True)
    path = kept / hashlib.sha256(" ".join(packages).encode()).hexdigest()[:16]
    with (kept / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            part = path.with_suffix(".part")
            shutil.rmtree(part, ignore_errors=True)
            _uv("venv", "-q", "--relocatable", "--python", "/usr/bin/python3.11", str(part))
            if packages:
                target = ("--python", str(part / "bin" / "python"))
                _uv("pip", "install", "-q", "--link-mode", "copy", *target, *packages)
            part.rename(path)
    return path


def _uv(*arguments: str) -> str:
    done = subprocess.run(
        [uv.find_uv_bin(), *arguments],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def outcomes(result: Any) -> dict[str, str]:
    return {item.item_id: item.outcome for item in result.items}


# --- sites whose environment is built as the service builds it -------------------------------


def declared_site(
    files: Files,
    declared: Mapping[str, object],
    settings: Settings,
    sandbox: Sandbox,
    say: Callable[[str], None],
) -> Site:
    """Make a site of these files, with the environment that they and the configuration declare."""
    config = RepoConfig.model_validate(declared, strict=False)
    tree = lay_tree(settings.home, files)
    project = detect.detect_project(WorkTree(tree, dict.fromkeys(files, 0o644)), config)
    request = EnvironmentRequest(repository="r", tree=str(tree), config=config, project=project)
    return Site(
        tree=tree,
        environment=build.ensure_environment(request, sandbox, PackageIndex(), settings, say),
        config=config,
        project=project,
        limits=check.get_granted_limits(settings),
    )


def measured(site: Site, sandbox: Sandbox) -> dict[str, Any]:
    """Run all checks of a site; return the results by name."""
    return {
        result.name: result
        for result in running.run_checks(
            (*running.list_others(site), *running.list_tests(site)), sandbox, lambda line: None
        )
    }


# --- the stages ------------------------------------------------------------------------------


class CountingSandbox:
    """The real sandbox, with a count."""

    def __init__(self, sandbox: BubblewrapSandbox) -> None:
        self._sandbox = sandbox
        self.count = 0

    def run(
        self, order: SandboxRequest, cancelled: Flag | None = None, hear: Hear | None = None
    ) -> SandboxResult:
        self.count += 1
        return self._sandbox.run(order, cancelled, hear)


@dataclass
class Stage:
    """A repository with a base commit, ready for the stages."""

    prepared: Prepared
    services: Desk
    sandbox: CountingSandbox
    files: dict[str, str]

    def cleared(self, **edits: str | None) -> ClearedChange:
        """Return a change; keys are paths with `__` for `/` and `_DOT_` for `.`."""
        changed = []
        for key, after in sorted(edits.items()):
            path = key.replace("__", "/").replace("_DOT_", ".")
            before = self.files.get(path)
            changed.append(
                ChangedFile(
                    path=path,
                    before=None if before is None else before.encode(),
                    after=None if after is None else textwrap.dedent(after).lstrip("\n").encode(),
                )
            )
        change = Change(base_commit=self.prepared.checkout.commit, files=tuple(changed))
        return ClearedChange(change=change, findings=())

    def judge(self, plan: Plan = PLAN, **edits: str | None) -> Judgement:
        """Judge a change against base."""
        prepared, desk = self.prepared, self.services
        base = baseline.measure_base(prepared, desk)
        return checks_stage.check_cleared(self.cleared(**edits), plan, base, prepared, desk)

    def compared(self, **more: Any) -> dict[str, Any]:
        """Compare the checks of a change with base's; return the results by name."""
        return {comparison.name: comparison for comparison in self.judge(**more).compared}


def make_stage(
    workshop: Workshop,
    repository: Path,
    files: Files,
    config: Mapping[str, object] | None = None,
    packages: tuple[str, ...] = TOOLS,
    **detected: object,
) -> Stage:
    """Commit these files, ready for the stages."""
    flat = make_flat(files)
    git_samples.begin(lay_files(repository, flat), "Start")
    home = Path(tempfile.mkdtemp(dir=workshop.home))
    home.chmod(0o711)
    checkout = worktree.prepare_checkout(str(repository), None, home / "mirrors")
    run = Run(run_id="run-1", repository=str(repository), ticket="ticket.md", started=1_700_000_000)
    environment = workshop.environment(*packages)
    prepared = make_prepared(run, checkout, environment, config, **detected)
    sandbox = CountingSandbox(workshop.sandbox)
    services = Desk(
        settings=Settings(home=home),
        code_host=FakeCodeHost(Ticket(ticket_id="1", title="t", body="", digest="")),
        sandbox=sandbox,  # type: ignore[arg-type] # no test asks it for roots
        index=None,  # type: ignore[arg-type] # nothing here asks the index
        say=workshop.said.append,
    )
    return Stage(prepared, services, sandbox, flat)


def lay_tree(home: Path, files: Files) -> Path:
    """Make a folder below another one that every sandbox's user can read, with these files."""
    folder = Path(tempfile.mkdtemp(dir=home))
    folder.chmod(0o755)
    return lay_files(folder, make_flat(files))
