"""Migrations that come after others, and what the recipe makes."""

from __future__ import annotations

from agent.models.change import Finding
from agent.models.ticket import Ticket
from agent.policy.change_context import ChangeContext
from agent.policy.migrations import data, history, operations, unasked
from tests.unit.policy.cases import change, config, project
from tests.unit.policy.migration_files import SHOP, migration

MODULES = (history, unasked, operations, data)


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


def named(findings: list[Finding]) -> list[tuple[str, str, int | None]]:
    return [(finding.rule, finding.path, finding.line) for finding in findings]


def test_what_a_field_was_is_read_from_its_model_before_the_change():
    models = "from django.db import models\n\n\nclass Order(models.Model):\n"
    longer = f"{models}    code = models.CharField(max_length=40)\n"
    shorter = "migrations.AlterField('order', 'code', models.CharField(max_length=30))"
    asked = change_context(
        {
            "shop/models.py": longer.replace("40", "30"),
            "shop/migrations/0003_code.py": migration(shorter, after="0002_note"),
        },
        {**SHOP, "shop/models.py": longer},
    )
    (finding,) = found(asked)
    assert finding.rule == "migration-destructive"
    assert "from 40 down to 30" in finding.message
