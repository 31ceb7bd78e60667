"""Documents of other tools, among them hostile ones."""

import time

import pytest

from repo_config import documents, foreign_python


def test_a_tag_of_yaml_constructs_nothing():
    assert documents.parse_yaml("a: !!python/object/apply:os.system [exit]\n") == {"a": ["exit"]}


@pytest.mark.parametrize(
    "line",
    [
        "a{} = 1",
        "[a{}]",
        '"=".b{} = 1',
        'x = {{a = """\n""", q = 1, b{} = """\n"""}}',
        "x = {{a{} = 1}}",
    ],
)
def test_keys_of_very_many_parts_are_refused_and_long_lists_are_not(line):
    with pytest.raises(documents.DocumentError, match="dots"):
        documents.parse_toml(line.format(".b" * 300))
    several = ["boto3 (>=1.2.3)"] * 300
    assert documents.parse_toml(f"all = {several}") == {"all": several}


@pytest.mark.parametrize(
    "source",
    [
        "import a" + ".b" * 40_000,
        "import a" + " \\\n . b" * 300,
        b"x = a" + b".b" * 40_000,
        "x = 1\n" * 400_000,
    ],
    ids=["import", "continued", "attribute", "large"],
)
def test_what_would_hold_the_process_up_is_refused_at_once(source):
    began = time.process_time()
    with pytest.raises(SyntaxError):
        foreign_python.parse_module(source)
    assert time.process_time() - began < 2
