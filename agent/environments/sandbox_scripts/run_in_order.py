"""Run commands one after the other; end like the first that fails.

The argument names a JSON file with the list of commands.
"""

import json
import subprocess
import sys


def main() -> int:
    """Run the commands; give the exit code of the first that fails."""
    with open(sys.argv[1], encoding="utf-8") as file:
        commands = json.load(file)
    for command in commands:
        code = subprocess.run(command, check=False).returncode
        if code:
            return code if code > 0 else 128 - code
    return 0


sys.exit(main())
