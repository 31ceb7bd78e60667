"""What the lists of routes of two sides say to a reviewer."""

from __future__ import annotations

import pytest

from agent.models.checks import Route
from agent.policy import url_map

ORDER = Route(
    name="GET /orders/{order_id}",
    gives=("answer 200", "answer 404", "path parameter order_id (integer)"),
    needs=("query parameter shop",),
    place="app/main.py:9",
)
LIST = Route(name="GET /orders", gives=("answer 200",), place="app/main.py:3")


def told(*after: Route, before: tuple[Route, ...] = (ORDER, LIST)) -> list[tuple[str, str, str]]:
    return [
        (found.rule, f"{found.path}:{found.line}", found.message)
        for found in url_map.find_problems(before, after)
    ]


def test_what_stays_or_is_asked_less_is_not_spoken_of() -> None:
    easier = ORDER.model_copy(update={"needs": (), "gives": (*ORDER.gives, "answer 410")})
    moved = LIST.model_copy(update={"place": "app/orders.py:70"})
    assert told(ORDER, LIST) == []
    assert told(moved, easier) == []


def test_a_route_that_is_gone_is_for_the_reviewer() -> None:
    ((rule, place, message),) = told(ORDER)
    assert (rule, place) == ("url-map", ":None")
    assert "GET /orders is gone" in message


def test_what_callers_lose_and_what_they_must_add_are_told_apart() -> None:
    changed = ORDER.model_copy(
        update={
            "gives": ("answer 200", "path parameter order_id (string)"),
            "needs": ("query parameter shop", "body field note"),
            "place": "app/main.py:12",
        }
    )
    lost, asked = told(changed, LIST)
    assert {one[:2] for one in (lost, asked)} == {("url-map", "app/main.py:12")}
    assert "answer 404, path parameter order_id (integer)" in lost[2]
    assert "body field note" in asked[2]


def test_what_a_new_route_needs_is_no_change_for_anybody() -> None:
    new = Route(name="POST /orders", needs=("body field name",), place="app/main.py")
    ((rule, place, message),) = told(ORDER, LIST, new)
    assert (rule, place) == ("url-map-new", "app/main.py:None")
    assert "POST /orders" in message


def test_many_new_routes_are_one_finding() -> None:
    new = [Route(name=f"/admin/shop/{number}/") for number in range(8)]
    ((rule, place, message),) = told(ORDER, LIST, *new)
    assert (rule, place) == ("url-map-new", ":None")
    assert "8 routes" in message
    assert "/admin/shop/2/ and 5 more" in message


@pytest.mark.parametrize(
    ("old", "new", "lost"),
    [
        (("method GET", "method POST"), ("method GET",), True),
        (("method GET", "method POST"), ("any method",), False),
        (("any method", "name shop:cart"), ("any method", "name cart"), True),
    ],
)
def test_methods_are_lost_only_where_both_sides_know_them(
    old: tuple[str, ...], new: tuple[str, ...], lost: bool
) -> None:
    before = (Route(name="/cart/", gives=old),)
    assert bool(told(Route(name="/cart/", gives=new), before=before)) is lost


@pytest.mark.parametrize(("before", "after"), [((), (ORDER,)), ((ORDER,), ())])
def test_a_side_that_lists_nothing_says_nothing(
    before: tuple[Route, ...], after: tuple[Route, ...]
) -> None:
    assert list(url_map.find_problems(before, after)) == []
