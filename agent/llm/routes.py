"""Who is asked: the chain of models for each role, by the ticket's category where that is set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from agent.llm.prices import Prices
from agent.models.chat import Role
from agent.settings import Settings, variable


class Routes(NamedTuple):
    """Chains by role, and by role and category as in `editor/docs`."""

    chains: Mapping[str, tuple[str, ...]]
    otherwise: tuple[str, ...] = ()

    def chain(self, role: Role, category: str = "") -> tuple[str, ...]:
        for name in (f"{role}/{category}", role):
            if name in self.chains:
                return self.chains[name]
        return self.otherwise

    @property
    def names(self) -> tuple[str, ...]:
        chains = (self.otherwise, *self.chains.values())
        return tuple(dict.fromkeys(name for chain in chains for name in chain))


def routes(settings: Settings) -> Routes:
    by_role = {"editor": settings.model_editor, "reviewer": settings.model_reviewer}
    chains = {role: chain for role, chain in by_role.items() if chain}
    for entry in settings.model_routes:
        name, _, model = entry.partition("=")
        chains[name] = (*chains.get(name, ()), model)
    return Routes(chains, settings.model)


def find_problems(settings: Settings, prices: Prices) -> list[str]:
    """Say which models cannot be asked, whoever answers: no such provider, or no bound of costs."""
    names = sorted(settings.models_allowed)
    unknown = {name: words for name in names if (words := _describe_unknown(name))}
    unbounded = [
        f"{name} has no known price, so nothing bounds what it costs. Set its price by"
        f" {variable('model_prices')}, or bound the tokens of a run by {variable('model_tokens')}."
        for name in names
        if name not in unknown and settings.model_tokens is None and prices.million(name) is None
    ]
    return [*unknown.values(), *unbounded]


def _describe_unknown(model: str) -> str:
    """Say that there is no such provider, with the fix; empty: there is one."""
    # It takes a second to load, and whoever has set no model has no use for it.
    from pydantic_ai.providers import infer_provider_class

    provider = model.partition(":")[0]
    try:
        infer_provider_class(provider)
    except ImportError:
        # What is to be installed is told by the first request.
        return ""
    except ValueError:
        return (
            f"{model}: there is no provider {provider}. Known are openai, anthropic, google and the"
            " others of pydantic-ai. A server of your own that speaks chat completions is"
            " openai-chat, with its address in OPENAI_BASE_URL."
        )
    return ""
