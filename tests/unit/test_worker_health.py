"""What a worker says of itself: whether it lives, and what keeps it from its work."""

import asyncio
from types import SimpleNamespace

import pytest

from agent.errors import StoreUnavailable
from agent.service import health
from agent.service.health import WorkerHealth


@pytest.fixture
def made(tmp_path, store):
    def make(*, seconds=0.0, keeper=store) -> WorkerHealth:
        one = WorkerHealth(tmp_path, keeper, SimpleNamespace(seconds_since_beat=lambda: seconds))
        one.is_signed_in = True
        return one

    return make


def read(one: WorkerHealth) -> tuple[bool, str | None]:
    facts = asyncio.run(one.read_readiness())
    return facts["ready"], facts["reason"]


def test_a_worker_without_a_hindrance_is_ready(made):
    assert read(made()) == (True, None)


def test_what_keeps_a_worker_from_its_work_is_named(made, monkeypatch):
    def fail() -> None:
        raise StoreUnavailable("PostgreSQL is currently unavailable.")

    away = made(keeper=SimpleNamespace(prove_writable=fail))
    assert read(away) == (
        False,
        "The database cannot be written. PostgreSQL is currently unavailable.",
    )
    unknown = made()
    unknown.is_signed_in = False
    ready, reason = read(unknown)
    assert (ready, unknown.is_alive()) == (False, True)
    assert "GitHub" in reason
    stuck = made(seconds=health.STILL_SECONDS + 1)
    ready, reason = read(stuck)
    assert (ready, stuck.is_alive()) == (False, False)
    assert "The intake" in reason
    monkeypatch.setattr("agent.sandbox.limit_probes._LEAST_FREE", 10**18)
    ready, reason = read(made())
    assert not ready
    assert "MiB are free" in reason
