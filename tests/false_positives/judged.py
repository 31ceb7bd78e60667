"""What people have said of findings that would withhold a change: right or wrong, and why.

Kept in `judged.toml`, one line each. A finding is known by its project, rule, path and the text of
its line, so that a judgement outlives a new release as long as the line does; of several on lines of
the same text each is judged by itself, so that one more of them is not taken for judged.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Literal, cast

FILE = Path(__file__).with_name("judged.toml")
VERDICTS = ("right", "wrong", "?")
_HEAD = """\
# Every finding of the rules that would withhold a change, in the projects of projects.py, judged
# once: right (it is what the rule is there to refuse, as it is configured there) or wrong, and why.
# `line` is the beginning of the sha256 of the line's text; where that and all else is the same,
# `nth` tells them apart. `make false-positives ARGS=--write` adds what is new as "?", and takes
# away what is no longer found.
"""

Verdict = Literal["right", "wrong", "?"]


@dataclass(frozen=True, order=True)
class Key:
    """What one judgement is about."""

    project: str
    rule: str
    path: str
    line: str
    nth: int = 1
    """Of those with the same project, rule, path and line, from the top of the file."""


@dataclass(frozen=True)
class Judgement:
    """What was said of it."""

    verdict: Verdict = "?"
    why: str = ""


def key(project: str, rule: str, path: str, text: str, nth: int = 1) -> Key:
    """Make the key of a finding.

    Args:
        project: Its name.
        rule: Its id.
        path: Within the project.
        text: Of the line; "" for a finding about the file as a whole.
        nth: Of those that are the same in all this.
    """
    return Key(project, rule, path, sha256(text.strip().encode()).hexdigest()[:12], nth)


def read(text: str) -> dict[Key, Judgement]:
    """Read the list."""
    found = {}
    for project, rows in tomllib.loads(text).items():
        for row in rows["judged"]:
            at = Key(project, row["rule"], row["path"], row["line"], row.get("nth", 1))
            assert at not in found, f"judged twice: {at}"
            assert row["verdict"] in VERDICTS, f"{row['verdict']}: {at}"
            found[at] = Judgement(cast("Verdict", row["verdict"]), row["why"])
    return found


def written(judged: Mapping[Key, Judgement]) -> str:
    """Write the list as it is kept."""
    lines = [_HEAD]
    for project in sorted({at.project for at in judged}):
        lines.append(f"[{project}]\njudged = [\n")
        for at in sorted(one for one in judged if one.project == project):
            said = judged[at]
            row: dict[str, str | int] = {
                "rule": at.rule,
                "path": at.path,
                "line": at.line,
                **({"nth": at.nth} if at.nth > 1 else {}),
                "verdict": said.verdict,
                "why": said.why,
            }
            # A text or a number of JSON is one of TOML.
            fields = ", ".join(f"{name} = {json.dumps(value)}" for name, value in row.items())
            lines.append(f"  {{{fields}}},\n")
        lines.append("]\n\n")
    return "".join(lines).rstrip("\n") + "\n"


def renewed(
    judged: Mapping[Key, Judgement],
    found: Iterable[Key],
    projects: Iterable[str],
    rules: Iterable[str],
) -> dict[Key, Judgement]:
    """Add what is new as open, and leave out what these rules no longer find in these projects."""
    looked_at, asked = frozenset(projects), frozenset(rules)
    kept = {
        at: said
        for at, said in judged.items()
        if at.project not in looked_at or at.rule not in asked
    }
    return kept | {at: judged.get(at, Judgement()) for at in found}
