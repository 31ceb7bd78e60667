"""Every known way to make tests pass without mending the code is held back; honest changes pass."""

from __future__ import annotations

import pytest

from agent.domain import Ticket
from agent.errors import PolicyRefused
from agent.policy import registry
from agent.policy.proposal import Proposal
from agent.policy.tampering import weakened_tests
from agent.stages import policy
from tests.unit.policy.cases import blocking, change, config, project
from tests.unit.policy.tamperings import HONEST, TAMPERINGS, Entry
from tests.unit.recipes import trees

OWN = {rule.id for module in registry._TAMPERING for rule in module.RULES}


def _proposal(entry: Entry) -> Proposal:
    made, tree = change(dict(entry.after), dict(entry.base))
    django = "blog.settings" if "manage.py" in entry.base else None
    title, _, body = entry.ticket.partition("\n")
    ticket = Ticket(ticket_id="1", title=title, body=body, digest="0")
    return Proposal(made, config(**entry.config), project("3.11", django), tree, ticket)


@pytest.mark.parametrize("name", TAMPERINGS)
def test_a_tampering_is_held_back(name):
    with pytest.raises(PolicyRefused) as refused:
        policy.judge(_proposal(TAMPERINGS[name]), {})
    found = blocking(list(refused.value.findings))
    assert {finding.rule for finding in found} <= OWN, found


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_change_passes(name):
    assert policy.judge(_proposal(HONEST[name]), {}).change


def test_long_expectations_are_shown_where_they_differ():
    same = ", ".join(f"'key{number}': {number}" for number in range(30))
    text = "def test_all():\n    assert f() == {%s, 'last': %s}\n"
    entry = Entry(
        base={"tests/test_a.py": text % (same, "1")},
        after={"tests/test_a.py": text % (same, "2"), "a.py": "def f():\n    return 1\n"},
        ticket="Count once more",
    )
    (found,) = weakened_tests.check(_proposal(entry))
    assert "'last': 2" in found.message
    assert "'last': 1" in found.message
    assert "key9" not in found.message


@pytest.mark.parametrize("style", ["import pytest\n", "from django.test import TestCase\n"])
def test_what_a_recipe_writes_passes(style):
    files = {
        **trees.SHOP,
        "shop/models.py": "from django.db import models\n\n\nclass Customer(models.Model):\n"
        "    name = models.CharField(max_length=100)\n",
        "shop/tests/__init__.py": "",
        "shop/tests/test_a.py": f"{style}\n\ndef test_one():\n    assert f()\n",
    }
    after = trees.edited(trees.form(add_a_test="yes"), files, detected=trees.project("pytest"))
    made, tree = change({path: content.decode() for path, content in after.items()}, dict(files))
    proposal = Proposal(made, config(), trees.project("pytest"), tree)
    found = [one for module in registry._TAMPERING for one in module.check(proposal)]
    assert any("test" in path for path in after)
    assert found == []
