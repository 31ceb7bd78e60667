"""What distributions say of their licences, as it stands in real metadata, and what is demanded."""

from __future__ import annotations

import pytest

from repo_config import licences
from repo_config.licences import LicenceDemand

OSI = "License :: OSI Approved :: "
GPL = f"{OSI}GNU General Public License v3 (GPLv3)"
MIT, BSD, APACHE = f"{OSI}MIT License", f"{OSI}BSD License", f"{OSI}Apache Software License"


@pytest.mark.parametrize(
    ("expression", "field", "classifiers", "words"),
    [
        ("mit", "GPL", [BSD], "MIT"),
        ("", "MIT OR Apache-2.0", [MIT, APACHE], "MIT OR Apache-2.0"),
        ("", "BSD-2-Clause", [BSD], "BSD-2-Clause"),
        ("", "GPL-3.0-or-later", [GPL], "GPL-3.0-or-later"),
    ],
)
def test_what_is_said_has_one_name_in_spdx(expression, field, classifiers, words):
    found = licences.read_licence(expression, field, classifiers)
    assert (found.words, found.expression) == (words, words)


@pytest.mark.parametrize("classifiers", [[GPL], [MIT, GPL]])
def test_a_field_beside_classifiers_of_other_licences_settles_nothing(classifiers):
    found = licences.read_licence("", "MIT", classifiers)
    assert LicenceDemand(forbid=("GPL-3.0",)).permits(found) is None


def permitted(demand: LicenceDemand, expression: str = "", *classifiers: str) -> bool | None:
    return demand.permits(licences.read_licence(expression, "", classifiers))


def test_only_what_is_allowed_passes_where_something_is():
    demand = LicenceDemand(allow=("MIT", "BSD-*", "Apache-2.0"))
    assert permitted(demand, "MIT")
    assert permitted(demand, "BSD-3-Clause")
    assert permitted(demand, "GPL-3.0-only OR MIT")
    assert permitted(demand, "MIT AND GPL-3.0-only") is False
    assert permitted(demand, "MPL-2.0") is False
    assert permitted(demand, "LicenseRef-Ours") is False
    assert permitted(demand, "", BSD)
    assert permitted(demand, "", MIT, GPL) is None
    assert permitted(demand, "", "License :: Other/Proprietary License") is None


def test_what_is_forbidden_passes_only_where_there_is_a_choice():
    demand = LicenceDemand(forbid=("AGPL-*", "GPL-3.0"))
    assert permitted(demand, "AGPL-3.0-or-later") is False
    assert permitted(demand, "GPL-3.0-only") is False
    assert permitted(demand, "GPL-3.0-or-later WITH GCC-exception-3.1") is False
    assert permitted(demand, "", GPL) is False
    assert permitted(demand, "", GPL, MIT) is None
    assert permitted(demand, "GPL-2.0-only")
    assert permitted(demand, "LGPL-3.0-only")
    assert permitted(demand, "MIT OR AGPL-3.0-only")
    assert permitted(demand, "LicenseRef-Ours") is None
    assert permitted(demand, "LicenseRef-Ours OR MIT")
