"""List what an application has once it has started: routes, what guards them, settings, receivers.

Applications of FastAPI, Starlette and Flask are looked for among the loaded modules; Django's is
entered by `mergewright_migrations`. Endpoints with a dependency that `fastapi.auth` names are asked
without credentials: what is declared may do nothing. The application answers for itself here, so
nothing is proved by it; the list serves the reviewer.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import hashlib
import importlib
import inspect
import itertools
import os
import pkgutil
import random
import re
import sys
import tempfile
import time

import mergewright_code
import mergewright_entry
import mergewright_report

MOST_FACTS = 10000
SECONDS_START, SECONDS_EACH, SECONDS_ALL = 10, 5, 60
#: What a parameter of a path may be.
_SAMPLES = ("1", "a", "00000000-0000-0000-0000-000000000001", "2001-01-01")
#: In `{name:path}` of Starlette and `<int:name>` of Django and Flask.
_PARAMETER = re.compile(r"[{<](?:[^{}<>]*:(?=\w+>))?(\w+)[^{}<>]*[}>]")
_METHODS = ("get", "post", "put", "patch", "delete", "head", "options", "trace")
_name = mergewright_code.name_object


def _dotted(one):
    return ".".join(_name(one))


def main():
    order, report = mergewright_entry.begin()
    repeat_chance()
    sys.path[:] = [*order["python_path"], *sys.path]

    def work():
        modules = [importlib.import_module(name) for name in order["modules"]]
        apps = _find_apps(modules, order["app_name"])
        if not apps:
            raise LookupError("no application was found in %s" % ", ".join(order["modules"]))
        wanted, missing, facts = {}, [], []
        for name in order["dependencies"]:
            try:
                wanted[name] = pkgutil.resolve_name(name)
                facts += list_code([wanted[name]], order["tree"], name)
            except (ImportError, AttributeError, ValueError):
                missing.append(name)
        # A loop that is left as it is: what an application begins in it may never end.
        loop = asyncio.new_event_loop()
        for name, app in apps:
            prefix = name + " " if apps[1:] else ""
            if hasattr(app, "url_map"):
                facts += _list_flask(prefix, app)
            else:
                facts += loop.run_until_complete(list_started(prefix, app, wanted))
        send(report, order, facts, missing)
        return 0

    ended = "the application ended the process with %s"
    try:
        mergewright_report.leave(report, order["tree"], work, ended)
    except SystemExit as end:
        os._exit(end.code)  # threads that the application has started may never end


def repeat_chance():
    """Let random values be the same on both sides: a key that each start makes is no edit.

    Nor is the name of a temporary folder.
    """
    count = itertools.count()

    def urandom(size):
        return hashlib.shake_128(b"%d" % next(count)).digest(size)

    os.urandom = random._urandom = urandom
    random.seed(0)
    tempfile._name_sequence = map("{:08}".format, itertools.count())


def send(report, order, facts, missing=()):
    """Report what was found, as much as anybody reads."""
    print("%d facts" % len(facts))
    for fact in facts:
        place = fact["place"]
        fact["place"] = "" if place is None else _place(place, order["tree"])
        del fact["url"]
    report.add("application", facts=facts[:MOST_FACTS], all=len(facts), missing=missing)


def make_fact(kind, name, value="", parts=(), place=None, *, owner="", asks=(), url=""):
    """Make a fact of an application.

    Args:
        value: What may become something else.
        parts: What guards it, or listens to it, in order: that one goes is for a reviewer.
        place: A function or class.
        asks: Those of the wanted dependencies that it has.
        url: An address of a route.
    """
    cut = mergewright_report.shorten_id
    return {
        "kind": kind, "name": cut(name), "value": cut(str(value)), "owner": owner, "place": place,
        "parts": [cut(str(part)) for part in parts], "asks": asks, "status": 0, "url": url,
    }  # fmt: skip


def make_paths(text, converters):
    """Put values in the place of a path's parameters: the first that each takes, and the last."""

    def fill(samples):
        def choose(match):
            pattern = getattr(converters.get(match[1]), "regex", "[^/]+")
            return next((one for one in samples if re.fullmatch(pattern, one)), "1")

        return _PARAMETER.sub(choose, text)

    return [fill(_SAMPLES), fill(_SAMPLES[::-1])]


def list_route(title, view, parts, kind, answers=(), **more):
    """List a route, the functions that answer it, and what always answers in its place.

    Args:
        answers: Yields what answers its paths.
    """
    shown = find_class(view)
    yield make_fact("route", title, _dotted(shown), parts, shown, **more)
    yield from list_handlers(view, kind)
    with contextlib.suppress(Exception):  # as where no value fits, or for a regular expression
        found = [*answers]
        if found and view not in found:
            yield make_fact("shadowed route", title, _dotted(find_class(found[0])), place=shown)


def find_class(view):
    """Return the class that a view of Flask, Django or its REST framework is made of, or it."""
    return getattr(view, "view_class", None) or getattr(view, "cls", None) or view


def list_guards(view):
    """List what is asked before a view: its decorators, and of a class its bases, too."""
    yield from mergewright_code.list_wrappers(view)
    made = find_class(view)
    if not isinstance(made, type):
        return
    for method in ("dispatch", "get", "post", "put", "patch", "delete"):
        for one in mergewright_code.list_wrappers(getattr(made, method, None)):
            yield "%s of %s" % (one, method)
    for base in made.__mro__[1:]:
        if "dispatch" in vars(base):
            yield _dotted(base)
    for kind in ("authentication_classes", "permission_classes", "throttle_classes"):
        for one in getattr(made, kind, ()):
            yield "%s %s" % (kind, _dotted(one))


def list_handlers(view, kind, methods=None):
    """List the functions that answer requests for a view, and how they are written."""
    made, parts, functions = find_class(view), ["function"], [view]
    if isinstance(made, type):
        if made.__qualname__ != "WrappedAPIView":  # as the REST framework makes of a function
            module, name = _name(made)
            yield make_fact("view class", name, kind, place=made, owner=module)
        methods = methods or (getattr(view, "actions", None) or {}).values() or _METHODS
        functions = [getattr(made, method, None) for method in methods]
        parts = [base.__module__.partition(".")[0] for base in made.__mro__]
    for function in map(inspect.unwrap, functions):
        if inspect.isfunction(function):
            module, name = _name(function)
            written = "async" if inspect.iscoroutinefunction(function) else "sync"
            value = "%s %s" % (written, kind)
            yield make_fact("handler", name, value, parts, function, owner=module)


# --- FastAPI, Starlette and Flask -----------------------------------------------------------------


def _find_apps(modules, name):
    """Return the applications, each with a name; those that another one mounts are its part."""
    if name:
        return [(name, functools.reduce(getattr, name.split("."), modules[0]))]
    kinds = ("fastapi", "FastAPI"), ("starlette.applications", "Starlette"), ("flask", "Flask")
    classes = tuple(getattr(sys.modules[home], kind) for home, kind in kinds if home in sys.modules)
    found = {}
    for module in modules:
        values = [*vars(module).items()]
        # Proxies that are asked for their class may need a request.
        made = [(name, one) for name, one in values if issubclass(type(one), classes)]
        made = made or [(name, _make_app(one, classes)) for name, one in values]
        found.update((id(app), ("%s:%s" % (module.__name__, name), app)) for name, app in made)
    found.pop(id(None), None)
    for _, app in [*found.values()]:
        for route in getattr(app, "routes", ()):
            found.pop(id(getattr(route, "app", route)), None)
    return sorted(found.values(), key=lambda one: one[0])


def _make_app(function, classes):
    """Call what makes an application without arguments, by its annotation or Flask's usual name."""
    if not inspect.isfunction(function):
        return None
    given = str(function.__annotations__.get("return", "")).rpartition(".")[2].strip("'>")
    if given not in {one.__name__ for one in classes} and function.__name__ != "create_app":
        return None
    with contextlib.suppress(TypeError):  # it takes arguments
        made = function()
        return made if isinstance(made, classes) else None


def _list_flask(prefix, app):
    hooks = {key: [*map(_dotted, some)] for key, some in app.before_request_funcs.items()}
    yield make_fact("middleware", prefix + "before each request", parts=hooks.get(None, ()))
    adapter, views = app.url_map.bind("localhost"), app.view_functions
    for rule in app.url_map.iter_rules():
        methods = sorted(rule.methods - {"HEAD", "OPTIONS"}) or ["HEAD"]
        blueprints = rule.endpoint.split(".")[:-1]
        above = (".".join(blueprints[:count]) for count in range(1, len(blueprints) + 1))
        view = views.get(rule.endpoint)
        parts = [*(one for key in above for one in hooks.get(key, ())), *list_guards(view)]
        title = "%s%s %s" % (prefix, " or ".join(methods), rule.rule)
        urls = make_paths(rule.rule, rule._converters)
        answers = (views[adapter.match(url, methods[0])[0]] for url in urls)
        yield from list_route(title, view, parts, "endpoint", answers)


async def list_started(prefix, app, wanted):
    """List the facts once the application has started, where it does: that may add some."""

    async def start():
        try:
            return await app.router.lifespan_context(app).__aenter__()
        # Applications leave by sys.exit where a setting is missing.
        except BaseException as problem:
            print("it did not start: %r" % problem)

    starting = asyncio.ensure_future(start())
    done, _ = await asyncio.wait([starting], timeout=SECONDS_START)
    state = starting.result() if done else None
    facts = list_asgi(prefix, app, wanted)
    await request_guarded(app, facts, state or {})
    return facts


def list_asgi(prefix, app, wanted):
    from starlette.routing import compile_path

    middleware = [_dotted(one.cls) for one in getattr(app, "user_middleware", ())]
    facts = [make_fact("middleware", prefix + "of the application", parts=middleware)]
    known, root = [], (getattr(app, "root_path", "") or "").rstrip("/")
    for path, route, overrides in _iterate_endpoints(app, ""):
        methods, view = getattr(route, "methods", None) or {"WEBSOCKET"}, route.endpoint
        # Routes of Starlette have no dependencies.
        calls = [*_iterate_calls(getattr(route, "dependant", None), overrides)]
        parts = [*map(_dotted, calls), *list_guards(view)]
        asks = [name for name, one in wanted.items() if any(_is(call, one) for call in calls)]
        pattern, _, converters = compile_path(path)
        urls = make_paths(path, converters)
        known.append((pattern, methods, view))
        like = [(regex, one) for regex, some, one in known if some & methods]
        answers = [next((one for regex, one in like if regex.match(url)), view) for url in urls]
        title = "%s%s %s%s" % (prefix, " or ".join(sorted(methods)), root, path)
        kind = "websocket" if "WEBSOCKET" in methods else "endpoint"
        facts += list_route(title, view, parts, kind, answers, asks=asks, url=urls[0])
    return facts


def _iterate_calls(dependant, overrides):
    """Yield what a route depends on, also by other dependencies; not what is overridden."""
    for dependency in getattr(dependant, "dependencies", ()):
        if dependency.call not in overrides:
            yield dependency.call
            yield from _iterate_calls(dependency, overrides)


def list_code(roots, tree, owner, followed=None):
    """List the code of the tree that some functions or classes reach."""
    found = mergewright_code.list_reached(roots, tree, followed)
    return [
        make_fact("code", name, digest, place=one, owner=owner)
        for name, (digest, one) in found.items()
    ]


async def request_guarded(app, facts, state):
    """Note what routes with a wanted dependency answer to who has no credentials; 0: nothing."""
    end = time.monotonic() + SECONDS_ALL
    for fact in facts:
        method = fact["name"].partition(" ")[0]
        if fact["asks"] and method != "WEBSOCKET" and time.monotonic() < end:
            fact["status"] = await _request(app, method, fact["url"], state)


async def _request(app, method, path, state):
    statuses = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        statuses.append(message.get("status", 0))

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http",
        "method": method, "path": path, "raw_path": path.encode(), "query_string": b"",
        "root_path": "", "headers": [(b"host", b"localhost")],
        "client": ("127.0.0.1", 1), "server": ("localhost", 80), "state": {**state},
    }  # fmt: skip
    try:
        await asyncio.wait_for(app(scope, receive, send), SECONDS_EACH)
    except Exception:
        return 0
    return statuses[0] if statuses else 0


def _iterate_endpoints(app, before):
    """Yield each endpoint's whole path, also in mounted applications, it, and what is overridden.

    A path parameter keeps its converter, as in `{name:path}`.
    """
    overrides = getattr(app, "dependency_overrides", None) or {}
    # Later versions of FastAPI keep included routers as they are.
    opened = getattr(sys.modules.get("fastapi.routing"), "iter_route_contexts", None)
    for route in opened(app.routes) if opened else app.routes:
        path = before + (getattr(route, "path", None) or "")
        if getattr(route, "endpoint", None) is not None:
            yield path, route, overrides
            continue
        inner = getattr(route, "_base_app", getattr(route, "app", None))
        inner = inner if hasattr(inner, "routes") else route
        if hasattr(inner, "routes"):
            yield from _iterate_endpoints(inner, path)


def _is(call, wanted):
    """Whether that is it; a class also means its instances, a function what it makes."""
    while isinstance(call, functools.partial):
        call = call.func
    if call == wanted or (isinstance(wanted, type) and isinstance(call, wanted)):
        return True
    module, name = _name(wanted)
    made_in, made = _name(call)
    return made_in == module and made.startswith(name + ".<locals>.")


def _place(function, tree):
    """Name `path:line` of a function or class in the tree; nothing of any other."""
    path, line = mergewright_code.locate(function)
    inner = mergewright_report.relative_path(path, tree)
    return inner and (inner + ":%d" % line if line else inner)


# --- Django ---------------------------------------------------------------------------------------


def list_django():
    """List the facts of the Django project that is set up."""
    routes = [*_list_routes(), *_list_consumers()]
    return [*routes, *_list_receivers(), *_list_settings(), *_list_warnings()]


def _list_routes():
    from django.conf import settings
    from django.urls import get_resolver

    if not getattr(settings, "ROOT_URLCONF", None):
        return
    resolver = get_resolver()
    for path, view, kinds in _iterate_patterns(resolver, "", {}):
        parts = [*list_guards(view)]
        if not getattr(view, "csrf_exempt", False):
            parts.append("check of the CSRF token")
        urls = ("/" + re.sub(r"[\^$]|\\Z", "", url) for url in make_paths(path, kinds))
        answers = (resolver.resolve(url).func for url in urls)
        yield from list_route("/" + path, view, parts, "view", answers)
        # Django Ninja has one view for each path.
        for one in getattr(getattr(view, "__self__", None), "operations", ()):
            title, own = "%s /%s" % (" or ".join(one.methods), path), one.view_func
            asked = map(_dotted, one.auth_callbacks)
            yield from list_route(title, own, asked, "endpoint")


def _iterate_patterns(resolver, before, kinds):
    """Yield each route's whole path, its pattern, and the converters of its parameters."""
    for pattern in resolver.url_patterns:
        path, own = before + str(pattern.pattern), {**kinds, **pattern.pattern.converters}
        if hasattr(pattern, "url_patterns"):
            yield from _iterate_patterns(pattern, path, own)
        else:
            yield path, pattern.callback, own


def _list_consumers():
    from django.conf import settings

    if "channels" not in sys.modules:
        return
    with contextlib.suppress(Exception):  # it is only for a server
        importlib.import_module(str(settings.ASGI_APPLICATION).rpartition(".")[0])
    module = importlib.import_module("channels.consumer")
    waiting = [module.AsyncConsumer, module.SyncConsumer]
    for made in waiting:
        waiting += made.__subclasses__()
        methods = ("connect", "disconnect", "receive", "receive_json")
        yield from list_handlers(made, "consumer", methods)


def _list_receivers():
    from django.apps import apps
    from django.dispatch import Signal

    labels = {id(model): " of " + model._meta.label for model in apps.get_models()}
    listening = {}
    for module in [*sys.modules.values()]:
        for name, signal in [*getattr(module, "__dict__", {}).items()]:
            if issubclass(type(signal), Signal):  # of a lazy object, its class may not be known
                listening.setdefault(id(signal), (name, signal, module))
    for name, signal, module in listening.values():
        parts = []
        for key, receiver, *_ in signal.receivers:
            is_weak = type(receiver).__name__ in ("ReferenceType", "WeakMethod")
            called = receiver() if is_weak else receiver
            if called is not None:
                parts.append(_dotted(called) + labels.get(key[1], ""))
                yield make_fact("receiver", "%s: %s" % (name, parts[-1]), place=called)
        yield make_fact("signal", name, parts=sorted(parts), place=module)


def _list_settings():
    from django.conf import settings

    for name in sorted(filter(str.isupper, dir(settings))):
        kind = "middleware" if name == "MIDDLEWARE" else "setting"
        with contextlib.suppress(Exception):  # Django refuses an empty SECRET_KEY
            yield from _describe_setting(kind, name, getattr(settings, name), 3)


def _describe_setting(kind, name, value, depth):
    if isinstance(value, dict) and depth:
        for key, inner in value.items():
            yield from _describe_setting(kind, "%s[%r]" % (name, key), inner, depth - 1)
    elif isinstance(value, (list, tuple, set, frozenset)):
        parts = [_describe_plain(name, one) for one in value]
        yield make_fact(
            kind, name, parts=parts if isinstance(value, (list, tuple)) else sorted(parts)
        )
    else:
        yield make_fact(kind, name, _describe_plain(name, value))


def _describe_plain(name, value):
    """Describe a value, which Django's own filter hides by its name, unless it names code."""
    from django.views.debug import SafeExceptionReporterFilter

    if isinstance(value, str) and value.partition(".")[0] in sys.modules:
        return value
    return mergewright_code.describe_value(
        SafeExceptionReporterFilter().cleanse_setting(name, value)
    )


def _list_warnings():
    """List what Django's checks for production say of the settings."""
    from django.core import checks

    for one in checks.run_checks(tags=["security"], include_deployment_checks=True):
        yield make_fact("security warning", one.id, one.msg)


if __name__ == "__main__":
    main()
