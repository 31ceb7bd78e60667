"""Read what a thread of a review wants of messages that were prints: a level, or the print back.

A thread on a line is about that message; elsewhere it has to say which files are meant.
"""

from __future__ import annotations

import ast

from agent.errors import RunStopped
from agent.recipes import review_words, suggestions
from agent.recipes.print_to_logging import edits, review_phrases, revised
from agent.recipes.print_to_logging.parameters import LEVELS, Conversion, FileWork, Parameters
from agent.recipes.print_to_logging.review_phrases import Message
from agent.recipes.recipe import Asked, Ground, NotUnderstood, Wish
from agent.recipes.review_words import UnreadError


def read(parameters: Parameters, wish: Wish, ground: Ground) -> tuple[Asked, ...] | NotUnderstood:
    """Read a wish, whole or not at all."""
    return review_words.whole(lambda: _Thread(parameters, wish, ground).asked())


class _Thread:
    def __init__(self, parameters: Parameters, wish: Wish, ground: Ground) -> None:
        self._parameters = parameters
        self._wish = wish
        self._ground = ground
        self._messages: list[Message] = []
        for work in parameters.files:
            found = revised.calls_of(work, ground)
            for one in work.conversions:
                function = found[one.line, one.column].context.function
                if one.action == "log":
                    name = function.name.value if function else ""
                    self._messages.append(Message(work.path, one, name))

    def asked(self) -> list[Asked]:
        """Everything that the thread wants."""
        here = self._here()
        reader = review_phrases.Reader(self._messages, self._wish.path, here)
        words = review_words.asked(reader.read, self._wish.words)
        if self._wish.suggestion is None:
            if not words:
                raise UnreadError("Nothing in it says what is wanted")
            return words
        suggested = self._of_suggestion(here)
        if any(one not in suggested for one in words):
            raise UnreadError("The words want something else than the suggestion")
        return suggested

    # --- place ------------------------------------------------------------------------------

    def _work(self) -> FileWork | None:
        found = (work for work in self._parameters.files if work.path == self._wish.path)
        return next(found, None)

    def _after(self) -> str:
        made = edits.make(self._ground.tree, self._parameters).files
        return made[self._wish.path].decode("utf-8", "replace")

    def _here(self) -> list[Message]:
        """The messages on the lines that the thread stands on.

        Raises:
            UnreadError: It stands on code that this recipe has not written.
        """
        wish, work = self._wish, self._work()
        if not wish.path:
            return []
        if work is None:
            raise UnreadError(f"This recipe has written nothing in `{wish.path}`")
        start = suggestions.place(self._after(), wish.code, wish.first_line)
        if start is None:
            return []
        lines = range(start + 1, start + 1 + len(wish.code.splitlines()))
        spans = self._spans(work)
        found = [
            one
            for one in self._messages
            if one.path == wish.path and set(lines) & set(spans[one.conversion])
        ]
        if not found:
            raise UnreadError("It stands on lines that this recipe has not written")
        return found

    def _spans(self, work: FileWork) -> dict[Conversion, range]:
        """The lines, 1-based, on which each message stands after the edit."""
        marks: dict[str, Conversion] = {}
        marked: list[Conversion] = []
        for one in work.conversions:
            mark = f"marked_{len(marks)}_{one.logger.replace('.', '_')}"
            marks[mark] = one
            marked.append(one.model_copy(update={"logger": mark}))
        other = work.model_copy(update={"conversions": tuple(marked)})
        files = tuple(other if one is work else one for one in self._parameters.files)
        parameters = self._parameters.model_copy(update={"files": files})
        named = _calls(edits.make(self._ground.tree, parameters).files[work.path].decode())
        plain = _calls(self._after())
        return {
            marks[first.func.value.id]: range(call.lineno, (call.end_lineno or call.lineno) + 1)
            for first, call in zip(named, plain, strict=True)
            if isinstance(first.func, ast.Attribute)
            and isinstance(first.func.value, ast.Name)
            and first.func.value.id in marks
        }

    # --- suggestion -------------------------------------------------------------------------

    def _of_suggestion(self, here: list[Message]) -> list[Asked]:
        """What the suggested line wants; made with that, the file is as suggested."""
        wish = self._wish
        if len(here) != 1:
            raise UnreadError("Which message the suggestion is for is not certain")
        suggestion = wish.suggestion or ""
        wanted = suggestions.applied(self._after(), wish.code, suggestion, wish.first_line)
        if wanted and suggestions.only_laid_out(self._after(), wanted):
            raise UnreadError("The suggestion lays out the same code in another way")
        for value in (*LEVELS, revised.STAYS) if wanted else ():
            asked = here[0].asked(value)
            try:
                after = revised.of(self._parameters, [asked], self._ground)
            except RunStopped:
                continue
            made = edits.make(self._ground.tree, after).files
            content = made.get(wish.path) or self._ground.tree.read(wish.path)
            if suggestions.same_code(content.decode("utf-8", "replace"), wanted or ""):
                return [asked]
        raise UnreadError("The suggestion is for more than a level or the print as it was")


def _calls(text: str) -> list[ast.Call]:
    """All calls of a file, in order."""
    found = [one for one in ast.walk(ast.parse(text)) if isinstance(one, ast.Call)]
    return sorted(found, key=lambda one: (one.lineno, one.col_offset, -(one.end_col_offset or 0)))
