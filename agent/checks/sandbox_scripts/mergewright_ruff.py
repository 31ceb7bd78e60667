"""Have ruff write what it finds as JSON, by the words that its version knows.

Arguments: where to leave the report, then the command as the newest ruff has it.
"""

import re
import subprocess
import sys


def main():
    report, program, subcommand, *words = sys.argv[1:]
    said = subprocess.check_output([program, "--version"], text=True)
    version = tuple(map(int, re.findall(r"\d+", said)[:3]))
    if version >= (0, 0, 237):
        words.insert(0, subcommand)
    words.append("--output-format=json" if version >= (0, 0, 291) else "--format=json")
    with open(report, "x") as file:
        sys.exit(subprocess.call([program, *words], stdout=file))


if __name__ == "__main__":
    main()
