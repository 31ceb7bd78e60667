"""What a change does to the ways into an application, as the application itself lists them. Pure.

Callers rely on routes, their methods, names, parameters and answers; taking one of these away, or
asking for more than before, may break them, and only people know who they are: so that is for the
reviewer. A new route is worth a word. What is listed comes from the repository's own code in a
sandbox (`agent.checks`), and proves nothing; access to a route is held by rules on the source.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent.models.change import Finding, Severity
from agent.models.checks import Route
from agent.policy.rule import Rule
from agent.text.sanitise import list_some

URL_MAP = Rule(
    id="url-map",
    demands="A change takes no route from callers, nothing that one accepts or answers, and asks "
    "for nothing more.",
    severity=Severity.REVIEW,
    bad='@app.get("/orders/{number}")  # was "/orders/{order_id}"',
    good='@app.get("/orders/{order_id}")',
)
URL_MAP_NEW = Rule(
    id="url-map-new",
    demands="A route that a change brings in is named.",
    severity=Severity.INFO,
    bad='@app.get("/orders/{order_id}/history")  # new',
    good='@app.get("/orders/{order_id}")  # was there',
)
OF_ROUTES = (URL_MAP, URL_MAP_NEW)

_GONE = "Keep the old way in beside the new one, or tell the reviewer who was asked."
_NEEDS = "Give it a default, or tell the reviewer how callers learn of it."
_NEW = "Say in the description who may call it."
_ANY = "any method"


def find_problems(before: tuple[Route, ...], after: tuple[Route, ...]) -> Iterator[Finding]:
    """Yield what callers lose and what is new, in the order of the routes.

    Args:
        before: Of base; nothing where base lists none, and then nothing can be told.
        after: Of head, likewise.
    """
    if not before or not after:
        return
    old, new = {one.name: one for one in before}, {one.name: one for one in after}
    for name, route in old.items():
        if name not in new:
            yield URL_MAP.make_finding("", f"The route {name} is gone", _GONE)
        else:
            yield from _find_changed(route, new[name])
    if added := [route for name, route in new.items() if name not in old]:
        yield _brought_in(added)


def _find_changed(old: Route, new: Route) -> Iterator[Finding]:
    lost = [one for one in old.gives if one not in new.gives and one != _ANY]
    if _ANY in new.gives:
        # A function as a view may look at the method itself.
        lost = [one for one in lost if not one.startswith("method ")]
    path, line = _split_place(new)
    start = f"changes the route {new.name}" if path else f"The route {new.name} is changed"
    if lost:
        yield URL_MAP.make_finding(
            path, f"{start}: callers no longer have {list_some(lost)}", _GONE, line
        )
    if asked := [one for one in new.needs if one not in old.needs]:
        yield URL_MAP.make_finding(
            path, f"{start}: callers have to send {list_some(asked)}", _NEEDS, line
        )


def _brought_in(added: list[Route]) -> Finding:
    path, line = _split_place(added[0])
    names = list_some(route.name for route in added)
    what = f"the route {names}" if len(added) == 1 else f"{len(added)} routes: {names}"
    return URL_MAP_NEW.make_finding(
        path, f"{'' if path else 'The change '}brings in {what}", _NEW, line
    )


def _split_place(route: Route) -> tuple[str, int | None]:
    path, _, line = route.place.rpartition(":")
    return (path, int(line)) if line.isdigit() else (route.place, None)
