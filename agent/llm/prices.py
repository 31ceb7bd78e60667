"""What tokens cost: the operator's prices of models, then the tables of genai-prices.

Nothing is fetched: the tables are those of the installed release.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from agent.models.chat import Usage, vendor
from agent.settings import Settings


class Prices(NamedTuple):
    """All prices that are known here."""

    own: Mapping[str, tuple[float, float]]
    """Dollars for a million tokens of input and of output, by model."""

    def million(self, model: str) -> tuple[float, float] | None:
        """Price a million tokens of input and of output, each by itself; None: it is not known."""
        # By the thousand: prices that rise with the length of a request are not meant.
        sent = self.cost(model, Usage(input_tokens=1_000))
        written = self.cost(model, Usage(output_tokens=1_000))
        return None if sent is None or written is None else (sent * 1_000, written * 1_000)

    def cost(self, model: str, usage: Usage) -> float | None:
        """Price a reply in US dollars; None: no price of this model is known."""
        if (own := self.own.get(model)) is not None:
            return (usage.input_tokens * own[0] + usage.output_tokens * own[1]) / 1_000_000
        # Only who asks a model has a use for the tables, which take a tenth of a second to load.
        from genai_prices import Usage as Counted
        from genai_prices import calc_price

        counted, name = Counted(**usage.model_dump()), model.partition(":")[2]
        try:
            return float(calc_price(counted, name, provider_id=vendor(model)).total_price)
        except LookupError:
            return None

    def worst(self, model: str, input_tokens: int, output_tokens: int) -> float | None:
        """Price the most that a request can cost, wherever its input comes from or goes to."""
        plain = Usage(input_tokens=input_tokens, output_tokens=output_tokens)
        written = plain.model_copy(update={"cache_write_tokens": input_tokens})
        costs = (self.cost(model, usage) for usage in (plain, written))
        return max((cost for cost in costs if cost is not None), default=None)


def load_prices(settings: Settings) -> Prices:
    pairs = (entry.split("=") for entry in settings.model_prices)
    split = ((name, price.split("/")) for name, price in pairs)
    return Prices({name: (float(sent), float(written)) for name, (sent, written) in split})
