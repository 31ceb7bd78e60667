"""What became of a review, in the text of a pull request that people and tools write in as well."""

import pytest

from agent.models.outcome import ThreadOutcome
from agent.publishing import threads
from agent.text import sanitise

OLD = threads.write_section((), ("Old.",))
NEW = threads.write_section((), ("New.",))


def end(number: int, words: str) -> ThreadOutcome:
    return ThreadOutcome(
        thread_id=f"T{number}",
        place="inline",
        about=words,
        kind="reply",
        text=words,
        last_comment_id=1,
    )


@pytest.mark.parametrize("ended", ["\n", "\r\n"])
def test_the_section_takes_the_place_of_an_earlier_one(ended):
    body = f"Before.\n\n{OLD}\n\nAfter.\n".replace("\n", ended)
    assert threads.replace_section(body, NEW) == f"Before.\n\n{NEW}\n\nAfter.\n"
    assert threads.replace_section(body, "") == "Before.\n\nAfter.\n"


@pytest.mark.parametrize("shown", [OLD, OLD.partition("\n")[0], f"+{OLD}"])
def test_marks_in_a_diff_or_a_log_hide_nothing_of_the_text(shown):
    proof = f"## Risk\n\n{sanitise.format_fenced(shown)}\n\nProof.\n"
    first = threads.replace_section(f"Before.\n\n{proof}", OLD)
    assert first == f"Before.\n\n{OLD}\n\n{proof}"
    assert threads.replace_section(first, NEW) == f"Before.\n\n{NEW}\n\n{proof}"


@pytest.mark.parametrize("body", ["\n" * 65_000, f"{OLD.partition(chr(10))[0]}\n" * 2_600])
def test_UI4_a_text_of_nothing_but_marks_or_blank_lines_is_read_in_one_go(body):
    assert threads.replace_section(body, NEW).endswith(f"{NEW}\n")


def test_TC8_many_threads_of_signs_that_are_escaped_leave_space_for_the_rest():
    ends = tuple(end(number, "&<>" * 100) for number in range(150))
    text = threads.write_section(ends)
    assert len(text) < sanitise.TEXT_LIMIT / 2
    assert "140 " in text
