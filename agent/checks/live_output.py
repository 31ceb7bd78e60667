"""Show what a check prints while it runs, if it runs for long: some lines of it, cleaned.

Owns how many lines are shown and what stands in for the others. The whole of what was printed, as
far as it is kept, is in the result once the check is over; who looks at the lines is the caller's.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from agent.text import sanitise

#: Shows one line to whoever watches.
Show = Callable[[str], None]

#: What is over by then is in the log in a moment anyway.
QUIET_SECONDS = 5.0
PER_SECOND = 2.0
#: So many may come at once.
BURST = 20
LONGEST = 300
_MOST_WAITING = 8 * 1024
#: Lines of one piece. Whoever listens to a sandbox also ends it at its limits, and to read every
# line
#: of one that prints without end takes longer than that may wait.
_MOST_READ = 100
#: The lines of a key are no secret one by one, to whoever looks for secrets.
_KEY = re.compile(rb"-----(BEGIN|END)[A-Z0-9 ]{0,40}PRIVATE KEY")


class LiveOutput:
    """Takes what one sandbox prints and shows lines of it, under a name."""

    def __init__(
        self,
        name: str,
        show: Show,
        now: Callable[[], float] = time.monotonic,
        *,
        ours: tuple[str, ...] = (),
    ) -> None:
        """Begin to listen.

        Args:
            name: Of the check.
            show: Shows a line.
            now: The clock, in seconds.
            ours: Names that only we use in the sandbox; lines with one of them are not the
            project's.
        """
        self._ours = ours
        self._name = name
        self._show = show
        self._now = now
        self._begun = self._filled = now()
        self._allowance = float(BURST)
        self._waiting = b""
        self._left_out = 0
        self._in_key = False

    def __call__(self, piece: bytes) -> None:
        """Take in a piece of output."""
        *lines, self._waiting = (self._waiting + piece).split(b"\n")
        for line in lines[:_MOST_READ]:
            self._line(line)
        passed_over = lines[_MOST_READ:]
        self._left_out += len(passed_over)
        for found in _KEY.finditer(b"\n".join(passed_over)):
            self._in_key = found[1] == b"BEGIN"
        if len(self._waiting) > _MOST_WAITING:
            self._line(self._waiting)
            self._waiting = b""

    def close(self) -> None:
        """Say what was not shown, if anything was."""
        self._line(self._waiting)
        if self._is_loud():
            self._tell_left_out()

    def _is_loud(self) -> bool:
        return self._now() - self._begun >= QUIET_SECONDS

    def _line(self, raw: bytes) -> None:
        # Of a line of any length no more is read than is shown, with its escapes.
        text = sanitise.strip_terminal_codes(raw[: 4 * LONGEST].decode("utf-8", "replace")).strip()
        if found := _KEY.search(raw):
            self._in_key = found[1] == b"BEGIN"
        if not text or found or self._in_key or any(name in text for name in self._ours):
            return
        if not self._is_loud() or not self._may_print():
            self._left_out += 1
            return
        self._tell_left_out()
        cut = text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
        self._show(f"{self._name} | {cut}")

    def _may_print(self) -> bool:
        now = self._now()
        filled = self._allowance + (now - self._filled) * PER_SECOND
        self._allowance, self._filled = min(float(BURST), filled), now
        if self._allowance < 1.0:
            return False
        self._allowance -= 1.0
        return True

    def _tell_left_out(self) -> None:
        if self._left_out:
            lines = "1 line is" if self._left_out == 1 else f"{self._left_out:,} lines are"
            self._show(f"{self._name} | [{lines} not shown here]")
        self._left_out = 0
