"""How the rules that ruff checks weigh what it finds."""

from agent.models.change import Severity
from agent.models.checks import CheckItem
from agent.policy import ruff_contract
from tests.unit.policy.cases import config


def test_what_only_a_contract_asks_for_is_no_finding_without_one():
    item = CheckItem(item_id="a.py: x", outcome="finding", text="ASYNC251: x", place="a.py:1")
    assert not list(ruff_contract.find_problems((item,), config()))
    [found] = ruff_contract.find_problems((item,), config(concurrency={"mode": "async"}))
    assert found.severity is Severity.BLOCK
