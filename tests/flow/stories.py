"""What stories about whole runs are told with."""

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.folders import lay_files
from tests.processes import run_agent

SAMPLE = Path(__file__).parents[1] / "demo" / "sample_project"
TICKET = SAMPLE.parent / "ticket.md"
#: The same files are the same commit in every test, so that it is measured once.


@dataclass
class Repository:
    path: Path
    date: str = "2026-01-05T12:00:00Z"
    """Of its commits, as git reads it."""

    def git(self, *args: str) -> str:
        done = subprocess.run(
            ["git", "-c", "user.name=Ada", "-c", "user.email=ada@example.org", *args],
            env={**os.environ, "GIT_AUTHOR_DATE": self.date, "GIT_COMMITTER_DATE": self.date},
            cwd=self.path,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return done.stdout

    def write(self, path: str, content: str | bytes) -> None:
        lay_files(self.path, {path: content})

    def commit(self, subject: str = "Change") -> str:
        self.git("add", "-A")
        self.git("commit", "-q", "-m", subject)
        return self.git("rev-parse", "HEAD").strip()

    def state(self) -> dict[str, str]:
        """Describe everything that a run must leave as it is, besides new branches."""
        files = {
            str(path.relative_to(self.path)): path.read_bytes().hex()
            for path in sorted(self.path.rglob("*"))
            if path.is_file() and not path.is_symlink() and ".git" not in path.parts
        }
        files["HEAD"] = (self.path / ".git/HEAD").read_text()
        files["config"] = (self.path / ".git/config").read_text()
        files["index"] = self.git("ls-files", "--stage")
        return files

    def branches(self) -> list[str]:
        return self.git("for-each-ref", "--format=%(refname:short)", "refs/heads").split()


@dataclass
class Ended:
    exit_code: int
    result: dict
    stderr: str

    @property
    def text(self) -> str:
        return self.result["files"]["text"]

    @property
    def log(self) -> str:
        return Path(self.result["files"]["log"]).read_text()

    def check(self, name: str) -> dict:
        return next(check for check in self.result["judged"]["checks"] if check["name"] == name)


def carry_out(repository: Path, ticket: Path, *args: str, environ: Mapping[str, str]) -> Ended:
    """Run `mergewright run --json` as a process of its own."""
    words = ("run", "--repo", str(repository), "--ticket", str(ticket), "--json", *args)
    done = run_agent(*words, environ=environ, timeout=900)
    assert done.stdout, done.stderr
    return Ended(done.returncode, json.loads(done.stdout), done.stderr)
