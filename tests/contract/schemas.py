"""Judge requests, responses and hooks by GitHub's own description of its API.

What the simulator sends may lack fields that no client of ours reads; those it has are GitHub's.

Owns the validators (one per schema, made when first needed, from the closure of that schema
alone) and the way from a concrete path to its operation. Left to others: driving the simulator
(`recording.py`), making the slice (`make_slice.py`).
"""

import functools
import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema_rs
from graphql import GraphQLSchema, build_schema, execute, parse, validate

HERE = Path(__file__).parent
# These parameters hold names with slashes; every other one is a single segment of the path.
WITH_SLASHES = frozenset({"ref", "path", "branch", "basehead", "name"})
# Keys of OpenAPI 3.0 that JSON Schema does not have, and that are no part of a judgement.
NO_KEYWORDS = frozenset({"nullable", "example", "discriminator", "xml", "readOnly", "writeOnly"})
# What GitHub takes besides what it describes: PyGithub sends label names as a bare list.
TAKEN_TOO: dict[str, dict[str, Any]] = {
    "POST /repos/{owner}/{repo}/issues/{issue_number}/labels": {
        "type": "array",
        "items": {"type": "string"},
    }
}
MOST_FAULTS = 12


@dataclass(frozen=True)
class Operation:
    """One method on one path template, as GitHub describes it."""

    method: str
    template: str

    def __str__(self) -> str:
        return f"{self.method} {self.template}"

    @property
    def described(self) -> dict[str, Any]:
        """What the description says of it."""
        found: dict[str, Any] = description()["paths"][self.template][self.method.lower()]
        return found

    def matches(self, path: str) -> bool:
        """Tell whether a concrete path fits the template."""
        return _pattern(self.template).fullmatch(path) is not None


@functools.cache
def description() -> dict[str, Any]:
    """Load the vendored slice."""
    loaded: dict[str, Any] = _load("github_openapi_slice.json.gz")
    return loaded


@functools.cache
def webhook_examples() -> dict[str, list[dict[str, Any]]]:
    """Load GitHub's published payloads by event name."""
    loaded: dict[str, list[dict[str, Any]]] = _load("webhook_examples.json.gz")
    return loaded


@functools.cache
def operations() -> tuple[Operation, ...]:
    """List the described operations, the most literal template first."""
    found = [
        Operation(method.upper(), template)
        for template, methods in description()["paths"].items()
        for method in methods
    ]
    return tuple(
        sorted(found, key=lambda each: (each.template.count("{"), -len(each.template), str(each)))
    )


def described(name: str) -> Operation:
    """Give the operation of a name such as `GET /user`."""
    found = next((each for each in operations() if str(each) == name), None)
    if found is None:
        raise KeyError(name)
    return found


def operation_of(method: str, path: str) -> Operation | None:
    """Find the operation that a request means, or None where GitHub describes none of ours."""
    wanted = method.upper()
    return next(
        (each for each in operations() if each.method == wanted and each.matches(path)), None
    )


def response_faults(
    operation: Operation, status: int, content_type: str, body: bytes
) -> tuple[str, ...]:
    """Hold one response against the description; an empty result is a pass."""
    described = operation.described["responses"].get(str(status))
    if described is None and status < 400 and status != 304:
        return (f"{operation}: GitHub never answers {status} here",)
    described = _resolved(described) if described is not None else {}
    if not described.get("content") and (status < 400 or not body):
        return (f"{operation}: {status} has no body in GitHub's answer",) if body else ()
    schema = _json_schema_of(described.get("content", {}))
    if "json" not in content_type:
        return (f"{operation}: {status} is JSON at GitHub, not {content_type or 'untyped'}",)
    try:
        value = json.loads(body)
    except ValueError as error:
        return (f"{operation}: the body of {status} is not JSON: {error}",)
    if schema is None or status >= 400:
        return _error_faults(value, f"{operation} {status}", schema)
    return faults_of(value, schema, f"{operation} {status}", partial=True)


def request_faults(operation: Operation, body: bytes) -> tuple[str, ...]:
    """Hold what a client sends against what GitHub takes."""
    taken = _resolved(operation.described.get("requestBody", {}))
    schema = _json_schema_of(taken.get("content", {}))
    if not body:
        return (f"{operation}: a body is required",) if taken.get("required") and schema else ()
    if schema is None:
        return (f"{operation}: GitHub takes no body here",) if body.strip() != b"{}" else ()
    if str(operation) in TAKEN_TOO:
        schema = {"anyOf": [schema, TAKEN_TOO[str(operation)]]}
    return faults_of(json.loads(body), schema, f"request {operation}")


def hook_faults(event: str, body: bytes) -> tuple[str, ...]:
    """Hold a hook's payload against the schema for its event and action."""
    value = json.loads(body)
    action = value.get("action") if isinstance(value, dict) else None
    name = "-".join(filter(None, (event, action))).replace("_", "-")
    schema = description()["x-webhooks"].get(name)
    if schema is None:
        return (f"hook {name}: not in the vendored slice; add it to operations.HOOKS",)
    return faults_of(value, schema, f"hook {name}", partial=True)


@functools.cache
def graphql_schema() -> GraphQLSchema:
    """Load GitHub's GraphQL schema."""
    text = gzip.decompress((HERE / "github_graphql.graphql.gz").read_bytes()).decode()
    return build_schema(text, assume_valid=True, no_location=True)


def document_faults(document: str) -> list[str]:
    """Hold a GraphQL document against GitHub's schema."""
    return [fault.message for fault in validate(graphql_schema(), parse(document))]


def answer_faults(document: str, variables: dict[str, Any], data: Any) -> list[str]:
    """Hold the answer to a GraphQL document against GitHub's schema: each field that it names."""
    result = execute(
        graphql_schema(),
        parse(document),
        data,
        variable_values=variables,
        field_resolver=lambda source, info, **_: source[info.path.key],
    )
    return [fault.message for fault in result.errors or ()]


def faults_of(
    value: Any, schema: dict[str, Any], subject: str, *, partial: bool = False
) -> tuple[str, ...]:
    """Validate one value; each fault names the place and what is wrong there."""
    validator = _validator(json.dumps(schema, sort_keys=True), partial=partial)
    faults = [
        f"{subject}: at {'/'.join(map(str, error.instance_path)) or 'the top'}: {_words(error)}"
        for each in validator.iter_errors(value)
        for error in _closest(each)
    ]
    if len(faults) > MOST_FAULTS:
        faults[MOST_FAULTS:] = [f"{subject}: and {len(faults) - MOST_FAULTS} more"]
    return tuple(faults)


def _closest(error: jsonschema_rs.ValidationError) -> list[jsonschema_rs.ValidationError]:
    """Tell what is wrong with the alternative that comes closest, not that none fits."""
    branches = getattr(error.kind, "context", None)
    if not branches or not all(branches):
        return [error]
    nearest = [[inner for each in branch for inner in _closest(each)] for branch in branches]
    return max(nearest, key=lambda each: (not _wrong_type(each), -len(each)))


def _wrong_type(errors: list[jsonschema_rs.ValidationError]) -> bool:
    """Tell whether an alternative is of another kind altogether, such as null."""
    return len(errors) == 1 and " is not of type " in errors[0].message


def _words(error: jsonschema_rs.ValidationError) -> str:
    said = error.message
    return said if len(said) < 300 else f"{said[:120]} ... {said[-160:]}"


def json_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """Turn an OpenAPI 3.0 schema into a JSON Schema that carries the closure of its parts."""
    parts: dict[str, Any] = {}
    waiting = list(_references(schema))
    while waiting:
        name = waiting.pop().rsplit("/", 1)[1]
        if name not in parts:
            part = description()["components"]["schemas"][name]
            parts[name] = _converted(part)
            waiting += _references(part)
    return {**_converted(schema), "components": {"schemas": parts}}


@functools.cache
def _validator(schema: str, *, partial: bool) -> jsonschema_rs.Draft202012Validator:
    converted = json_schema(json.loads(schema))
    return jsonschema_rs.Draft202012Validator(
        _without_required(converted) if partial else converted,
        validate_formats=True,
        formats={"email": _is_address},
    )


def _without_required(node: Any, *, names: bool = False) -> Any:
    """Give a JSON Schema that lets fields be missing; one that did could then fit two of `oneOf`."""
    if isinstance(node, list):
        return [_without_required(each) for each in node]
    if not isinstance(node, dict):
        return node
    return {
        "anyOf" if key == "oneOf" and not names else key: _without_required(
            value, names=key in {"properties", "patternProperties"} and not names
        )
        for key, value in node.items()
        if names or key != "required"
    }


def _is_address(text: str) -> bool:
    # GitHub's own addresses of bots, `1+name[bot]@...`, are none by the book.
    return re.fullmatch(r"[^@\s]+@[^@\s]+", text) is not None


def _converted(node: Any, *, names: bool = False) -> Any:
    """Convert one node of an OpenAPI schema; `names`: it maps names to schemas."""
    if isinstance(node, list):
        return [_converted(each) for each in node]
    if not isinstance(node, dict):
        return node
    if names:
        return {name: _converted(each) for name, each in node.items()}
    kept: dict[str, Any] = {}
    for key, value in node.items():
        if key in {"enum", "default", "required"}:
            kept[key] = value
        elif key not in NO_KEYWORDS:
            kept[key] = _converted(value, names=key in {"properties", "patternProperties"})
    return _with_null(kept) if node.get("nullable") is True else kept


def _with_null(schema: dict[str, Any]) -> dict[str, Any]:
    if isinstance(schema.get("enum"), list) and None not in schema["enum"]:
        schema["enum"] = [*schema["enum"], None]
    if isinstance(schema.get("type"), str):
        schema["type"] = [schema["type"], "null"]
        return schema
    return {"anyOf": [schema, {"type": "null"}]}


def _error_faults(value: Any, subject: str, schema: dict[str, Any] | None) -> tuple[str, ...]:
    """Hold a refusal against its own schema, or the common one where none is listed."""
    if not isinstance(value, dict):
        return (f"{subject}: a refusal is an object",)
    missing = [
        key for key in ("message", "documentation_url") if not isinstance(value.get(key), str)
    ]
    if missing:
        return (f"{subject}: a refusal without {' and '.join(missing)}",)
    if schema is None:
        name = "validation-error" if "errors" in value else "basic-error"
        schema = {"$ref": f"#/components/schemas/{name}"}
    return faults_of(value, schema, subject)


def _json_schema_of(content: dict[str, Any]) -> dict[str, Any] | None:
    found: dict[str, Any] | None = next(
        (each.get("schema") for kind, each in content.items() if "json" in kind), None
    )
    return found


def _resolved(node: dict[str, Any]) -> dict[str, Any]:
    reference = node.get("$ref")
    if reference is None:
        return node
    kind, name = reference.removeprefix("#/components/").split("/", 1)
    found: dict[str, Any] = description()["components"][kind][name]
    return found


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for each in node:
            yield from _references(each)
    elif isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for each in node.values():
            yield from _references(each)


@functools.cache
def _pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", template)
    pattern = "".join(
        re.escape(part) if number % 2 == 0 else (".+" if part in WITH_SLASHES else "[^/]+")
        for number, part in enumerate(parts)
    )
    return re.compile(pattern)


def _load(name: str) -> Any:
    return json.loads(gzip.decompress((HERE / name).read_bytes()))
