"""`python -m tests.false_positives [--only NAME …] [--rules ID …] [--write] [--keep FOLDER]`.

Unpacks released projects and holds every file of them against every rule. What would withhold a
change is judged once, by people, in `judged.toml`.
Exit codes: 0 all of it is judged, and at most one wrong finding per 1,000 Python files; 1 not so.
"""

import argparse
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from agent.models.change import Severity
from agent.policy import registry, ruff_contract
from agent.setup.package_index import PackageIndex
from tests.false_positives import judged, whole_trees
from tests.false_positives.judged import Judgement, Key
from tests.false_positives.projects import LEFT_OUT, PROJECTS, Project
from tests.false_positives.whole_trees import Found, Looked
from tests.thirdparty import sources

#: Per 1,000 Python files.
MOST_WRONG = 1.0


def main(argv: Sequence[str] | None = None) -> int:
    """Look at what is asked for, and tell it."""
    arguments = _read_arguments(argv)
    looked = []
    with tempfile.TemporaryDirectory() as scratch, ProcessPoolExecutor(os.cpu_count()) as several:
        trees = [_fetch(project, arguments.keep or Path(scratch)) for project in arguments.projects]
        rules = [frozenset(arguments.rules)] * len(trees)
        for project_look in several.map(whole_trees.look, arguments.projects, trees, rules):
            looked.append(project_look)
            print(f"{len(looked)} of {len(trees)}: {project_look.project}", flush=True)
    judgements = judged.read(judged.FILE.read_text("utf-8"))
    blocks = [
        block
        for project_look in looked
        for block in project_look.found
        if block.finding.severity is Severity.BLOCK
    ]
    if arguments.write:
        names = {project.name for project in arguments.projects}
        kept = {
            key: judgements[key]
            for key in judgements
            if not (key.project in names and key.rule in arguments.rules)
        }
        judgements = kept | {block.key: judgements.get(block.key, Judgement()) for block in blocks}
        judged.FILE.write_text(judged.write(judgements), "utf-8")
    if len(arguments.rules) == 1:
        for project_look in looked:
            for found in project_look.found:
                _show(found)
    _print_counts(looked, arguments.rules)
    return _conclude(looked, blocks, judgements)


def _fetch(project: Project, folder: Path) -> Path:
    tree = folder / project.name
    if not tree.exists():
        folder.mkdir(parents=True, exist_ok=True)
        sources.fetched(project.source, PackageIndex(), folder)
    return tree


def _conclude(
    looked: list[Looked], blocks: list[Found], judgements: Mapping[Key, Judgement]
) -> int:
    by = Counter(judgements.get(block.key, Judgement()).verdict for block in blocks)
    files = sum(project_look.python_files for project_look in looked)
    share = 1000 * by["wrong"] / files
    for block in blocks:
        if judgements.get(block.key, Judgement()).verdict != "right":
            _show(block)
    print(
        f"{len(looked)} projects, {files:,} Python files; {len(blocks)} findings would withhold a"
        f" change: {by['right']} right, {by['wrong']} wrong ({share:.2f} per 1,000 files; at most"
        f" {MOST_WRONG:g}), {by['?']} not judged yet (ARGS=--write adds them to {judged.FILE.name})"
    )
    return 1 if by["?"] or share > MOST_WRONG else 0


def _show(found: Found) -> None:
    finding = found.finding
    print(f"{finding.rule} {found.project} {finding.place} {finding.message}")
    print(f"    {found.text[:200]}")


def _print_counts(looked: list[Looked], rules: Sequence[str]) -> None:
    counts = Counter(
        (finding.finding.rule, finding.finding.severity)
        for project_look in looked
        for finding in project_look.found
    )
    print(f"{'rule':28}" + "".join(f"{severity.value:>8}" for severity in Severity))
    for rule in rules:
        print(f"{rule:28}" + "".join(f"{counts[rule, severity]:8}" for severity in Severity))
    for rule, why in LEFT_OUT.items():
        print(f"left out: {rule}, which {why}")


def _read_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    by_name = {project.name: project for project in PROJECTS}
    held = (*registry.OF_CHANGES, *ruff_contract.RULES)
    rules = [rule.id for rule in held if rule.id not in LEFT_OUT]
    parser = argparse.ArgumentParser(prog="python -m tests.false_positives", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=by_name, help="these projects alone")
    parser.add_argument(
        "--rules", nargs="+", choices=rules, default=rules, help="these rules alone"
    )
    parser.add_argument("--write", action="store_true", help="add what is new to judged.toml")
    parser.add_argument("--keep", type=Path, help="unpack here, and use what is unpacked already")
    arguments = parser.parse_args(argv)
    arguments.projects = tuple(by_name[name] for name in arguments.only or by_name)
    return arguments


if __name__ == "__main__":
    sys.exit(main())
