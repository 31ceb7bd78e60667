"""The form of a ticket that leaves something open, filled in as far as it is understood."""

from __future__ import annotations

from agent.recipes.print_to_logging.request import Request
from agent.recipes.print_to_logging.scope import Scope


def fill_form(asked: Request, where: Scope) -> str:
    """Write the lines of the form; what nobody has said is left open, or out if it may be."""
    everything = asked.whole or asked.all_prints
    levels = set(asked.levels)
    filled = {
        "Where prints become log messages": ", ".join(where.found)
        or ("the whole repository" if everything else "…"),
        "Leave alone": ", ".join(where.spared),
        "Level": levels.pop() if len(levels) == 1 else "",
    }
    lines = "".join(f"\n  {key}: {value}" for key, value in filled.items() if value)
    return f"This form, filled in, answers it:{lines}"
