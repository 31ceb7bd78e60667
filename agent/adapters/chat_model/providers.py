"""Which providers of models there are, and what is said of a name that none has."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from agent.adapters.chat_model import prices
from agent.adapters.chat_model.prices import Prices
from agent.settings import Settings

#: Those that the installed packages speak to; a test holds them against pydantic-ai.
NAMES = (
    *("alibaba", "anthropic", "azure", "azure-responses", "cerebras", "deepseek", "fireworks"),
    *("github", "google", "google-cloud", "heroku", "litellm", "moonshotai", "nebius", "ollama"),
    *("openai", "openai-chat", "openai-responses", "openrouter", "ovhcloud", "sambanova"),
    *("snowflake", "together", "vercel", "vllm", "zai"),
)


def problems(names: Iterable[str], known: Prices, settings: Settings) -> list[str]:
    """Say what keeps models from being asked, whoever answers: who has no provider, or no bound.

    Args:
        names: Models, as `provider:name`.
    """
    told = {name: unknown(name) for name in names}
    there = [name for name, problem in told.items() if not problem]
    return [*filter(None, told.values()), *prices.unbounded(there, known, settings)]


def unknown(model: str) -> str:
    """Say that there is no such provider, with the fix; empty: there is."""
    provider, _, name = model.partition(":")
    if provider in NAMES or _has(provider):
        return ""
    near = difflib.get_close_matches(provider, NAMES, 1, 0.6)
    hint = f" Did you mean {near[0]}:{name}?" if near else ""
    return (
        f"{model}: there is no provider {provider}.{hint} Providers: {', '.join(NAMES)}. A server"
        " of your own that speaks chat completions is openai-chat, with its address in"
        " OPENAI_BASE_URL."
    )


def _has(provider: str) -> bool:
    """Whether the library knows the provider, installed or not."""
    # Loading it takes a second, and hardly anybody names another than those above.
    from pydantic_ai.providers import infer_provider_class

    try:
        infer_provider_class(provider)
    except ValueError:
        return False
    except ImportError:
        return True
    return True
