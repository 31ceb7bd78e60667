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
    asked = _read_arguments(argv)
    looked = []
    with tempfile.TemporaryDirectory() as scratch, ProcessPoolExecutor(os.cpu_count()) as several:
        trees = [_fetch(project, asked.keep or Path(scratch)) for project in asked.projects]
        rules = [frozenset(asked.rules)] * len(trees)
        for each in several.map(whole_trees.look, asked.projects, trees, rules):
            looked.append(each)
            print(f"{len(looked)} of {len(trees)}: {each.project}", flush=True)
    said = judged.read(judged.FILE.read_text("utf-8"))
    blocks = [
        one for each in looked for one in each.found if one.finding.severity is Severity.BLOCK
    ]
    if asked.write:
        names = {project.name for project in asked.projects}
        kept = {
            key: said[key] for key in said if not (key.project in names and key.rule in asked.rules)
        }
        said = kept | {block.key: said.get(block.key, Judgement()) for block in blocks}
        judged.FILE.write_text(judged.write(said), "utf-8")
    if len(asked.rules) == 1:
        for each in looked:
            for found in each.found:
                _show(found)
    _print_counts(looked, asked.rules)
    return _conclude(looked, blocks, said)


def _fetch(project: Project, folder: Path) -> Path:
    tree = folder / project.name
    if not tree.exists():
        folder.mkdir(parents=True, exist_ok=True)
        sources.fetched(project.source, PackageIndex(), folder)
    return tree


def _conclude(looked: list[Looked], blocks: list[Found], said: Mapping[Key, Judgement]) -> int:
    by = Counter(said.get(block.key, Judgement()).verdict for block in blocks)
    files = sum(each.python_files for each in looked)
    share = 1000 * by["wrong"] / files
    for block in blocks:
        if said.get(block.key, Judgement()).verdict != "right":
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
    found = Counter(
        (one.finding.rule, one.finding.severity) for each in looked for one in each.found
    )
    print(f"{'rule':28}" + "".join(f"{severity.value:>8}" for severity in Severity))
    for rule in rules:
        print(f"{rule:28}" + "".join(f"{found[rule, severity]:8}" for severity in Severity))
    for rule, why in LEFT_OUT.items():
        print(f"left out: {rule}, which {why}")


def _read_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    known = {project.name: project for project in PROJECTS}
    held = (*registry.OF_CHANGES, *ruff_contract.RULES)
    rules = [rule.id for rule in held if rule.id not in LEFT_OUT]
    parser = argparse.ArgumentParser(prog="python -m tests.false_positives", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=known, help="these projects alone")
    parser.add_argument(
        "--rules", nargs="+", choices=rules, default=rules, help="these rules alone"
    )
    parser.add_argument("--write", action="store_true", help="add what is new to judged.toml")
    parser.add_argument("--keep", type=Path, help="unpack here, and use what is unpacked already")
    asked = parser.parse_args(argv)
    asked.projects = tuple(known[name] for name in asked.only or known)
    return asked


if __name__ == "__main__":
    sys.exit(main())
