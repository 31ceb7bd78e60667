"""What a review asks of a change that a recipe made: new parameters, and an answer to each thread.

A recipe does the same each time, so a wish changes its parameters and it runs again from the base.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from agent.domain import Change, Plan, Record
from agent.errors import RunStopped
from agent.pulls import Thread
from agent.recipes import registry, review_words
from agent.recipes.recipe import Asked, Ground, NotUnderstood, Recipe, Wish

_SUGGESTION = re.compile(
    r"(?ms)^ {0,3}(?P<mark>`{3,}|~{3,})suggestion[ \t]*\r?\n(?P<text>.*?)^ {0,3}(?P=mark)[ \t]*\r?$"
)
_MIGRATION = re.compile(r"(?:^|/)migrations/(?P<name>\d\w*)\.py$")


class Heard(Record):
    """What became of a wish."""

    end: Literal["revised", "nothing", "open"]
    """revised: the parameters carry it; nothing: they did before; open: a model or a person has to
    take it."""
    words: str
    """For the answer: what was done, or why nothing was, as a sentence."""


class Revision(Record):
    """A plan brought up to date, and what became of each wish."""

    plan: Plan
    """The one that was given where no wish is `revised`."""
    heard: tuple[Heard, ...]
    """One for each wish, in their order."""


def wish_of(thread: Thread, content: bytes | None = None) -> Wish:
    """Read a thread's open words, those after our own last comment, as a wish.

    Args:
        thread: One of a pull request's.
        content: Of its file at the head of the pull request; None where it stands on none.
    """
    said: list[str] = []
    for comment in thread.comments:
        said = [] if comment.ours else [*said, comment.body]
    words = "\n\n".join(said).replace("\r\n", "\n")
    found = list(_SUGGESTION.finditer(words)) if len(words) <= review_words.LONGEST else []
    first, last = thread.first_line or thread.line, thread.line
    code = ""
    if content is not None and first is not None and last is not None:
        # As a forge counts them: Python takes more signs for the end of a line.
        lines = content.decode("utf-8", "replace").replace("\r\n", "\n").split("\n")
        code = "\n".join(lines[first - 1 : last])
    # Of two suggestions for the same lines nobody knows which one is meant; they stay in the words.
    only = found[0] if len(found) == 1 else None
    return Wish(
        words=(words.replace(only[0], "") if only else words).strip(),
        path=thread.path,
        first_line=first,
        line=last,
        code=code,
        suggestion=only["text"] if only else None,
    )


def revised(plan: Plan, wishes: Sequence[Wish], ground: Ground) -> Revision:
    """Bring the plan of a recipe up to date with what a review asks for.

    The change comes of `edit.carry_out(revision.plan, prepared, svc)` on the base that `ground` is
    of; it is the whole change, a migration that was made before is not in it. What differs from the
    branch goes on top of it. `told` gives the answers once the change is there.

    Args:
        plan: Of a recipe; as the last round left it.
        wishes: In the order in which they were written.
        ground: Of the checkout that the change will be made on.
    """
    recipe = registry.by_name(plan.recipe)
    heard: dict[int, Heard] = {}
    asked: dict[int, tuple[Asked, ...]] = {}
    for number, wish in enumerate(wishes):
        found = recipe.understand(plan.parameters, wish, ground)
        if isinstance(found, NotUnderstood):
            heard[number] = Heard(end="open", words=found.reason)
        else:
            asked[number] = found
    for number in _contradicting(asked):
        words = "Another thread of this review wants it otherwise; which of the two holds?"
        heard[number] = Heard(end="open", words=words)
        del asked[number]
    parameters = _settled(recipe, plan.parameters, asked, heard, ground)
    if any(one.end == "revised" for one in heard.values()):
        changes = {
            "parameters": parameters,
            "title": recipe.title(parameters),
            "steps": recipe.steps(parameters),
        }
        plan = plan.model_copy(update=changes)
    return Revision(plan=plan, heard=tuple(heard[number] for number in range(len(wishes))))


def _contradicting(asked: dict[int, tuple[Asked, ...]]) -> list[int]:
    """The wishes of which another one wants something else about the same."""
    wanted: dict[str, set[str]] = {}
    for every in asked.values():
        for one in every:
            wanted.setdefault(one.about, set()).add(one.value)
    return [
        number
        for number, every in asked.items()
        if any(len(wanted[one.about]) > 1 for one in every)
    ]


def _settled(
    recipe: Recipe,
    parameters: str,
    asked: dict[int, tuple[Asked, ...]],
    heard: dict[int, Heard],
    ground: Ground,
) -> str:
    """Settle one wish after the other; what one leaves open the next one may say."""
    left = dict(asked)
    done: dict[tuple[Asked, ...], Heard] = {}
    moved = True
    while left and moved:
        moved = False
        for number, every in list(left.items()):
            try:
                after = recipe.revise(parameters, every, ground)
            except RunStopped as problem:
                heard[number] = Heard(end="open", words=review_words.reason(problem))
                continue
            heard[number] = done.setdefault(every, _heard(recipe, parameters, after))
            del left[number]
            parameters, moved = after, True
    return parameters


def _heard(recipe: Recipe, before: str, after: str) -> Heard:
    clauses = recipe.told(before, after)
    if not clauses:
        return Heard(end="nothing", words="It is so already; nothing was changed for it.")
    return Heard(end="revised", words=f"{'; '.join(clauses)}.")


def told(heard: Heard, change: Change) -> str:
    """The answer to a thread, with the migration that came of it."""
    made = [
        found["name"]
        for file in change.files
        if file.before is None and (found := _MIGRATION.search(file.path))
    ]
    if heard.end != "revised" or not made:
        return heard.words
    listed = " and ".join(f"`{name}`" for name in made)
    plural = "s" * (len(made) > 1)
    return f"{heard.words.removesuffix('.')}. The migration{plural} now: {listed}."
