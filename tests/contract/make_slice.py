"""Make the vendored slice of GitHub's OpenAPI description and webhook payload examples.

Run it after `operations.py` has changed, with the npm packages named in NOTICE.md:

    npm pack @octokit/openapi@23.0.2 @octokit/webhooks-examples@7.6.1 \
        @octokit/graphql-schema@15.26.1
    python -m tests.contract.make_slice octokit-openapi-23.0.2.tgz \
        octokit-webhooks-examples-7.6.1.tgz octokit-graphql-schema-15.26.1.tgz

It keeps what the judge needs (parameters, request bodies, responses, the closure of their schemas,
the examples) and drops what only people read (descriptions, links), so that the files stay small.
"""

import dataclasses
import gzip
import json
import sys
import tarfile
from pathlib import Path
from typing import Any

from graphql import parse, print_ast, visit
from graphql.language import Node, Visitor

from tests.contract import operations

HERE = Path(__file__).parent
SLICE = HERE / "github_openapi_slice.json.gz"
EXAMPLES = HERE / "webhook_examples.json.gz"
GRAPHQL = HERE / "github_graphql.graphql.gz"
OPENAPI = ("@octokit/openapi", "23.0.2", "generated/api.github.com.json")
PAYLOADS = ("@octokit/webhooks-examples", "7.6.1", "api.github.com/index.json")
SCHEMA = ("@octokit/graphql-schema", "15.26.1", "schema.graphql")
FOR_PEOPLE = frozenset({"description", "summary", "externalDocs", "tags", "x-github", "headers"})
# Below these keys a name is a name and not a keyword: a property may be called "description".
NAMES_BELOW = frozenset({"properties", "patternProperties"})
DATA = frozenset({"example", "examples", "default", "enum"})


def main(arguments: list[str]) -> int:
    """Write the files from the three packages; say how large they are."""
    if len(arguments) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    description = json.loads(from_package(Path(arguments[0]), *OPENAPI))
    payloads = json.loads(from_package(Path(arguments[1]), *PAYLOADS))
    write(SLICE, as_text(sliced(description)))
    write(EXAMPLES, as_text({payload["name"]: payload["examples"] for payload in wanted(payloads)}))
    schema = from_package(Path(arguments[2]), *SCHEMA).decode()
    write(GRAPHQL, print_ast(visit(parse(schema, no_location=True), _WithoutProse())))
    for path in (SLICE, EXAMPLES, GRAPHQL):
        print(f"{path.name}: {path.stat().st_size:,} bytes")
    return 0


def from_package(archive: Path, name: str, version: str, member: str) -> bytes:
    """Read one file of an npm package, which must be the one that NOTICE.md names."""
    with tarfile.open(archive) as package:
        about = json.loads(_member(package, "package.json"))
        if (about["name"], about["version"]) != (name, version):
            raise SystemExit(
                f"{archive} is {about['name']} {about['version']}; wanted {name} {version}. "
                "To move to another version, change it here and in NOTICE.md."
            )
        return _member(package, member)


def sliced(description: dict[str, Any]) -> dict[str, Any]:
    """Cut the description down to our operations and hooks with all that they refer to."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in sorted(operations.OPERATIONS):
        method, template = operation.split()
        try:
            described = description["paths"][template][method.lower()]
        except KeyError:
            raise SystemExit(f"GitHub's description has no operation {operation}") from None
        paths.setdefault(template, {})[method.lower()] = _without_prose(described)
    hooks = {}
    for hook in operations.HOOKS:
        body = description["x-webhooks"][hook]["post"]["requestBody"]
        hooks[hook] = body["content"]["application/json"]["schema"]
    # Every refusal has one of these two shapes, whether or not the operation lists it.
    errors = [
        {"$ref": f"#/components/schemas/{name}"} for name in ("basic-error", "validation-error")
    ]
    start = {"paths": paths, "hooks": hooks, "errors": errors}
    return {
        "openapi": description["openapi"],
        "info": {"title": "Slice of GitHub's REST API", "version": description["info"]["version"]},
        "paths": paths,
        "x-webhooks": hooks,
        "components": _closure(start, description["components"]),
    }


def wanted(payloads: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Choose the events that our listener hears."""
    chosen = [payload for payload in payloads if payload["name"] in operations.EXAMPLE_EVENTS]
    missing = set(operations.EXAMPLE_EVENTS) - {payload["name"] for payload in chosen}
    if missing:
        raise SystemExit(f"the examples have no event {', '.join(sorted(missing))}")
    return chosen


class _WithoutProse(Visitor):
    """Takes descriptions and directives away."""

    def leave(self, node: Node, *_: object) -> Node:
        prose: dict[str, Any] = {"description": None, "directives": ()}
        return dataclasses.replace(node, **{k: v for k, v in prose.items() if k in node.keys})


def as_text(content: Any) -> str:
    """Return compact JSON."""
    return json.dumps(content, separators=(",", ":"), sort_keys=True, ensure_ascii=False)


def write(path: Path, text: str) -> None:
    """Write compressed, so that the same content gives the same bytes."""
    path.write_bytes(gzip.compress(text.encode(), compresslevel=9, mtime=0))


def _closure(start: Any, components: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Collect every component that is referred to, directly or through another one."""
    kept: dict[str, dict[str, Any]] = {}
    waiting = _references(start)
    while waiting:
        kind, name = waiting.pop().removeprefix("#/components/").split("/", 1)
        if name in kept.setdefault(kind, {}):
            continue
        component = components[kind][name]
        kept[kind][name] = component if kind == "examples" else _without_prose(component)
        waiting |= _references(kept[kind][name])
    return kept


def _references(node: Any) -> set[str]:
    if isinstance(node, list):
        return set().union(*map(_references, node)) if node else set()
    if not isinstance(node, dict):
        return set()
    if isinstance(node.get("$ref"), str):
        return {node["$ref"]}
    return _references(list(node.values()))


def _without_prose(node: Any, *, names: bool = False) -> Any:
    if isinstance(node, list):
        return [_without_prose(part) for part in node]
    if not isinstance(node, dict):
        return node
    kept = {}
    for key, value in node.items():
        if names:
            kept[key] = _without_prose(value)
        elif key in DATA:
            kept[key] = value
        elif key not in FOR_PEOPLE:
            kept[key] = _without_prose(value, names=key in NAMES_BELOW)
    return kept


def _member(package: tarfile.TarFile, member: str) -> bytes:
    file = package.extractfile(f"package/{member}")
    if file is None:
        raise SystemExit(f"{package.name!r} has no file {member}")
    return file.read()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
