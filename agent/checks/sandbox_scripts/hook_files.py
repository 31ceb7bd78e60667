"""Start a tool on the files that a hook of pre-commit gives it: `hook_files.py ORDER TOOL WORDS…`.

The hook's patterns are matched here, under the limits of the sandbox: one can take for ever.

Runs on any Python from 3.9. Imports only the standard library.
"""

from __future__ import annotations

import json
import os
import re
import sys


def choose(paths, files, exclude):
    """Return the paths that all of `files` match and none of `exclude`, as pre-commit does."""
    wanted, unwanted = _compile(files), _compile(exclude)
    return [
        path
        for path in paths
        if all(pattern.search(path) for pattern in wanted)
        and not any(pattern.search(path) for pattern in unwanted)
    ]


def _compile(patterns):
    """Compile those that are regular expressions; pre-commit itself would say which are not."""
    compiled = []
    for pattern in patterns:
        try:
            compiled.append(re.compile(pattern))
        except (re.error, RecursionError, OverflowError):
            continue
    return compiled


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        chosen = choose(**json.load(file))
    if not chosen:
        # Nothing to look at: an empty report, for tools that write lines or JSON.
        print("[]")
        return
    # A name may look like an option, or like the name of a file with options.
    named = ["./" + path if path.startswith(("-", "@")) else path for path in chosen]
    os.execv(sys.argv[2], [*sys.argv[2:], *named])  # noqa: S606 - a path of ours


if __name__ == "__main__":
    main()
