"""What the demo's model says: recorded, since a demo has no key. All else about its run is real.

One conversation makes the change of the issue "bug", one reviews it, and one answers the review of
its pull request. Each reply is asked for by the service over a provider's wire.
"""

from tests.scripted import Call, Said, Seen

NAME = "recorded-for-the-demo"
SERVICES, TESTS = "shop/services.py", "shop/tests/test_import.py"
_LINE = "customer = Customer.objects.filter(email=email).first()"
_FIRST_TRY = "customer = Customer.objects.get(email__iexact=email)"
_FIXED = "customer = Customer.objects.filter(email__iexact=email).first()"
REMARK_AT, REMARK = (
    _FIXED,
    "Addresses from the till often have spaces around them. Ignore these, too.",
)
_STRIPPED = "customer = Customer.objects.filter(email__iexact=email.strip()).first()"
_TEST = """\
from decimal import Decimal

import pytest

from shop.models import Customer
from shop.services import import_orders


@pytest.mark.django_db
def test_an_address_is_found_in_any_letter_case():
    ada = Customer.objects.create(name="Ada", email="ada@example.org")
    assert import_orders([("Ada@Example.org", "2.50")]) == 1
    assert ada.total() == Decimal("2.50")
"""
_FURTHER_TEST = """

@pytest.mark.django_db
def test_spaces_around_an_address_are_ignored():
    Customer.objects.create(name="Ada", email="ada@example.org")
    assert import_orders([(" ada@example.org ", "1")]) == 1
"""


def _say(*named: tuple[str, dict[str, object]]) -> Said:
    return Said(calls=tuple(Call(name, arguments) for name, arguments in named))


def _edit(path: str, old: str, new: str) -> tuple[str, dict[str, object]]:
    return "edit", {"path": path, "old": old, "new": new}


_CHANGE = (
    _say(
        (
            "plan",
            {
                "title": "Ignore letter case in addresses",
                "category": "bug",
                "steps": ["Compare addresses case-insensitively", "Test it"],
                "files": [SERVICES, TESTS],
            },
        ),
        ("bash", {"command": f"cat {SERVICES}"}),
    ),
    _say(
        ("write", {"path": TESTS, "text": _TEST}),
        _edit(SERVICES, _LINE, _FIRST_TRY),
        ("submit", {"summary": "Addresses are compared case-insensitively."}),
    ),
    _say(
        _edit(SERVICES, _FIRST_TRY, _FIXED),
        (
            "submit",
            {
                "summary": "Addresses are compared case-insensitively. Unknown addresses are"
                " skipped, as before."
            },
        ),
    ),
)
_ANSWER = (
    _say(
        _edit(SERVICES, _FIXED, _STRIPPED),
        ("write", {"path": TESTS, "text": _TEST + _FURTHER_TEST}),
        (
            "submit",
            {
                "summary": "Addresses are compared case-insensitively, and spaces around them are"
                " ignored. Unknown addresses are skipped, as before.",
                "answers": [
                    {"item": 1, "became": "done", "words": "Spaces are removed before the search."}
                ],
            },
        ),
    ),
)


def reply(seen: Seen) -> Said:
    """Return the reply of this turn."""
    if "to review the diff" in seen.system:
        return _say(("submit_review", {"approve": True}))
    turns = _ANSWER if "to answer the review" in seen.system else _CHANGE
    return turns[seen.turn - 1]
