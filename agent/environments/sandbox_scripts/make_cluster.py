"""Make an empty PostgreSQL cluster, as /out/cluster.tar.

The argument names a JSON file:

folder     of PostgreSQL's programs
users      roles that may do everything, besides the one that a cluster begins with
databases  further databases
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile

DATA = "/tmp/data"  # noqa: S108 - in the sandbox, whose /tmp is its own
#: Whoever reaches the server is in the sandbox already.
INITDB = (
    "--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync",
    "--wal-segsize=1",
)  # fmt: skip


def main() -> None:
    with open(sys.argv[1], encoding="utf-8") as file:
        job = json.load(file)
    program = os.path.join(job["folder"], "postgres")
    initdb = os.path.join(job["folder"], "initdb")
    made = subprocess.run([initdb, *INITDB, "-D", DATA], check=False)
    if made.returncode != 0:
        sys.exit(made.returncode)
    said = [f"CREATE ROLE {quoted(name)} SUPERUSER LOGIN" for name in job["users"]]
    said += [f"CREATE DATABASE {quoted(name)}" for name in job["databases"]]
    if said:
        run_alone(program, said)
    with tarfile.open("/out/cluster.tar", "w") as tar:
        tar.add(DATA, arcname="data")


def quoted(name: str) -> str:
    return '"%s"' % name.replace('"', '""')


def run_alone(program: str, statements: list[str]) -> None:
    """Run statements, one on a line, in a server that serves nobody else."""
    argv = [program, "--single", "-D", DATA, "-c", "exit_on_error=on", "-F", "postgres"]
    lines = "".join(f"{line}\n" for line in statements)
    done = subprocess.run(argv, input=lines, text=True, check=False)
    if done.returncode != 0:
        sys.exit(done.returncode)


main()
