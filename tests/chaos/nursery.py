"""Starts worker after worker, each the real command, in a process that has everything loaded.

`python -m tests.chaos.nursery LOG [BREAK]`. Reads one line for each worker to start: a point to die
at, or nothing. Answers `started PID`, and once it is over `ended STATUS`.
"""

import ctypes
import gc
import os
import signal
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from dbos import _sys_db_sqlite

from agent import wiring
from agent.cli import main as command_line
from agent.github import code_host
from agent.service import process
from tests.chaos import broken, points

_DEATH_SIGNAL = 1
#: What the first run would load; a worker that is forked has it.
LOADED = [process, wiring, code_host, _sys_db_sqlite]
if chosen := os.environ.get("MERGEWRIGHT_MODEL"):
    LOADED += [import_module("agent.llm.provided"), import_module("genai_prices.data")]
    import_module("pydantic_ai.models").infer_model(chosen)


def main() -> None:
    """Start workers until stdin ends."""
    log = Path(sys.argv[1])
    for name in sys.argv[2:]:
        broken.BREAKS[name]()
    prctl = ctypes.CDLL(None).prctl
    # What is here stays, and is not copied because its reference counts are looked at.
    gc.freeze()
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            prctl(_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
            _become_worker(log, line.strip())
        _say(f"started {pid}")
        _, status = os.waitpid(pid, 0)
        _say(f"ended {os.waitstatus_to_exitcode(status)}")


def _say(line: str) -> None:
    print(line, flush=True)


def _become_worker(log: Path, strike: str) -> NoReturn:
    os.setsid()
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    os.closerange(3, 256)
    if strike:
        points.arm(points.Point.read(strike))
    sys.argv = ["mergewright", "work"]
    code = 1
    with suppress(Exception):
        try:
            command_line.main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        except BaseException:
            sys.excepthook(*sys.exc_info())
            raise
    os._exit(code)


if __name__ == "__main__":
    main()
