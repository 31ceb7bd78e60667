"""Who is asked for each role, what its tokens cost, and how many of them it takes."""

from collections.abc import Mapping
from contextlib import suppress
from typing import NamedTuple

from agent.models.chat import Usage, split_level, vendor
from agent.models.record import replace
from agent.settings import Settings, variable

Chains = Mapping[str, tuple[str, ...]]
"""By role who is to answer, as `provider:name`, the first first."""


#: Context window of a model for which none is known.
_USUAL_WINDOW = 128_000


# The operator's figures come first. Nothing is fetched: genai-prices brings tables with it.
class Catalogue(NamedTuple):
    """What is known of models, by `provider:name`."""

    prices: Mapping[str, tuple[float, float]] = {}
    """The operator's: dollars for a million tokens of input and of output."""
    windows: Mapping[str, int] = {}
    """The operator's: tokens of a request and its reply."""

    def find_window(self, model: str) -> int:
        """Return how many tokens a request and its reply may have."""
        model, _ = split_level(model)
        if own := self.windows.get(model):
            return own
        from genai_prices.data_snapshot import get_snapshot

        try:
            name = model.partition(":")[2]
            _, known = get_snapshot().find_provider_model(name, None, vendor(model), None)
        except LookupError:
            return _USUAL_WINDOW
        return known.context_window or _USUAL_WINDOW

    def price_reply(self, model: str, usage: Usage) -> float | None:
        """Price a reply in US dollars; None: no price of this model is known."""
        model, _ = split_level(model)
        if (own := self.prices.get(model)) is not None:
            return (usage.input_tokens * own[0] + usage.output_tokens * own[1]) / 1_000_000
        # Only who asks a model has a use for the tables, which take a tenth of a second to load.
        from genai_prices import Usage as Counted
        from genai_prices import calc_price

        counted, name = Counted(**usage.model_dump()), model.partition(":")[2]
        try:
            return float(calc_price(counted, name, provider_id=vendor(model)).total_price)
        except LookupError:
            return None

    def price_worst_case(self, model: str, usage: Usage) -> float | None:
        """Price the most that a request can cost, whether or not its new part is cached."""
        new = usage.input_tokens - usage.cache_read_tokens
        written = replace(usage, cache_write_tokens=new)
        costs = (self.price_reply(model, one) for one in (usage, written))
        return max((cost for cost in costs if cost is not None), default=None)


def list_chains(settings: Settings) -> Chains:
    """List who is asked; whose level of thinking is not the provider's own has it in its name."""
    return {
        "editor": settings.model_editor or settings.model,
        "reviewer": settings.model_reviewer or settings.model,
    }


def load_catalogue(settings: Settings) -> Catalogue:
    pairs = (entry.split("=") for entry in settings.model_prices)
    split = ((split_level(name)[0], price.split("/")) for name, price in pairs)
    prices = {name: (float(sent), float(written)) for name, (sent, written) in split}
    windows = (entry.split("=") for entry in settings.model_context)
    return Catalogue(prices, {split_level(name)[0]: int(tokens) for name, tokens in windows})


def find_problems(settings: Settings, catalogue: Catalogue) -> list[str]:
    """Say which models cannot be asked, whatever provider answers.

    There is no such provider, nothing bounds the costs, or the model does not think.
    """
    names = sorted({name for chain in list_chains(settings).values() for name in chain})
    unknown = {name: words for name in names if (words := _describe_unknown(name))}
    unbounded = [
        f"{name} has no known price, so its cost is unlimited. Set its price with"
        f" {variable('model_prices')}, or limit the tokens per run with {variable('model_tokens')}."
        for name in names
        if name not in unknown
        and settings.model_tokens is None
        and catalogue.price_reply(name, Usage(input_tokens=1_000, output_tokens=1_000)) is None
    ]
    thoughtless = [
        words for name in names if name not in unknown and (words := _describe_thoughtless(name))
    ]
    return [*unknown.values(), *unbounded, *thoughtless]


def _describe_unknown(model: str) -> str:
    """Say that there is no such provider, with the fix; empty: there is one."""
    # It takes a second to load, which is of no use where no model is set.
    from pydantic_ai.providers import infer_provider_class

    provider = model.partition(":")[0]
    try:
        # The first request reports what has to be installed.
        with suppress(ImportError):
            infer_provider_class(provider)
    except ValueError:
        return (
            f"{model}: unknown provider {provider}. Use openai, anthropic, google or another"
            " one of pydantic-ai. For your own chat completions server, use openai-chat and set"
            " OPENAI_BASE_URL."
        )
    return ""


def _describe_thoughtless(model: str) -> str:
    """Say that a model cannot think as its level has it, with the fix; empty: it can."""
    name, level = split_level(model)
    if level in (None, "off"):
        return ""
    from pydantic_ai.models import infer_model_profile

    # The first request reports what has to be installed.
    with suppress(ImportError):
        profile = infer_model_profile(name)
        if not (profile.get("supports_thinking") or profile.get("thinking_always_enabled")):
            return (
                f"{model}: this model is not known to think, so the level {level} would do nothing."
                f" Write {name}, or choose a model that thinks."
            )
    return ""
