"""Group commit: many deliveries share one write to disk, and each waits until it is there.

Owns the queue before the inbox. While one commit is under way in a thread, the deliveries that
arrive meanwhile gather for the next.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import structlog

from agent.errors import AgentError
from agent.models.ticket import Delivery
from agent.store.sql_inbox import Inbox, Receipt
from webhooks.admission import RefusedDelivery

ROWS_PER_COMMIT = 256
QUEUE_LENGTH = 1024
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
        # One thread: after a commit that took too long, the next one waits for its end.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="inbox")
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._commit_forever())

    async def stop(self) -> None:
        """Commit waiting deliveries, then close the inbox."""
        await self._queue.join()
        if self._task is not None:
            self._task.cancel()
        self._thread.shutdown()
        self._inbox.close()

    async def put(self, delivery: Delivery) -> Receipt:
        """Return when the delivery is on disk.

        Raises:
            RefusedDelivery: 503; the delivery is not in the inbox, unless the disk was too slow.
        """
        answer: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        try:
            self._queue.put_nowait((delivery, answer))
        except asyncio.QueueFull:
            raise RefusedDelivery(
                503, "Too many deliveries are queued. Redeliver this one."
            ) from None
        return await answer

    async def _commit_forever(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            batch = [await self._queue.get()]
            while len(batch) < ROWS_PER_COMMIT and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            deliveries = [delivery for delivery, _ in batch]
            try:
                async with asyncio.timeout(COMMIT_SECONDS):
                    commit = loop.run_in_executor(self._thread, self._inbox.append, deliveries)
                    receipts = await commit
            except Exception as problem:  # noqa: BLE001  the waiting requests must hear of it
                cause = problem.message if isinstance(problem, AgentError) else repr(problem)
                _log.error("deliveries not committed", count=len(batch), error=cause)
                # The place and the cause are only in the log, for the operator.
                words = "The inbox cannot be written now. Redeliver this one."
                for _, answer in batch:
                    if not answer.done():
                        answer.set_exception(RefusedDelivery(503, words))
            else:
                for (_, answer), receipt in zip(batch, receipts, strict=True):
                    if not answer.done():
                        answer.set_result(receipt)
            finally:
                for _ in batch:
                    self._queue.task_done()
