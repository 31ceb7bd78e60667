"""Send the audit log to the operator's address, as JSON lines, entry after entry.

What was not taken is sent again, so that an entry may come twice, but none is left out.
"""

import json
from datetime import UTC, datetime

import httpx
import structlog

from agent import settings
from agent.settings import Settings
from agent.store.sql_audit import SqlAudit
from agent.store.sql_tables import AuditRow

_log = structlog.get_logger()
_SECONDS, _LOOK_SECONDS, _AGAIN_SECONDS = 10.0, 5.0, 60.0


def send_entries(loaded: Settings, audit: SqlAudit) -> float:
    """Send what is new; return the seconds until it is time again."""
    address = settings.read_secret(loaded, "audit_url")
    if address is None or not (entries := audit.list_unsent()):
        return _LOOK_SECONDS
    lines = "".join(f"{write_entry(entry)}\n" for entry in entries)
    try:
        answer = httpx.post(
            address.get_secret_value(),
            content=lines.encode(),
            headers={"Content-Type": "application/x-ndjson"},
            timeout=_SECONDS,
        )
        answer.raise_for_status()
    except (httpx.HTTPError, httpx.InvalidURL) as problem:
        # Without its words, which show the address.
        status = getattr(getattr(problem, "response", None), "status_code", None)
        why = status or type(problem).__name__
        _log.warning("the audit log was not taken", entries=len(entries), problem=why)
        return _AGAIN_SECONDS
    audit.mark_sent(entries[-1].number or 0)
    return 0.0


def write_entry(entry: AuditRow) -> str:
    at = datetime.fromtimestamp(entry.at, UTC).isoformat(timespec="milliseconds")
    facts = entry.model_dump() | {"at": at}
    return json.dumps({name: value for name, value in facts.items() if value != ""})
