"""Deliver events: one thread, in order, signed, logged; with faults on demand."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
import uuid
from collections import deque
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Literal

import httpx

from agent.demo.simulator.records import Delivery, Hook

if TYPE_CHECKING:
    from agent.demo.simulator.world import World

TIMEOUT_SECONDS = 10.0
_HELD_SECONDS = 2.0
_ANSWER_KEPT = 4_000

HookFaultKind = Literal["lose", "duplicate", "reorder", "delay"]


@dataclass
class HookFault:
    """What goes wrong with the next deliveries of an event."""

    kind: HookFaultKind
    event: str = "*"
    """Shell pattern over EVENT or EVENT.ACTION."""
    count: int = 1
    seconds: float = 1.0
    """How long `delay` waits."""


class Hooks:
    """The queue of deliveries, their log, and the thread that sends them."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._changed = threading.Condition()
        self._queue: deque[Delivery] = deque()
        self._held: list[tuple[Delivery, float]] = []
        self._passed: set[int] = set()
        """Deliveries that were held back once."""
        self._busy = False
        self._stopped = True
        self._thread: threading.Thread | None = None
        self.log: list[Delivery] = []
        self.faults: list[HookFault] = []

    # the thread

    def start(self) -> None:
        """Begin to send what is queued."""
        with self._changed:
            if not self._stopped:
                return
            self._stopped = False
        self._thread = threading.Thread(target=self._work, name="simulator-hooks", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread; a delivery under way is finished first."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        if self._thread:
            self._thread.join(TIMEOUT_SECONDS + 1)

    def drain(self, seconds: float = 10.0) -> bool:
        """Wait until everything queued has been sent; False if that takes longer."""
        until = time.monotonic() + seconds
        with self._changed:
            while self._queue or self._held or self._busy:
                left = until - time.monotonic()
                if left <= 0:
                    return False
                self._changed.wait(min(left, 0.2))
        return True

    # what is delivered

    def emit(
        self,
        hook: Hook,
        event: str,
        payload: dict[str, Any],
        *,
        installation_id: int | None = None,
        repository_id: int | None = None,
    ) -> Delivery:
        """Queue one delivery of an event."""
        body = json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
        made = Delivery(
            id=self._world.next_id(),
            guid=str(uuid.uuid4()),
            hook=hook,
            event=event,
            action=payload.get("action"),
            body=body.encode(),
            created=self._world.now(),
            installation_id=installation_id,
            repository_id=repository_id,
        )
        self._enqueue(made)
        return made

    def redeliver(self, first: Delivery) -> Delivery:
        """Queue one more attempt: the same GUID and body, another id."""
        made = Delivery(
            id=self._world.next_id(),
            guid=first.guid,
            hook=first.hook,
            event=first.event,
            action=first.action,
            body=first.body,
            created=self._world.now(),
            installation_id=first.installation_id,
            repository_id=first.repository_id,
            redelivery=True,
        )
        self._enqueue(made)
        return made

    def _enqueue(self, made: Delivery) -> None:
        made.headers = _headers(made)
        with self._changed:
            self.log.append(made)
            self._queue.append(made)
            self._changed.notify_all()

    # sending

    def _work(self) -> None:
        with httpx.Client(timeout=TIMEOUT_SECONDS, trust_env=False) as client:
            while True:
                delivery = self._next()
                if delivery is None:
                    return
                try:
                    self._send_with_faults(client, delivery)
                finally:
                    with self._changed:
                        self._busy = False
                        self._changed.notify_all()

    def _next(self) -> Delivery | None:
        """Wait for the next delivery; None when the thread is to end."""
        with self._changed:
            while not self._stopped:
                if self._held and (self._held[0][1] <= time.monotonic()):
                    self._busy = True
                    held = self._held.pop(0)[0]
                    self._passed.add(held.id)
                    return held
                if self._queue:
                    self._busy = True
                    return self._queue.popleft()
                self._changed.wait(0.1 if self._held else None)
        return None

    def _send_with_faults(self, client: httpx.Client, delivery: Delivery) -> None:
        fault = None if delivery.redelivery else self._strike(delivery)
        if fault is None:
            self._send(client, delivery)
        elif fault.kind == "lose":
            delivery.state, delivery.status = "lost", "timed out"
            delivery.delivered = self._world.now()
        elif fault.kind == "duplicate":
            self._send(client, delivery)
            self._send(client, delivery)
        elif fault.kind == "delay":
            time.sleep(fault.seconds)
            self._send(client, delivery)
        else:
            with self._changed:
                self._held.append((delivery, time.monotonic() + _HELD_SECONDS))
            return
        self._release()

    def _strike(self, delivery: Delivery) -> HookFault | None:
        names = (delivery.event, f"{delivery.event}.{delivery.action}")
        with self._changed:
            if delivery.id in self._passed:
                return None
            for fault in self.faults:
                if fault.count > 0 and any(fnmatchcase(name, fault.event) for name in names):
                    fault.count -= 1
                    return fault
        return None

    def _release(self) -> None:
        """Let what was held back for another go next."""
        with self._changed:
            self._held = [(held, 0.0) for held, _ in self._held]

    def _send(self, client: httpx.Client, delivery: Delivery) -> None:
        begun = time.monotonic()
        delivery.delivered = self._world.now()
        try:
            answer = client.post(delivery.hook.url, content=delivery.body, headers=delivery.headers)
        except httpx.TimeoutException:
            delivery.status, delivery.status_code = "timed out", 0
        except (httpx.HTTPError, httpx.InvalidURL) as problem:
            delivery.status = f"failed to connect to host: {type(problem).__name__}"
            delivery.status_code = 0
        else:
            good = answer.is_success
            delivery.status = "OK" if good else f"Invalid HTTP Response: {answer.status_code}"
            delivery.status_code = answer.status_code
            delivery.answer_headers = dict(answer.headers)
            delivery.answer = answer.text[:_ANSWER_KEPT]
        delivery.duration = round(time.monotonic() - begun, 3)
        delivery.state = "sent" if 200 <= delivery.status_code < 300 else "failed"


def _headers(delivery: Delivery) -> dict[str, str]:
    hook = delivery.hook
    headers = {
        "Accept": "*/*",
        "Content-Type": "application/json",
        "User-Agent": "GitHub-Hookshot/5a7b1c9",
        "X-GitHub-Delivery": delivery.guid,
        "X-GitHub-Event": delivery.event,
        "X-GitHub-Hook-ID": str(hook.id),
        "X-GitHub-Hook-Installation-Target-ID": str(hook.target_id),
        "X-GitHub-Hook-Installation-Target-Type": hook.target,
    }
    if hook.secret:
        key = hook.secret.encode()
        sha1 = hmac.new(key, delivery.body, hashlib.sha1).hexdigest()
        headers["X-Hub-Signature"] = "sha1=" + sha1
        sha256 = hmac.new(key, delivery.body, hashlib.sha256).hexdigest()
        headers["X-Hub-Signature-256"] = "sha256=" + sha256
    return headers


def as_json(one: Delivery) -> dict[str, Any]:
    """Give a delivery as set-up's own end point shows it."""
    return {
        "id": one.id,
        "guid": one.guid,
        "event": one.event,
        "action": one.action,
        "state": one.state,
        "redelivery": one.redelivery,
        "url": one.hook.url,
        "status": one.status,
        "status_code": one.status_code,
        "seconds": one.duration,
        "headers": one.headers,
        "payload": json.loads(one.body),
        "answer": one.answer,
    }


def fault_as_json(one: HookFault) -> dict[str, object]:
    """Give a hook fault as JSON."""
    return asdict(one)
