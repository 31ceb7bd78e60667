"""Comments of ours are found again, wherever they stand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

from agent.github import comments
from agent.github.access import RepositorySession


class Pages(list):
    @property
    def reversed(self):
        return iter(self[::-1])


def test_TC8_our_marker_is_found_behind_thousands_of_comments():
    ours, other = SimpleNamespace(login="us"), SimpleNamespace(login="eve")
    mark = comments.make_marker("status", "run")
    said = Pages(
        SimpleNamespace(
            id=number, user=ours if number in (3, 2_990) else other, body=mark, html_url="u"
        )
        for number in range(3_000)
    )
    repository = SimpleNamespace(
        get_issue=lambda number: SimpleNamespace(get_comments=lambda: said)
    )
    session = SimpleNamespace(
        issue=SimpleNamespace(number=1),
        ask=lambda work, doing: work(repository),
        access=SimpleNamespace(is_own=lambda login: login == "us"),
    )
    found = comments.list_comments(cast("RepositorySession", session), mark)
    assert [one.number for one in found] == [3, 2_990]
