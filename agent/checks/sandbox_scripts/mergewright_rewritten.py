"""Run a formatter on the files of a sandbox and say which of them it wrote anew.

What a formatter prints differs from version to version; what it writes is what people commit.

Arguments: where to leave the report, then the formatter's command.
"""

import json
import os
import subprocess
import sys


def main():
    report, *command = sys.argv[1:]
    before = list_states()
    code = subprocess.call(command)
    after = list_states()
    found = sorted(path for path in before if after.get(path) != before[path])
    with open(report, "x") as file:
        json.dump(found, file)
    sys.exit(code)


def list_states():
    """Return of every file what changes when it is written."""
    found = {}
    for folder, folders, names in os.walk("."):
        folders[:] = [name for name in folders if name != ".git"]
        for name in names:
            path = os.path.join(folder, name)
            facts = os.lstat(path)
            found[os.path.normpath(path)] = (facts.st_ino, facts.st_size, facts.st_mtime_ns)
    return found


if __name__ == "__main__":
    main()
