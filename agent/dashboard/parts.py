"""What the pages work with, and how they get it: the store, who asks, what a form brings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Depends
from starlette.requests import Request

from agent.dashboard.access import ActionRefused, Gate, Visitor
from agent.dashboard.index import RunEntry, RunIndex
from agent.models.outcome import StoredRun
from agent.service.pause import Switch
from agent.store.sql_store import SqlStore

_FORM_BYTES = 64 * 1024


class NotThere(Exception):
    """There is no such page, or not for this visitor: both get the same words."""


@dataclass(frozen=True)
class Dashboard:
    """All that pages read, and where actions are inserted."""

    home: Path
    store: SqlStore
    index: RunIndex
    gate: Gate
    switch: Switch

    def list_runs(self, visitor: Visitor) -> list[RunEntry]:
        """List the runs that a visitor may see, newest first."""
        return [one for one in self.index.entries() if visitor.may_read(one.repository_id)]

    def find_entry(self, run_id: str, visitor: Visitor) -> RunEntry:
        """Give the entry of a run.

        Raises:
            NotThere: There is none, or the visitor may not see it.
        """
        entry = self.index.find(run_id)
        if entry is None or not visitor.may_read(entry.repository_id):
            raise NotThere
        return entry

    def find_run(self, run_id: str, visitor: Visitor) -> StoredRun:
        """Give a run as the store has it now.

        Raises:
            NotThere: There is none, or the visitor may not see it.
        """
        self.find_entry(run_id, visitor)
        try:
            return self.store.get_run(run_id)
        except KeyError:
            raise NotThere from None

    def may_pause(self, visitor: Visitor) -> bool:
        """Whether a visitor may pause everything: it holds all repositories up."""
        if visitor.is_operator:
            return True
        repositories = {one.repository_id for one in self.index.entries()}
        return bool(repositories) and all(map(visitor.may_write, repositories))


def get_dashboard(request: Request) -> Dashboard:
    """Give what the application was made with."""
    found: Dashboard = request.app.state.dashboard
    return found


def get_visitor(request: Request) -> Visitor:
    """Say who sent a request; a page that asks for this is for those who are signed in."""
    return get_dashboard(request).gate.find_visitor(request)


async def read_form(request: Request) -> dict[str, str]:
    """Read a form, whoever has sent it."""
    raw = bytearray()
    async for part in request.stream():
        raw += part
        if len(raw) > _FORM_BYTES:
            raise ActionRefused("This form is too long.")
    return dict(parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True))


Here = Annotated[Dashboard, Depends(get_dashboard)]
Who = Annotated[Visitor, Depends(get_visitor)]
Form = Annotated[dict[str, str], Depends(read_form)]
