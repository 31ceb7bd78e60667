"""Find what tests of base lack, and an installed package names in one of its extras.

Of modules and who brings them, one fact alone is known here. A package that needs another for a
part of its work says so in its own metadata, with the versions that it goes with.
"""

from __future__ import annotations

import re

from packaging.utils import canonicalize_name

from agent.environments import distributions
from agent.models.checks import CheckResult
from agent.models.environment import Environment

_MISSING = re.compile(r"ModuleNotFoundError: No module named '(\w+)'")
_WORD = re.compile(r"[A-Za-z0-9](?:[\w-]*[A-Za-z0-9])?")
#: How packages are called after their module.
_FORMS = ("{}", "py{}", "python-{}")
#: A module that was dropped, while packages still import it; up to there it is in the package.
_DROPPED = {"pkg_resources": "setuptools<81"}
_RED = ("error", "failed")
_MOST_TEXTS = 200
_MOST = 10


def find_missing_packages(tests: CheckResult, environment: Environment) -> tuple[str, ...]:
    """Return requirements, with the bounds of the package that names them."""
    red = dict.fromkeys(item.text for item in tests.items if item.outcome in _RED)
    modules, words = set[str](), set[str]()
    for text in [*red][:_MOST_TEXTS] or [tests.output]:
        modules.update(_MISSING.findall(text))
        words.update(str(canonicalize_name(word)) for word in _WORD.findall(text))
    asked = {str(canonicalize_name(form.format(name))) for name in modules for form in _FORMS}
    has = {one.partition("==")[0] for one in environment.packages}
    found = {name: _DROPPED[name] for name in modules & _DROPPED.keys()}
    for offer in distributions.find_offers(environment, (asked | words) - has):
        # A plain word may mean anything where nobody is named who needs a package called so.
        is_meant = offer.name in asked or offer.by in words or "-" in offer.name
        if is_meant and (offer.name not in found or offer.by in words):
            found[offer.name] = offer.requirement
    return tuple(found[name] for name in sorted(found))[:_MOST]
