"""`mergewright models`: who is asked for what, what bounds its costs, and whether it answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, get_args

import typer

from agent import settings, wiring
from agent.cli import terminal
from agent.errors import AgentError
from agent.llm import prices, routes
from agent.llm.routes import Routes
from agent.models.chat import Asked, ChatRequest, Role, vendor
from agent.settings import Settings, variable

ROLES: tuple[Role, ...] = get_args(Role)
#: Enough for a model that thinks before it says one word.
_CHECK_TOKENS = 1_024


def models(
    check: Annotated[
        bool, typer.Option("--check", help="Ask each model for one word; that costs a little.")
    ] = False,
    as_json: terminal.Json = False,
) -> None:
    """List the models of each role, the first first, with their prices, limits and what is wrong.

    Exit code 0: all is well, or no model is set; 1: with --check, somebody does not answer; 2: a
    setting is wrong, as a key that is not set, or nothing bounds what a model may cost.
    """
    report = examine(settings.load_settings(), check=check)
    if as_json:
        terminal.print_json(report)
    else:
        _show(report)
    answered = all(one.get("answers", True) for one in report["models"])
    raise typer.Exit(2 if report["problems"] else 0 if answered else 1)


def examine(loaded: Settings, *, check: bool = False) -> dict[str, Any]:
    """Gather what is set; `problems` has to be fixed before a model is asked.

    Args:
        check: Ask each model for one word.
    """
    chosen, known = routes.routes(loaded), prices.load_prices(loaded)
    names = tuple(dict.fromkeys((*chosen.names, *sorted(loaded.models_allowed))))
    listed: list[dict[str, Any]] = []
    for name in names:
        price = known.million(name) or (None, None)
        facts = {"usd_per_million_input": price[0], "usd_per_million_output": price[1]}
        listed.append({"name": name, "vendor": vendor(name), **facts, "missing": ""})
    remarks = [*_find_remarks(chosen)]
    problems = routes.find_problems(loaded, known)
    if not problems:
        listed = [line | _try_model(line["name"], loaded, check=check) for line in listed]
        unpriced = [line["name"] for line in listed if line["usd_per_million_input"] is None]
        if unpriced:
            remarks.append(
                f"No price is known of {', '.join(unpriced)}: tokens bound what these"
                f" use, no dollars. {variable('model_prices')} sets prices."
            )
        problems = [f"{line['name']}: {line['missing']}." for line in listed if line["missing"]]
    elif check:
        remarks.append("Nobody was asked: what is said above has to be fixed first.")
    return {
        "roles": {role: chosen.chain(role) for role in ROLES},
        "routes": {place: chain for place, chain in chosen.chains.items() if "/" in place},
        "models": listed,
        "limits": {
            "usd": loaded.model_usd,
            "tokens": loaded.model_tokens,
            "usd_per_day": loaded.model_usd_per_day,
        },
        "repositories_may_ask_for": sorted(loaded.models_allowed),
        "problems": problems,
        "remarks": remarks,
    }


def _try_model(name: str, loaded: Settings, *, check: bool) -> dict[str, Any]:
    """Say what keeps one model from being asked, as its key; with a check, whether it answers."""
    asked = wiring.make_provided_models(Routes({}, (name,)), loaded)
    try:
        if missing := asked.explain_missing("editor").removeprefix(f"{name}: "):
            unanswered = {"answers": False, "words": missing} if check else {}
            return {"missing": missing, **unanswered}
        if not check:
            return {}
        request = ChatRequest(
            role="editor",
            system="You are asked whether you can be reached.",
            messages=(Asked(text="Answer with one word: ready."),),
            most_tokens=_CHECK_TOKENS,
        )
        reply = asked.reply(request)
    except AgentError as problem:
        return {"answers": False, "words": f"{problem.message} {problem.details}".rstrip()}
    finally:
        asked.close()
    return {"answers": True, "seconds": reply.seconds, "usd": reply.cost_usd}


def _find_remarks(chosen: Routes) -> Iterator[str]:
    editors, reviewers = chosen.chain("editor"), chosen.chain("reviewer")
    if editors and reviewers and vendor(editors[0]) == vendor(reviewers[0]):
        yield (
            f"Reviewer and editor are of the same vendor ({vendor(editors[0])}), and may overlook"
            f" the same things. {variable('model_reviewer')} sets another."
        )


def _show(report: dict[str, Any]) -> None:
    if not report["models"]:
        print(
            f"No model is set: recipes alone. {variable('model')}=anthropic:NAME sets one for every"
            " role, with its key in ANTHROPIC_API_KEY; so do openai:NAME and google:NAME."
        )
        return
    chains = report["roles"] | report["routes"]
    rows = ((place, ", ".join(chain) or "nobody") for place, chain in chains.items())
    terminal.show_table(("role", "models, the first first"), rows)
    print()
    titles = ("model", "$ per million: in", "out", "answers")
    terminal.show_table(titles, map(_make_row, report["models"]))
    limits = report["limits"]
    tokens, day = limits["tokens"], limits["usd_per_day"]
    said = f"One run: at most ${limits['usd']:g}, "
    said += f"{tokens:,} tokens" if tokens else "any number of tokens"
    said += f"; ${day:g} for all issues of a repository within 24 hours" if day else ""
    print(f"\n{said}.")
    for line in (*report["problems"], *report["remarks"]):
        print(line)


def _make_row(line: dict[str, Any]) -> list[str]:
    words = ""
    if "answers" in line:
        words = f"in {line['seconds']:.1f} s" if line["answers"] else line["words"]
    dollars = [line["usd_per_million_input"], line["usd_per_million_output"]]
    return [line["name"], *("not known" if usd is None else f"{usd:g}" for usd in dollars), words]
