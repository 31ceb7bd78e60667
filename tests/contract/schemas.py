"""Judge requests, responses and hooks by GitHub's own description of its API.

What the simulator sends may lack fields that no client of ours reads; those it has are GitHub's.

`test_called.py` drives the simulator, and `make_slice.py` made the vendored slice of the description.
"""

import functools
import gzip
import json
import re
from pathlib import Path
from typing import Any

import jsonschema_rs
from graphql import GraphQLSchema, build_schema, execute, parse, validate

HERE = Path(__file__).parent
# The slice as its schemas refer to each other; the validators find it by this name.
SLICE = "urn:github"
# What GitHub takes besides what it describes: PyGithub sends label names as a bare list.
TAKEN_TOO: dict[str, dict[str, Any]] = {
    "POST /repos/{owner}/{repo}/issues/{issue_number}/labels": {
        "type": "array",
        "items": {"type": "string"},
    }
}


@functools.cache
def description() -> dict[str, Any]:
    """Load the vendored slice."""
    text = gzip.decompress((HERE / "github_openapi_slice.json.gz").read_bytes()).decode()
    loaded: dict[str, Any] = json.loads(text.replace('"$ref":"#/', f'"$ref":"{SLICE}#/'))
    return loaded


@functools.cache
def webhook_examples() -> dict[str, list[dict[str, Any]]]:
    """Load GitHub's published payloads by event name."""
    packed = (HERE / "webhook_examples.json.gz").read_bytes()
    loaded: dict[str, list[dict[str, Any]]] = json.loads(gzip.decompress(packed))
    return loaded


def described(operation: str) -> dict[str, Any]:
    """Return what the description says of an operation such as `GET /user`."""
    method, template = operation.split()
    facts: dict[str, Any] = description()["paths"][template][method.lower()]
    return facts


def response_faults(operation: str, status: int, content_type: str, body: bytes) -> tuple[str, ...]:
    """List what is wrong with a response, by the description; an empty result is a pass."""
    answer = described(operation)["responses"].get(str(status))
    if answer is None and status < 400 and status != 304:
        return (f"{operation}: GitHub never answers {status} here",)
    answer = _resolved(answer) if answer is not None else {}
    if not answer.get("content") and (status < 400 or not body):
        return (f"{operation}: {status} has no body in GitHub's answer",) if body else ()
    schema = _json_schema_of(answer.get("content", {}))
    if "json" not in content_type:
        return (f"{operation}: {status} is JSON at GitHub, not {content_type or 'untyped'}",)
    try:
        value = json.loads(body)
    except ValueError as error:
        return (f"{operation}: the body of {status} is not JSON: {error}",)
    if schema is None or status >= 400:
        return _error_faults(value, f"{operation} {status}", schema)
    return faults_of(value, schema, f"{operation} {status}", partial=True)


def request_faults(operation: str, body: bytes) -> tuple[str, ...]:
    """List what is wrong with a request, by what GitHub takes."""
    taken = _resolved(described(operation).get("requestBody", {}))
    schema = _json_schema_of(taken.get("content", {}))
    if not body:
        return (f"{operation}: a body is required",) if taken.get("required") and schema else ()
    if schema is None:
        return (f"{operation}: GitHub takes no body here",) if body.strip() != b"{}" else ()
    if operation in TAKEN_TOO:
        schema = {"anyOf": [schema, TAKEN_TOO[operation]]}
    return faults_of(json.loads(body), schema, f"request {operation}")


def hook_faults(event: str, body: bytes) -> tuple[str, ...]:
    """List what is wrong with a hook's payload, by the schema of its event and action."""
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
    """List what is wrong with a GraphQL document, by GitHub's schema."""
    return [fault.message for fault in validate(graphql_schema(), parse(document))]


def answer_faults(document: str, variables: dict[str, Any], data: Any) -> list[str]:
    """List what is wrong with the answer to a GraphQL document: each field that it names."""
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
    """List what is wrong with a value; a fault names the place and what is wrong there."""
    validator = _validator(json.dumps(schema, sort_keys=True), partial=partial)
    return tuple(
        f"{subject}: at {'/'.join(map(str, error.instance_path)) or 'the top'}: {error.message}"
        for error in validator.iter_errors(value)
    )


@functools.cache
def _validator(schema: str, *, partial: bool) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(
        _converted(json.loads(schema), partial=partial),
        registry=_registry(partial=partial),
        validate_formats=True,
        formats={"email": _is_address},
    )


@functools.cache
def _registry(*, partial: bool) -> jsonschema_rs.Registry:
    """Return the slice's schemas, to which references lead."""
    parts = _converted(description()["components"]["schemas"], partial=partial)
    slice_ = {"components": {"schemas": parts}}
    return jsonschema_rs.Registry([(SLICE, slice_)], draft=jsonschema_rs.Draft202012)


def _converted(node: Any, *, partial: bool) -> Any:
    """Return an OpenAPI 3.0 schema as a JSON Schema; `partial`: it lets fields be missing."""
    if isinstance(node, list):
        return [_converted(part, partial=partial) for part in node]
    if not isinstance(node, dict):
        return node
    schema = {key: _converted(value, partial=partial) for key, value in node.items()}
    if partial and "oneOf" in schema:
        # What lacks a field may fit two of them.
        schema["anyOf"] = schema.pop("oneOf")
    # A property may have this name: then its value is a schema.
    if partial and isinstance(schema.get("required"), list):
        del schema["required"]
    return {"anyOf": [schema, {"type": "null"}]} if node.get("nullable") is True else schema


def _is_address(text: str) -> bool:
    # GitHub's own addresses of bots, `1+name[bot]@...`, are none by the book.
    return re.fullmatch(r"[^@\s]+@[^@\s]+", text) is not None


def _error_faults(value: Any, subject: str, schema: dict[str, Any] | None) -> tuple[str, ...]:
    """List what is wrong with a refusal, by its own schema or the common one."""
    if not isinstance(value, dict):
        return (f"{subject}: a refusal is an object",)
    missing = [
        key for key in ("message", "documentation_url") if not isinstance(value.get(key), str)
    ]
    if missing:
        return (f"{subject}: a refusal without {' and '.join(missing)}",)
    if schema is None:
        name = "validation-error" if "errors" in value else "basic-error"
        schema = {"$ref": f"{SLICE}#/components/schemas/{name}"}
    return faults_of(value, schema, subject)


def _json_schema_of(content: dict[str, Any]) -> dict[str, Any] | None:
    schema: dict[str, Any] | None = next(
        (described.get("schema") for kind, described in content.items() if "json" in kind), None
    )
    return schema


def _resolved(node: dict[str, Any]) -> dict[str, Any]:
    reference = node.get("$ref")
    if reference is None:
        return node
    kind, name = reference.removeprefix(f"{SLICE}#/components/").split("/", 1)
    component: dict[str, Any] = description()["components"][kind][name]
    return component
