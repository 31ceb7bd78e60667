"""Migrations that come after others, and what the recipe makes."""

from __future__ import annotations

from agent.models.change import Finding
from agent.models.ticket import Ticket
from agent.policy.change_context import ChangeContext
from agent.policy.migrations import history, operations
from tests.unit.policy.cases import change, config, project
from tests.unit.policy.migration_files import SHOP, migration

MODULES = (history, operations)


def change_context(
    after: dict[str, str | bytes | None],
    base: dict[str, str | bytes] | None = None,
    ticket: str | None = None,
) -> ChangeContext:
    made, tree = change(after, base if base is not None else SHOP)
    asked = Ticket(ticket_id="1", title=ticket, body="", digest="0") if ticket else None
    return ChangeContext(made, config(), project("3.11", "config.settings"), tree, asked)


def found(asked: ChangeContext) -> list[Finding]:
    return [finding for module in MODULES for finding in module.check_change(asked)]


def test_what_a_field_was_is_found_where_it_was_last_altered():
    longer = "migrations.AlterField('order', 'code', models.CharField(max_length=40, null=True))"
    base = {**SHOP, "shop/migrations/0003_code.py": migration(longer, after="0002_note")}
    shorter = longer.replace("40", "30")
    asked = change_context(
        {"shop/migrations/0004_code.py": migration(shorter, after="0003_code")}, base
    )
    (finding,) = found(asked)
    assert finding.rule == "migration-destructive"
    assert "from 40 down to 30" in finding.message
