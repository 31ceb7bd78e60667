"""`python -m tests.false_positives [--only NAME …] [--rules ID …] [--write] [--judged] [--all]`.

What rules say of good code.

Unpacks released projects and holds every file of them against every rule. What would withhold a
change is judged once, by people, in `judged.toml`.
Exit codes: 0 all of it is judged, and at most one wrong finding per 1,000 Python files; 1 not so.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from agent import settings
from agent.environments.package_index import SimpleIndex
from agent.models.change import Severity
from agent.policy import registry, ruff_rules
from tests.false_positives import judged, whole_trees
from tests.false_positives.judged import Judgement, Key
from tests.false_positives.projects import LEFT_OUT, PROJECTS, Project
from tests.false_positives.whole_trees import Found, Looked
from tests.thirdparty import sources

#: Per 1,000 Python files.
MOST_WRONG = 1.0


def main(argv: Sequence[str] | None = None) -> int:
    """Look at what is asked for, and tell it."""
    asked = _arguments(argv)
    console = Console(width=max(Console().width, 140), highlight=False)
    with (
        tempfile.TemporaryDirectory(prefix="mergewright-false-positives-") as scratch,
        ProcessPoolExecutor(asked.jobs) as several,
    ):
        kept = asked.keep or Path(scratch)
        trees = [_tree(project, kept) for project in asked.projects]
        rules = [frozenset(asked.rules)] * len(trees)
        looked = []
        for each in several.map(whole_trees.look, asked.projects, trees, rules):
            looked.append(each)
            console.print(f"[dim]{len(looked)} of {len(trees)}: {each.project}[/]")
            if asked.write:
                _write(each, asked.rules)
    said = judged.read(judged.FILE.read_text("utf-8"))
    blocks = [one for each in looked for one in each.found if _blocks(one)]
    console.print(_by_rule(looked, said, asked.rules))
    for rule, why in LEFT_OUT.items():
        console.print(f"[dim]left out: {rule}, which {why}[/]")
    if asked.all:
        _tell(console, [one for each in looked for one in each.found if not _blocks(one)], said)
    if asked.judged:
        _tell(
            console, [one for one in blocks if said.get(one.key, Judgement()) != Judgement()], said
        )
    return _concluded(console, looked, blocks, said)


def _tree(project: Project, folder: Path) -> Path:
    tree = folder / project.name
    if not tree.exists():
        folder.mkdir(parents=True, exist_ok=True)
        sources.fetched(project.source, SimpleIndex(settings.load_settings({})), folder)
    return tree


def _write(each: Looked, rules: Sequence[str]) -> None:
    """Renew the list for one project; people may judge while the next ones are looked at."""
    said = judged.read(judged.FILE.read_text("utf-8"))
    found = (one.key for one in each.found if _blocks(one))
    said = judged.renewed(said, found, [each.project], rules)
    judged.FILE.write_text(judged.written(said), "utf-8")


def _blocks(one: Found) -> bool:
    return one.finding.severity is Severity.BLOCK


def _concluded(
    console: Console, looked: list[Looked], blocks: list[Found], said: Mapping[Key, Judgement]
) -> int:
    by: dict[str, list[Found]] = {verdict: [] for verdict in judged.VERDICTS}
    for one in blocks:
        by[said.get(one.key, Judgement()).verdict].append(one)
    open_ones, wrong = by["?"], by["wrong"]
    files = sum(each.python_files for each in looked)
    share = 1000 * len(wrong) / files
    _tell(console, open_ones, said)
    console.print(
        f"{len(looked)} projects, {sum(each.files for each in looked):,} files, {files:,} of them"
        f" Python; {len(blocks)} findings would withhold a change: {len(by['right'])} right,"
        f" {len(wrong)} wrong ({share:.2f} per 1,000 Python files; at most {MOST_WRONG:g}),"
        f" {len(open_ones)} not judged yet"
    )
    if open_ones:
        console.print(f"Add them with ARGS=--write, and judge them in {judged.FILE.name}.")
    return 1 if open_ones or share > MOST_WRONG else 0


def _tell(console: Console, several: list[Found], said: Mapping[Key, Judgement]) -> None:
    for one in sorted(several, key=lambda one: (one.finding.rule, one.project, one.finding.path)):
        finding, judgement = one.finding, said.get(one.key, Judgement())
        how = "" if judgement.verdict == "?" else f"\n    {judgement.verdict}: {judgement.why}"
        console.print(
            f"{finding.severity.value} [bold]{finding.rule}[/]"
            f" {one.project} {escape(finding.path)}:{finding.line} {escape(finding.message)}"
            f"\n    [dim]{escape(one.text[:200])}[/]{escape(how)}",
            soft_wrap=True,
        )


def _by_rule(looked: list[Looked], said: Mapping[Key, Judgement], rules: Sequence[str]) -> Table:
    files = sum(each.python_files for each in looked)
    table = Table(
        "rule", "files", "block", "right", "wrong", "open", "review", "info",
        "block per 1,000", "review per 1,000", "info per 1,000",
    )  # fmt: skip
    for rule in rules:
        found = [one for each in looked for one in each.found if one.finding.rule == rule]
        by = Counter(one.finding.severity.value for one in found)
        verdicts = Counter(said.get(one.key, Judgement()).verdict for one in found if _blocks(one))
        counts = [by["block"], verdicts["right"], verdicts["wrong"], verdicts["?"]]
        table.add_row(
            rule,
            str(len({(one.project, one.finding.path) for one in found})),
            *(str(count) for count in (*counts, by["review"], by["info"])),
            *(f"{1000 * by[name] / files:.2f}" for name in ("block", "review", "info")),
        )
    return table


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.false_positives", description=__doc__)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these projects alone")
    parser.add_argument(
        "--rules", nargs="+", metavar="ID", help="these rules alone, which is quick"
    )
    parser.add_argument("--write", action="store_true", help="add what is new to judged.toml")
    parser.add_argument("--judged", action="store_true", help="print what is judged, and how")
    parser.add_argument("--all", action="store_true", help="print what does not block as well")
    parser.add_argument("--keep", type=Path, help="unpack here, and use what is unpacked already")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="default: %(default)s")
    asked = parser.parse_args(argv)
    known = {project.name: project for project in PROJECTS}
    if unknown := [name for name in asked.only or () if name not in known]:
        parser.error(f"unknown: {', '.join(unknown)}; known: {', '.join(known)}")
    asked.projects = tuple(known[name] for name in asked.only or known)
    held = (*registry.OF_CHANGES, *ruff_rules.RULES)
    rules = [rule.id for rule in held if rule.id not in LEFT_OUT]
    if unknown := [rule for rule in asked.rules or () if rule not in rules]:
        parser.error(f"unknown, or left out: {', '.join(unknown)}; known: {', '.join(rules)}")
    asked.rules = asked.rules or rules
    return asked


if __name__ == "__main__":
    sys.exit(main())
