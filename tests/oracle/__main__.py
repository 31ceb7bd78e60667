"""`python -m tests.oracle record|compare [-k NAME] [--cases FOLDER] [--mirrors FOLDER]`.

NAME is a part of a case's name; FOLDER holds more cases, a folder each, or clones, as OWNER__NAME.
Judges each case by a whole run of this checkout. `record` keeps what a person sees of its end in
`kept.jsonl`; `compare` prints what differs from that and is not in `expected.toml`.
Exit codes: 0 nothing differs, and all runs ended; 1 not so.
"""

import argparse
import json
import re
import shutil
import sys
import threading
import tomllib
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from tests.folders import data_folder
from tests.oracle import cases
from tests.processes import of_home, run_agent
from tests.scripted import serving

KEPT, EXPECTED = cases.FOLDER / "kept.jsonl", cases.FOLDER / "expected.toml"
#: What is another one in each run: durations, runs, commits, temporary folders, addresses.
_VARIES = re.compile(r"\d[\d,.]* ?m?s\b|\d{8}-\d{6}-\w{16}|/tmp/[^\s`'\"]*|\b(0x)?[0-9a-f]{12}\b")
Line = dict[str, Any]


def judge_case(case: cases.Case, scratch: Path) -> Line:
    """Carry a case through a whole run, and describe its end."""
    place = scratch / threading.current_thread().name
    repository, ticket = (place / case.name).parent, place / "ticket.md"
    shutil.rmtree(place, ignore_errors=True)
    case.lay_out(repository)
    ticket.write_text(case.ticket)
    words = ("run", "--repo", str(repository), "--ticket", str(ticket), "--json")
    with serving(case.reply or ()) as model:
        environ = of_home(scratch / "home", **(model.environ() if case.reply else {}))
        run = run_agent(*words, environ=environ, timeout=3600)
    nothing = {"case": case.name, "end": "none", "reason": run.stderr[-2000:]}
    return describe_end(case.name, json.loads(run.stdout)) if run.stdout else nothing


def describe_end(name: str, report: Line) -> Line:
    """Return what a person sees of the end of a run, from its report."""
    items = _find_items(report["judged"], "findings")
    findings = sorted({f"{f['severity']} {f['rule']} {f['path']}:{f['line'] or ''}" for f in items})
    is_draft = any(words.startswith("review ") for words in findings)
    # What is folded away is the diff, the logs and the environment.
    shown = re.sub(r"\n+", "\n", (report["files"]["text"] or "").partition("<details>")[0])
    sections = [part.splitlines() for part in _VARIES.sub("*", shown).split("\n## ")]
    spare = [line for line in shown.splitlines() if "no test" in line.lower()]
    return {
        "case": name,
        "end": {"ready": "draft" if is_draft else "ready"}.get(report["reason"], "withheld"),
        "reason": report["reason"],
        "sentence": _VARIES.sub("*", report["sentence"]),
        "new failures": sorted({i["item_id"] for i in _find_items(report, "new_failures")}),
        "findings": findings,
        "unneeded": re.findall(r"`([^`]+:\d+[^`]*)`", "\n".join(spare)),
        **{title: lines for title, *lines in sections if title in ("Risk", "Checks", "Proof")},
    }


def _find_items(value: Any, key: str) -> list[Line]:
    """Find the items of all lists of this name, at any depth."""
    if isinstance(value, list):
        return [item for inner in value for item in _find_items(inner, key)]
    if not isinstance(value, dict):
        return []
    return [*(value.get(key) or ()), *_find_items([*value.values()], key)]


def list_differences(old: Line, new: Line, expected: list[dict[str, str]]) -> list[str]:
    """List what differs of a case and is not expected; sentences alone are no difference."""
    rows = [row["field"] for row in expected if fnmatchcase(new["case"], row["case"])]
    olds, news = (
        [
            f"{field}: {item}"
            for field, value in side.items()
            if field not in ("sentence", *rows)
            for item in ([value] if isinstance(value, str) else value)
        ]
        for side in (old, new)
    )
    gone, added = ([item for item in a if item not in b] for a, b in ((olds, news), (news, olds)))
    return [*(f"  - {item}" for item in gone), *(f"  + {item}" for item in added)]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.oracle")
    parser.add_argument("what", choices=("record", "compare"))
    parser.add_argument("-k", default="")
    parser.add_argument("--cases", type=Path)
    parser.add_argument("--mirrors", type=Path)
    options = parser.parse_args()
    every = [*cases.list_changes(), *cases.list_demo()]
    every += cases.list_folders(options.cases) if options.cases else []
    every += cases.list_merged(options.mirrors) if options.mirrors else []
    kept = {line["case"]: line for line in map(json.loads, KEPT.read_text().splitlines())}
    expected = tomllib.loads(EXPECTED.read_text()).get("difference", [])
    is_same = True
    with data_folder("oracle") as scratch, ThreadPoolExecutor(2) as pool:
        chosen = [case for case in every if options.k in case.name]
        for line in pool.map(lambda case: judge_case(case, scratch), chosen):
            print(f"{line['case']}: {line['end']} ({line['reason']})", flush=True)
            if options.what == "record" and line["end"] != "none":
                kept[line["case"]] = line
                KEPT.write_text("".join(f"{json.dumps(kept[key])}\n" for key in sorted(kept)))
            elif differences := list_differences(kept.get(line["case"], {}), line, expected):
                print(*differences, sep="\n", flush=True)
                is_same = False
    return 0 if is_same else 1


if __name__ == "__main__":
    sys.exit(main())
