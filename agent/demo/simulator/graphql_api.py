"""GraphQL: run queries against the schema, and answer errors in GitHub's form.

What fields hold is in `graphql_nodes`, what mutations do in `graphql_mutations`.
"""

from __future__ import annotations

from functools import lru_cache
from importlib import resources
from typing import Any

from fastapi import APIRouter
from graphql import (
    ExecutionResult,
    GraphQLError,
    GraphQLResolveInfo,
    GraphQLSchema,
    build_schema,
    graphql_sync,
)

from agent.demo.simulator import graphql_mutations, graphql_nodes, refusals
from agent.demo.simulator.call import Call, parse
from agent.demo.simulator.graphql_nodes import Refused
from agent.demo.simulator.operations import Registered, endpoint
from agent.demo.simulator.refusals import Refusal
from agent.demo.simulator.world import World

PATH = "/api/graphql"
_TYPES = {401: "UNAUTHENTICATED", 403: "FORBIDDEN", 404: "NOT_FOUND"}


@lru_cache(maxsize=1)
def _schema() -> GraphQLSchema:
    source = resources.files("agent.demo.simulator").joinpath("schema.graphql")
    return build_schema(source.read_text(encoding="utf-8"))


def router(world: World) -> APIRouter:
    """Make the one route of GraphQL."""
    made = APIRouter()
    operation = Registered("POST", PATH, 200, content=False, work=_query)
    made.add_api_route(PATH, endpoint(world, operation), methods=["POST"], name="graphql")
    return made


def _query(call: Call) -> object:
    if call.caller.token is None:
        raise refusals.needs_authentication()
    sent = parse(call.raw)
    query = sent.get("query") if isinstance(sent, dict) else None
    if not isinstance(sent, dict) or not isinstance(query, str):
        words = "A query attribute must be specified and must be a string."
        return {"errors": [{"message": words}]}
    roots = {**graphql_nodes.queries(call), **graphql_mutations.mutations(call)}
    done = graphql_sync(
        _schema(),
        query,
        root_value=roots,
        variable_values=sent.get("variables") or {},
        operation_name=sent.get("operationName"),
        field_resolver=_resolve,
        type_resolver=lambda value, *_: value["__typename"],
    )
    return _answer(done)


def _resolve(source: dict[str, Any], info: GraphQLResolveInfo[None], **arguments: Any) -> Any:
    """Give a field of a node: a value, or what a function of its arguments gives."""
    value = source.get(info.field_name)
    return value(**arguments) if callable(value) else value


def _answer(done: ExecutionResult) -> dict[str, Any]:
    answer: dict[str, Any] = {}
    if done.data is not None or not done.errors:
        answer["data"] = done.data
    if done.errors:
        answer["errors"] = [_error(one) for one in done.errors]
        executed = any(one.path for one in done.errors)
        if executed:
            answer.setdefault("data", None)
    return answer


def _error(one: GraphQLError) -> dict[str, Any]:
    said: dict[str, Any] = {"message": one.message}
    cause = one.original_error
    if isinstance(cause, Refused):
        said["type"] = cause.kind
    elif isinstance(cause, Refusal):
        said["type"] = _TYPES.get(cause.status, "UNPROCESSABLE")
        details = [detail for detail in cause.errors or [] if isinstance(detail, dict)]
        words = [str(detail["message"]) for detail in details if detail.get("message")]
        said["message"] = ". ".join(words) or cause.message
    elif cause is not None:
        raise cause
    if one.path:
        said["path"] = one.path
    if one.locations:
        said["locations"] = [place.formatted for place in one.locations]
    return said
