"""The operator's file of budgets and of who may start runs."""

import pytest

from agent.errors import SettingsInvalid
from agent.limits import load_limits
from agent.settings import Settings


def load(tmp_path, text, name="limits.yml"):
    path = tmp_path / name
    path.write_text(text)
    return load_limits(Settings(home=tmp_path, limits=path))


def test_every_mistake_is_named_with_its_line_and_the_nearest_key(tmp_path):
    text = """
all: {usd_per_dya: 5}
organizations:
  acme: {usd_per_day: -1}
repositorys: {}
repositories:
  shop: {usd_per_day: 5}
  acme/shop: {start: [no one]}
"""
    with pytest.raises(SettingsInvalid) as refused:
        load(tmp_path, text)
    first, *others = refused.value.message.split("\n")
    place = f"{tmp_path}/limits.yml"
    assert first.startswith(f"MERGEWRIGHT_LIMITS: {place}:2: unknown key")
    assert first.endswith('"usd_per_dya" in all. Did you mean usd_per_day?')
    named = f"MERGEWRIGHT_LIMITS: {place}:"
    assert [line.removeprefix(named).partition(":")[0] for line in others] == [
        *("4", "5", "7", "8")
    ]
    assert "greater than 0; found -1" in others[0]
    assert "Did you mean repositories?" in others[1]
    assert "Use a name, as in owner/name" in others[2]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [("limits.toml", "[all]\nusd_per_day = 5\n", "ends in .yml"), ("limits.yml", "a: [", ":1: ")],
)
def test_a_file_of_another_form_is_refused_and_never_taken_for_no_limits(
    tmp_path, name, text, words
):
    with pytest.raises(SettingsInvalid, match="MERGEWRIGHT_LIMITS: ") as refused:
        load(tmp_path, text, name)
    assert words in refused.value.message


def test_the_nearest_list_says_who_may_start_runs(tmp_path):
    found = load(
        tmp_path,
        """
all: {start: [Root]}
organizations: {Acme: {start: [bea, ann]}}
repositories: {Acme/Shop: {start: []}}
""",
    )
    assert found.find_starters("acme/shop") == ()
    assert found.find_starters("ACME/other") == ("bea", "ann")
    assert found.find_starters("o/n") == ("Root",)
    assert load(tmp_path, "").find_starters("o/n") is None
