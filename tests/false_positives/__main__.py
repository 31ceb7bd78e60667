"""`python -m tests.false_positives [--write]`.

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
from agent.setup.package_index import PackageIndex
from tests.false_positives import judged, whole_trees
from tests.false_positives.judged import Judgement, Key
from tests.false_positives.projects import PROJECTS
from tests.false_positives.whole_trees import Found, Looked
from tests.thirdparty import sources

#: Per 1,000 Python files.
MOST_WRONG = 1.0


def main(argv: Sequence[str] | None = None) -> int:
    """Look at all projects, and tell what was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.false_positives", description=__doc__)
    parser.add_argument("--write", action="store_true", help="add what is new to judged.toml")
    arguments = parser.parse_args(argv)
    looked = []
    with tempfile.TemporaryDirectory() as scratch, ProcessPoolExecutor(os.cpu_count()) as several:
        index = PackageIndex()
        trees = [sources.fetched(project.source, index, Path(scratch))[0] for project in PROJECTS]
        for project_look in several.map(whole_trees.look, PROJECTS, trees):
            looked.append(project_look)
            print(f"{len(looked)} of {len(trees)}: {project_look.project}", flush=True)
    judgements = judged.read(judged.FILE.read_text("utf-8"))
    findings = [found for project_look in looked for found in project_look.found]
    blocks = [found for found in findings if found.finding.severity is Severity.BLOCK]
    if arguments.write:
        judgements = {block.key: judgements.get(block.key, Judgement()) for block in blocks}
        judged.FILE.write_text(judged.write(judgements), "utf-8")
    counts = Counter((found.finding.rule, found.finding.severity.value) for found in findings)
    for (rule, severity), count in sorted(counts.items()):
        print(f"{rule:28} {severity:>8} {count:8}")
    return _conclude(looked, blocks, judgements)


def _conclude(
    looked: list[Looked], blocks: list[Found], judgements: Mapping[Key, Judgement]
) -> int:
    by = Counter(judgements.get(block.key, Judgement()).verdict for block in blocks)
    files = sum(project_look.python_files for project_look in looked)
    share = 1000 * by["wrong"] / files
    for block in blocks:
        if judgements.get(block.key, Judgement()).verdict != "right":
            finding = block.finding
            print(f"{finding.rule} {block.project} {finding.place} {finding.message}")
            print(f"    {block.text[:200]}")
    print(
        f"{len(looked)} projects, {files:,} Python files; {len(blocks)} findings would withhold a"
        f" change: {by['right']} right, {by['wrong']} wrong ({share:.2f} per 1,000 files; at most"
        f" {MOST_WRONG:g}), {by['?']} not judged yet (ARGS=--write adds them to {judged.FILE.name})"
    )
    return 1 if by["?"] or share > MOST_WRONG else 0


if __name__ == "__main__":
    sys.exit(main())
