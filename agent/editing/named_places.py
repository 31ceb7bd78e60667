"""Where the base commit has what a ticket names: paths, and identifiers that git finds."""

import builtins
import keyword
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

from agent.errors import AgentError
from agent.git import worktree
from agent.git.worktree import FoundLine
from agent.models.environment import Checkout
from agent.text.check_summary import format_count

_MOST_NAMES, _MOST_FILES, _MOST_DEFINITIONS = 25, 4, 3
#: A name that is defined nowhere, on more lines than this, says nothing of where to begin.
_MOST_LINES = 30
_CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{2,}")
#: Names that stand out without a mark: with an underscore or a capital inside, or called.
_MARKED_NAME = re.compile(
    r"\b(?:[A-Za-z0-9]*[a-z0-9][A-Z][A-Za-z0-9_]*|[A-Za-z0-9]+_[A-Za-z0-9_]*|[A-Za-z_]\w{2,}(?=\())"
)
_PATH = re.compile(r"[\w.+-]+(?:/[\w.+-]+)*\.\w+|[\w.+-]+(?:/[\w.+-]+)+")
_DEFINITION = r"^\s*(?:async\s+def|def|class)\s+{0}\b|^{0}\s*(?::[^=]+)?=[^=]"


def describe_named_places(text: str, paths: Sequence[str], checkout: Checkout) -> str:
    """List where the paths and identifiers of a ticket are; empty: none of them was found.

    Args:
        paths: Of all files of the base commit.
    """
    named = _find_paths(text, paths)
    names = list(_find_names(text))[:_MOST_NAMES]
    found: list[FoundLine] = []
    # What takes git too long is found by the model.
    with suppress(AgentError):
        found = worktree.find_words(checkout, names)
    return "\n".join((*(f"- {path}" for path in named), *_describe_names(names, found)))


def _find_paths(text: str, paths: Sequence[str]) -> list[str]:
    """Return the files whose whole path, or the end of it, the text has."""
    wanted = dict.fromkeys(path.strip("./") for path in _PATH.findall(text))
    ends = {f"/{path}" for path in wanted}
    return [
        path for path in paths if path in wanted or any(f"/{path}".endswith(end) for end in ends)
    ][:_MOST_NAMES]


def _find_names(text: str) -> Iterable[str]:
    """Return the identifiers in code spans, and those that no prose has."""
    spans = " ".join(_CODE.findall(text))
    found = dict.fromkeys((*_NAME.findall(spans), *_MARKED_NAME.findall(text)))
    return (name for name in found if not (keyword.iskeyword(name) or hasattr(builtins, name)))


def _describe_names(names: Sequence[str], found: Sequence[FoundLine]) -> Iterator[str]:
    """Describe where each name is defined, and which files have it."""
    lines: defaultdict[str, list[FoundLine]] = defaultdict(list)
    for line in found:
        for name in {*_NAME.findall(line.text)}.intersection(names):
            lines[name].append(line)
    for name in names:
        definition = re.compile(_DEFINITION.format(re.escape(name)))
        defined = [line for line in lines[name] if definition.search(line.text)]
        if not defined and not 0 < len(lines[name]) <= _MOST_LINES:
            continue
        places = [f"{line.path}:{line.number}" for line in defined[:_MOST_DEFINITIONS]]
        files = list(dict.fromkeys(line.path for line in lines[name] if line not in defined))
        parts = [f"defined at {', '.join(places)}"] if places else []
        if files:
            more = f" and {len(files) - _MOST_FILES} more" if len(files) > _MOST_FILES else ""
            count = format_count(len(lines[name]) - len(defined), "line")
            parts.append(f"on {count} of {', '.join(files[:_MOST_FILES])}{more}")
        yield f"- `{name}`: {'; '.join(parts)}"
