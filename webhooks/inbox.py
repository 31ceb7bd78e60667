"""Group commit: many deliveries share one write to disk, and each waits until it is there.

Owns the queue before the inbox. While one commit is under way in a thread, the deliveries that
arrive meanwhile gather for the next.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import structlog

from agent.errors import AgentError
from agent.models.ticket import Delivery
from agent.store.sql_inbox import Inbox, Receipt
from webhooks.admission import RefusedDelivery

T = TypeVar("T")

ROWS_PER_COMMIT = 256
QUEUE_LENGTH = 1024
_TURNS = 2
#: GitHub stops listening after 10 seconds, and a delivery may have to wait for the commit before
#: its own.
COMMIT_SECONDS = 4.5

_log = structlog.get_logger()


class Committer:
    """Puts deliveries into the inbox, from the event loop."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._queue: asyncio.Queue[tuple[Delivery, asyncio.Future[Receipt]]] = asyncio.Queue(
            QUEUE_LENGTH
        )
        # One thread: SQLite has one writer, and a probe of it waits its turn like a delivery.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="inbox")
        self._task: asyncio.Task[None] | None = None
        self._said = float("-inf")

    def start(self) -> None:
        """Begin to take deliveries, in the running event loop."""
        self._task = asyncio.create_task(self._commit_forever())

    async def stop(self) -> None:
        """Commit what waits, then let go of the inbox."""
        await self._queue.join()
        if self._task is not None:
            self._task.cancel()
        self._thread.shutdown()
        self._inbox.close()

    @property
    def waiting(self) -> int:
        """How many deliveries wait for a commit."""
        return self._queue.qsize()

    async def put(self, delivery: Delivery) -> Receipt:
        """Return when the delivery is on disk.

        Raises:
            RefusedDelivery: 503; the delivery may be in the inbox only if the disk was too slow.
        """
        answer: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        try:
            self._queue.put_nowait((delivery, answer))
        except asyncio.QueueFull:
            raise RefusedDelivery(
                503, "Too many deliveries are queued. Redeliver this one."
            ) from None
        try:
            return await answer
        except AgentError as problem:
            # The place and cause are the operator's to read, in the log.
            raise RefusedDelivery(
                503, "The inbox cannot be written now. Redeliver this one."
            ) from problem

    async def ask(self, question: Callable[[Inbox], T]) -> T:
        """Ask the inbox something, after the commit that is under way."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, question, self._inbox)

    async def _commit_forever(self) -> None:
        while True:
            batch = [await self._queue.get()]
            # A delivery that has arrived but was not read yet shall not wait for the next batch: in
            # one turn of the loop it is read, in the next one it is here.
            turns = 0
            while turns < _TURNS and len(batch) < ROWS_PER_COMMIT:
                await asyncio.sleep(0)
                turns += 1
                while len(batch) < ROWS_PER_COMMIT and not self._queue.empty():
                    batch.append(self._queue.get_nowait())
                    turns = 0
            rows = [delivery for delivery, _ in batch]
            try:
                async with asyncio.timeout(COMMIT_SECONDS):
                    receipts = await self.ask(partial(_append, rows))
            except Exception as problem:  # noqa: BLE001  the waiting request must hear of it
                self._failed(batch, problem)
            else:
                for (_, answer), receipt in zip(batch, receipts, strict=True):
                    if not answer.done():
                        answer.set_result(receipt)
            finally:
                for _ in batch:
                    self._queue.task_done()

    def _failed(
        self, batch: list[tuple[Delivery, asyncio.Future[Receipt]]], problem: Exception
    ) -> None:
        if isinstance(problem, TimeoutError):
            problem = AgentError(f"the disk write took longer than {COMMIT_SECONDS:g} s")
        words = problem.message if isinstance(problem, AgentError) else repr(problem)
        if time.monotonic() - self._said > 10.0:
            self._said = time.monotonic()
            _log.error("deliveries not committed", count=len(batch), error=words)
        for _, answer in batch:
            if not answer.done():
                answer.set_exception(AgentError(words))


def _append(rows: list[Delivery], inbox: Inbox) -> tuple[Receipt, ...]:
    return inbox.append(rows)
