"""Read comments by which a file tells pyright how to look at it. Pure."""

from __future__ import annotations

import re

#: From the mode that looks at least to the one that looks at most.
MODES = ("off", "basic", "standard", "strict", "recommended", "all")
_DIRECTIVE = re.compile(r"#\s*pyright:(?!\s*ignore)(?P<operands>.*)", re.DOTALL)
#: What `true` makes less strict, unlike all other settings.
_LOOSE = frozenset({"enableTypeIgnoreComments"})


def loosened(comment: str, mode: str) -> tuple[str, ...]:
    """Return the parts of a comment that let pyright look at less in the whole file.

    A level below an error counts, since an error may have stood there.

    Args:
        comment: With its `#`.
        mode: One below it looks at less.
    """
    found = _DIRECTIVE.match(comment)
    if found is None:
        return ()
    parts = ("".join(part.split()) for part in found["operands"].split(","))
    return tuple(part for part in parts if _loosens(part, mode))


def _loosens(part: str, mode: str) -> bool:
    name, joined, value = part.partition("=")
    if not joined:
        usual = MODES.index(mode) if mode in MODES else MODES.index("standard")
        return name in MODES and MODES.index(name) < usual
    if value == "true":
        return name in _LOOSE
    return value in {"false", "none", "hint", "information", "warning"} and name not in _LOOSE
