"""What tokens cost: the operator's own rows first, then the tables of genai-prices.

Nothing is fetched: the tables are those of the installed release (https://github.com/pydantic/
genai-prices).
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from agent.chat import Usage
from agent.domain import Record
from agent.errors import SettingsInvalid
from agent.settings import Settings, variable

_MILLION = 1_000_000
#: Providers by the names that genai-prices has for them, where these differ.
_NAMES = {"openai-chat": "openai", "openai-responses": "openai"}


class Row(Record):
    """Prices of one model, in US dollars for a million tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: float = Field(ge=0, allow_inf_nan=False)
    """Of what is sent."""
    output: float = Field(ge=0, allow_inf_nan=False)
    """Of what is answered."""
    cache_read: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    """Of what is sent and comes from the provider's cache; default: as other input."""
    cache_write: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    """Of what is sent and goes into that cache; default: as other input."""

    def cost(self, usage: Usage) -> float:
        """Price one reply."""
        read, written = usage.cache_read_tokens, usage.cache_write_tokens
        plain = usage.input_tokens - read - written
        total = (
            plain * self.input
            + read * (self.input if self.cache_read is None else self.cache_read)
            + written * (self.input if self.cache_write is None else self.cache_write)
            + usage.output_tokens * self.output
        )
        return total / _MILLION


@dataclass(frozen=True)
class Prices:
    """All prices that are known here."""

    rows: Mapping[str, Row]

    def million(self, model: str) -> tuple[float, float] | None:
        """Price a million tokens of input and of output, each by itself; None: it is not known."""
        # By the thousand: prices that rise with the length of a request are not meant.
        sent = self.cost(model, Usage(input_tokens=1_000))
        written = self.cost(model, Usage(output_tokens=1_000))
        return None if sent is None or written is None else (sent * 1_000, written * 1_000)

    def cost(self, model: str, usage: Usage) -> float | None:
        """Price a reply in US dollars; None: no price of this model is known."""
        if (row := self.rows.get(model)) is not None:
            return row.cost(usage)
        return _listed(model, usage)

    def worst(self, model: str, input_tokens: int, output_tokens: int) -> float | None:
        """Price the most that a request can cost, wherever its input comes from or goes to."""
        ways = [
            Usage(input_tokens=input_tokens, output_tokens=output_tokens),
            Usage(
                input_tokens=input_tokens,
                output_tokens=output_tokens,
                cache_write_tokens=input_tokens,
            ),
        ]
        costs = [cost for way in ways if (cost := self.cost(model, way)) is not None]
        return max(costs, default=None)


def load(path: Path | None) -> Prices:
    """Read the operator's rows, a TOML table for each `"provider:name"`.

    Raises:
        SettingsInvalid: The file cannot be read, or a row is not one.
    """
    if path is None:
        return Prices({})
    try:
        rows = _ROWS.validate_python(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as problem:
        raise SettingsInvalid(
            f"MERGEWRIGHT_MODEL_PRICES: {path} cannot be read ({problem.strerror})."
        ) from problem
    except ValidationError as problem:
        first = problem.errors(include_input=False)[0]
        at = ".".join(str(part) for part in first["loc"])
        raise SettingsInvalid(
            f"MERGEWRIGHT_MODEL_PRICES: {path}: {at}: {first['msg']}. A row is as in"
            ' ["openai-chat:local"] input = 0.5, output = 1.5: dollars for a million tokens.'
        ) from problem
    except ValueError as problem:
        raise SettingsInvalid(
            f"MERGEWRIGHT_MODEL_PRICES: {path} is no TOML: {problem}."
        ) from problem
    return Prices(rows)


def unbounded(names: Iterable[str], prices: Prices, settings: Settings) -> list[str]:
    """Say of which models nothing bounds what they cost, each with the fix."""
    if settings.model_tokens is not None:
        return []
    return [
        f"{name} has no known price, so nothing bounds what it costs. Give it a row in the file of"
        f" {variable('model_prices')}, or bound the tokens of a run by"
        f" {variable('model_tokens')}."
        for name in names
        if prices.million(name) is None
    ]


_ROWS = TypeAdapter(dict[str, Row])


def _listed(model: str, usage: Usage) -> float | None:
    # Only who asks a model has a use for the tables, which take a tenth of a second to load.
    from genai_prices import Usage as Counted
    from genai_prices import calc_price

    provider, _, name = model.partition(":")
    provider = _NAMES.get(provider, provider)
    if not _is_listed(provider, name):
        return None
    counted = Counted(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_tokens=usage.cache_write_tokens,
    )
    return float(Decimal(calc_price(counted, name, provider_id=provider).total_price))


@cache
def _is_listed(provider: str, name: str) -> bool:
    """Whether there is a price; the tables look through all they have for what they have not."""
    from genai_prices import Usage as Counted
    from genai_prices import calc_price

    try:
        calc_price(Counted(input_tokens=1), name, provider_id=provider)
    except LookupError:
        return False
    return True
