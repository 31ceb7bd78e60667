"""Read what a thread of a review wants of a field that was added: its words, and its suggestion.

A thread counts where it stands on code that the recipe wrote; elsewhere only what names the field.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping

from agent.errors import RunStopped
from agent.recipes import review_words, suggestions
from agent.recipes.add_field import declared, edits, facts, restating, review_phrases
from agent.recipes.add_field.facts import Facts
from agent.recipes.add_field.parameters import Parameters
from agent.recipes.recipe import Asked, Ground, NotUnderstood, Wish
from agent.recipes.review_words import UnreadError


def read(parameters: Parameters, wish: Wish, ground: Ground) -> tuple[Asked, ...] | NotUnderstood:
    """Read a wish, whole or not at all."""
    try:
        return tuple(_Thread(parameters, wish, ground).asked())
    except UnreadError as unread:
        return NotUnderstood(reason=f"{str(unread).rstrip('.')}.")
    except RunStopped as problem:
        return NotUnderstood(reason=problem.message)


class _Thread:
    def __init__(self, parameters: Parameters, wish: Wish, ground: Ground) -> None:
        self._wish = wish
        self._ground = ground
        # The base may have moved since: positions are found anew.
        self._parameters = restating.revised(parameters, (), ground)
        self._written = edits.make(ground.tree, self._parameters).files

    def asked(self) -> list[Asked]:
        """Everything that the thread wants."""
        at_hand = self._stands_on_own_code()
        words = self._of_words(at_hand=at_hand)
        if self._wish.suggestion is None:
            if not words:
                raise UnreadError("Nothing in it says what is wanted")
            return words
        if not at_hand:
            raise UnreadError("The suggestion is for lines that this recipe has not written")
        suggested = self._of_suggestion()
        if any(one not in suggested for one in words):
            raise UnreadError("The words want something else than the suggestion")
        return suggested

    # --- place ------------------------------------------------------------------------------

    def _stands_on_own_code(self) -> bool:
        """Whether it stands on lines that this recipe wrote; if not, it has to name the field.

        Raises:
            UnreadError: It stands on other code.
        """
        path = self._wish.path
        if not path:
            return False
        folders = [one.migrations for one in self._parameters.carriers]
        if path.rpartition("/")[0] in folders:
            return False
        if path not in self._written:
            raise UnreadError(f"This recipe has written nothing in `{path}`")
        if not self._wish.code.strip():
            return False
        if not suggestions.are_new(self._before(path), self._after(path), self._wish.code):
            raise UnreadError("It stands on lines that this recipe has not written")
        return not self._is_test()

    def _is_test(self) -> bool:
        test = self._parameters.test
        return test is not None and test.path == self._wish.path

    def _before(self, path: str) -> str:
        there = path in self._ground.tree.paths()
        return self._ground.tree.read(path).decode("utf-8", "replace") if there else ""

    def _after(self, path: str) -> str:
        return self._written[path].decode("utf-8", "replace")

    def _listed(self) -> str:
        """The kind of the list on whose line it stands; empty where that is none, or several."""
        path, name = self._wish.path, self._parameters.field.name
        kinds = {
            one.kind
            for one in self._parameters.listings
            if one.place.path == path and one.action != "nothing"
        }
        declares = re.search(rf"\b{re.escape(name)}\s*[:=]", self._wish.code) is not None
        return kinds.pop() if len(kinds) == 1 and not declares else ""

    # --- words ------------------------------------------------------------------------------

    def _of_words(self, *, at_hand: bool) -> list[Asked]:
        listed = self._listed() if at_hand else ""
        reader = review_phrases.Reader(self._parameters, listed=listed, at_hand=at_hand)
        found: dict[str, Asked] = {}
        for sentence in review_words.sentences(self._wish.words):
            for one in reader.read(sentence):
                if found.setdefault(one.about, one) != one:
                    raise UnreadError("It wants two things that exclude each other")
        for whole, options in restating.WHOLE.items():
            said = {f"option {one}" for one in options} | set(restating.WHOLE) - {whole}
            if whole in found and said & set(found):
                raise UnreadError("It wants two things that exclude each other")
        return list(found.values())

    # --- suggestion -------------------------------------------------------------------------

    def _of_suggestion(self) -> list[Asked]:
        """What the suggested lines want; made with that, the file is as suggested."""
        path = self._wish.path
        wanted = suggestions.applied(
            self._after(path), self._wish.code, self._wish.suggestion or "", self._wish.first_line
        )
        if wanted is None:
            raise UnreadError("Where the suggestion goes is not certain")
        for asked in self._candidates(wanted):
            made = self._made(asked)
            if path in made and suggestions.same_code(made[path], wanted):
                return asked
        raise UnreadError(
            "The suggestion is for more than the field that was added, or is no Python"
        )

    def _made(self, asked: list[Asked]) -> Mapping[str, str]:
        after = restating.revised(self._parameters, asked, self._ground)
        made = edits.make(self._ground.tree, after).files
        paths = {*made, self._wish.path}
        return {
            path: made[path].decode("utf-8", "replace") if path in made else self._before(path)
            for path in paths
        }

    def _candidates(self, wanted: str) -> list[list[Asked]]:
        """What may be meant; which it is, trying shows."""
        if listed := self._listed():
            return [[Asked(about=listed, value="")]]
        if self._wish.path != self._parameters.place.path:
            return []
        declaration = self._declared_in(wanted)
        if declaration is None:
            return []
        return [_differing(restating.facts_of(self._parameters), facts.of_declaration(declaration))]

    def _declared_in(self, wanted: str) -> declared.Declaration | None:
        """The one declaration in the model's class that is not in its file now."""
        name = self._parameters.place.class_name
        now = suggestions.statements_of(self._after(self._wish.path), name)
        then = suggestions.statements_of(wanted, name)
        added = [one for one in then if one not in now]
        if len(added) != 1:
            return None
        found, others = declared.fields(added[0])
        return found[0] if len(found) == 1 and not others else None


def _differing(now: Facts, then: Facts) -> list[Asked]:
    """What a declaration states otherwise than the facts, options that it leaves out included."""
    found: list[Asked] = []
    for fact in ("name", "type"):
        if (value := then.all(fact)[0].value) != now.all(fact)[0].value:
            found.append(Asked(about=fact, value=value))
    for option in dict.fromkeys([*now.options(), *then.options()]):
        was, wanted = now.all(f"option {option}"), then.all(f"option {option}")
        if not wanted:
            found.append(Asked(about=f"option {option}", value=""))
        elif not was or not _alike(was[0].value, wanted[0].value):
            value = wanted[0].value
            if option == "to":
                value = value.strip("'\"")
            found.append(Asked(about=f"option {option}", value=value, code=True))
    return found


def _alike(one: str, other: str) -> bool:
    try:
        return ast.dump(ast.parse(one, mode="eval")) == ast.dump(ast.parse(other, mode="eval"))
    except SyntaxError:
        return one == other
