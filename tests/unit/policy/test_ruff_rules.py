"""How the rules that ruff checks weigh what it finds."""

from __future__ import annotations

from agent.models.change import Severity
from agent.models.checks import CheckItem
from agent.policy import ruff_contract
from repo_config.schema import RepoConfig
from tests.unit.policy.cases import config


def weigh(code: str, contract: RepoConfig) -> Severity:
    item = CheckItem(item_id="a.py: x", outcome="finding", text=f"{code}: x", place="a.py:1")
    [found] = ruff_contract.find_problems((item,), contract)
    return found.severity


def test_what_only_a_contract_asks_for_is_no_finding_without_one():
    item = CheckItem(item_id="a.py: x", outcome="finding", text="ASYNC251: x", place="a.py:1")
    assert not list(ruff_contract.find_problems((item,), config()))
    assert weigh("ASYNC251", config(concurrency={"mode": "async"})) is Severity.BLOCK
