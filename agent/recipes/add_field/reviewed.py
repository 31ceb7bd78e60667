"""Read what a thread of a review wants of a field that was added: its words, and its suggestion.

A thread counts where it stands on code that the recipe wrote; elsewhere only what names the field.
"""

from __future__ import annotations

import ast
import re

from agent.recipes import review_words, suggestions
from agent.recipes.add_field import declared, edits, facts, restating, review_phrases
from agent.recipes.add_field.facts import Facts
from agent.recipes.add_field.options import UNSTATED
from agent.recipes.add_field.parameters import Parameters
from agent.recipes.recipe import Asked, Ground, NotUnderstood, Wish
from agent.recipes.review_words import UnreadError


def read(parameters: Parameters, wish: Wish, ground: Ground) -> tuple[Asked, ...] | NotUnderstood:
    """Read a wish, whole or not at all."""
    return review_words.whole(lambda: _Thread(parameters, wish, ground).asked())


def of_words(reader: review_phrases.Reader, words: str) -> list[Asked]:
    """Everything that words want, sentence by sentence.

    Raises:
        UnreadError: Not all of it is understood, or it does not go together.
    """
    found = review_words.asked(reader.read, words)
    about = {one.about for one in found}
    for whole, options in restating.WHOLE.items():
        said = {f"option {one}" for one in options} | set(restating.WHOLE) - {whole}
        if whole in about and said & about:
            raise UnreadError(review_words.EXCLUDING)
    return found


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
        listings = [
            one
            for one in self._parameters.listings
            if one.place.path == path and one.action != "nothing"
        ]
        if len(listings) > 1:
            listings = [one for one in listings if one.attribute in self._wish.code]
        kinds = {one.kind for one in listings}
        declares = re.search(rf"\b{re.escape(name)}\s*[:=]", self._wish.code) is not None
        return kinds.pop() if len(kinds) == 1 and not declares else ""

    # --- words ------------------------------------------------------------------------------

    def _of_words(self, *, at_hand: bool) -> list[Asked]:
        listed = self._listed() if at_hand else ""
        reader = review_phrases.Reader(
            self._parameters, others=self._other_fields(), listed=listed, at_hand=at_hand
        )
        return of_words(reader, self._wish.words)

    def _other_fields(self) -> frozenset[str]:
        """Names that the model's class gives to anything."""
        place = self._parameters.place
        lines = suggestions.statements_of(self._before(place.path), place.class_name)
        assigned = (re.match(r"(\w+)\s*[:=]", line) for line in lines)
        return frozenset(one[1] for one in assigned if one)

    # --- suggestion -------------------------------------------------------------------------

    def _of_suggestion(self) -> list[Asked]:
        """What the suggested lines want; made with that, the file says the same as suggested.

        Raises:
            UnreadError: They want more, or other than the field.
            RunStopped: What they want cannot be done.
        """
        path, suggestion = self._wish.path, self._wish.suggestion or ""
        now = self._after(path)
        wanted = suggestions.applied(now, self._wish.code, suggestion, self._wish.first_line)
        if wanted is None:
            raise UnreadError("Where the suggestion goes is not certain")
        if suggestions.only_laid_out(now, wanted):
            raise UnreadError("The suggestion lays out the same code in another way")
        if suggestions.same_code(now, wanted):
            return []
        if listed := self._listed():
            asked = [Asked(about=listed, value="")]
            after = restating.revised(self._parameters, asked, self._ground)
            made = edits.make(self._ground.tree, after).files.get(path)
            text = made.decode("utf-8", "replace") if made else self._before(path)
            if suggestions.same_code(text, wanted):
                return asked
        elif declaration := self._declared_in(wanted):
            stated = facts.of_declaration(declaration)
            asked = _differing(restating.facts_of(self._parameters), stated)
            after = restating.revised(self._parameters, asked, self._ground)
            if asked and not _differing(restating.facts_of(after), stated):
                return asked
        raise UnreadError(
            "The suggestion is for more than the field that was added, or is no Python"
        )

    def _declared_in(self, wanted: str) -> declared.Declaration | None:
        """The field as it is declared in a file that differs in nothing else."""
        place = self._parameters.place
        if self._wish.path != place.path:
            return None
        pair = suggestions.replaced(self._after(place.path), wanted, place.class_name)
        if pair is None:
            return None
        old, _ = declared.fields(pair[0])
        new, others = declared.fields(pair[1])
        ours = [one.name for one in old] == [self._parameters.field.name]
        return new[0] if ours and len(new) == 1 and not others else None


def _differing(now: Facts, then: Facts) -> list[Asked]:
    """What a declaration states otherwise than the facts, options that it leaves out included."""
    found: list[Asked] = []
    for fact in ("name", "type"):
        if (value := then.all(fact)[0].value) != now.all(fact)[0].value:
            found.append(Asked(about=fact, value=value))
    for option in dict.fromkeys([*now.options(), *then.options()]):
        was, wanted = (
            [one for one in stated.all(f"option {option}") if one.value != UNSTATED.get(option)]
            for stated in (now, then)
        )
        if not (was or wanted):
            continue
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
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return one == other
