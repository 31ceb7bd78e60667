"""Branch names and commit messages."""

from __future__ import annotations

import pytest

from agent.publishing import commits

TITLE = "Add nickname to Customer"


@pytest.mark.parametrize(
    ("subjects", "subject"),
    [
        (
            ("feat: a thing", "fix(shop)!: another", "Merge branch 'x'"),
            "feat: add nickname to Customer",
        ),
        (
            ("Fixed #123 -- Added x.", "Refs #7 -- Made y faster."),
            "Fixed #42 -- Added nickname to Customer.",
        ),
    ],
)
def test_the_subject_follows_the_repository(subjects, subject):
    assert commits.message(TITLE, (), subjects, "42").split("\n")[0] == subject


def test_a_ticket_without_a_number_gets_no_number():
    message = commits.message(TITLE, (), ("Fixed #1 -- Did x.",), "ticket")
    assert message == "Added nickname to Customer.\n"


def test_the_body_lists_the_steps():
    message = commits.message(TITLE, ("edit models.py", "make a migration"), (), "1")
    assert message == f"{TITLE}\n\n- edit models.py\n- make a migration\n"


def test_a_long_subject_is_cut():
    subject = commits.message("Add " + "x" * 100, (), (), "1").split("\n")[0]
    assert len(subject) == 72


@pytest.mark.parametrize(
    ("ticket_id", "title", "branch"),
    [
        ("42", "Add nickname to Customer", "mergewright/42-add-nickname-to-customer"),
        ("t", "Ünïcode & “quotes”; rm -rf /", "mergewright/t-unicode-quotes-rm-rf"),
        ("t1", "a" * 31 + " bcde more", f"mergewright/t1-{'a' * 31}-bcde"),
    ],
)
def test_branch_names_are_plain(ticket_id, title, branch):
    assert commits.branch("mergewright/", ticket_id, title) == branch
