"""What one story is: the ticket, what the model says, and what the pull request has to be."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.flow.model_scripts import Scripts, calls
from tests.scripted import Fault, Said, Seen
from tests.scripted.script import Answer
from tests.thirdparty.sources import Source

Turn = Said | Callable[[Seen], Said]
Wire = Literal["chat", "responses", "anthropic"]


@dataclass(frozen=True)
class Project:
    """A released project with stories."""

    source: Source
    wire: Wire
    """Of the editing model."""
    config: str = ""
    """What its people would write into `.github/mergewright.yml`."""
    reviewed_by: Wire = "chat"
    """The wire of the reviewing model."""

    @property
    def name(self) -> str:
        return self.source.name


@dataclass(frozen=True)
class Story:
    """A ticket, how a model carries it out, and what has to be true in the end."""

    name: str
    project: Project
    title: str
    """Of the issue; no two stories have the same."""
    body: str
    plan: Mapping[str, Any]
    """Title, category, steps, files, as handed in."""
    proof: tuple[str, ...]
    """The tests that fail without the change."""
    work: tuple[Turn, ...]
    """Replies after the plan; the last one submits."""
    files: Mapping[str, str]
    """What is on the branch: A, M or D by path."""
    never: tuple[str, ...] = ()
    """What no line has that is added."""
    words: str = ""
    """Of the editing model, in the pull request."""
    remark: Mapping[str, Any] | None = None
    """What the reviewer remarks."""
    checks: tuple[str, ...] = ("tests",)
    """At least these pass."""

    @property
    def script(self) -> Scripts:
        remarks = [self.remark] if self.remark else []
        return Scripts(
            agent=[_in_turn((calls(("plan", dict(self.plan))), *self.work))],
            review=[_in_turn((calls(("submit_review", {"approve": True, "remarks": remarks})),))],
        )


def _in_turn(turns: Sequence[Turn]) -> Callable[[Seen], Said]:
    def say(seen: Seen) -> Said:
        turn = turns[seen.turn - 1]
        return turn(seen) if callable(turn) else turn

    return say


def when(*words: str, then: Said) -> Turn:
    """Say something if the results of the last calls have these words in them."""

    def say(seen: Seen) -> Said:
        results = [text for kind, text in seen.messages[_after_last_reply(seen) :]]
        missing = [one for one in words if one not in "\n".join(results)]
        if missing:
            raise AssertionError(f"{missing} is not in what came back:\n" + "\n".join(results))
        return then

    return say


def _after_last_reply(seen: Seen) -> int:
    ours = [at for at, (kind, _) in enumerate(seen.messages) if kind in ("assistant", "call")]
    return max(ours, default=-1) + 1


@dataclass
class Script:
    """One script for several stories; whose turn it is, is told by the ticket."""

    stories: tuple[Story, ...]
    surprises: dict[str, list[str]] = field(default_factory=dict)
    """By story: where what was sent is not what it foresees."""

    def __post_init__(self) -> None:
        self._scripts = {story.name: story.script for story in self.stories}
        self._lock = threading.Lock()

    def story(self, seen: Seen) -> Story:
        """Find the story that a request is about."""
        opening = seen.messages[0][1]
        (found,) = (one for one in self.stories if one.title in opening)
        return found

    def __call__(self, seen: Seen) -> Answer:
        """Answer; a model that knows no further is refused by its provider, for good."""
        story = self.story(seen)
        with self._lock:
            try:
                return self._scripts[story.name](seen)
            except (AssertionError, IndexError, KeyError, StopIteration) as problem:
                told = f"turn {seen.turn} of {seen.system[-60:]!r}: {problem!r}\n{seen.last}"
                self.surprises.setdefault(story.name, []).append(told)
                return Fault(status=400, code="invalid_request_error")


def has_parallel_calls(seen: Seen) -> bool:
    """Whether a reply before had several calls, which came back answered one by one."""
    kinds = "".join("c" if kind == "call" else kind[0] for kind, _ in seen.messages)
    return "ccrr" in kinds
