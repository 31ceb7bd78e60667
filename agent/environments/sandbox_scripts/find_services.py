"""Say which servers the root file system has, in which versions, as /out/report.json."""

from __future__ import annotations

import glob
import json
import os
import re
import subprocess

#: Folders of programs by server, as Debian, Red Hat, Alpine and source builds lay them out.
PLACES = {
    "postgres": (
        "/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/libexec/postgresql*",
        "/usr/local/pgsql/bin", "/usr/local/bin", "/usr/bin",
    ),
    "redis": ("/usr/local/bin", "/usr/bin", "/usr/libexec/redis"),
}  # fmt: skip
PROGRAMS = {"postgres": ("postgres",), "redis": ("redis-server", "valkey-server")}
#: Without this beside it, a PostgreSQL is of no use.
BESIDE = {"postgres": "initdb"}


def main() -> None:
    found = []
    for name, patterns in PLACES.items():
        seen = set()
        for folder in [place for pattern in patterns for place in sorted(glob.glob(pattern))]:
            for program in PROGRAMS[name]:
                path = os.path.join(folder, program)
                beside = os.path.join(folder, BESIDE.get(name, program))
                if not (os.access(path, os.X_OK) and os.access(beside, os.X_OK)):
                    continue
                if os.path.realpath(path) not in seen and (version := asked(path)):
                    seen.add(os.path.realpath(path))
                    found.append({"name": name, "version": version, "program": path})
    with open("/out/report.json", "w", encoding="utf-8") as report:
        json.dump(found, report)


def asked(path: str) -> str:
    """Return what a server says of its version; nothing when it does not run."""
    try:
        answer = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=15, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    match = re.search(r"(?:PostgreSQL\) |v=)(\d[\w.]*)", answer.stdout)
    return match[1] if match else ""


main()
