"""The words in which a ticket's doubtful and surplus sentences are put before its writer."""

from __future__ import annotations

import re

from agent.recipes.add_field import doubts
from agent.recipes.add_field.doubts import Doubt
from agent.recipes.add_field.facts import Facts
from agent.recipes.add_field.models_index import ModelsIndex

_NAMED = 3


def about_sentences(facts: Facts) -> list[str]:
    """Ask about every sentence that is not taken as it stands."""
    asked = [_doubtful(doubt, facts) for doubt in facts.doubts]
    asked += [
        f"{one.place} asks for values that are worked out from other data. All existing rows "
        "get one fixed value. Which one? Working it out needs a ticket of its own."
        for one in facts.all("computed")
    ]
    if facts.beyond:
        said = ", ".join(f"“{_unended(sentence)}”" for sentence in dict.fromkeys(facts.beyond))
        asked.append(
            f"The ticket also says: {said}. One field is added here, and nothing else is done; "
            "take the rest out, or open a ticket of its own for it."
        )
    return asked


def denies_the_field(doubt: Doubt) -> bool:
    """Whether a sentence says that the field is not to be added."""
    named = any(mention.fact in ("name", "type") for mention in doubt.said)
    return doubt.kind == "negation" and named and doubts.denies_the_request(doubt.sentence)


def about_background(facts: Facts) -> str:
    """Name the sentences for which nothing is done; empty where there are none."""
    passed = list(dict.fromkeys(facts.passed))
    if not passed:
        return ""
    said = ", ".join(f"“{_unended(sentence)}”" for sentence in passed[:_NAMED])
    more = f" and {len(passed) - _NAMED} more" if len(passed) > _NAMED else ""
    return f"Read as background, nothing is done for it: {said}{more}."


def other_model(facts: Facts, name: str, index: ModelsIndex) -> str | None:
    """A sentence that gives a reason and names another model of the repository, if there is one."""
    others = {one.name for one in index.models if not one.test_only} - {name}
    for sentence, reason in facts.background:
        for word in re.findall(r"\b[A-Z]\w*", reason):
            if word in others:
                return f"“{sentence}” names the model {word}. Is {word} to be changed as well?"
    return None


def _unended(sentence: str) -> str:
    return sentence if sentence.endswith("..") else sentence.removesuffix(".")


def _doubtful(doubt: Doubt, facts: Facts) -> str:
    said = f"“{doubt.sentence}”"
    if doubt.kind == "question":
        return f"{said} is a question. What is to be done? State it, or leave it out."
    if doubt.kind == "negation":
        return (
            f"{said} says what is not to be done. Is the field to be added? Leave in the ticket "
            "only what is wanted."
        )
    if doubt.kind == "condition":
        return f"{said} depends on something. State what holds, or leave it out."
    if doubt.kind == "hedge":
        return f"{said} leaves it open. State what holds, or leave it out."
    return _correction(doubt, facts)


def _correction(doubt: Doubt, facts: Facts) -> str:
    pairs: list[str] = []
    for mention in doubt.said:
        earlier = [
            one
            for one in facts.said.get(mention.fact, [])
            if not one.doubtful and one.value != mention.value
        ]
        name = mention.fact.removeprefix("option ")
        pairs += [f"{name} {one.value} ({one.place}) or {mention.value}" for one in earlier]
    holds = f"Which holds: {'; '.join(dict.fromkeys(pairs))}?" if pairs else "What holds?"
    return f"“{doubt.sentence}” takes back something else. {holds} State each fact once."
