"""The inbox: deliveries on their way from the listener to the intake; a SQLite file of its own.

Owns its tables. A delivery is identified by its id. An append is on disk when it returns.
Signatures and HTTP are the listener's part; the meaning of a delivery is the intake's.
"""

import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, NamedTuple

from sqlalchemy import BigInteger, Index, Integer, Table, func, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Field, SQLModel, col, select

from agent import secret_values
from agent.errors import StoreUnavailable, StoreUnusable
from agent.models.ticket import Delivery
from agent.settings import HEARTBEAT, Settings
from agent.store.database import Database
from agent.store.purge_scope import PurgeScope

FILE_NAME = "inbox.sqlite"
#: GitHub redelivers for up to 30 days; rows stay longer.
_KEPT_SECONDS = 35 * 86_400.0
_BEAT = "intake"
#: Values of a delivery whose texts were deleted.
_BLANK = {"body": b"", "reason": ""}
_AT_ONCE = 500


class DeliveryRow(SQLModel, table=True):
    """One delivery; `number` is the order of arrival."""

    __tablename__ = "deliveries"

    # A duplicate is not stored, but uses up a number, too.
    number: int | None = Field(
        default=None,
        primary_key=True,
        sa_type=BigInteger().with_variant(Integer, "sqlite"),
    )
    delivery_id: str = Field(unique=True)
    event: str
    content_key: str = ""
    """Not used any more, but processes of the previous version still write it."""
    received_at: float
    body: bytes
    outcome: str | None = None
    """None: the delivery is still unread."""
    reason: str = ""

    __table_args__ = (
        Index(
            "deliveries_unread",
            "number",
            sqlite_where=text("outcome IS NULL"),
            postgresql_where=text("outcome IS NULL"),
        ),
    )


class HeartbeatRow(SQLModel, table=True):
    __tablename__ = "heartbeats"

    name: str = Field(primary_key=True)
    at: float
    """Seconds since the epoch, by the database's clock."""


_ROWS: Table = DeliveryRow.__table__  # type: ignore[attr-defined]
_TABLES = [_ROWS, HeartbeatRow.metadata.tables[HeartbeatRow.__tablename__]]
_SERVER_NOW: Any = func.extract("epoch", func.clock_timestamp())
ReceiptStatus = Literal["accepted", "duplicate", "ignored"]


class Receipt(NamedTuple):
    status: ReceiptStatus
    reason: str = ""
    """A sentence; empty if the delivery was accepted."""


_KNOWN = Receipt("duplicate", "already received")


class Inbox:
    """Deliveries; safe to use from several threads and processes."""

    def __init__(self, home: Path, url: str | None = None) -> None:
        """Open the inbox. Raises SettingsInvalid, StoreUnusable or StoreUnavailable.

        Args:
            url: URL of PostgreSQL; None: a file in the data folder.
        """
        self.path = home / FILE_NAME
        self._heartbeat = home / HEARTBEAT
        self.is_shared = url is not None
        """Whether the inbox is on a server, which a fleet shares."""
        self._one = threading.Lock()
        self._database = Database(self.path, _TABLES, url=url, busy_seconds=4.0)
        new = (postgresql.insert if url else sqlite.insert)(_ROWS).on_conflict_do_nothing()
        self._add_new = new.returning(_ROWS.c.delivery_id)
        self.name = self._database.name
        self._database.require_sound()
        self._identity = _identity(self.path)

    def append(self, deliveries: Sequence[Delivery]) -> tuple[Receipt, ...]:
        """Add deliveries in one transaction, in their order; on return they are on disk.

        A duplicate leaves no trace. On StoreUnavailable, StoreUnusable or StorageFull, none of them
        was added.
        """
        if not deliveries:
            return ()
        rows = [_make_row(delivery) for delivery in deliveries]
        with self._one, self._database.connect() as connection:
            added = set(connection.execute(self._add_new, rows).scalars())
        self._require_same_file()
        receipts = []
        for delivery in deliveries:
            is_new = delivery.delivery_id in added
            added.discard(delivery.delivery_id)
            receipts.append(_make_receipt(delivery) if is_new else _KNOWN)
        return tuple(receipts)

    def list_unread(self, limit: int) -> Sequence[DeliveryRow]:
        unread = select(DeliveryRow).where(col(DeliveryRow.outcome).is_(None))
        with self._database.read() as session:
            return session.exec(unread.order_by(col(DeliveryRow.number)).limit(limit)).all()

    def record_decision(self, delivery_id: str, outcome: str, reason: str) -> None:
        """Record a decision; the delivery then counts as read. The last decision counts."""
        decided = _ROWS.update().where(_ROWS.c.delivery_id == delivery_id)
        with self._one, self._database.connect() as connection:
            connection.execute(decided.values(outcome=outcome, reason=reason))

    def find(self, delivery_id: str) -> DeliveryRow | None:
        wanted = select(DeliveryRow).where(col(DeliveryRow.delivery_id) == delivery_id)
        with self._database.read() as session:
            return session.exec(wanted).first()

    def count_unread(self) -> tuple[int, float | None]:
        """Count unread deliveries; return also when the oldest was received, or None.

        The time is in seconds since the epoch.
        """
        waiting = col(DeliveryRow.outcome).is_(None)
        with self._database.read() as session:
            count, oldest = session.exec(
                select(func.count(), func.min(DeliveryRow.received_at))
                .select_from(DeliveryRow)
                .where(waiting)
            ).one()
        return count, oldest

    def prove_writable(self) -> None:
        """Write to the disk now; fails as `append` does."""
        self._database.prove_writable()
        self._require_same_file()

    def beat(self, *, leads: bool = True) -> None:
        """Record a heartbeat of the inbox's reader.

        Args:
            leads: Whether this process reads the inbox; others only touch the file in their folder.
        """
        with suppress(OSError):
            self._heartbeat.touch(mode=0o600)
        if leads and self.is_shared:
            with suppress(StoreUnavailable), self._database.write() as session:
                session.merge(HeartbeatRow(name=_BEAT, at=_SERVER_NOW))

    def read_last_beat(self) -> float | None:
        """Return the reader's last heartbeat, in seconds since the epoch; None: there was none."""
        if self.is_shared:
            with suppress(StoreUnavailable), self._database.read() as session:
                beat = session.get(HeartbeatRow, _BEAT)
                return beat.at if beat else None
        with suppress(OSError):
            return self._heartbeat.stat().st_mtime
        return None

    def prune(self, now: float, before: float = 0.0) -> int:
        """Remove old decided deliveries; return their number.

        Unread deliveries stay, however old. If a removed one came again, it would count as new.

        Args:
            before: Decided deliveries that were received before this time, in seconds since the
                epoch, lose their texts.
        """
        decided, old = _ROWS.c.outcome.is_not(None), _ROWS.c.received_at < now - _KEPT_SECONDS
        worded = (_ROWS.c.received_at < before) & ((_ROWS.c.body != b"") | (_ROWS.c.reason != ""))
        with self._one, self._database.connect() as connection:
            removed = connection.execute(_ROWS.delete().where(decided, old)).rowcount
            blanked = _ROWS.update().where(decided, worded).values(_BLANK)
            return removed + connection.execute(blanked).rowcount

    def find_texts(self, scope: PurgeScope) -> list[int]:
        """Return the numbers of decided deliveries whose texts are within the scope."""
        pattern, numbers = scope.pattern, []
        columns = _ROWS.c.number, _ROWS.c.received_at, _ROWS.c.body, _ROWS.c.reason
        wanted = select(*columns).where(_ROWS.c.outcome.is_not(None))
        with self._database.read() as session:
            rows = session.execute(wanted, execution_options={"yield_per": _AT_ONCE})
            for number, received_at, body, reason in rows:
                text = f"{bytes(body).decode('utf-8', 'replace')}\n{reason}"
                is_old = received_at < scope.before and text != "\n"
                if is_old if pattern is None else pattern.search(text):
                    numbers.append(number)
        return numbers

    def blank(self, numbers: Sequence[int]) -> None:
        for start in range(0, len(numbers), _AT_ONCE):
            rows = _ROWS.c.number.in_(numbers[start:][:_AT_ONCE])
            with self._one, self._database.connect() as connection:
                connection.execute(_ROWS.update().where(rows).values(_BLANK))

    def close(self) -> None:
        self._database.close()

    def _require_same_file(self) -> None:
        # If our file was removed or replaced, nobody can read what we wrote to it, so no delivery
        # may be acknowledged.
        if not self.is_shared and _identity(self.path) != self._identity:
            raise StoreUnusable(
                f"{self.path} was removed or replaced while it was in use. Restart the service."
            )


def open_inbox(loaded: Settings) -> Inbox:
    """Open the inbox that the settings name. Raises the errors of `Inbox`."""
    return Inbox(loaded.home, secret_values.find_database(loaded))


def _make_receipt(delivery: Delivery) -> Receipt:
    return Receipt("ignored", delivery.ignored) if delivery.ignored else Receipt("accepted")


def _make_row(delivery: Delivery) -> dict[str, object]:
    status, reason = _make_receipt(delivery)
    return {
        "delivery_id": delivery.delivery_id,
        "event": delivery.event,
        "content_key": "",
        "received_at": delivery.received_at,
        "body": delivery.body,
        "outcome": None if status == "accepted" else status,
        "reason": reason,
    }


def _identity(path: Path) -> tuple[int, int] | None:
    with suppress(OSError):
        there = path.stat()
        return there.st_dev, there.st_ino
    return None
