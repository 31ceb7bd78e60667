"""Every rule on small changes: what it finds and where, and what it leaves alone."""

import importlib
import re
from pathlib import Path

import pytest

import agent
from agent.models.change import Severity
from agent.models.checks import CheckItem
from agent.models.record import replace
from agent.policy import (
    gate_files,
    new_dependencies,
    paths,
    registry,
    ruff_contract,
)
from repo_config.rule_ids import RULE_IDS
from tests.unit.policy import cases, snippets
from tests.unit.policy.cases import Cases, Snippet

MODULE_OF = {rule.id: module for module in registry.MODULES for rule in module.RULES}


def _all_cases() -> dict[str, Cases]:
    found: dict[str, Cases] = {}
    for path in sorted(Path(__file__).with_name("snippets").glob("[!_]*.py")):
        module = importlib.import_module(f"{snippets.__name__}.{path.stem}")
        assert not found.keys() & module.CASES.keys()
        found |= module.CASES
    return found


CASES = _all_cases()
FAILS = [(rule, name, one) for rule, cases in CASES.items() for name, one in cases.fails.items()]
PASSES = [(rule, name, one) for rule, cases in CASES.items() for name, one in cases.passes.items()]


def _ids(several: list[tuple[str, str, Snippet]]) -> list[str]:
    return [f"{rule}: {name}" for rule, name, _ in several]


@pytest.mark.parametrize(("rule", "name", "snippet"), FAILS, ids=_ids(FAILS))
def test_a_rule_finds(rule, name, snippet):
    found = list(MODULE_OF[rule].check_change(snippet.change_context()))
    places = [finding.line for finding in found if finding.rule == rule]
    assert places, found
    if snippet.line is not None:
        assert places == [snippet.line], found
    assert not re.search("ghp_.{36}", repr(found)), "no finding repeats a credential"


@pytest.mark.parametrize(("rule", "name", "snippet"), PASSES, ids=_ids(PASSES))
def test_a_rule_leaves_alone(rule, name, snippet):
    found = list(MODULE_OF[rule].check_change(snippet.change_context()))
    assert [finding for finding in found if finding.rule == rule] == []


def test_every_rule_is_shown_from_both_sides():
    for rule in registry.OF_CHANGES:
        assert CASES[rule.id].fails and CASES[rule.id].passes, rule.id


def test_rules_have_ids_of_their_own_that_the_configuration_knows():
    assert [rule.id for rule in registry.RULES] == list(RULE_IDS)
    assert len(set(RULE_IDS)) == len(RULE_IDS)
    assert all(re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name) for name in RULE_IDS)


def test_every_module_with_a_rule_is_registered():
    folder = Path(agent.__file__).parent / "policy"
    declared = {
        path.relative_to(folder).with_suffix("").as_posix().replace("/", ".")
        for path in folder.rglob("*.py")
        if re.search(r"^RULES = ", path.read_text("utf-8"), re.MULTILINE)
    }
    names = {module.__name__.removeprefix("agent.policy.") for module in registry.MODULES}
    assert declared == names


# --- what no snippet shows -----------------------------------------------------------------------

PROJECT = '[project]\nname = "app"\ndependencies = ["httpx"]\n'


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        ("uv.toml", "", 'index-url = "https://index.example"\n'),
        ("packages/shop/pyproject.toml", PROJECT, PROJECT.replace("httpx", "tablib")),
        ("pyproject.toml", PROJECT, PROJECT.replace("httpx", "httpx>=0.28")),
    ],
)
def test_other_packages_or_versions_are_told(path, before, after):
    snippet = Snippet({path: after}, base={path: before})
    assert new_dependencies.has_changed(snippet.change_context())


BASE: dict[str, str | bytes] = {
    "app/models.py": "x = 1\n",
    "pyproject.toml": '[project]\nname = "a"\n\n[tool.mergewright]\nversion = 1\n',
}


@pytest.mark.parametrize("key", ["allow", "protect", "human_only"])
def test_a_pattern_that_cannot_be_read_blocks_and_names_its_key(key):
    config = cases.config()
    config = replace(config, scope=replace(config.scope, **{key: ("a/[z-a]",)}))
    [fault] = paths.PathRules(config, ()).faults
    assert f"scope.{key} of the configuration" in fault.message


def test_changed_tables_of_pyproject_are_named_one_by_one():
    after = (
        '[project]\nname = "a"\ndependencies = ["x"]\n[tool.mergewright]\nversion = 1\n'
        "[tool.mypy]\nstrict = false\n[tool.pytest.ini_options]\naddopts = ''\n"
    )
    for pyproject, named in ((after, ["[tool.mypy]", "[tool.pytest]"]), ("[", ["does not parse"])):
        context = cases.Snippet({"pyproject.toml": pyproject}, base=BASE).change_context()
        messages = [finding.message for finding in gate_files.check_change(context)]
        assert len(messages) == len(named)
        for words, message in zip(named, messages, strict=True):
            assert words in message


def test_what_only_a_contract_asks_for_is_no_finding_without_one():
    item = CheckItem(item_id="a.py: x", outcome="finding", text="ASYNC251: x", place="a.py:1")
    assert not list(ruff_contract.find_problems((item,), cases.config()))
    [found] = ruff_contract.find_problems((item,), cases.config(concurrency={"mode": "async"}))
    assert found.severity is Severity.BLOCK
