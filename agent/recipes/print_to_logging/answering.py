"""What was understood of a ticket that leaves something open, and a sentence that leaves nothing.

Whether the sentence settles the ticket is tried out by the recipe before anyone sees it.
"""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Iterable

from agent.recipes.answers import Example
from agent.recipes.print_to_logging.request import Request
from agent.recipes.print_to_logging.scope import Scope
from repo_config.schema import RepoConfig

_WHOLE = "the whole repository"


def so_far(asked: Request, where: Scope) -> str:
    """Say what was understood, in one line; empty where that is nothing."""
    parts = [
        f"prints in {_joined(where.found)}" if where.found else "",
        f"not those in {_joined(where.spared)}" if where.spared else "",
        *(f"level {level}" for level in dict.fromkeys(asked.levels)),
    ]
    said = ", ".join(part for part in parts if part)
    return f"Understood so far: {said}." if said else ""


def example(asked: Request, where: Scope, config: RepoConfig) -> Example | None:
    """Compose the sentence from what is settled, and from the likeliest of what is not.

    None where a place is named that is like none here: nobody is to be offered everything instead.
    """
    places, invented = [*where.found, *where.likely], [f"`{one}`" for one in where.likely]
    if not places and not asked.whole and not asked.all_prints:
        if asked.places or asked.maybe:
            return None
        invented.append(_WHOLE)
    libraries = set(asked.libraries)
    open_to_choose = config.logging == "any" and libraries == {"structlog"}
    library = "structlog" if open_to_choose or config.logging == "structlog" else "logging"
    if libraries and libraries != {library}:
        invented.append(library)
    sentence = f"Replace print with {library} in {_joined(places) if places else _WHOLE}"
    sentence += f" except in {_joined(where.spared)}." if where.spared else "."
    levels = list(dict.fromkeys(asked.levels))
    if len(levels) == 1:
        sentence += f" Use level {levels[0]}."
    left_out = [f"“{one}”" for one in asked.beyond]
    left_out += [f"level {one}" for one in levels if len(levels) > 1]
    if asked.whole and places:
        left_out.append(f"“{asked.whole[0]}”")
    return Example(sentence, tuple(invented), tuple(left_out))


def smaller(paths: Iterable[str], most: int) -> Example:
    """Compose a sentence for the folder with the most files that one change may touch."""
    files = list(paths)
    counted = Counter(folder for path in files for folder in _above(path))
    fitting = {folder: count for folder, count in counted.items() if count <= most}
    place = max(fitting, key=lambda one: (fitting[one], one), default=min(files))
    return Example(f"Replace print with logging in `{place}`.", (f"`{place}`",))


def _above(path: str) -> Iterable[str]:
    folder = posixpath.dirname(path)
    while folder:
        yield f"{folder}/"
        folder = posixpath.dirname(folder)


def _joined(places: Iterable[str]) -> str:
    shown = [f"`{place}`" for place in places]
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)
