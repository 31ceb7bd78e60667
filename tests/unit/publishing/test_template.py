"""Templates as projects have them: headings kept, our facts below the fitting ones."""

from __future__ import annotations

import re
import time

import pytest

from agent.publishing import template
from agent.publishing.template import Part

PARTS = (
    Part(kind="issue", heading="", text="Closes #42"),
    Part(kind="summary", heading="", text="SUMMARY"),
    Part(kind="why", heading="", text="WHY"),
    Part(kind="tests", heading="Checks", text="CHECKS"),
    Part(kind=None, heading="Contract", text="CONTRACT"),
    Part(kind=None, heading="", text="LOG"),
)
OURS = ("Closes #42", "SUMMARY", "WHY", "CHECKS", "CONTRACT", "LOG")


def fill(text):
    return template.fill(text, PARTS)


#: As they are found in repositories, each with what must stand in this order.
SAMPLES = {
    "the one that many copy": (
        """\
# Description

Please include a summary of the changes and the related issue. Please also include relevant motivation and context.

Fixes # (issue)

## Type of change

Please delete options that are not relevant.

- [ ] Bug fix (non-breaking change which fixes an issue)
- [ ] New feature (non-breaking change which adds functionality)
- [x] This change requires a documentation update

# How Has This Been Tested?

Please describe the tests that you ran to verify your changes.

- [ ] Test A
- [ ] Test B

# Checklist:

- [ ] My code follows the style guidelines of this project
- [ ] I have performed a self-review of my code
- [ ] I have added tests that prove my fix is effective or that my feature works
- [ ] New and existing unit tests pass locally with my changes
""",
        [
            *("Closes #42", "# Description", "SUMMARY", "WHY", "## Type of change", "- [ ] Bug fix"),
            *("- [ ] This change requires", "# How Has", "CHECKS", "- [ ] Test A", "# Checklist:"),
            *("- [ ] My code follows", "- [ ] I have performed", "- [ ] I have added tests"),
            *("- [ ] New and existing", "## Contract", "CONTRACT", "LOG"),
        ],
    ),
    "lines for headings": (
        "<!-- Thanks! -->\nSummary\n=======\n\n**Test plan**\n\n* [ ] Tests added / passed\n\n**Screenshots**\n\n![before](https://e.example/a.png) @team/core\n",
        ["Summary\n=======", "SUMMARY", "**Test plan**", "CHECKS", "* [ ] Tests", "**Screenshots**", "before"],
    ),
    "Windows line ends": (
        "## Summary\r\n\r\n## Tests\r\n- [ ] all tests pass\r\n",
        ["## Summary", "SUMMARY", "## Tests", "CHECKS", "- [ ] all tests pass"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SAMPLES)
def test_headings_stay_in_order_and_our_facts_stand_below_them(name):
    text, order = SAMPLES[name]
    filled = fill(text)
    at = 0
    for part in order:
        found = filled.find(part, at)
        assert found >= 0, f"{part!r} is not where it should be in:\n{filled}"
        at = found + len(part)


@pytest.mark.parametrize("name", SAMPLES)
def test_everything_is_said_once_and_nothing_of_the_template_acts(name):
    filled = fill(SAMPLES[name][0])
    for ours in OURS:
        assert len(re.findall(rf"(?<!\w){re.escape(ours)}(?!\w)", filled)) == 1, filled
    for gone in ("<!--", "![", "(issue)", "Closes #\n", "XXXXX", "@team", "\r", "Please include"):
        assert gone not in filled
    assert "\n\n\n" not in filled
    assert filled.endswith("LOG\n")


def test_a_section_that_we_cannot_fill_is_left_to_a_person():
    filled = fill("## Summary\n\n## Deployment notes\n\n<!-- how -->\n\n## Screenshots\n")
    assert "## Deployment notes\n\n_Left to a person._" in filled
    assert "## Screenshots\n\n_Left to a person._" in filled


@pytest.mark.parametrize(
    "text",
    [
        "Thanks for your contribution! Read CONTRIBUTING.md first, @newcomer.\n",
        "```\n## Summary\n```\n",
    ],
)
def test_a_template_that_asks_nothing_we_know_is_followed_by_our_text(text):
    filled = fill(text)
    first, rule, ours = filled.partition("\n\n---\n\n")
    assert rule
    assert first.split()[0] == text.split()[0]
    assert [part for part in OURS if part in ours] == list(OURS)
    assert ours.index("Closes #42") < ours.index("SUMMARY") < ours.index("## Checks")
    assert "@newcomer" not in filled
    assert "- [x] I signed" not in filled


def test_no_box_is_ticked_for_a_person():
    assert "- [ ] Tests pass" in fill("## Summary\n- [x] Tests pass\n")


class Files:
    def __init__(self, files):
        self._files = files

    def paths(self):
        return tuple(sorted(self._files))

    def read(self, path):
        return self._files[path]


@pytest.mark.parametrize(
    ("paths", "taken"),
    [
        ([".github/pull_request_template.md", "pull_request_template.md"], 0),
        (["docs/Pull_Request_Template.txt"], 0),
        ([".github/PULL_REQUEST_TEMPLATE/a.md", ".github/PULL_REQUEST_TEMPLATE/b.md"], None),
        (["src/pull_request_template.md", "pull_request_template.py"], None),
    ],
)
def test_the_template_is_found_where_the_forge_looks_for_it(paths, taken):
    tree = Files({path: f"## {path}".encode() for path in paths})
    assert template.find(tree) == (None if taken is None else f"## {paths[taken]}")


@pytest.mark.parametrize(
    "content",
    [
        b"## x\n" * 10_000,
    ],
)
def test_what_is_no_text_blank_or_endless_is_no_template(content):
    assert template.find(Files({".github/pull_request_template.md": content})) is None


@pytest.mark.parametrize(
    "line",
    [
        "# What" + " " * 900 + "y",
    ],
)
def test_a_hostile_line_of_a_template_is_read_in_no_time(line):
    began = time.process_time()
    fill(f"{line}\n" * 20)
    assert time.process_time() - began < 2
