"""What a model answers to the review of a pull request, matter by matter. Pure."""

from __future__ import annotations

from collections import Counter
from typing import Literal

from pydantic import Field

from agent.agenda import Answer, Matter
from agent.domain import End, Record
from agent.editing.tools import Submit

_ENDS: dict[str, End] = {"done": "commit", "answered": "reply", "beyond": "reply"}


class SubmittedAnswer(Record):
    """What becomes of a matter, as a model hands it in."""

    matter: int
    became: Literal["done", "answered", "beyond", "person"]
    words: str = Field(pattern=r"\S", max_length=1_500)


class SubmittedAnswers(Submit):
    """A change, with answers to all matters."""

    summary: str = ""
    answers: tuple[SubmittedAnswer, ...] = ()


def read(found: SubmittedAnswers) -> tuple[Answer, ...]:
    """Read answers that hold together."""
    return tuple(
        Answer(
            matter=one.matter,
            end=_ENDS.get(one.became, "human"),
            words=one.words.strip(),
            by_model=True,
            beyond=one.became == "beyond",
        )
        for one in sorted(found.answers, key=lambda one: one.matter)
    )


def problems(found: SubmittedAnswers, matters: tuple[Matter, ...], *, is_edited: bool) -> list[str]:
    """Say what does not hold together, for the model."""
    wanted = Counter(one.number for one in matters)
    given = Counter(one.matter for one in found.answers)
    wrong = [f"matter {one} has no answer" for one in wanted - given]
    wrong += [f"there is no matter {one}, or it is answered already" for one in given - wanted]
    is_done = any(one.became == "done" for one in found.answers)
    if is_done and not is_edited:
        wrong.append("nothing was edited, so no matter is done")
    if is_edited and not is_done:
        wrong.append("files were edited, so at least one matter is done; else undo the edits")
    return wrong
