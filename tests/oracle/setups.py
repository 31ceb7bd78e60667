"""`python -m tests.oracle.setups record|compare --mirrors FOLDER [-k NAME]`: how set-ups end.

FOLDER holds clones, as OWNER__NAME. `mergewright check` sets each up at the commit of its row, else
at the newest. `record` keeps a row for each in `setups.jsonl`; `compare` prints rows that differ.
Exit codes: 0 all are as they were; 1 not so.
"""

import argparse
import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

from tests.folders import data_folder
from tests.oracle import cases
from tests.processes import of_home, run_agent

KEPT = cases.FOLDER / "setups.jsonl"
Row = dict[str, Any]


def set_up(mirror: Path, commit: str, home: Path) -> Row:
    repository = home / "clones" / mirror.name
    shutil.rmtree(repository, ignore_errors=True)
    cases.clone(mirror, commit, repository)
    words = ("check", "--repo", str(repository), "--json")
    run = run_agent(*words, environ=of_home(home), timeout=3600)
    report = json.loads(run.stdout or "{}")
    if not report.get("base"):
        # What a failed one says differs in versions and durations.
        return {"why": re.sub(r"\d+", "0", report.get("sentence", run.stderr[-500:]))[:300]}
    base = report["base"]
    tests: dict[str, object] = next(
        (check for check in base["checks"] if check["name"] == "tests"), {}
    )
    return {
        "python": base["python"].rpartition(".")[0],
        "lines": base["setup"],
        "services": base["services"],
        "command": tests.get("command"),
        "tests": tests.get("counts") or tests.get("reason"),
        "set-up seconds": base["setup_seconds"],
        "test seconds": tests.get("seconds"),
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.oracle.setups")
    parser.add_argument("what", choices=("record", "compare"))
    parser.add_argument("-k", default="")
    parser.add_argument("--mirrors", type=Path, required=True)
    options = parser.parse_args()
    kept = {row["name"]: row for row in map(json.loads, KEPT.read_text().splitlines())}
    is_same = True
    with data_folder("set-ups") as home:
        for mirror in sorted(options.mirrors.glob(f"*{options.k or '__'}*")):
            name = mirror.name.replace("__", "/")
            newest = cases.run_git(mirror, "rev-parse", "HEAD").decode().strip()
            commit = kept.get(name, {}).get("commit", newest)
            row = {"name": name, "commit": commit, **set_up(mirror, commit, home)}
            print(f"{name}: {row.get('tests') or row.get('why')}", flush=True)
            if options.what == "record":
                kept[name] = row
                KEPT.write_text("".join(f"{json.dumps(kept[key])}\n" for key in sorted(kept)))
                continue
            for key in row.keys() | kept.get(name, {}).keys():
                old, new = kept.get(name, {}).get(key), row.get(key)
                if old != new and "seconds" not in key:
                    print(f"  {key}: {old!r} -> {new!r}", flush=True)
                    is_same = False
    return 0 if is_same else 1


if __name__ == "__main__":
    sys.exit(main())
