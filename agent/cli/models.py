"""`mergewright models`: who is asked for what, what bounds its costs, and whether it answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any, get_args

import typer
from rich.markup import escape
from rich.table import Table

from agent import settings, wiring
from agent.adapters.chat_model import prices, providers, routes
from agent.adapters.chat_model.prices import Prices
from agent.adapters.chat_model.routes import Routes
from agent.chat import Asked, ChatRequest, Role, vendor
from agent.cli import terminal
from agent.settings import Settings, variable

ROLES: tuple[Role, ...] = get_args(Role)
#: Enough for a model that thinks before it says one word.
_CHECK_TOKENS = 1_024


def models(
    check: Annotated[
        bool, typer.Option("--check", help="Ask each model for one word; that costs a little.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """List the models of each role, the first first, with their prices, limits and what is wrong.

    Exit code 0: all is well, or no model is set; 1: with --check, somebody does not answer; 2: a
    setting is wrong, as a key that is not set, or nothing bounds what a model may cost.
    """
    loaded = settings.load()
    report = examine(loaded, check=check)
    if as_json:
        print(json.dumps(report))
    else:
        _show(report)
    answered = all(one.get("answers", True) for one in report["models"])
    raise typer.Exit(2 if report["problems"] else 0 if answered else 1)


def examine(loaded: Settings, *, check: bool = False) -> dict[str, Any]:
    """Gather what is set; `problems` has to be mended before a model is asked.

    Args:
        check: Ask each model for one word.
    """
    chosen, known = routes.routes(loaded), prices.load(loaded.model_prices)
    names = tuple(dict.fromkeys((*chosen.names, *sorted(loaded.models_allowed))))
    listed = [_of_model(name, known) for name in names]
    remarks = [*_remarks(chosen)]
    problems = providers.problems(names, known, loaded)
    if not problems:
        listed = [line | _tried(line["name"], loaded, check=check) for line in listed]
        remarks += _unpriced(listed)
        problems = [f"{line['name']}: {line['missing']}." for line in listed if line["missing"]]
    elif check:
        remarks.append("Nobody was asked: what is said above has to be mended first.")
    return {
        "roles": {role: chosen.chain(role) for role in ROLES},
        "routes": {place: chain for place, chain in chosen.chains.items() if "/" in place},
        "models": listed,
        "limits": {
            "usd": loaded.model_usd,
            "tokens": loaded.model_tokens,
            "calls": loaded.model_calls,
            "usd_per_day": loaded.model_usd_per_day,
        },
        "repositories_may_ask_for": sorted(loaded.models_allowed),
        "problems": problems,
        "remarks": remarks,
    }


def _of_model(name: str, known: Prices) -> dict[str, Any]:
    price = known.million(name)
    return {
        "name": name,
        "vendor": vendor(name),
        "usd_per_million_input": price[0] if price else None,
        "usd_per_million_output": price[1] if price else None,
        "missing": "",
    }


def _tried(name: str, loaded: Settings, *, check: bool) -> dict[str, Any]:
    """Say what keeps one model from being asked, as its key; with a check, whether it answers."""
    asked = wiring.provided(Routes({}, (name,)), loaded)
    try:
        missing = asked.missing("editor").removeprefix(f"{name}: ")
        if not check:
            return {"missing": missing}
        request = ChatRequest(
            role="editor",
            system="You are asked whether you can be reached.",
            messages=(Asked(text="Answer with one word: ready."),),
            most_tokens=_CHECK_TOKENS,
        )
        answer = missing or asked.tried(name, request)
    finally:
        asked.close()
    if isinstance(answer, str):
        return {"missing": missing, "answers": False, "words": answer}
    return {
        "missing": "",
        "answers": True,
        "seconds": answer.seconds,
        "usd": answer.cost_usd,
    }


def _remarks(chosen: Routes) -> Iterator[str]:
    editors, reviewers = chosen.chain("editor"), chosen.chain("reviewer")
    if editors and reviewers and vendor(editors[0]) == vendor(reviewers[0]):
        yield (
            f"Reviewer and editor are of the same vendor ({vendor(editors[0])}), and may overlook"
            f" the same things. {variable('model_reviewer')} sets another."
        )


def _unpriced(listed: list[dict[str, Any]]) -> Iterator[str]:
    names = [line["name"] for line in listed if line["usd_per_million_input"] is None]
    if names:
        yield (
            f"No price is known of {', '.join(names)}: tokens and replies bound what these use, no"
            f" dollars. {variable('model_prices')} names a file with own prices."
        )


def _show(report: dict[str, Any]) -> None:
    if not report["models"]:
        print(
            f"No model is set: recipes alone. {variable('model')}=anthropic:NAME sets one for every"
            " role, with its key in ANTHROPIC_API_KEY; so do openai:NAME and google:NAME."
        )
        return
    for title, chains in (("role", report["roles"]), ("role/category", report["routes"])):
        if chains:
            table = Table(box=None, pad_edge=False)
            table.add_column(title, no_wrap=True)
            table.add_column("models, the first first", overflow="fold")
            for place, chain in chains.items():
                table.add_row(place, escape(", ".join(chain) or "nobody"))
            terminal.show(table)
            print()
    terminal.show(_table(report["models"]))
    print(f"\nOne run: {_limits(report['limits'])}.")
    for line in (*report["problems"], *report["remarks"]):
        print(line)


def _table(listed: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("model", no_wrap=True)
    table.add_column("$ per million: in", justify="right")
    table.add_column("out", justify="right")
    checked = any("answers" in line for line in listed)
    if checked:
        table.add_column("answers", overflow="fold")
    for line in listed:
        cells = [line["name"], _price(line["usd_per_million_input"])]
        cells.append(_price(line["usd_per_million_output"]))
        if checked:
            words = f"in {line['seconds']:.1f} s" if line["answers"] else line["words"]
            cells.append(escape(words))
        table.add_row(*cells)
    return table


def _price(dollars: float | None) -> str:
    return "not known" if dollars is None else f"{dollars:g}"


def _limits(limits: dict[str, Any]) -> str:
    tokens, day = limits["tokens"], limits["usd_per_day"]
    said = f"at most ${limits['usd']:g}, {limits['calls']} replies"
    said += f", {tokens:,} tokens" if tokens else ", any number of tokens"
    said += f"; ${day:g} for all issues of a repository within 24 hours" if day else ""
    return said
