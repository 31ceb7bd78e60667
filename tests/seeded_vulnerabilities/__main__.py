"""`python -m tests.seeded_vulnerabilities`: what is caught of seeded faults, what of their twins.

Exit codes: 0 at least nine of ten are caught, those that were held out among them; 1 fewer.
"""

from __future__ import annotations

import sys

from rich.console import Console
from rich.table import Table

from tests.seeded_vulnerabilities import rates
from tests.seeded_vulnerabilities.rates import Tried

LEAST_CAUGHT = 0.9


def main() -> int:
    """Try all seeds and tell the rates."""
    console = Console(width=max(Console().width, 110), highlight=False)
    table = Table("class", "seeds", "caught", "refused", "false alarms", "twins refused")
    everything: list[Tried] = []
    for title, several in (("", rates.CLASSES), (", held out", rates.HELD_OUT)):
        for name, (module, seeds) in several.items():
            tried = rates.tried(module, seeds)
            everything += tried
            table.add_row(f"{name}{title}", *_row(tried))
    table.add_section()
    table.add_row("all", *_row(everything))
    console.print(table)
    for one in everything:
        if not one.is_caught:
            console.print(f"missed: {one.seed.name} ({one.seed.after})")
        for finding in one.good:
            console.print(f"false alarm: {one.seed.name}: {finding.rule}, {finding.message}")
    caught = sum(one.is_caught for one in everything) / len(everything)
    alarms = sum(one.is_alarm for one in everything) / len(everything)
    console.print(f"{caught:.0%} caught, {alarms:.0%} false alarms")
    return 0 if caught >= LEAST_CAUGHT else 1


def _row(tried: list[Tried]) -> list[str]:
    def share(count: int) -> str:
        return f"{count} ({count / len(tried):.0%})"

    return [
        str(len(tried)),
        share(sum(one.is_caught for one in tried)),
        share(sum(one.is_blocked for one in tried)),
        share(sum(one.is_alarm for one in tried)),
        share(sum(one.is_refused_twin for one in tried)),
    ]


if __name__ == "__main__":
    sys.exit(main())
