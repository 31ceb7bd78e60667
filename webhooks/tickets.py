"""`POST /tickets`: tickets of trackers, each source with a token and the repositories it may name.

What a source sends becomes an issue with the label that starts a run. The same key makes the same
issue, however often it is sent.
"""

from __future__ import annotations

import hashlib
import hmac
import uuid
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.models.clock import read_clock
from agent.models.ticket import Delivery, OutsideTicket
from agent.settings import TicketSource
from webhooks.admission import RefusedDelivery

_BEARER = "bearer "


class _PostedTicket(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    repository: str
    title: str = Field(min_length=1, max_length=200)
    body: str = Field(default="", max_length=60_000)
    url: str = Field(default="", max_length=2_000, pattern=r"^(https?://[^\s<>]+)?$")
    """Where it stands in the tracker."""
    key: str = Field(default="", max_length=40, pattern=r"^([A-Za-z][A-Za-z0-9_]*-[0-9]+)?$")
    """As in ABC-123."""


def find_source(sources: Sequence[TicketSource], authorization: str) -> TicketSource:
    """Find whose token a request carries.

    Raises:
        RefusedDelivery: 401, nobody's.
    """
    token = authorization[len(_BEARER) :] if authorization.lower().startswith(_BEARER) else ""
    # All are compared, so that the time tells nothing.
    known = [
        source for source in sources if hmac.compare_digest(source.token.encode(), token.encode())
    ]
    if not known:
        raise RefusedDelivery(
            401,
            'The header "Authorization: Bearer TOKEN", with a token of'
            " MERGEWRIGHT_TICKET_SOURCES, is required.",
        )
    return known[0]


def read_ticket(source: TicketSource, body: bytes) -> Delivery:
    """Read what a source has sent.

    Raises:
        RefusedDelivery: 422 it is no ticket, with the field; 403 the source may not name the
            repository.
    """
    try:
        sent = _PostedTicket.model_validate_json(body)
    except ValidationError as problem:
        first = problem.errors(include_input=False, include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "the body"
        raise RefusedDelivery(422, f"{place}: {first['msg']}.") from None
    if not source.may_name(sent.repository):
        raise RefusedDelivery(
            403, f"This token is not allowed for the repository {sent.repository[:100]}."
        )
    ticket = OutsideTicket(source=source.name, **sent.model_dump())
    same = f"ticket {source.name} {sent.repository.lower()} {sent.key}" if sent.key else ""
    return Delivery(
        delivery_id=str(uuid.uuid4()),
        event="ticket",
        content_key=hashlib.sha256(same.encode()).hexdigest() if same else "",
        received_at=read_clock(),
        body=ticket.model_dump_json().encode(),
    )
