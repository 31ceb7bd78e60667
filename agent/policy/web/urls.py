"""Under which URL paths an endpoint answers, and what the routers on the way there depend on.

Owns how the files of an application fit together: a router may be taken in several times, by
routers that are themselves taken in, in other files. Only files that take in, and those that a
router leads to, are read. What one file says is left to `wiring`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from agent.policy.view import View
from agent.policy.web.dependencies import Dependency
from agent.policy.web.side import Side, is_aside
from agent.policy.web.wiring import SOME_APP, Endpoint, Inclusion, Router, Wiring, WiringReader

_TAKES_IN = re.compile(rb"include_router|FastAPI\s*[(),]|\.mount\(")
_ANSWERS = re.compile(
    rb"@\s*[\w.]+\.(?:get|post|put|delete|patch|options|head|trace|api_route|websocket)\("
    rb"|add_api_(?:websocket_)?route\("
)
_MOST_SITES = 64
_MOST_DEPTH = 12


@dataclass(frozen=True, eq=False)
class Site:
    """A place in the application where a router answers."""

    prefix: str | None
    """None: it cannot be told."""
    dependencies: tuple[Dependency, ...]
    firm: bool
    """Whether nothing else decides about it."""
    steps: tuple[tuple[str, int], ...]
    """The files and lines that put it there."""


@dataclass(frozen=True, eq=False)
class Answer:
    """An endpoint at one of its URL paths."""

    endpoint: Endpoint
    url: str | None
    dependencies: tuple[Dependency, ...]
    firm: bool
    steps: tuple[tuple[str, int], ...]


class Urls:
    """The URL paths of one side of a repository."""

    def __init__(self, side: Side) -> None:
        self._side = side
        self._reader = WiringReader(side)
        self._read: dict[str, Wiring] = {}
        self._routers: dict[str, list[Router]] = {}
        self._inclusions: list[Inclusion] = []
        self._sites: dict[frozenset[str], tuple[Site, ...]] = {}
        self._is_whole = False

    def wiring(self, view: View) -> Wiring:
        """Return what a file says, and remember it."""
        if view.path not in self._read:
            wiring = self._reader.read(view)
            self._read[view.path] = wiring
            for router in wiring.routers:
                for key in router.keys:
                    self._routers.setdefault(key, []).append(router)
            if not is_aside(view.path):
                self._inclusions += wiring.inclusions
        return self._read[view.path]

    def answers(self, path: str) -> Iterator[Answer]:
        """Yield the endpoints of a file, at each of their URL paths."""
        view = self._side.view(path)
        if view is None:
            return
        self._read_all_that_take_in()
        for endpoint in self.wiring(view).endpoints:
            for site in self._sites_of(endpoint.routers, 0):
                known = site.prefix is not None and endpoint.url is not None
                yield Answer(
                    endpoint,
                    f"{site.prefix}{endpoint.url}" if known else None,
                    (*site.dependencies, *endpoint.dependencies),
                    site.firm and endpoint.firm,
                    site.steps,
                )

    def endpoints(self, path: str) -> list[Endpoint]:
        """Return the endpoints of a file; nothing else is read."""
        view = self._side.view(path)
        return self.wiring(view).endpoints if view else []

    def files_that_answer(self) -> Iterator[str]:
        """Yield the files of the application that have endpoints."""
        for path in self._side.places.paths:
            if not is_aside(path) and _ANSWERS.search(self._side.places.text(path)):
                yield path

    def _read_all_that_take_in(self) -> None:
        if not self._is_whole:
            self._is_whole = True
            for view in self._side.mentioning(_TAKES_IN):
                self.wiring(view)

    # --- sites --------------------------------------------------------------------------------

    def _sites_of(self, keys: frozenset[str], depth: int) -> tuple[Site, ...]:
        if keys not in self._sites:
            self._sites[keys] = ()  # a router that takes in itself has no further place
            self._sites[keys] = tuple(self._find_sites(keys, depth))[:_MOST_SITES]
        return self._sites[keys]

    def _find_sites(self, keys: frozenset[str], depth: int) -> Iterator[Site]:
        routers = self._led_to(keys)
        if not routers:
            yield from self._handed(keys)
            return
        for router in routers:
            step = (router.path, router.line)
            own = Site(router.prefix, router.dependencies, router.firm, (step,))
            taken = [one for one in self._inclusions if one.children & router.keys]
            if router.is_app and not any(not one.inherits for one in taken):
                yield own
                continue
            if not taken or depth > _MOST_DEPTH:
                yield replace(own, prefix=None)
                continue
            for inclusion in taken:
                for site in self._sites_of(inclusion.parents, depth + 1):
                    yield _below(site, inclusion, own)

    def _handed(self, keys: frozenset[str]) -> Iterator[Site]:
        """Yield the places of a router that is an argument, or not to be found."""
        apps = {id(one): one for several in self._routers.values() for one in several}
        made = [one for one in apps.values() if one.is_app and not is_aside(one.path)]
        if SOME_APP not in keys or not made:
            yield Site("" if SOME_APP in keys else None, (), firm=False, steps=())
            return
        for app in made:
            step = (app.path, app.line)
            yield Site(app.prefix, app.dependencies, app.firm and len(made) == 1, (step,))

    def _led_to(self, keys: frozenset[str]) -> list[Router]:
        """Return the routers that keys lead to, wherever they are made."""
        for key in sorted(keys):
            placed = self._side.place(key)
            if placed is not None:
                self.wiring(placed[0])
        found = {id(one): one for key in sorted(keys) for one in self._routers.get(key, ())}
        return list(found.values())


def _below(site: Site, inclusion: Inclusion, own: Site) -> Site:
    """Return where a router is that was taken in at a place."""
    prefix = None
    if site.prefix is not None and inclusion.prefix is not None and own.prefix is not None:
        prefix = f"{site.prefix}{inclusion.prefix}{own.prefix}"
    above = site.dependencies if inclusion.inherits else ()
    return Site(
        prefix,
        (*above, *inclusion.dependencies, *own.dependencies),
        site.firm and own.firm,
        (*own.steps, (inclusion.path, inclusion.line), *site.steps),
    )
