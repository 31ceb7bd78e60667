"""What the licence of a package is, in the words of SPDX, and whether a demand lets it pass.

Read from what a distribution says of itself, in the order of PEP 639: `License-Expression` alone
where it is there, else the field `License` and the classifiers. Those often leave open which
licence of a family is meant; such an answer is kept as what it is, and a demand says yes or no
only where it would for each that may be meant. Pure; of a whole text only the beginnings of well
known ones are looked for.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

# The list itself has no public name; a typing error in a pattern could not be told without it.
from packaging.licenses._spdx import LICENSES

_LONGEST = 500
_SHOWN = 120
_CUSTOM = "LicenseRef-"
_UMBRELLAS = ("License :: OSI Approved", "License :: DFSG approved")


IDENTIFIERS = tuple(one["id"] for one in LICENSES.values())
"""All that SPDX has."""


@dataclass(frozen=True)
class Node:
    """A licence, or several with what stands between them."""

    kind: Literal["one", "and", "or", "unclear"]
    """unclear: one of them, and which is not said."""
    name: str = ""
    """Of one: its identifier, also with an exception: GPL-2.0-only WITH Classpath-exception-2.0."""
    parts: tuple[Node, ...] = ()


@dataclass(frozen=True)
class Licence:
    """What a distribution says of its licence."""

    words: str
    """For people; foreign where it is none of SPDX's, "" where nothing is said."""
    node: Node | None
    """None: nothing that is known here."""


@dataclass(frozen=True)
class Demand:
    """Which licences packages may have; `*` in an entry stands for any letters."""

    allow: tuple[str, ...] = ()
    """Where there are any, no others."""
    forbid: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether anything is demanded."""
        return bool(self.allow or self.forbid)

    def permits(self, licence: Licence) -> bool | None:
        """Whether it lets a licence pass; None where that cannot be said."""
        return self._of(licence.node) if licence.node else None

    def _of(self, node: Node) -> bool | None:
        if node.kind == "one":
            return self._of_one(node.name)
        answers = [self._of(part) for part in node.parts]
        settles = {"or": True, "and": False}.get(node.kind)
        if settles is not None and settles in answers:
            return settles
        return answers[0] if len(set(answers)) == 1 else None

    def _of_one(self, name: str) -> bool | None:
        if any(_matches(entry, name) for entry in self.forbid):
            return False
        if self.allow:
            return any(_matches(entry, name) for entry in self.allow)
        # What somebody has written for one package says nothing to whoever forbids known ones.
        return None if name.startswith(_CUSTOM) else True


def entry(text: str) -> str | None:
    """Return an entry of a demand as SPDX writes it; None where no licence could match.

    Args:
        text: An identifier, whatever the case of its letters, or a pattern with `*`.
    """
    if "*" in text:
        plain = re.fullmatch(r"[\w.+*-]+", text) is not None
        known = plain and any(_fits(one, text) for one in IDENTIFIERS)
        return text if known else None
    try:
        found = str(canonicalize_license_expression(text))
    except InvalidLicenseExpression:
        return None
    return None if re.search(r" (?:AND|OR) |\(", found) else found


def meant(text: str) -> tuple[str, ...]:
    """Return the identifiers that a name as people write it may stand for, two at most."""
    node = _said(text)
    names = sorted(_names(node)) if node else []
    return tuple(names) if len(names) <= 2 else ()


def of(expression: str, field: str, classifiers: Iterable[str]) -> Licence:
    """Say what the licence of a distribution is.

    Args:
        expression: `License-Expression` of its metadata, "" where it has none.
        field: `License`, likewise; it may hold a whole text.
        classifiers: Of the metadata; others than those of licences count for nothing.
    """
    if node := _expression(expression):
        return Licence(_written(node), node)
    titles = [
        one.rpartition(" :: ")[2]
        for one in dict.fromkeys(classifiers)
        if one.startswith("License :: ") and one not in _UMBRELLAS
    ]
    node = _together(_field(field), [_CLASSIFIERS.get(title) for title in titles])
    if node and node.kind != "unclear":
        return Licence(_written(node), node)
    said = ", ".join(titles) or _short(field) or _short(expression)
    return Licence(f"{said} (which one is not said)" if node else said, node)


def _together(field: Node | None, classifiers: list[Node | None]) -> Node | None:
    """Join what the field and the classifiers say."""
    known = [node for node in classifiers if node]
    if len(known) < len(classifiers):
        # One that is not known here stands beside the known ones.
        return None
    if not known or field is None:
        return field if not known else _unclear(known)
    # `BSD-3-Clause` beside the classifier of all BSD licences says which one, and `MIT OR
    # Apache-2.0` beside those of both says what they are to each other.
    several = _unclear(known)
    agrees = _names(field) <= _names(several)
    settles = len(known) == 1 or field.kind in ("and", "or")
    return field if agrees and settles else _unclear([field, *known])


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _SHOWN else f"{flat[:_SHOWN]}…"


# --- nodes ------------------------------------------------------------------------------------


def _unclear(several: Iterable[Node | str]) -> Node:
    parts = [Node("one", one) if isinstance(one, str) else one for one in several]
    parts = list(dict.fromkeys(parts))
    return parts[0] if len(parts) == 1 else Node("unclear", parts=tuple(parts))


def _names(node: Node) -> frozenset[str]:
    inner = [_names(part) for part in node.parts]
    return frozenset({node.name} if node.kind == "one" else set()).union(*inner)


def _written(node: Node) -> str:
    if node.kind == "one":
        return node.name
    parts = [_written(one) if one.kind == "one" else f"({_written(one)})" for one in node.parts]
    return f" {node.kind.upper()} ".join(parts)


def _today(name: str) -> str:
    """Return the identifier of today for one that SPDX has given up."""
    if re.fullmatch(r"(?:A|L)?GPL-\d\.\d\+?|GFDL-\d\.\d\+?", name):
        return f"{name[:-1]}-or-later" if name.endswith("+") else f"{name}-only"
    return name


def _matches(entry: str, name: str) -> bool:
    wanted = [entry, _today(entry)]
    if wanted[0] != wanted[1] and not entry.endswith("+"):
        # `GPL-3.0` has always meant both.
        wanted.append(f"{entry}-or-later")
    names = (name, name.partition(" WITH ")[0])
    return any(_fits(one, pattern) for one in names for pattern in wanted)


def _fits(name: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(name.lower(), pattern.lower())


# --- expressions ------------------------------------------------------------------------------


def _expression(text: str) -> Node | None:
    if not text or len(text) > _LONGEST:
        return None
    try:
        tokens = re.findall(r"[()]|[^\s()]+", canonicalize_license_expression(text))
        return _or(tokens[::-1])
    except (InvalidLicenseExpression, RecursionError, MemoryError):
        return None


def _or(tokens: list[str]) -> Node:
    return _several("or", tokens, _and)


def _and(tokens: list[str]) -> Node:
    return _several("and", tokens, _one)


def _several(
    kind: Literal["and", "or"], tokens: list[str], part: Callable[[list[str]], Node]
) -> Node:
    parts = [part(tokens)]
    while tokens and tokens[-1] == kind.upper():
        tokens.pop()
        parts.append(part(tokens))
    return parts[0] if len(parts) == 1 else Node(kind, parts=tuple(parts))


def _one(tokens: list[str]) -> Node:
    name = tokens.pop()
    if name == "(":
        inner = _or(tokens)
        tokens.pop()
        return inner
    name = _today(name)
    if tokens and tokens[-1] == "WITH":
        tokens.pop()
        name += f" WITH {tokens.pop()}"
    return Node("one", name)


# --- words that people write ------------------------------------------------------------------

_APACHE = ("Apache-2.0", "Apache-1.1")
#: Those that the Open Source Initiative has approved, as the classifier says.
_BSD = ("BSD-3-Clause", "BSD-2-Clause")
_MOZILLA = ("MPL-2.0", "MPL-1.1", "MPL-1.0")
_GNU = {"gpl": ("1.0", "2.0", "3.0"), "lgpl": ("2.0", "2.1", "3.0"), "agpl": ("3.0",)}
#: What a field says, without the words that say nothing.
_WORDS: dict[str, tuple[str, ...]] = {
    "mit": ("MIT",), "expat": ("MIT",), "mit expat": ("MIT",), "mit 0": ("MIT-0",),
    "apache": _APACHE, "apache 2": ("Apache-2.0",), "apache 2.0": ("Apache-2.0",),
    "apache2": ("Apache-2.0",), "apache2.0": ("Apache-2.0",), "asl 2.0": ("Apache-2.0",),
    "asl 2": ("Apache-2.0",), "bsd": _BSD, "new bsd": ("BSD-3-Clause",),
    "modified bsd": ("BSD-3-Clause",), "revised bsd": ("BSD-3-Clause",),
    "bsd 3": ("BSD-3-Clause",), "bsd 3 clause": ("BSD-3-Clause",),
    "3 clause bsd": ("BSD-3-Clause",), "bsd 3 clause new or revised": ("BSD-3-Clause",),
    "simplified bsd": ("BSD-2-Clause",), "bsd 2": ("BSD-2-Clause",),
    "bsd 2 clause": ("BSD-2-Clause",), "2 clause bsd": ("BSD-2-Clause",),
    "bsd 2 clause simplified": ("BSD-2-Clause",), "isc": ("ISC",), "isc iscl": ("ISC",),
    "mpl": _MOZILLA, "mpl 2": ("MPL-2.0",), "mpl 2.0": ("MPL-2.0",),
    "mozilla public 2.0": ("MPL-2.0",), "mozilla public 2.0 mpl": ("MPL-2.0",),
    "mozilla public 2.0 mpl 2.0": ("MPL-2.0",), "psf": ("PSF-2.0",), "psfl": ("PSF-2.0",),
    "python foundation": ("PSF-2.0",), "zlib": ("Zlib",), "unlicense": ("Unlicense",),
    "cc0": ("CC0-1.0",), "cc0 1.0": ("CC0-1.0",), "wtfpl": ("WTFPL",), "zpl 2.1": ("ZPL-2.1",),
    "zope public 2.1": ("ZPL-2.1",), "boost 1.0": ("BSL-1.0",), "hpnd": ("HPND",),
    "artistic 2.0": ("Artistic-2.0",), "eclipse public 2.0": ("EPL-2.0",), "epl 2.0": ("EPL-2.0",),
    "eupl 1.2": ("EUPL-1.2",),
}  # fmt: skip
_SAY_NOTHING = re.compile(
    r"\b(?:the|an?|licen[sc]e[sd]?|software|under|version|terms|of|open|source)\b"
)
_LATER = re.compile(
    r"[\s,(]*\bor (?:any )?(?:later|newer|greater|above)(?: versions?)?\b\)?|(?<=\d)\+"
)
_GNU_NAMES = (
    (r"gnu affero general public|affero gpl|gnu affero", "agpl"),
    (r"gnu (?:lesser|library)(?: or lesser)? general public|gnu lgpl|gnu lesser", "lgpl"),
    (r"gnu general public|gnu public|gnu gpl", "gpl"),
)
_BETWEEN = re.compile(r"\s+(or|and)\s+|\s*([/,;&|])\s*")
#: How the texts of licences begin, where somebody has put a whole one into the field.
_TEXTS = (
    (r"Permission is hereby granted, free of charge, to any person obtaining", ("MIT",)),
    (r"Permission to use, copy, modify, and(?:/or)? distribute this software", ("ISC",)),
    (r"Redistribution and use in source and binary forms", _BSD),
    (r"Apache License\s+Version 2\.0", ("Apache-2.0",)),
    (r"Mozilla Public License,? [Vv]ersion 2\.0", ("MPL-2.0",)),
    (r"GNU (?:AFFERO|LESSER|LIBRARY)?\s*GENERAL PUBLIC LICENSE|\bA?L?GPL", ()),
)


def _field(text: str) -> Node | None:
    flat = text.strip()
    if not flat or len(flat) > _LONGEST or flat.count("\n") > 1:
        return _text(flat)
    return _expression(flat) or _said(flat) or _listed(flat)


def _said(text: str) -> Node | None:
    """Read the name of one licence as people write it."""
    plain = _LATER.sub(" later ", text.lower())
    for names, short in _GNU_NAMES:
        plain = re.sub(names, short, plain)
    plain = _SAY_NOTHING.sub(" ", plain)
    plain = re.sub(r"\b(a|l)?gpl[\s-]*v?(?=\d)", lambda found: f"{found[1] or ''}gpl ", plain)
    plain = re.sub(r"\bv\.?\s*(?=\d)", "", plain)
    words = re.sub(r"[^a-z0-9.]+", " ", plain).split()
    # `MIT License (MIT)` says it twice.
    key = " ".join(dict.fromkeys(word.rstrip(".") for word in words)).strip()
    if key in _WORDS:
        return _unclear(_WORDS[key])
    gnu = re.fullmatch(r"(gpl|lgpl|agpl)(?: (\d)(\.\d)?)?(?: (later|only))?", key)
    return _of_gnu(gnu[1], gnu[2], gnu[3], gnu[4]) if gnu else None


def _of_gnu(family: str, major: str | None, minor: str | None, bound: str | None) -> Node | None:
    versions = [
        version
        for version in _GNU[family]
        if version == f"{major}{minor}" or (not minor and version.startswith(major or ""))
    ]
    ends = {"later": ("or-later",), "only": ("only",)}.get(bound or "", ("only", "or-later"))
    names = [f"{family.upper()}-{version}-{end}" for version in versions for end in ends]
    return _unclear(names) if names else None


def _listed(text: str) -> Node | None:
    """Read several licences with words or signs between them."""
    pieces = _BETWEEN.split(text)
    nodes = [_expression(one.strip(" ()")) or _said(one) for one in pieces[::3]]
    between = {word or sign for word, sign in zip(pieces[1::3], pieces[2::3], strict=True)}
    known = [node for node in nodes if node]
    if len(known) < len(nodes) or len(known) < 2:
        return None
    kind: Literal["and", "or", "unclear"] = "unclear"
    if between == {"or"}:
        kind = "or"
    elif between <= {"and", "&"}:
        kind = "and"
    return Node(kind, parts=tuple(known))


def _text(text: str) -> Node | None:
    """Read a whole text: known where it holds one of the well known ones and nothing of others."""
    found = [names for begins, names in _TEXTS if re.search(begins, text)]
    return _unclear(found[0]) if len(found) == 1 and found[0] else None


def _classifiers() -> Iterator[tuple[str, Node]]:
    exact = {
        "Academic Free License (AFL)": ("AFL-1.1", "AFL-1.2", "AFL-2.0", "AFL-2.1", "AFL-3.0"),
        "Apache Software License": _APACHE,
        "Artistic License": ("Artistic-1.0", "Artistic-2.0"),
        "BSD License": _BSD,
        "Boost Software License 1.0 (BSL-1.0)": ("BSL-1.0",),
        "CC0 1.0 Universal (CC0 1.0) Public Domain Dedication": ("CC0-1.0",),
        "Eclipse Public License 1.0 (EPL-1.0)": ("EPL-1.0",),
        "Eclipse Public License 2.0 (EPL-2.0)": ("EPL-2.0",),
        "European Union Public Licence 1.1 (EUPL 1.1)": ("EUPL-1.1",),
        "European Union Public Licence 1.2 (EUPL 1.2)": ("EUPL-1.2",),
        "Historical Permission Notice and Disclaimer (HPND)": ("HPND",),
        "ISC License (ISCL)": ("ISC",),
        "MIT License": ("MIT",),
        "MIT No Attribution License (MIT-0)": ("MIT-0",),
        "Mozilla Public License 1.0 (MPL)": ("MPL-1.0",),
        "Mozilla Public License 1.1 (MPL 1.1)": ("MPL-1.1",),
        "Mozilla Public License 2.0 (MPL 2.0)": ("MPL-2.0",),
        "Python Software Foundation License": ("PSF-2.0",),
        "The Unlicense (Unlicense)": ("Unlicense",),
        "University of Illinois/NCSA Open Source License": ("NCSA",),
        "Zero-Clause BSD (0BSD)": ("0BSD",),
        "Zope Public License": ("ZPL-1.1", "ZPL-2.0", "ZPL-2.1"),
        "zlib/libpng License": ("Zlib",),
    }
    for title, names in exact.items():
        yield title, _unclear(names)
    gnu = {
        "GNU Affero General Public License v3": ("agpl", "3", None),
        "GNU Affero General Public License v3 or later (AGPLv3+)": ("agpl", "3", "later"),
        "GNU General Public License (GPL)": ("gpl", None, None),
        "GNU General Public License v2 (GPLv2)": ("gpl", "2", None),
        "GNU General Public License v2 or later (GPLv2+)": ("gpl", "2", "later"),
        "GNU General Public License v3 (GPLv3)": ("gpl", "3", None),
        "GNU General Public License v3 or later (GPLv3+)": ("gpl", "3", "later"),
        "GNU Lesser General Public License v2 (LGPLv2)": ("lgpl", "2", None),
        "GNU Lesser General Public License v2 or later (LGPLv2+)": ("lgpl", "2", "later"),
        "GNU Lesser General Public License v3 (LGPLv3)": ("lgpl", "3", None),
        "GNU Lesser General Public License v3 or later (LGPLv3+)": ("lgpl", "3", "later"),
        "GNU Library or Lesser General Public License (LGPL)": ("lgpl", None, None),
    }
    for title, (family, major, bound) in gnu.items():
        if node := _of_gnu(family, major, None, bound):
            yield title, node


_CLASSIFIERS = dict(_classifiers())
