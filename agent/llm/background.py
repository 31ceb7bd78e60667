"""One event loop for all requests of a process, in a thread of its own.

The providers' clients are async, and keep their connections with the loop in which they were made;
the core is not. So an ordinary thread waits for the reply, and looks every half second whether it
is still wanted.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import CancelledError
from functools import cache
from typing import Any, TypeVar

from agent.errors import Cancelled
from agent.models.sandbox import Flag

T = TypeVar("T")
_LOOK_SECONDS = 0.5


def run_in_background(work: Coroutine[Any, Any, T], stopped: Flag | None = None) -> T:
    """Do the work in the loop, and wait for its result.

    Raises:
        Cancelled: The flag was set; the work is cancelled then.
    """
    future = asyncio.run_coroutine_threadsafe(work, _loop())
    try:
        while True:
            try:
                return future.result(timeout=_LOOK_SECONDS)
            except TimeoutError:
                if future.done():
                    raise
            if stopped is not None and stopped.is_set():
                raise Cancelled("The run was stopped while a model was asked.")
    except CancelledError as problem:
        raise Cancelled("The request to the model was cancelled.") from problem
    finally:
        future.cancel()


@cache
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="models", daemon=True).start()
    return loop
