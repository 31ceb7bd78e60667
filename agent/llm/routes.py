"""The models of each role, their prices and context windows."""

from collections.abc import Mapping
from typing import NamedTuple

from agent.errors import ModelUnusable
from agent.models.chat import Usage, get_provider, split_level
from agent.models.record import replace
from agent.settings import Settings, variable

Chains = Mapping[str, tuple[str, ...]]
"""By role: the models as `provider:name`, in the order in which they are asked."""


#: Context window, in tokens, that is assumed for models whose own is not known.
_USUAL_WINDOW = 128_000


# The operator's figures override those in the package genai-prices; nothing is downloaded.
class Catalogue(NamedTuple):
    """Prices and windows of models, by `provider:name`."""

    prices: Mapping[str, tuple[float, float]] = {}
    """The operator's: dollars for a million input tokens, and for a million output tokens."""
    windows: Mapping[str, int] = {}
    """The operator's: maximum tokens of a request with its reply."""

    def find_window(self, model: str) -> int:
        """Return the maximum tokens of a request with its reply."""
        model, _ = split_level(model)
        if window := self.windows.get(model):
            return window
        from genai_prices.data_snapshot import get_snapshot

        try:
            name = model.partition(":")[2]
            _, listed = get_snapshot().find_provider_model(name, None, get_provider(model), None)
        except LookupError:
            return _USUAL_WINDOW
        return listed.context_window or _USUAL_WINDOW

    def price_reply(self, model: str, usage: Usage) -> float | None:
        """Return the price of a reply in US dollars; None: the model has no known price."""
        model, _ = split_level(model)
        if (price := self.prices.get(model)) is not None:
            return (usage.input_tokens * price[0] + usage.output_tokens * price[1]) / 1_000_000
        # Imported here: the tables take a tenth of a second to load.
        from genai_prices import Usage as Counted
        from genai_prices import calc_price

        counted, name = Counted(**usage.model_dump()), model.partition(":")[2]
        try:
            return float(calc_price(counted, name, provider_id=get_provider(model)).total_price)
        except LookupError:
            return None

    def price_worst_case(self, model: str, usage: Usage) -> float | None:
        """Return the highest price of a request, whether or not its new part is cached."""
        new = usage.input_tokens - usage.cache_read_tokens
        written = replace(usage, cache_write_tokens=new)
        costs = (self.price_reply(model, counts) for counts in (usage, written))
        return max((cost for cost in costs if cost is not None), default=None)


def list_chains(settings: Settings) -> Chains:
    """Return the models of each role; a level of thought is part of a model's name."""
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


def require_prices(chains: Chains, settings: Settings, catalogue: Catalogue) -> None:
    """Refuse models without a known price, unless the tokens of a run are limited.

    Raises:
        ModelUnusable: A model has no known price; the message names the first one.
    """
    for name in sorted({name for chain in chains.values() for name in chain}):
        price = catalogue.price_reply(name, Usage(input_tokens=1_000, output_tokens=1_000))
        if price is None and settings.model_tokens is None:
            raise ModelUnusable(
                f"{name} has no known price, so its cost is unlimited. Set its price with"
                f" {variable('model_prices')}, or limit the tokens per run with"
                f" {variable('model_tokens')}."
            )
