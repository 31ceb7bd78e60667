"""The cases of the oracle: a repository, a ticket, and a scripted model's part in it.

Nothing of the gate is used here, so that one version can record what another one compares.
"""

import base64
import io
import json
import os
import shlex
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from tests.demo import recorded, scenarios
from tests.folders import lay_files
from tests.scripted import Call, Said, Seen

FOLDER = Path(__file__).parent
_ENVIRON = os.environ | {
    f"GIT_{role}_{key}": value
    for role in ("AUTHOR", "COMMITTER")
    for key, value in {"NAME": "Ada", "EMAIL": "ada@a.org", "DATE": "2026-01-05T12:00:00Z"}.items()
}


class Case(NamedTuple):
    name: str
    """Cases whose names differ in the last part alone share the address of their repository."""
    lay_out: Callable[[Path], object]
    ticket: str
    reply: Callable[[Seen], Said] | None


def list_changes() -> Iterator[Case]:
    """List small changes that cheat, and honest ones that resemble them."""
    for name, change in json.loads((FOLDER / "changes.json").read_text()).items():
        after = {path: text and text.encode() for path, text in change["after"].items()}
        lay_out = partial(_lay_out, None, change["base"])
        ticket = "# Improve the sums\n\nAdding two numbers should work better than it does.\n"
        yield Case(name, lay_out, ticket, partial(_reply, _submit(after)))


def list_demo() -> Iterator[Case]:
    for name, play in scenarios.SCENARIOS.items():
        lay_out = partial(_lay_out, FOLDER.parent / "demo/sample_project", play.files)
        ticket = f"# {play.title}\n\n{play.body}"
        yield Case(f"demo/{name}", lay_out, ticket, recorded.reply if play.is_recorded else None)


def list_folders(folder: Path) -> Iterator[Case]:
    """List cases that are folders: files/, ticket.md, script.json, perhaps prep.sh, no run.sh."""
    for script in sorted(folder.rglob("script.json")):
        if not (script.parent / "run.sh").exists():
            files, ticket = script.parent / "files", (script.parent / "ticket.md").read_text()
            reply = partial(_reply, json.loads(script.read_text()))
            yield Case(str(files.relative_to(folder)), partial(_lay_out, files, {}), ticket, reply)


def list_merged(mirrors: Path) -> Iterator[Case]:
    """List merged changes of public repositories, each submitted as if a model had made it."""
    for repository, commit in map(str.split, (FOLDER / "merged.txt").read_text().splitlines()):
        mirror = mirrors / repository.replace("/", "__")
        ticket = run_git(mirror, "log", "-1", "--format=# %B", commit).decode()
        words = ("diff", "--name-status", "--no-renames", f"{commit}^", commit)
        changed = (line.split("\t") for line in run_git(mirror, *words).decode().splitlines())
        after = {
            path: None if status == "D" else run_git(mirror, "show", f"{commit}:{path}")
            for status, path in changed
        }
        name, lay_out = f"merged/{repository}/{commit[:12]}", partial(clone, mirror, f"{commit}^")
        yield Case(name, lay_out, ticket, partial(_reply, _submit(after)))


def run_git(folder: Path, *words: str) -> bytes:
    return subprocess.check_output(["git", *words], cwd=folder, env=_ENVIRON)


def _lay_out(source: Path | None, files: Mapping[str, str], repository: Path) -> None:
    if source:
        shutil.copytree(source, repository, ignore=shutil.ignore_patterns("__pycache__"))
    lay_files(repository, files)
    run_git(repository, "init", "-q", "-b", "main")
    if source and (prepare := source.parent / "prep.sh").exists():
        environ = {**_ENVIRON, "work": str(repository.parent)}
        subprocess.run(["bash", "-c", f". {prepare}"], cwd=repository, env=environ, check=True)
    run_git(repository, "add", "-A", "-f")
    run_git(repository, "commit", "-q", "-m", "Start")


def clone(mirror: Path, commit: str, repository: Path) -> None:
    """Clone a repository as it is at a commit."""
    run_git(mirror, "clone", "-q", "--no-checkout", str(mirror), str(repository))
    run_git(repository, "checkout", "-q", "-B", "main", commit)


def _submit(after: Mapping[str, bytes | None]) -> list[Any]:
    """Write the turns of a model that plans these files, writes or removes them, and submits."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in after.items():
            if content is not None:
                archive.writestr(path, content)
    gone = shlex.join(path for path, content in after.items() if content is None)
    command = (
        f"base64 -d >/tmp/change <<'END'\n{base64.encodebytes(packed.getvalue()).decode()}END\n"
        f"python3 -m zipfile -e /tmp/change . && rm -f -- {gone}"
    )
    plan = {"title": "Make it", "category": "bug", "steps": ["Make it"], "files": list(after)}
    turns = ("plan", plan), ("bash", {"command": command}), ("submit", {"summary": "It is made."})
    return [[call] for call in turns]


def _reply(turns: list[Any], seen: Seen) -> Said:
    """Play an editor's turns, the last one again and again; a reviewer approves."""
    turn = turns[min(seen.turn, len(turns)) - 1]
    if "submit" not in seen.tools:
        forms = [tool["function"] for tool in seen.body["tools"]]
        form = next(form for form in forms if form["name"] != "bash")
        values = {"boolean": True, "array": [], "string": "Looks right."}
        arguments = {
            name: kind["enum"][0] if "enum" in kind else values.get(kind.get("type"), 1)
            for name, kind in form["parameters"]["properties"].items()
        }
        turn = [(form["name"], arguments)]
    return Said(calls=tuple(Call(name, arguments) for name, arguments in turn))
