"""Stand in for uv, poetry, pdm and their kin: `run` what is given, in the environment on PATH.

Set-up lines of CI, Makefiles and scripts call them, where no project manager is installed and none
could reach an index. Runs in a sandbox, on any Python from 3.9, with the standard library alone.
"""

from __future__ import annotations

import os
import sys

#: Options with a value, of the program or of its `run`.
VALUES = {
    "-C", "-p", "--directory", "--env-file", "--extra", "--group", "--no-extra", "--no-group",
    "--only-group", "--package", "--project", "--python", "--with", "--with-editable",
    "--with-requirements",
}  # fmt: skip


def skip_options(words: list[str]) -> list[str]:
    while words and words[0].startswith("-") and words[0] not in ("-m", "--module"):
        if words[0] == "--":
            return words[1:]
        words = words[1 + (words[0] in VALUES) :]
    return words


def main(name: str, words: list[str]) -> None:
    words = skip_options(words)
    if words[:1] != ["run"]:
        asked = " ".join([name, *words[:1]])
        sys.exit(f"{asked}: not available here. What the project declares is installed already.")
    words = skip_options(words[1:])
    # uv runs scripts and modules with Python.
    if words and (words[0].endswith(".py") or words[0] in ("-m", "--module")):
        words = ["python", *(word.replace("--module", "-m") for word in words[:1]), *words[1:]]
    if not words:
        sys.exit(f"{name} run: no command is given")
    try:
        os.execvp(words[0], words)  # noqa: S606 - what it is for
    except OSError as problem:
        print(f"{name} run: {words[0]}: {problem.strerror}", file=sys.stderr)
        sys.exit(127)


if __name__ == "__main__":
    main(os.path.basename(sys.argv[0]), sys.argv[1:])
