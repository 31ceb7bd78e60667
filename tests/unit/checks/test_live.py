"""What is shown of a check's output while it runs."""

from agent.checks import running


class Clock:
    """A time that passes when it is told to."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def make_live() -> tuple[running.LiveOutput, Clock, list[str]]:
    shown: list[str] = []
    clock = Clock()
    live = running.LiveOutput("tests", shown.append, clock)
    return live, clock, shown


def test_a_long_check_shows_its_last_whole_line_at_most_once_a_second() -> None:
    live, clock, shown = make_live()
    live(b"\none\ntwo\n")
    assert shown == []
    clock.now += running.QUIET_SECONDS
    live(b"three\n\nfo")
    live(b"ur\n")
    clock.now += running.EVERY_SECONDS
    live(b"x" * 1_000 + b"\n\x1b[31mred\x1b[0m \x1b]0;title\x07and \xff\xfe\rover\n")
    assert shown == ["tests | three", "tests | over"]


def test_after_a_private_key_nothing_is_shown() -> None:
    live, clock, shown = make_live()
    clock.now += running.QUIET_SECONDS
    live(b"\nx\n-----BEGIN PRIV")
    clock.now += 60.0
    live(b"ATE KEY-----\nMIIEow\n")
    live(b"secret\n")
    assert shown == ["tests | x"]
