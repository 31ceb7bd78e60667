"""Read the licence of a package as an SPDX expression, and judge it by `scope.licences`. Pure."""

from __future__ import annotations

import ast
import fnmatch
import re
from collections.abc import Iterable
from dataclasses import dataclass

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

# The list has no public name; without it, no typing error in a pattern would be found.
from packaging.licenses._spdx import LICENSES

_LONGEST, _SHOWN = 500, 120
_CUSTOM = "LicenseRef-"
_UMBRELLAS = ("License :: OSI Approved", "License :: DFSG approved")
_LICENCE = re.compile(r"(?<![^\s()])(?!(?:AND|OR)\s)[^\s()]+(?: WITH [^\s()]+)?")
#: Identifiers that SPDX has given up: `GPL-2.0+` is `GPL-2.0-or-later` today.
_DEPRECATED = re.compile(r"(?<![\w-])([AL]?GPL-\d\.\d|GFDL-\d\.\d)(\+|(?![\w.+-]))")
#: Titles of classifiers; of a family the usual one.
_CLASSIFIERS = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
}
_GNU = re.compile(r"GNU (?:([AL])\w+ )?General Public License v(\d)( or later)?\b.*")
#: A field says which BSD licence it is, and whether later versions of GNU's count.
_VARIANT = re.compile(r"(?<=^BSD)-.*|-(?:only|or-later)$")

IDENTIFIERS = tuple(one["id"] for one in LICENSES.values())
"""All that SPDX has."""


@dataclass(frozen=True)
class Licence:
    """The licence that a distribution states."""

    words: str
    """For people; "" where none is stated."""
    expression: str = ""
    """In SPDX; "" where it is not known."""


@dataclass(frozen=True)
class LicenceDemand:
    """Which licences packages may have; `*` in an entry matches any characters."""

    allow: tuple[str, ...] = ()
    """Where there are any, no others."""
    forbid: tuple[str, ...] = ()

    def permits(self, licence: Licence) -> bool | None:
        """Whether it permits a licence; None where that is open."""
        if not licence.expression:
            return None
        # Python has SPDX's grammar of `and`, `or` and brackets.
        python = _LICENCE.sub(lambda found: repr(found[0]), licence.expression)
        python = python.replace(" AND ", " and ").replace(" OR ", " or ")
        return self._judge(ast.parse(python, mode="eval").body)

    def _judge(self, node: ast.expr) -> bool | None:
        if not isinstance(node, ast.BoolOp):
            return self._judge_name(ast.literal_eval(node))
        answers = {self._judge(value) for value in node.values}
        settles = isinstance(node.op, ast.Or)
        if settles in answers:
            return settles
        return None if None in answers else not settles

    def _judge_name(self, name: str) -> bool | None:
        if any(_is_match(entry, name) for entry in self.forbid):
            return False
        if self.allow:
            return any(_is_match(entry, name) for entry in self.allow)
        # What somebody has written for one package says nothing to a list of known ones.
        return None if name.startswith(_CUSTOM) else True


def read_entry(text: str) -> str | None:
    """Return an identifier or pattern as SPDX writes it; None where no licence could match."""
    if "*" in text:
        is_known = any(fnmatch.fnmatch(one.lower(), text.lower()) for one in IDENTIFIERS)
        return text if is_known and re.fullmatch(r"[\w.+*-]+", text) else None
    try:
        found = str(canonicalize_license_expression(text))
    except InvalidLicenseExpression:
        return None
    return found if _LICENCE.fullmatch(found) else None


def read_licence(expression: str, field: str, classifiers: Iterable[str]) -> Licence:
    """Read the licence that a distribution states, in the order of PEP 639.

    Args:
        expression: `License-Expression` of its metadata, "" where it has none.
        field: `License`, likewise; it may hold a whole text. It counts where classifiers agree.
        classifiers: Of the metadata; others than those of licences count for nothing.
    """
    if stated := _canonicalize_expression(expression):
        return Licence(stated, stated)
    titles = [
        one.rpartition(" :: ")[2]
        for one in dict.fromkeys(classifiers)
        if one.startswith("License :: ") and one not in _UMBRELLAS
    ]
    titled = [*map(_read_title, titles)]
    hyphenated = field.removesuffix(" License").replace(" ", "-")
    stated = _canonicalize_expression(field) or _canonicalize_expression(hyphenated)
    if stated and (
        not titles or _list_families(_LICENCE.findall(stated)) == _list_families(titled)
    ):
        return Licence(stated, stated)
    if not stated and len(titles) == 1 and titled[0]:
        return Licence(titled[0], titled[0])
    both = [stated, *titles] if stated else titles
    words = " ".join((", ".join(both) or field or expression).split())
    return Licence(words if len(words) <= _SHOWN else f"{words[:_SHOWN]}…")


def _list_families(names: Iterable[str]) -> set[str]:
    """Return licences without what classifiers leave open."""
    return {_VARIANT.sub("", name.partition(" WITH ")[0]) for name in names}


def _read_title(title: str) -> str:
    if not (found := _GNU.fullmatch(title)):
        return _CLASSIFIERS.get(title, "")
    return f"{found[1] or ''}GPL-{found[2]}.0-{'or-later' if found[3] else 'only'}"


def _canonicalize_expression(text: str) -> str:
    """Return an SPDX expression in the identifiers of today; "" where the text is none."""
    try:
        plain = canonicalize_license_expression(text) if 0 < len(text) <= _LONGEST else ""
        return _modernize_name(plain)
    except (InvalidLicenseExpression, RecursionError, MemoryError):
        return ""


def _modernize_name(text: str) -> str:
    return _DEPRECATED.sub(lambda found: f"{found[1]}-{'or-later' if found[2] else 'only'}", text)


def _is_match(entry: str, name: str) -> bool:
    # `GPL-3.0` has always meant both.
    patterns = (entry, _modernize_name(entry), f"{entry}-only", f"{entry}-or-later")
    names = (name.lower(), name.partition(" WITH ")[0].lower())
    return any(fnmatch.fnmatchcase(one, pattern.lower()) for one in names for pattern in patterns)
