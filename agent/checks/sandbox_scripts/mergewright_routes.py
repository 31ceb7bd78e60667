"""List what an application offers to callers: FastAPI by its OpenAPI document, Django by its URLs.

Each way in is a route with what callers rely on (`gives`) and what they must send (`needs`), in
words that stay the same as long as the promise does. Of a FastAPI application the endpoints are
listed as well, with those of the named dependencies that each of them has. The application answers
for itself here, so nothing is proved by it; what is told serves the reviewer.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import json
import pkgutil
import sys

import mergewright_entry
import mergewright_report

MOST_ROUTES = 5000
_VERBS = ("get", "post", "put", "patch", "delete", "head", "options", "trace")
_DEEPEST = 4
#: What FastAPI adds to each endpoint that takes anything.
_VALIDATION = "HTTPValidationError"


def main():
    """Import the FastAPI application, ask it for its document, report."""
    order, report = mergewright_entry.begin()
    sys.path[:] = [*order["python_path"], *sys.path]

    def work():
        found = importlib.import_module(order["app_module"])
        for name in order["app_name"].split("."):
            found = getattr(found, name)
        routes = of_openapi(found, order["tree"])
        report.add("routes", routes=routes[:MOST_ROUTES], all=len(routes))
        print("%d operations" % len(routes))
        if order["dependencies"]:
            _report_endpoints(found, order, report)
        return 0

    ended = "the application ended the process with %s"
    mergewright_report.leave(report, order["tree"], work, ended)


# --- FastAPI ---------------------------------------------------------------------------------


def of_openapi(app, tree):
    """Return the operations of an application's document."""
    document = json.loads(json.dumps(app.openapi()))
    places = _places(app, tree)
    return [
        {
            "name": "%s %s" % (verb.upper(), path),
            "gives": sorted(_gives(document, item, operation)),
            "needs": sorted(_needs(document, item, operation)),
            "place": places.get((path, verb.upper()), ""),
        }
        for path, item in sorted(document.get("paths", {}).items())
        for verb, operation in item.items()
        if verb in _VERBS
    ]


def _places(app, tree):
    return {
        (path, verb): place(route.endpoint, tree)
        for path, route in _endpoints(app.routes, "")
        for verb in getattr(route, "methods", None) or ()
    }


def _endpoints(routes, before):
    """Yield the whole path of each endpoint of FastAPI, also of mounted applications, with it."""
    from fastapi import routing

    # Later versions keep included routers as they are.
    opened = getattr(routing, "iter_route_contexts", None)
    for route in opened(routes) if opened else routes:
        if getattr(route, "dependant", None) is None:
            for found in _endpoints(getattr(route, "routes", None) or (), _path(route, before)):
                yield found
        elif getattr(route, "endpoint", None) is not None:
            yield before + getattr(route, "path_format", route.path), route


def _path(route, before):
    return before + (getattr(route, "path", None) or "")


def _gives(document, item, operation):
    for parameter in _parameters(document, item, operation):
        for kind in _kinds(document, parameter.get("schema", {})):
            yield "%s parameter %s (%s)" % (parameter.get("in"), parameter.get("name"), kind)
    for status, answer in operation.get("responses", {}).items():
        if _VALIDATION not in json.dumps(answer):
            yield "answer %s" % status


def _needs(document, item, operation):
    for parameter in _parameters(document, item, operation):
        if parameter.get("required") and parameter.get("in") != "path":
            yield "%s parameter %s" % (parameter.get("in"), parameter.get("name"))
    body = _resolved(document, operation.get("requestBody", {}))
    if not body.get("required"):
        return
    yield "a body"
    seen = set()
    for media in body.get("content", {}).values():
        seen.update(_fields(document, media.get("schema", {}), "", _DEEPEST))
    for field in seen:
        yield "body field %s" % field


def _parameters(document, item, operation):
    named = {}
    for parameter in [*item.get("parameters", ()), *operation.get("parameters", ())]:
        resolved = _resolved(document, parameter)
        named[resolved.get("in"), resolved.get("name")] = resolved
    return list(named.values())


def _fields(document, schema, before, depth):
    """Yield the dotted names of all fields that cannot be left out."""
    schema = _resolved(document, schema)
    for part in schema.get("allOf", ()):
        for field in _fields(document, part, before, depth - 1) if depth else ():
            yield field
    for name in schema.get("required", ()):
        yield before + name
        inner = schema.get("properties", {}).get(name)
        if isinstance(inner, dict) and depth:
            for field in _fields(document, inner, before + name + ".", depth - 1):
                yield field


def _kinds(document, schema):
    """Return what may be given, each kind alone, so that one more takes nothing away."""
    schema = _resolved(document, schema)
    several = schema.get("anyOf") or schema.get("oneOf") or ()
    if several:
        return {kind for one in several for kind in _kinds(document, one)} - {"null"}
    if schema.get("type") == "array":
        return {"array of %s" % kind for kind in _kinds(document, schema.get("items", {}))}
    return {str(schema.get("type") or "any")}


def _resolved(document, part):
    for _ in range(_DEEPEST):
        if not isinstance(part, dict):
            return {}
        reference = part.get("$ref")
        if not isinstance(reference, str):
            return part
        part = document
        for name in reference.lstrip("#/").split("/"):
            part = part.get(name, {}) if isinstance(part, dict) else {}
    return {}


# --- dependencies of endpoints ----------------------------------------------------------------


def _report_endpoints(app, order, report):
    wanted, missing = {}, []
    for name in order["dependencies"]:
        try:
            wanted[name] = pkgutil.resolve_name(name)
        except (ImportError, AttributeError, ValueError):
            missing.append(name)
    endpoints = of_endpoints(app, order["tree"], wanted)
    report.add("endpoints", endpoints=endpoints[:MOST_ROUTES], all=len(endpoints), missing=missing)


def of_endpoints(app, tree, wanted):
    """Return the endpoints, each with the names of the wanted dependencies that it has."""
    root = (getattr(app, "root_path", "") or "").rstrip("/")
    return [
        {
            "methods": " or ".join(sorted(getattr(route, "methods", None) or ("WEBSOCKET",))),
            "path": path,
            "function": ".".join(_name(route.endpoint)),
            "place": place(route.endpoint, tree),
            "asks": [name for name, one in wanted.items() if _depends(route.dependant, one)],
        }
        for path, route in _endpoints(app.routes, root)
    ]


def _depends(dependant, wanted):
    """Whether a dependency is asked, by whatever other ones."""
    return any(_is(one.call, wanted) or _depends(one, wanted) for one in dependant.dependencies)


def _is(call, wanted):
    """Whether that is it; a class stands for its instances, a function for those that it makes."""
    while isinstance(call, functools.partial):
        call = call.func
    if call == wanted or (isinstance(wanted, type) and isinstance(call, wanted)):
        return True
    module, name = _name(wanted)
    made_in, made = _name(call)
    return made_in == module and made.startswith(name + ".<locals>.")


def _name(one):
    """Return the module and the name in it; an instance has those of its class."""
    named = one if hasattr(one, "__qualname__") else type(one)
    return str(named.__module__), str(named.__qualname__)


# --- Django ----------------------------------------------------------------------------------


def of_django(tree):
    """Return all URL patterns with their names; None where the project has no URLs."""
    from django.conf import settings
    from django.urls import get_resolver

    if not getattr(settings, "ROOT_URLCONF", None):
        return None
    found = {}
    for name, label, callback in _patterns(get_resolver().url_patterns, "/", ()):
        route = found.setdefault(
            name, {"name": name, "gives": set(), "needs": [], "place": place(callback, tree)}
        )
        route["gives"].update(_django_gives(label, callback))
    return [dict(route, gives=sorted(route["gives"])) for _, route in sorted(found.items())]


def _patterns(patterns, before, spaces):
    for pattern in patterns:
        path = before + str(pattern.pattern)
        inner = getattr(pattern, "url_patterns", None)
        if inner is not None:
            space = getattr(pattern, "namespace", None)
            for found in _patterns(inner, path, (*spaces, space) if space else spaces):
                yield found
        else:
            name = getattr(pattern, "name", None)
            yield path, ":".join((*spaces, name)) if name else "", pattern.callback


def _django_gives(label, callback):
    if label:
        yield "name %s" % label
    view = getattr(callback, "view_class", None) or getattr(callback, "cls", None)
    actions = getattr(callback, "actions", None)
    if isinstance(actions, dict):
        verbs = list(actions)
    elif view is not None:
        verbs = [verb for verb in getattr(view, "http_method_names", ()) if hasattr(view, verb)]
    else:
        yield "any method"
        return
    for verb in verbs:
        if verb not in ("head", "options"):
            yield "method %s" % verb.upper()


# --- both ------------------------------------------------------------------------------------


def place(function, tree):
    """Name `path:line` of a function or class in the tree; nothing of any other."""
    inside = tree.rstrip("/") + "/"
    try:
        function = (
            getattr(function, "view_class", None)
            or getattr(function, "cls", None)
            or (inspect.unwrap(function))
        )
        code = getattr(function, "__code__", None)
        if code is not None:
            path, line = code.co_filename, ":%d" % code.co_firstlineno
        else:
            path, line = inspect.getfile(function), ""
    except Exception:
        return ""
    return path[len(inside) :] + line if path.startswith(inside) else ""


if __name__ == "__main__":
    main()
