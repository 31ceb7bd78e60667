"""What a model answers to the review of a pull request, matter by matter. Pure."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict

from agent.agenda import Answer, Matter
from agent.domain import Change, End, Record
from agent.editing.tools import Submit

_LONGEST = 1_500
_ENDS: dict[str, End] = {
    "done": "commit",
    "answered": "reply",
    "beyond": "reply",
    "person": "human",
}


def _without_docstring(schema: dict[str, Any]) -> None:
    """Tell a model no more than it needs."""
    del schema["description"]


class SubmittedAnswer(Record):
    """What becomes of a matter, as a model hands it in; what is left out is found missing."""

    model_config = ConfigDict(json_schema_extra=_without_docstring)

    matter: int = 0
    became: Literal["done", "answered", "beyond", "person"] = "person"
    words: str = ""


class SubmittedAnswers(Submit):
    """A change, with answers to all matters."""

    summary: str = ""
    answers: tuple[SubmittedAnswer, ...] = ()


def read(found: SubmittedAnswers) -> tuple[Answer, ...]:
    """Read answers that hold together."""
    answers = (
        Answer(
            matter=one.matter,
            end=_ENDS[one.became],
            words=one.words.strip(),
            by_model=True,
            beyond=one.became == "beyond",
        )
        for one in found.answers
    )
    return tuple(sorted(answers, key=lambda one: one.matter))


def said(found: SubmittedAnswers) -> str:
    """Give what a model says of its edits, for the text of the pull request."""
    return "\n".join(one.words.strip() for one in found.answers if one.became == "done")


def problems(
    found: SubmittedAnswers, change: Change, matters: tuple[Matter, ...], standing: Change
) -> list[str]:
    """Say what does not hold together, for the model."""
    wanted = [one.number for one in matters]
    given = [one.matter for one in found.answers]
    wrong = [f"matter {one} has no answer" for one in wanted if one not in given]
    wrong += [f"there is no matter {one}" for one in dict.fromkeys(given) if one not in wanted]
    wrong += [
        f"matter {one} has several answers" for one in dict.fromkeys(given) if given.count(one) > 1
    ]
    for one in found.answers:
        if not one.words.strip():
            wrong.append(f"the answer to matter {one.matter} has no words")
        if len(one.words) > _LONGEST:
            wrong.append(f"the answer to matter {one.matter} is over {_LONGEST} characters")
    edited = change.digest != standing.digest
    done = [one.matter for one in found.answers if one.became == "done"]
    if done and not edited:
        wrong.append("nothing was edited, so no matter is done")
    if edited and not done:
        wrong.append("files were edited, so at least one matter is done; else undo the edits")
    return wrong
