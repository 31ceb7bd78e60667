"""Check every file of a tree against every rule, as if a run had added it.

The files come in changes of the size that a run may make, each on top of all the others, so that
names are followed as they are in a run.
"""

import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from agent.checks import changed_files, readers
from agent.models.change import Change, ChangedFile, Finding
from agent.policy import registry, ruff_contract
from repo_config import detect
from repo_config.schema import RepoConfig
from tests.false_positives import judged
from tests.false_positives.projects import LEFT_OUT, Project
from tests.unit.policy.cases import make_context
from tests.unit.trees import DictTree

#: Of one change; what a run may touch by default.
FILES = 20


@dataclass(frozen=True)
class Found:
    """A finding, with the text of the line that it speaks of."""

    project: str
    finding: Finding
    text: str
    key: judged.Key
    """By which it is judged."""


@dataclass(frozen=True)
class Looked:
    """What came of one project."""

    project: str
    python_files: int
    found: tuple[Found, ...]


def look(project: Project, tree: Path) -> Looked:
    """Check the files below a folder against every rule that is not left out."""
    files = {
        path.relative_to(tree).as_posix(): path.read_bytes()
        for path in sorted(tree.rglob("*"))
        if path.is_file()
    }
    config = project.repo_config
    detected = detect.detect_project(DictTree(files), config)
    findings: list[Finding] = []
    for change, base in _changes(files):
        change_context = make_context(change, config, detected, DictTree(base))
        for module in registry.MODULES:
            findings.extend(module.check_change(change_context))
    findings = [*findings, *_linted(tree, config)]
    findings = [finding for finding in findings if finding.rule not in LEFT_OUT]
    python = sum(path.endswith(".py") for path in files)
    return Looked(project.name, python, tuple(_found(project.name, findings, files)))


def _linted(tree: Path, config: RepoConfig) -> Iterable[Finding]:
    """Return what ruff finds in all files, as if each were new."""
    ruff = Path(sys.executable).with_name("ruff")
    done = subprocess.run(
        [ruff, "check", "--no-cache", "--no-respect-gitignore", "--output-format=json",
         "--exclude=", *ruff_contract.arguments(None), *ruff_contract.make_ban(config), tree],
        capture_output=True, check=False,
    )  # fmt: skip
    remarks = changed_files.read_remarks(done.stdout.decode())
    assert remarks is not None, done.stderr
    paths = (Path(remark.path).relative_to(tree).as_posix() for remark in remarks)
    placed = [replace(remark, path=path) for remark, path in zip(remarks, paths, strict=True)]
    listed = readers.list_items(placed)
    once = tuple(changed_files.count_once(listed))
    change = Change(
        base_commit="0" * 40,
        files=tuple(
            ChangedFile(path=path, before=None, after=(tree / path).read_bytes())
            for path in {remark.path for remark in placed}
        ),
    )
    items = ruff_contract.select_items(once, change, config)
    return ruff_contract.find_problems(items, config)


def _found(project: str, findings: list[Finding], files: Mapping[str, bytes]) -> Iterator[Found]:
    for finding in findings:
        text = _text(files.get(finding.path), finding.line)
        yield Found(
            project, finding, text, judged.make_key(project, finding.rule, finding.path, text)
        )


def _changes(files: Mapping[str, bytes]) -> Iterator[tuple[Change, dict[str, bytes]]]:
    paths = sorted(files)
    for at in range(0, len(paths), FILES):
        chosen = paths[at : at + FILES]
        added = tuple(ChangedFile(path=path, before=None, after=files[path]) for path in chosen)
        rest = {path: content for path, content in files.items() if path not in chosen}
        yield Change(base_commit="0" * 40, files=added), rest


def _text(content: bytes | None, line: int | None) -> str:
    if content is None or line is None:
        return ""
    lines = content.decode("utf-8", "replace").splitlines()
    return lines[line - 1].strip() if 0 < line <= len(lines) else ""
