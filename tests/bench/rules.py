"""All pure rules on a change of 20 files in a repository of 5,000 Python files.

The repository is made of released projects (those of `make false-positives`): one at its root, the
others in folders of their own. The change adds to 20 files, spread over the first project, what
stands at their end: real code, which the files of the base lack. Read from disk each time, as in a
run; the other side is the time that the rules are given. Counted is what the processor spends,
since the rules wait for nothing, with garbage looked for as seldom as the command does.
"""

from __future__ import annotations

import ast
import gc
import shutil
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from agent import settings
from agent.__main__ import GARBAGE
from agent.adapters.package_index import SimpleIndex
from agent.domain import Change, ChangedFile
from agent.policy import registry
from agent.policy.proposal import Proposal
from agent.policy.upkeep import library_names
from agent.repository.tree import WorkTree
from repo_config import detect
from repo_config.schema import RepoConfig
from tests.bench import timing
from tests.false_positives.projects import PROJECTS
from tests.thirdparty import sources

FILES = 5_000
CHANGED = 20
SECONDS = 2.0
#: At the root of the repository; a change has to be about something.
_FIRST = "wagtail"
_LEAST_LINES = 60
_SLOWEST = 6


def measure(scratch: Path, rounds: int, say: Callable[[str], None]) -> list[timing.Section]:
    """Hold the change against all rules, in every round from nothing."""
    tree = _repository(scratch / "rules", say)
    config = RepoConfig.model_validate(_CONFIG, strict=False)
    project = detect.project(tree, config)
    change = _change(tree)
    for file in change.files:
        tree.write(file.path, file.before or b"")
    before = gc.get_threshold()
    gc.set_threshold(*GARBAGE)
    gc.freeze()
    told: dict[str, list[float]] = {}
    every: list[float] = []
    collected: list[float] = []
    found = 0
    for number in range(-1, rounds):
        proposal = Proposal(change, config, project, WorkTree(tree.folder, tree.paths()))
        begun, found = time.process_time(), 0
        seconds: dict[str, float] = {}
        for module in registry.MODULES:
            start = time.process_time()
            found += len(list(module.check(proposal)))
            seconds[module.__name__.removeprefix("agent.policy.")] = time.process_time() - start
        end = time.process_time()
        library_names.fresh(proposal)
        if number >= 0:  # the first round only warms up
            every.append(end - begun)
            collected.append(time.process_time() - end)
            for name, one in seconds.items():
                told.setdefault(name, []).append(one)
    gc.unfreeze()
    gc.set_threshold(*before)
    rows = [
        timing.Row(f"{len(registry.OF_CHANGES)} rules", every, [SECONDS] * rounds, 1.0),
        timing.Row("names of libraries, for the room", collected),
    ]
    slow = sorted(told, key=lambda name: -statistics.median(told[name]))[:_SLOWEST]
    shown = ", ".join(f"{name} {statistics.median(told[name]):.3f} s" for name in slow)
    lines = sum(_lines(file.after) - _lines(file.before) for file in change.files)
    note = f"{lines:,} new lines, {found} findings. The slowest: {shown}."
    title = f"All rules on {CHANGED} files of {len(tree.paths()):,}"
    return [timing.Section("rules", title, "allowed", rows, note)]


_CONFIG: dict[str, object] = {
    "version": 1,
    "http_client": "httpx",
    "background_tasks": "celery",
    "imports": {"forbid": ["pickle"]},
    "concurrency": {"mode": "sync"},
    "django": {"signals": "forbid"},
}


def _repository(folder: Path, say: Callable[[str], None]) -> WorkTree:
    folder.mkdir()
    index = SimpleIndex(settings.load({}))
    downloads = folder.with_name("rules-downloads")
    downloads.mkdir()
    first = [one for one in PROJECTS if one.name == _FIRST]
    count = 0
    for project in (*first, *(one for one in PROJECTS if one.name != _FIRST)):
        say(f"rules: {project.name}")
        made = sources.fetched(project.source, index, downloads)
        target = folder if project.name == _FIRST else folder / "projects" / project.name
        shutil.copytree(made, target, dirs_exist_ok=True)
        count = sum(1 for _ in folder.rglob("*.py"))
        if count >= FILES:
            break
    paths = (path for path in folder.rglob("*") if path.is_file())
    return WorkTree(folder, [path.relative_to(folder).as_posix() for path in paths])


def _change(tree: WorkTree) -> Change:
    able = [
        file
        for path in tree.paths()
        if path.startswith(f"{_FIRST}/") and path.endswith(".py")
        if (file := _longer(path, tree.read(path)))
    ]
    step = len(able) // CHANGED
    return Change(base_commit="0" * 40, files=tuple(able[::step][:CHANGED]))


def _longer(path: str, content: bytes) -> ChangedFile | None:
    """Return the file as a change that adds its last definition."""
    if content.count(b"\n") < _LEAST_LINES:
        return None
    module = ast.parse(content)
    defined = [one for one in module.body if isinstance(one, (ast.ClassDef, ast.FunctionDef))]
    if len(defined) < 2:
        return None
    last = defined[-1]
    start = min([last.lineno, *(one.lineno for one in last.decorator_list)]) - 1
    lines = content.splitlines(keepends=True)
    before = b"".join([*lines[:start], *lines[last.end_lineno :]])
    return ChangedFile(path=path, before=before, after=content)


def _lines(content: bytes | None) -> int:
    return content.count(b"\n") if content else 0
