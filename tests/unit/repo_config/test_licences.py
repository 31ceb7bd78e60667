"""What distributions say of their licences, as it stands in real metadata, and what is demanded."""

from __future__ import annotations

import pytest

from repo_config import licences
from repo_config.licences import Demand

OSI = "License :: OSI Approved :: "
MIT, BSD, APACHE = f"{OSI}MIT License", f"{OSI}BSD License", f"{OSI}Apache Software License"
TEXT = (
    "Copyright (c) 2020 Somebody\n\nPermission is hereby granted, free of charge, to any person"
    " obtaining a copy\nof this software"
)


@pytest.mark.parametrize(
    ("expression", "field", "classifiers", "words"),
    [
        ("mit", "GPL", [BSD], "MIT"),
        ("GPL-2.0+ WITH GCC-exception-3.1", "", [], "GPL-2.0-or-later WITH GCC-exception-3.1"),
        ("", "The MIT License (MIT)", [], "MIT"),
        ("", "", [f"{OSI}Mozilla Public License 2.0 (MPL 2.0)"], "MPL-2.0"),
        ("", TEXT, [], "MIT"),
    ],
)
def test_what_is_said_has_one_name_in_spdx(expression, field, classifiers, words):
    found = licences.of(expression, field, classifiers)
    assert (found.words, found.node is None) == (words, False)


@pytest.mark.parametrize(
    ("field", "classifiers"),
    [("BSD", [BSD]), ("", [MIT, APACHE]), ("MIT", [f"{OSI}ISC License (ISCL)"])],
)
def test_what_leaves_several_open_says_so(field, classifiers):
    found = licences.of("", field, classifiers)
    assert found.words.endswith("(which one is not said)")
    assert found.node
    assert found.node.kind == "unclear"


@pytest.mark.parametrize(
    ("expression", "field", "words"),
    [
        ("", "UNKNOWN", "UNKNOWN"),
        ("(" * 400 + "MIT" + ")" * 400, "", "(" * 120 + "…"),
        (
            "",
            "A text in source form\n\nand parts under GPL",
            "A text in source form and parts under GPL",
        ),
    ],
)
def test_what_is_not_known_is_kept_in_its_own_words(expression, field, words):
    found = licences.of(expression, field, [])
    assert (found.words, found.node) == (words, None)


def permitted(demand: Demand, expression: str = "", field: str = "") -> bool | None:
    return demand.permits(licences.of(expression, field, ()))


def test_only_what_is_allowed_passes_where_something_is():
    demand = Demand(allow=("MIT", "BSD-*", "Apache-2.0"))
    assert permitted(demand, "MIT")
    assert permitted(demand, "BSD-3-Clause")
    assert permitted(demand, "GPL-3.0-only OR MIT")
    assert permitted(demand, "MIT AND GPL-3.0-only") is False
    assert permitted(demand, "MPL-2.0") is False
    assert permitted(demand, "LicenseRef-Ours") is False
    # Whichever of the two is meant, it is let in.
    assert permitted(demand, field="BSD")
    assert permitted(demand, field="MIT/GPLv3") is None
    assert permitted(demand, field="Proprietary") is None


def test_what_is_forbidden_passes_only_where_there_is_a_choice():
    demand = Demand(forbid=("AGPL-*", "GPL-3.0"))
    assert permitted(demand, "AGPL-3.0-or-later") is False
    assert permitted(demand, "GPL-3.0-only") is False
    assert permitted(demand, "GPL-3.0-or-later WITH GCC-exception-3.1") is False
    assert permitted(demand, field="GPLv3") is False
    assert permitted(demand, field="GPL") is None
    assert permitted(demand, "GPL-2.0-only")
    assert permitted(demand, "LGPL-3.0-only")
    assert permitted(demand, "MIT OR AGPL-3.0-only")
    assert permitted(demand, "LicenseRef-Ours") is None
    assert permitted(demand, "LicenseRef-Ours OR MIT")


def test_what_is_forbidden_counts_before_what_is_allowed():
    demand = Demand(allow=("BSD-*",), forbid=("BSD-4-Clause",))
    assert permitted(demand, "BSD-4-Clause") is False
    assert permitted(demand, "BSD-2-Clause")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mit", "MIT"),
        ("GPL-*", "GPL-*"),
        ("GPL-2.0-only WITH Classpath-exception-2.0", "GPL-2.0-only WITH Classpath-exception-2.0"),
        ("*;*", None),
        ("MIT OR ISC", None),
    ],
)
def test_an_entry_of_a_demand_has_to_match_some_licence(text, expected):
    assert licences.entry(text) == expected
