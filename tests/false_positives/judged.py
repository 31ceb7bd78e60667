"""What people have said of findings that would withhold a change: right or wrong, and why.

Kept in `judged.toml`, one line each. A finding is known by its project, rule, path and the text of
its line, so that a judgement outlives a new release as long as the line does.
"""

import json
import tomllib
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

FILE = Path(__file__).with_name("judged.toml")
VERDICTS = ("right", "wrong", "?")
_HEAD = """\
# Every finding of the rules that would withhold a change, in the projects of projects.py, judged
# once: right (it is what the rule is there to refuse, as it is configured there) or wrong, and why.
# `line` is the beginning of the sha256 of the line's text. `make false-positives ARGS=--write` adds
# what is new as "?", and takes away what is no longer found.
"""


class Key(NamedTuple):
    project: str
    rule: str
    path: str
    line: str


class Judgement(NamedTuple):
    verdict: str = "?"
    why: str = ""


def make_key(project: str, rule: str, path: str, text: str) -> Key:
    """Make the key of a finding, by the text of its line."""
    return Key(project, rule, path, sha256(text.strip().encode()).hexdigest()[:12])


def read(text: str) -> dict[Key, Judgement]:
    """Read the list."""
    judgements = {}
    for project, rows in tomllib.loads(text).items():
        for row in rows["judged"]:
            key = Key(project, row["rule"], row["path"], row["line"])
            assert key not in judgements, f"judged twice: {key}"
            assert row["verdict"] in VERDICTS, f"{row['verdict']}: {key}"
            judgements[key] = Judgement(row["verdict"], row["why"])
    return judgements


def write(judged: Mapping[Key, Judgement]) -> str:
    """Write the list as it is kept."""
    lines = [_HEAD]
    for project in sorted({key.project for key in judged}):
        lines.append(f"[{project}]\njudged = [\n")
        for key in sorted(candidate for candidate in judged if candidate.project == project):
            row = key._asdict() | judged[key]._asdict()
            # A text of JSON is one of TOML.
            fields = (f"{name} = {json.dumps(row[name])}" for name in row if name != "project")
            lines.append(f"  {{{', '.join(fields)}}},\n")
        lines.append("]\n\n")
    return "".join(lines).rstrip("\n") + "\n"
