"""Which models are asked for each role, and whether each answers; `mergewright doctor` shows it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

from agent import wiring
from agent.errors import AgentError
from agent.llm import prices, routes
from agent.llm.routes import Routes
from agent.models.chat import Asked, ChatRequest, Role
from agent.settings import Settings

#: Enough for a model that thinks before it says one word.
_CHECK_TOKENS = 1_024


def examine(loaded: Settings, *, ask: bool = False) -> dict[str, Any]:
    """Gather the models of each role; `problems` has to be fixed before a model is asked.

    Args:
        ask: Ask each model for one word.
    """
    chosen = routes.routes(loaded)
    problems = routes.find_problems(loaded, prices.load_prices(loaded))
    states: dict[str, dict[str, Any]] = {}
    if not problems:
        names = dict.fromkeys((*chosen.names, *sorted(loaded.models_allowed)))
        states = {name: _try_model(name, loaded, ask=ask) for name in names}
        problems = [f"{name}: {one['problem']}" for name, one in states.items() if "problem" in one]
    chains = {role: chosen.chain(role) for role in get_args(Role)}
    chains |= {place: chain for place, chain in chosen.chains.items() if "/" in place}
    return {
        "roles": [
            {"role": place, "models": [{"name": name} | states.get(name, {}) for name in chain]}
            for place, chain in chains.items()
        ],
        "problems": problems,
    }


def render(report: dict[str, Any]) -> Iterator[str]:
    """Yield one line for each role."""
    for row in report["roles"]:
        models = ", ".join(map(_render_model, row["models"])) or "nobody, so recipes alone"
        yield f"{row['role']}: {models}"


def _render_model(model: dict[str, Any]) -> str:
    answer = f" (answered in {model['seconds']:.1f} s)" if "seconds" in model else ""
    return f"{model['name']}{answer}"


def _try_model(name: str, loaded: Settings, *, ask: bool) -> dict[str, Any]:
    """Say what keeps one model from being asked, as its key; or else whether it answers."""
    chat = wiring.make_provided_models(Routes({}, (name,)), loaded)
    try:
        if missing := chat.explain_missing("editor").removeprefix(f"{name}: "):
            return {"problem": f"{missing}."}
        if not ask:
            return {}
        reply = chat.reply(
            ChatRequest(
                role="editor",
                system="You are asked whether you can be reached.",
                messages=(Asked(text="Answer with one word: ready."),),
                most_tokens=_CHECK_TOKENS,
            )
        )
    except AgentError as problem:
        return {"problem": f"{problem.message} {problem.details}".rstrip()}
    finally:
        chat.close()
    return {"seconds": reply.seconds, "usd": reply.cost_usd}
