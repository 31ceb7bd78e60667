"""`mergewright rules`: what every change is held to, and how much each rule weighs here."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from agent import settings
from agent.cli import repository, terminal
from agent.onboarding import effective
from agent.onboarding.effective import Effective, Read
from agent.policy import levels
from agent.policy.rule import Rule
from repo_config.schema import RepoConfig


def rules(
    rule_id: Annotated[
        str | None, typer.Argument(metavar="ID", help="Only this rule, with its examples.")
    ] = None,
    repo: repository.Folder = None,
    as_json: terminal.Json = False,
) -> None:
    """List the rules: what each demands, what it weighs here, and the least it can be made to.

    `block` withholds the pull request, `review` makes it a draft, `info` is only shown, `off` is
    not looked at. Weights are set by `rules: {ID: WEIGHT}` in the configuration; the least is the
    rule's own, or the operator's by `MERGEWRIGHT_RULE_FLOORS`.
    """
    read = _read_configuration(repo, as_json=as_json)
    loaded = settings.load_settings()
    chosen = _list_rules() if rule_id is None else (_find_rule(rule_id),)
    places = effective.Places(read)
    rows = [(rule, effective.explain_rule(rule, read, loaded, places)) for rule in chosen]
    floors = {rule.id: levels.get_floor(rule, loaded.floors) for rule in chosen}
    if as_json:
        terminal.print_json([_list_facts(rule, one, floors[rule.id]) for rule, one in rows])
        return
    if rule_id is None:
        _show_table(rows, floors)
        return
    for rule, one in rows:
        print(f"{rule.id}: {rule.demands}")
        print(f"weighs {one.value} ({one.origin}), by itself {rule.severity.value}")
        print(f"no less than {floors[rule.id]}" if floors[rule.id] != "off" else "may be off")
        print(f"\nbreaks it:\n{_indent(rule.bad)}\nkeeps it:\n{_indent(rule.good)}")


def _read_configuration(repo: Path | None, *, as_json: bool) -> Read:
    """Read the repository that was named, or that is here; without one the defaults hold."""
    if repo is None:
        try:
            repository.find_root(None)
        except typer.BadParameter:
            return Read(RepoConfig(), None)
    _, _, read = repository.open_repository(repo, as_json=as_json)
    return read


def _list_rules() -> tuple[Rule, ...]:
    # They bring all that rules stand on; other commands start without.
    from agent.policy import registry

    return registry.RULES


def _find_rule(rule_id: str) -> Rule:
    for rule in _list_rules():
        if rule.id == rule_id:
            return rule
    near = difflib.get_close_matches(rule_id, [rule.id for rule in _list_rules()], 2)
    hint = f"Did you mean {' or '.join(near)}?" if near else "`mergewright rules` lists them."
    raise typer.BadParameter(f"there is no rule {rule_id!r}. {hint}", param_hint="ID")


def _list_facts(rule: Rule, one: Effective, floor: str) -> dict[str, object]:
    return {
        "id": rule.id,
        "demands": rule.demands,
        "weighs": one.value,
        "origin": one.origin,
        "by_itself": rule.severity.value,
        "floor": floor,
        "bad": rule.bad,
        "good": rule.good,
    }


def _show_table(rows: list[tuple[Rule, Effective]], floors: Mapping[str, str]) -> None:
    cells = (
        (
            rule.id,
            f"{one.value}{'' if one.origin == 'default' else '*'}",
            floors[rule.id],
            rule.demands,
        )
        for rule, one in rows
    )
    terminal.show_table(("rule", "weighs", "at least", "demands"), cells, whole=3)
    if any(one.origin != "default" for _, one in rows):
        print("* set here or bounded; `mergewright rules ID` says by what")


def _indent(code: str) -> str:
    return "\n".join(f"    {line}" for line in code.splitlines())
