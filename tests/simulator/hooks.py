"""Deliver events: one thread, in order, signed, logged; as GitHub has it."""

import hashlib
import hmac
import json
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import httpx

_TIMEOUT_SECONDS = 10.0


@dataclass(eq=False)
class Hook:
    id: int
    url: str
    secret: str
    events: tuple[str, ...]
    app_id: int


@dataclass(eq=False)
class Delivery:
    """One webhook delivery, or one more attempt of it."""

    id: int
    guid: str
    hook: Hook
    event: str
    action: str | None
    body: bytes
    created: float
    repository_id: int | None
    redelivery: bool = False
    state: Literal["waiting", "sent", "lost", "failed"] = "waiting"
    delivered: float | None = None
    status_code: int = 0


class Hooks:
    """The queue of deliveries, their log, and the thread that sends them."""

    def __init__(self, next_id: Callable[[], int], now: Callable[[], float]) -> None:
        self._next_id, self._now = next_id, now
        self._changed = threading.Condition()
        self._queue: deque[Delivery] = deque()
        self._busy = False
        self._stopped = True
        self._thread: threading.Thread | None = None
        self.log: list[Delivery] = []

    def start(self) -> None:
        self._stopped = False
        self._thread = threading.Thread(target=self._work, name="simulator-hooks", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread; a delivery under way is finished first."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        if self._thread:
            self._thread.join(_TIMEOUT_SECONDS + 1)

    def drain(self, seconds: float = 10.0) -> bool:
        """Wait until everything queued has been sent; False if that takes longer."""
        until = time.monotonic() + seconds
        with self._changed:
            while self._queue or self._busy:
                left = until - time.monotonic()
                if left <= 0:
                    return False
                self._changed.wait(min(left, 0.2))
        return True

    def emit(
        self, hook: Hook, event: str, payload: dict[str, Any], repository_id: int | None = None
    ) -> None:
        body = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
        number, now = self._next_id(), self._now()
        guid, action = str(uuid.uuid4()), payload.get("action")
        self._enqueue(Delivery(number, guid, hook, event, action, body, now, repository_id))

    def redeliver(self, first: Delivery) -> None:
        """Queue one more attempt: the same GUID and body, another id."""
        number, now = self._next_id(), self._now()
        self._enqueue(replace(first, id=number, created=now, redelivery=True, state="waiting"))

    def _enqueue(self, made: Delivery) -> None:
        with self._changed:
            self.log.append(made)
            self._queue.append(made)
            self._changed.notify_all()

    def _work(self) -> None:
        with httpx.Client(timeout=_TIMEOUT_SECONDS, trust_env=False) as client:
            while (delivery := self._next()) is not None:
                try:
                    self.send(client, delivery)
                finally:
                    with self._changed:
                        self._busy = False
                        self._changed.notify_all()

    def _next(self) -> Delivery | None:
        """Wait for the next delivery; None when the thread is to end."""
        with self._changed:
            while not self._stopped:
                if self._queue:
                    self._busy = True
                    return self._queue.popleft()
                self._changed.wait()
        return None

    def send(self, client: httpx.Client, delivery: Delivery) -> None:
        """Send one; tests let it go wrong here."""
        delivery.delivered = self._now()
        try:
            answer = client.post(
                delivery.hook.url, content=delivery.body, headers=_headers(delivery)
            )
        except (httpx.HTTPError, httpx.InvalidURL):
            delivery.status_code = 0
        else:
            delivery.status_code = answer.status_code
        delivery.state = "sent" if 200 <= delivery.status_code < 300 else "failed"


def _headers(delivery: Delivery) -> dict[str, str]:
    hook = delivery.hook
    signature = hmac.new(hook.secret.encode(), delivery.body, hashlib.sha256).hexdigest()
    return {
        "Content-Type": "application/json",
        "User-Agent": "GitHub-Hookshot/5a7b1c9",
        "X-GitHub-Delivery": delivery.guid,
        "X-GitHub-Event": delivery.event,
        "X-GitHub-Hook-ID": str(hook.id),
        "X-GitHub-Hook-Installation-Target-ID": str(hook.app_id),
        "X-GitHub-Hook-Installation-Target-Type": "integration",
        "X-Hub-Signature-256": f"sha256={signature}",
    }
