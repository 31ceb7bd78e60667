"""What is shown of a check's output while it runs."""

from __future__ import annotations

import pytest

from agent.checks import live_output


class Clock:
    """A time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def echo() -> tuple[live_output.LiveOutput, Clock, list[str]]:
    shown: list[str] = []
    clock = Clock()
    return live_output.LiveOutput("tests", shown.append, clock), clock, shown


def loud() -> tuple[live_output.LiveOutput, Clock, list[str]]:
    made, clock, shown = echo()
    clock.now += live_output.QUIET_SECONDS
    return made, clock, shown


def test_a_short_check_is_not_echoed() -> None:
    made, clock, shown = echo()
    made(b"one\ntwo\n")
    clock.now += live_output.QUIET_SECONDS - 0.1
    made(b"three\n")
    made.close()
    assert shown == []


def test_a_long_one_is_and_says_what_came_before() -> None:
    made, clock, shown = echo()
    made(b"one\ntwo\n\n")
    clock.now += live_output.QUIET_SECONDS
    made(b"thr")
    made(b"ee\nfo")
    made(b"ur")
    made.close()
    assert shown == ["tests | [2 lines are not shown here]", "tests | three", "tests | four"]


def test_lines_are_bounded_by_the_second_and_the_others_are_counted() -> None:
    made, clock, shown = loud()
    made(b"".join(b"line %d\n" % number for number in range(1000)))
    assert len(shown) == live_output.BURST
    clock.now += 1.0
    made(b"".join(b"more %d\n" % number for number in range(1000)))
    assert shown[live_output.BURST :] == ["tests | [980 lines are not shown here]",
                                   "tests | more 0", "tests | more 1"]  # fmt: skip
    made.close()
    assert shown[-1] == "tests | [998 lines are not shown here]"


def test_what_is_printed_without_end_is_not_read_line_by_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read: list[str] = []
    monkeypatch.setattr(
        live_output.sanitise, "strip_terminal_codes", lambda text: (read.append(text), text)[1]
    )
    made, _, shown = loud()
    made(b"\n" * 1_000_000)
    made(b"x\n" * 1_000_000)
    assert len(read) <= 300
    made.close()
    assert len(shown) == live_output.BURST + 2, "both floods are counted, and nothing else is said"


def test_a_key_that_begins_where_nobody_reads_is_not_shown() -> None:
    made, clock, shown = loud()
    made(b"x\n" * 1_000 + b"-----BEGIN PRIVATE KEY-----\n" + b"MIIEow\n" * 10)
    clock.now += 60.0
    made(b"secret\n-----END PRIVATE KEY-----\nafter\n")
    assert not any("secret" in line or "MIIE" in line for line in shown)
    assert shown[-1] == "tests | after"


def test_escapes_and_bytes_that_are_no_text_are_harmless() -> None:
    made, _, shown = loud()
    made(b"\x1b[31mred\x1b[0m \x1b]0;title\x07and \xff\xfe\rover\n")
    assert shown == ["tests | over"]
    made(b"a\x00b\n")
    assert "\x00" not in shown[-1]


def test_lines_about_sentinels_are_not_the_projects() -> None:
    shown: list[str] = []
    clock = Clock()
    made = live_output.LiveOutput("mypy", shown.append, clock, ours=("basket_method_draft",))
    clock.now += live_output.QUIET_SECONDS
    made(b"shop/models.py: error\nbasket_method_draft.py: error\n")
    made.close()
    assert shown == ["mypy | shop/models.py: error"]
