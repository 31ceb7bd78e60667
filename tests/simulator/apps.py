"""Operations on Apps: registration, installations and their tokens, the log of deliveries."""

import json

from tests.simulator import shapes
from tests.simulator.calls import Call, NotFound, Refusal, operation
from tests.simulator.hooks import Delivery
from tests.simulator.records import App, Installation

_INSTALLATION = "/app/installations/{installation_id}"
_DELIVERIES = "/app/hook/deliveries"
_LEVELS = ("read", "write", "admin")


def _require_app(call: Call) -> App:
    """Return the App that asks; only a JWT will do."""
    if call.caller.app is None:
        raise Refusal(401, "A JSON web token could not be decoded")
    return call.caller.app


@operation("GET", "/app")
def _get_app(call: Call) -> object:
    return {**shapes.shape_app(call.world, _require_app(call)), "installations_count": 1}


# --- installations -------------------------------------------------------------------------------


def _find_installation(call: Call) -> Installation:
    installation = call.world.installations.get(call.read_number("installation_id"))
    if installation is None or installation.app is not _require_app(call):
        raise NotFound
    return installation


@operation("GET", "/repos/{owner}/{repo}/installation")
def _get_repository_installation(call: Call) -> object:
    app, world = _require_app(call), call.world
    repository = world.find_repository(f"{call.params['owner']}/{call.params['repo']}")
    for installation in world.installations.values():
        if repository and installation.app is app and installation.covers(repository):
            return shapes.shape_installation(installation)
    raise NotFound


@operation("POST", f"{_INSTALLATION}/access_tokens", 201)
def _create_token(call: Call) -> object:
    """Make an installation token, narrowed to repositories and permissions."""
    installation, body = _find_installation(call), call.body
    covered = [
        repository
        for repository in call.world.repositories.values()
        if installation.covers(repository)
    ]
    names = [name.lower() for name in body.get("repositories", [])]
    numbers = body.get("repository_ids", [])
    chosen = [
        repository
        for repository in covered
        if repository.name.lower() in names or repository.id in numbers
    ]
    if len(chosen) < len(names) + len(numbers):
        raise Refusal(422, "There is at least one repository that is not accessible.")
    wanted = body.get("permissions", {})
    for area, level in wanted.items():
        held = installation.permissions.get(area)
        if held is None or _LEVELS.index(held) < _LEVELS.index(level):
            message = "The permissions requested are not granted to this installation."
            raise Refusal(422, message)
    permissions = {"metadata": "read", **wanted} if wanted else None
    ids = {repository.id for repository in chosen} if chosen else None
    token = call.world.issue_token(installation, permissions, ids)
    shaped = {
        "token": token.value,
        "expires_at": shapes.format_time(token.expires or 0),
        "permissions": token.permissions,
        "repository_selection": "selected" if chosen or installation.repository_ids else "all",
    }
    listed = [shapes.shape_repository(repository) for repository in chosen]
    return {**shaped, "repositories": listed} if listed else shaped


# --- deliveries ----------------------------------------------------------------------------------


@operation("GET", _DELIVERIES)
def _list_deliveries(call: Call) -> object:
    """List the App's deliveries, newest first, on one page."""
    hook, size = _require_app(call).hook, int(call.query.get("per_page", 30))
    done = [delivery for delivery in reversed(call.world.hooks.log) if _is_tried(delivery, hook.id)]
    return [_shape(delivery) for delivery in done[:size]]


def _is_tried(delivery: Delivery, hook_id: int) -> bool:
    return delivery.hook.id == hook_id and delivery.state != "waiting"


def _shape(delivery: Delivery) -> shapes.Shape:
    named = ("id", "guid", "redelivery", "status_code", "event", "action")
    return {
        **{name: getattr(delivery, name) for name in named},
        "delivered_at": shapes.format_time(delivery.delivered or delivery.created),
    }


@operation("GET", f"{_DELIVERIES}/{{delivery_id}}")
def _show_delivery(call: Call) -> object:
    hook, number = _require_app(call).hook, call.read_number("delivery_id")
    for delivery in call.world.hooks.log:
        if delivery.id == number and _is_tried(delivery, hook.id):
            request = {"headers": {}, "payload": json.loads(delivery.body)}
            return {
                **_shape(delivery),
                "request": request,
                "response": {"headers": {}, "payload": ""},
            }
    raise NotFound
