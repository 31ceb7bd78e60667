"""An entry is written where the repository keeps such entries, and nowhere else."""

from __future__ import annotations

import pytest

from agent.text import changelog
from tests.unit.trees import DictTree

LINE = "Add nickname to Customer"


def entry(files):
    return changelog.write_entry(DictTree(files), LINE, "42", kind="feature")


def told(files):
    made = entry(files)
    return made and (made.path, made.content.decode())


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ("[tool.towncrier]\npackage = 'shop.core'\n", "shop/core/newsfragments/42.feature"),
        ("[tool.towncrier]\nfilename = 'NEWS.md'\n", "newsfragments/42.feature.md"),
    ],
)
def test_a_news_fragment_is_named_as_towncrier_is_set(settings, path):
    assert told({"pyproject.toml": settings}) == (path, f"{LINE}.\n")


@pytest.mark.parametrize("folder", ["../out", "/etc"])
def test_a_folder_out_of_the_repository_is_not_written_to(folder):
    assert entry({"pyproject.toml": f"[tool.towncrier]\ndirectory = '{folder}'\n"}) is None


def test_a_line_is_added_below_unreleased_in_the_style_of_the_file():
    before = "## Unreleased\n\n{}### Fixed\n\n- One (#3)\n\n## 1.0\n"
    after = before.format(f"### Added\n\n- {LINE} (#42)\n\n")
    assert told({"CHANGELOG.md": before.format("")}) == ("CHANGELOG.md", after)
