"""Hook deliveries: what was sent and what came back."""

from __future__ import annotations

from dataclasses import dataclass

from agent.demo.simulator.records import Delivery


@dataclass(frozen=True)
class DeliveryView:
    """A hook delivery."""

    number: int
    guid: str
    event: str
    action: str | None
    at: float
    status: str
    mood: str
    seconds: float | None
    redelivery: bool
    address: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    answer_headers: tuple[tuple[str, str], ...]
    answer: str


def delivery(one: Delivery) -> DeliveryView:
    """Show a hook delivery."""
    answered = one.status_code > 0
    mood = "pending" if one.state == "waiting" else "bad"
    if answered and one.status_code < 400:
        mood = "good"
    status = f"{one.status_code} OK" if one.status == "OK" else one.status
    if one.state == "lost":
        status = "lost on the way"
    return DeliveryView(
        number=one.id,
        guid=one.guid,
        event=one.event,
        action=one.action,
        at=one.delivered or one.created,
        status=status,
        mood=mood,
        seconds=one.duration if one.delivered else None,
        redelivery=one.redelivery,
        address=one.hook.url,
        headers=tuple(one.headers.items()),
        body=one.body,
        answer_headers=tuple(one.answer_headers.items()),
        answer=one.answer,
    )
