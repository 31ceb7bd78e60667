"""Surfactant: finds out what is in software; logs by loguru, but for a module that prints."""

from __future__ import annotations

from tests.flow.model_scripts import calls, create, edit, finish, read
from tests.thirdparty.model_stories.diffs import Part
from tests.thirdparty.model_stories.story import Project, Story, Test, run_test, when
from tests.thirdparty.sources import Source

_CODE, _TESTS = "surfactant/infoextractors/pe_file.py", "tests/file_types/test_app_config.py"

PROJECT = Project(
    Source(
        "surfactant", "0.0.0rc6", "b95229ac75256c20eb48d5f75ebc9d83a5ebc544f6a89ba1a029030580956c32"
    ),
    wire="chat",
)

_PRINTED = """\
                print(
                    "[WARNING] duplicate {name} element found in the app config file: "
                    + str(config_filepath)
                )
            da_info["{name}"] = da_e.attrib
"""
_LOGGED = """\
                logger.warning("duplicate {name} element", config=str(config_filepath))
            da_info["{name}"] = da_e.attrib
"""
_WRONG = '        print("[WARNING] element tree given was not for a dependentAssembly element tag")'
_ELEMENTS = ("assemblyIdentity", "codeBase", "bindingRedirect")

WARNINGS = Story(
    name="print-to-structured-logger-2",
    project=PROJECT,
    title="Warnings about a dependentAssembly are printed among the SBOM",
    body=(
        "`get_dependentAssembly_info` prints its warnings to stdout, where the SBOM goes. They"
        " should go to the loguru logger that the other modules use: `duplicate ... element` with"
        " the path as `config`, and `not a dependentAssembly element` with its `tag`."
    ),
    look=(
        calls(
            ("search", {"text": "import logger", "folder": "surfactant"}),
            read(_CODE, 1, 20),
            read(_CODE, 320, 355),
            read("surfactant/relationships/__init__.py"),
        ),
    ),
    plan={
        "title": "Log what is odd in a dependentAssembly",
        "category": "feature",
        "steps": ["Hand the four warnings to loguru, with their values as keys"],
        "files": [_CODE],
    },
    proof=(
        Test(f"{_TESTS}::test_a_duplicate_is_a_warning", "a duplicate is a warning with its file"),
        Test(f"{_TESTS}::test_another_element_is_a_warning", "another element is warned of"),
    ),
    tests=(
        calls(
            create(
                _TESTS,
                """\
# Copyright 2024 Lawrence Livermore National Security, LLC
# See the top-level LICENSE file for details.
#
# SPDX-License-Identifier: MIT

import defusedxml.ElementTree
import pytest
from loguru import logger

from surfactant.infoextractors.pe_file import get_dependentAssembly_info


@pytest.fixture(name="warned")
def fixture_warned():
    records = []
    handler = logger.add(lambda message: records.append(message.record), level="WARNING")
    yield records
    logger.remove(handler)


@pytest.mark.parametrize("name", ["assemblyIdentity", "codeBase", "bindingRedirect"])
def test_a_duplicate_is_a_warning(warned, capsys, name):
    tree = defusedxml.ElementTree.fromstring(
        f"<dependentAssembly><{name} /><{name} /></dependentAssembly>"
    )
    get_dependentAssembly_info(tree, "app.config")

    (record,) = warned
    assert record["message"] == f"duplicate {name} element"
    assert record["extra"] == {"config": "app.config"}
    assert capsys.readouterr().out == ""


def test_another_element_is_a_warning(warned, capsys):
    get_dependentAssembly_info(defusedxml.ElementTree.fromstring("<other />"))

    (record,) = warned
    assert record["message"] == "not a dependentAssembly element"
    assert record["extra"] == {"tag": "other"}
    assert capsys.readouterr().out == ""
""",
            ),
            run_test(_TESTS),
        ),
        when("4 failed", then=calls(finish("Two tests."))),
    ),
    edit=(
        calls(
            *(
                edit(_CODE, _PRINTED.format(name=name), _LOGGED.format(name=name))
                for name in _ELEMENTS
            ),
            edit(
                _CODE,
                f"{_WRONG}\n",
                '        logger.warning("not a dependentAssembly element", tag=daet_tag)\n',
            ),
            edit(_CODE, "import dnfile\n", "import dnfile\nfrom loguru import logger\n"),
            run_test(_TESTS),
        ),
        when("4 passed", then=calls(finish("The other functions of the file still print."))),
    ),
    files={_CODE: "M", _TESTS: "A"},
    diff={
        _CODE: Part(
            5,
            (
                "from loguru import logger",
                '        logger.warning("not a dependentAssembly element", tag=daet_tag)',
                *(_LOGGED.format(name=name).splitlines()[0] for name in _ELEMENTS),
            ),
            (
                _WRONG,
                *(
                    line
                    for name in _ELEMENTS
                    for line in _PRINTED.format(name=name).splitlines()[:-1]
                ),
            ),
        ),
        _TESTS: Part(40, ('    assert record["extra"] == {"tag": "other"}',)),
    },
    never=("print(", "getLogger", "get_logger"),
    words="The other functions of the file still print.",
    checks=("tests", "ruff check"),
)

STORIES = (WARNINGS,)
