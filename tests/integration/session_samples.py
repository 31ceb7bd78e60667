"""Sessions for tests: a repository, an environment of a few files, and what opens sandboxes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agent.git import worktree
from agent.models.change import Change, ChangedFile
from agent.models.environment import Environment
from agent.models.run import Run
from agent.models.sandbox import Flag
from agent.runs.sessions import SessionFactory
from agent.sandbox import sandboxes
from agent.sandbox.session import Session
from agent.settings import Settings
from tests.folders import lay_files
from tests.integration import git_samples
from tests.run_contexts import make_prepared
from tests.unit.trees import make_environment

FILES: dict[str, str | bytes] = {
    ".gitignore": "*.log\nbuild/\n",
    "app/models.py": "class Model:\n    name = 'first'\n",
    "app/views.py": "def view():\n    return 1\n",
    "docs/index.md": "# Title\n",
    "tracked.log": "tracked all the same\n",
    "picture.bin": b"\x00\x01\x02",
    "run.sh": "#!/bin/sh\necho ran\n",
}
#: Small enough to be filled within a moment.
LIMITS: dict[str, Any] = {"sandbox_memory_mb": 512, "sandbox_disk_mb": 48, "sandbox_processes": 64}


class Workplace:
    """A committed repository, and sessions on it."""

    def __init__(
        self,
        settings: Settings,
        files: Mapping[str, str | bytes] = FILES,
    ) -> None:
        home = settings.home
        repository = git_samples.make(home / "repository", {})
        lay_files(repository, dict(files))
        if "run.sh" in files:
            (repository / "run.sh").chmod(0o755)
        (repository / "link").symlink_to("docs/index.md")
        git_samples.git(repository, "add", "--all", "--force")
        git_samples.commit_all(repository, "Second")
        self.home, self.settings = home, settings
        checkout = worktree.prepare_checkout(str(repository), None, home / "mirrors")
        run = Run(run_id="run-1", repository=str(repository), ticket="t.md", started=1_700_000_000)
        self.prepared = make_prepared(run, checkout, _environment(home / "built"))
        self.commit = checkout.commit
        self.sessions = SessionFactory(settings, sandboxes.make_sandbox(settings))

    def change(self, **files: tuple[bytes | None, bytes | None]) -> Change:
        """Return a change of files by path (`__` for `/`, `_DOT_` for `.`), before and after."""
        changed = (
            ChangedFile(
                path=key.replace("__", "/").replace("_DOT_", "."), before=before, after=after
            )
            for key, (before, after) in files.items()
        )
        files_ = tuple(sorted(changed, key=lambda file: file.path))
        return Change(base_commit=self.commit, files=files_)

    def open(self, change: Change | None = None, stopped: Flag | None = None) -> Session:
        return self.sessions.open(self.prepared, change or self.change(), stopped)


def _environment(folder: Path) -> Environment:
    programs = (
        ("environment", "project-tool"),
        ("gate", "gate-tool"),
        ("environment", "ruff"),
        ("pinned", "ruff"),
    )
    for place, program in programs:
        (folder / place / "bin").mkdir(parents=True, exist_ok=True)
        (folder / place / "bin" / program).write_text(f"#!/bin/sh\necho {program} of {place}\n")
        (folder / place / "bin" / program).chmod(0o755)
    (folder / "environment" / "bin" / "python").symlink_to("/usr/bin/python3")
    (folder / "scripts").mkdir()
    return make_environment(
        key="environment",
        path=str(folder / "environment"),
        gate_path=str(folder / "gate"),
        tools=(("ruff", str(folder / "pinned")),),
        scripts_path=str(folder / "scripts"),
    )


def paths(change: Change) -> dict[str, str]:
    return {
        file.path: "deleted"
        if file.after is None
        else "added"
        if file.before is None
        else "changed"
        for file in change.files
    }
