"""Rules for names and links in a tree."""

import pytest

from agent.git import names


@pytest.mark.parametrize("path", ["pkg/__init__.py", "docs/größe.md", "legit/digit.py"])
def test_ordinary_names_are_accepted(path):
    assert names.name_problem(path) is None


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/etc/passwd", "absolute"),
        ("../a", "`..`"),
        ("a\x1b[31mb", "control"),
        ("a\u202eb.py", "control"),
        ("-rf", "dash"),
        ("a\\b", "backslash"),
        ("bad\udcff", "UTF-8"),
        (".GIT/config", "`.git`"),
        ("GIT~1/config", "`.git`"),
        (".git::$INDEX_ALLOCATION/x", "`.git`"),
        (".g\u200cit/config", "`.git`"),
        ("\uff0e\uff47\uff49\uff54/config", "`.git`"),
        ("ä" * 128, "longer"),
        ("a/" * 220 + "a", "deep"),
    ],
)
def test_a_dangerous_name_is_refused_with_its_reason(path, words):
    problem = names.name_problem(path)
    assert problem is not None
    assert words in problem


@pytest.mark.parametrize(
    "links", [{"a": "/etc/passwd"}, {"a": "b/../../x"}, {"a": "d/up/x", "d/up": "../.."}]
)
def test_a_link_that_leads_out_is_found(links):
    assert any(names.leads_out(path, links) for path in links if path in {"a", "d/a"})


@pytest.mark.parametrize(
    "links", [{"d/a": "../b.py"}, {"a": "d/up/x", "d/up": ".."}, {"a": "b", "b": "a"}]
)
def test_a_link_that_stays_inside_is_accepted(links):
    assert not any(names.leads_out(path, links) for path in links)
