"""What distributions say of their licences, as it stands in real metadata, and what is demanded."""

from __future__ import annotations

import pytest

from repo_config import licences
from repo_config.licences import Demand

OSI = "License :: OSI Approved :: "
MIT, BSD, APACHE = f"{OSI}MIT License", f"{OSI}BSD License", f"{OSI}Apache Software License"


@pytest.mark.parametrize(
    ("expression", "field", "classifiers", "words"),
    [
        ("mit", "GPL", [BSD], "MIT"),
        ("Apache-2.0 or bsd-3-clause", "", [], "Apache-2.0 OR BSD-3-Clause"),
        ("MIT AND (PSF-2.0 OR ISC)", "", [], "MIT AND (PSF-2.0 OR ISC)"),
        ("GPL-3.0", "", [], "GPL-3.0-only"),
        (
            "GPL-2.0+ WITH Classpath-exception-2.0",
            "",
            [],
            "GPL-2.0-or-later WITH Classpath-exception-2.0",
        ),
        ("", "MIT", [MIT], "MIT"),
        ("", "The MIT License (MIT)", [], "MIT"),
        ("", "MIT license", [], "MIT"),
        ("", "Apache License, Version 2.0", [APACHE], "Apache-2.0"),
        ("", "Apache 2.0", [], "Apache-2.0"),
        ("", "Apache Software License 2.0", [APACHE], "Apache-2.0"),
        ("", "BSD-3-Clause", [BSD], "BSD-3-Clause"),
        ("", "3-Clause BSD License", [BSD], "BSD-3-Clause"),
        ("", "New BSD", [], "BSD-3-Clause"),
        ("", "Simplified BSD", [], "BSD-2-Clause"),
        ("", "MPL-2.0", [f"{OSI}Mozilla Public License 2.0 (MPL 2.0)"], "MPL-2.0"),
        ("", "", [f"{OSI}Mozilla Public License 2.0 (MPL 2.0)"], "MPL-2.0"),
        ("", "GPLv3+", [], "GPL-3.0-or-later"),
        ("", "GNU Lesser General Public License v2.1 or later", [], "LGPL-2.1-or-later"),
        ("", "", [f"{OSI}GNU General Public License v3 or later (GPLv3+)"], "GPL-3.0-or-later"),
        ("", "Apache-2.0 OR BSD-3-Clause", [BSD, APACHE], "Apache-2.0 OR BSD-3-Clause"),
        ("", "", ["License :: OSI Approved", MIT], "MIT"),
        ("", "", ["License :: DFSG approved", MIT], "MIT"),
        (
            "",
            (
                "Copyright (c) 2020 Somebody\n\nPermission is hereby granted, free of charge, to "
                "any person obtaining a copy\nof this software"
            ),
            [],
            "MIT",
        ),
    ],
)
def test_what_is_said_has_one_name_in_spdx(expression, field, classifiers, words):
    found = licences.of(expression, field, classifiers)
    assert (found.words, found.node is None) == (words, False)


@pytest.mark.parametrize(
    ("field", "classifiers", "words"),
    [
        ("BSD", [BSD], "BSD License (which one is not said)"),
        ("", [APACHE], "Apache Software License (which one is not said)"),
        ("GPLv3", [], "GPLv3 (which one is not said)"),
        ("MIT/Apache-2.0", [], "MIT/Apache-2.0 (which one is not said)"),
        ("", [MIT, APACHE], "MIT License, Apache Software License (which one is not said)"),
        # The two say different things.
        ("MIT", [f"{OSI}ISC License (ISCL)"], "ISC License (ISCL) (which one is not said)"),
    ],
)
def test_what_leaves_several_open_says_so(field, classifiers, words):
    found = licences.of("", field, classifiers)
    assert found.words == words
    assert found.node
    assert found.node.kind == "unclear"


@pytest.mark.parametrize(
    ("expression", "field", "classifiers", "words"),
    [
        ("", "", [], ""),
        ("", "UNKNOWN", [], "UNKNOWN"),
        ("", "Proprietary", [], "Proprietary"),
        ("", "see LICENSE.txt", [], "see LICENSE.txt"),
        ("No-Such-1.0", "", [], "No-Such-1.0"),
        ("(" * 400 + "MIT" + ")" * 400, "", [], "(" * 120 + "…"),
        (
            "",
            "",
            [MIT, "License :: Other/Proprietary License"],
            "MIT License, Other/Proprietary License",
        ),
        ("", "x" * 5000, [], "x" * 120 + "…"),
        # A text of one licence that speaks of another one as well.
        (
            "",
            "Redistribution and use in source and binary forms\n\nand parts under the GPL",
            [],
            "Redistribution and use in source and binary forms and parts under the GPL",
        ),
    ],
)
def test_what_is_not_known_is_kept_in_its_own_words(expression, field, classifiers, words):
    found = licences.of(expression, field, classifiers)
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


def test_nothing_is_demanded_by_an_empty_demand():
    assert not Demand()
    assert Demand(allow=("MIT",))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mit", "MIT"),
        ("gpl-3.0-ONLY", "GPL-3.0-only"),
        ("GPL-*", "GPL-*"),
        ("GPL-2.0-only WITH Classpath-exception-2.0", "GPL-2.0-only WITH Classpath-exception-2.0"),
        ("LicenseRef-Ours", "LicenseRef-Ours"),
        ("GLP-*", None),
        ("*;*", None),
        ("BSD", None),
        ("MIT OR ISC", None),
        ("", None),
    ],
)
def test_an_entry_of_a_demand_has_to_match_some_licence(text, expected):
    assert licences.entry(text) == expected
