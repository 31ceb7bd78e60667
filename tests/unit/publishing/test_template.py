"""Of the templates that projects have, the boxes stay for people."""

from __future__ import annotations

import pytest

from agent.publishing import template

WIDESPREAD = """\
# Description

Please include a summary of the changes, @team/core.

Fixes # (issue)

## Type of change

- [ ] Bug fix (see [the guide](docs/x.md))
- [x] This change requires <b>docs</b>

Checklist
=========

<!-- - [ ] hidden -->
1. [X] I have *read* it
"""


def test_boxes_stay_open_under_their_headings_and_prose_goes():
    assert template.list_checklists(WIDESPREAD.replace("\n", "\r\n")) == (
        "## Type of change\n\n- [ ] Bug fix (see the guide)\n"
        "- [ ] This change requires docs\n\n# Checklist\n\n- [ ] I have \\*read\\* it"
    )


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
