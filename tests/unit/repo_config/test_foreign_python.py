"""Parsing of what others wrote."""

import gc
import sys
import threading

from repo_config import foreign_python

SOURCE = "".join(f"a{number} = [b + 1, {{c: d(e)}}]\n" for number in range(200))


def test_several_threads_may_parse_at_a_time() -> None:
    problems: list[BaseException] = []

    def parse() -> None:
        try:
            for _ in range(10):
                foreign_python.parse_module(SOURCE)
        except SystemError as problem:
            problems.append(problem)

    threads = [threading.Thread(target=parse) for _ in range(4)]
    interval, threshold = sys.getswitchinterval(), gc.get_threshold()
    # Python code that the collector calls lets other threads in.
    gc.callbacks.append(_linger)
    sys.setswitchinterval(1e-6)
    gc.set_threshold(100)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        gc.callbacks.remove(_linger)
        sys.setswitchinterval(interval)
        gc.set_threshold(*threshold)
    assert problems == []


def _linger(*_: object) -> None:
    for _ in range(50):
        pass
