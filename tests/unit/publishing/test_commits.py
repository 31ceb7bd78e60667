"""Branch names and commit messages."""

import pytest

from agent.publishing import commits

TITLE = "Add nickname to Customer"
CONVENTIONAL = ("feat: a thing", "fix(shop)!: another", "Merge branch 'x'")
DJANGO = ("Fixed #123 -- Added x.", "Refs #7 -- Made y faster.")


@pytest.mark.parametrize(
    ("title", "subjects", "subject"),
    [
        (TITLE, CONVENTIONAL, "fix: add nickname to Customer"),
        (f"fix: {TITLE}", CONVENTIONAL, "fix: add nickname to Customer"),
        ("perf(shop)!: cache it", CONVENTIONAL, "perf(shop)!: cache it"),
        (TITLE, DJANGO, "Fixed #42 -- Add nickname to Customer."),
        ("fix: add it", DJANGO, "Fixed #42 -- Add it."),
        ("fix: add it", (), "Add it"),
        (TITLE, ("add y", "change z"), "add nickname to Customer"),
        ("fix: Add it", ("add y", "change z"), "add it"),
    ],
)
def test_the_subject_follows_the_repository(title, subjects, subject):
    assert commits.write_subject(title, subjects, "42", "bug") == subject


def test_a_message_has_a_short_subject_and_ten_wrapped_lines():
    items = tuple(f"{number} " + "word " * 30 for number in range(9))
    message = commits.write_message(
        "Add " + "x " * 100, "", (), "1", items=items, signed_off_by="a"
    )
    lines = message.splitlines()
    assert max(map(len, lines)) <= 72
    assert lines[1:3] == ["", "For #1."]
    assert lines[11:] == ["…", "", "Signed-off-by: a"]


@pytest.mark.parametrize(
    "why", ["Add nickname to Customer", "add `nickname` to customer.", "Nickname"]
)
def test_the_body_is_no_echo_of_the_subject(why):
    message = commits.write_message(TITLE, why, (), "42")
    assert message == "Add nickname to Customer\n\nFor #42.\n"
    assert "\n\nPeople ask for it (#42)." in commits.write_message(
        TITLE, "People ask for it", (), "42"
    )


@pytest.mark.parametrize(
    ("ticket_id", "title", "branch"),
    [
        ("42", "Add nickname to Customer", "mergewright/42-add-nickname-to-customer"),
        ("t", "Ünïcode & “quotes”; rm -rf /", "mergewright/t-unicode-quotes-rm-rf"),
        ("1", f"Log, do not {'print ' * 20}", "mergewright/1-log"),
        ("1", f"fix(a): Log, do not {'print ' * 20}", "mergewright/1-log"),
        ("1", f"Log and do not {'print ' * 20}", "mergewright/1"),
        ("", "", "mergewright/ticket"),
    ],
)
def test_branch_names_are_plain_and_end_with_no_half_phrase(ticket_id, title, branch):
    assert commits.name_branch("mergewright/", ticket_id, title) == branch
