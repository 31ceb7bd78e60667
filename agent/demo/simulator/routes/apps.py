"""Apps: who am I, where am I installed, tokens, and the log of deliveries."""

from __future__ import annotations

import json
import re
import secrets

from agent.demo.simulator import refusals, registration
from agent.demo.simulator.call import Body, Call, Reply
from agent.demo.simulator.operations import Operations
from agent.demo.simulator.records import App, Delivery, Installation, Repository
from agent.demo.simulator.refusals import Refusal
from agent.demo.simulator.shapes import people, repositories
from agent.demo.simulator.shapes.people import Shape, moment, moment_or_none

api = Operations()
_LEVELS = ("read", "write", "admin")
_CURSOR = re.compile(r"v1_([0-9]{1,18})")
_REDELIVERY_SECONDS = 3 * 24 * 3600


class _TokenBody(Body):
    repositories: list[str] | None = None
    repository_ids: list[int] | None = None
    permissions: dict[str, str] | None = None


def _app(call: Call) -> App:
    """Give the App that asks; only a JWT will do."""
    if call.caller.app is None:
        raise Refusal(401, "A JSON web token could not be decoded")
    return call.caller.app


def _installation(call: Call) -> Installation:
    found = call.world.installations.get(call.number("installation_id"))
    if found is None or found.app is not _app(call):
        raise refusals.not_found()
    return found


@api.get("/app")
def get_app(call: Call) -> object:
    """Answer with the App itself."""
    app = _app(call)
    count = sum(one.app is app for one in call.world.installations.values())
    return {**people.app(call.world, app), "installations_count": count}


@api.post("/app-manifests/{code}/conversions")
def convert_manifest(call: Call) -> object:
    """Hand out what belongs to an App that was registered from a manifest; once, within an hour."""
    app = registration.convert(call.world, call.params["code"])
    if app is None:
        raise refusals.not_found()
    shaped = people.app(call.world, app)
    return {
        **shaped,
        "client_secret": secrets.token_hex(20),
        "webhook_secret": app.hook.secret,
        "pem": app.private_key,
    }


@api.get("/app/installations/{installation_id}")
def get_installation(call: Call) -> object:
    """Answer with one installation."""
    _app(call)
    return people.installation(call.world, _installation(call))


@api.get("/repos/{owner}/{repo}/installation")
def get_repository_installation(call: Call) -> object:
    """Find the App's installation on a repository."""
    app = _app(call)
    full_name = f"{call.params['owner']}/{call.params['repo']}"
    repository = call.world.find_repository(full_name)
    moved = None if repository else call.world.moved_repository(full_name)
    for one in call.world.installations.values():
        if one.app is app and repository and one.covers(repository):
            return people.installation(call.world, one)
        if one.app is app and moved and one.covers(moved):
            from agent.demo.simulator.call import moved_permanently

            raise moved_permanently(call, f"/repositories/{moved.id}/installation")
    raise refusals.not_found()


@api.post("/app/installations/{installation_id}/access_tokens")
def create_token(call: Call) -> object:
    """Make an installation token, narrowed to repositories and permissions."""
    _app(call)
    installation = _installation(call)
    body = call.body(_TokenBody)
    if installation.suspended is not None:
        raise Refusal(403, "This installation has been suspended")
    chosen = _chosen(call, installation, body)
    permissions = _narrowed(installation, body.permissions or {})
    ids = None if chosen is None else {one.id for one in chosen}
    token = call.world.issue_token(installation, permissions, ids)
    selection = "selected" if chosen is not None or installation.repository_ids else "all"
    answer: Shape = {
        "token": token.value,
        "expires_at": moment(token.expires or 0),
        "permissions": dict(token.permissions),
        "repository_selection": selection,
    }
    if chosen is not None:
        answer["repositories"] = [repositories.repository(call.world, one) for one in chosen]
    return answer


def _chosen(call: Call, installation: Installation, body: _TokenBody) -> list[Repository] | None:
    if not body.repositories and not body.repository_ids:
        return None
    covered = [one for one in call.world.repositories.values() if installation.covers(one)]
    by_name = {one.name.lower(): one for one in covered}
    by_id = {one.id: one for one in covered}
    found = [by_name.get(name.lower()) for name in body.repositories or []]
    found += [by_id.get(number) for number in body.repository_ids or []]
    chosen = [one for one in found if one]
    if len(chosen) < len(found):
        raise Refusal(
            422,
            "There is at least one repository that does not exist or is not accessible to the "
            "parent installation.",
        )
    return chosen


def _narrowed(installation: Installation, wanted: dict[str, str]) -> dict[str, str]:
    for area, level in wanted.items():
        if level not in _LEVELS:
            raise refusals.unprocessable(f"Invalid value for permission {area}: {level}")
        held = installation.permissions.get(area)
        if held is None or _LEVELS.index(held) < _LEVELS.index(level):
            raise refusals.unprocessable(
                "The permissions requested are not granted to this installation."
            )
    return {"metadata": "read", **wanted} if wanted else dict(installation.permissions)


# deliveries


@api.get("/app/hook/deliveries")
def list_deliveries(call: Call) -> object:
    """List the App's deliveries, newest first."""
    app = _app(call)
    mine = [one for one in reversed(call.world.hooks.log) if one.hook is app.hook]
    done = [one for one in mine if one.state != "waiting"]
    status = call.query.get("status")
    if status not in (None, "success", "failure"):
        raise refusals.unprocessable("Invalid status; it is one of success, failure.")
    if status:
        done = [one for one in done if (one.state == "sent") is (status == "success")]
    if cursor := call.query.get("cursor"):
        first = _CURSOR.fullmatch(cursor)
        if first is None:
            raise Refusal(400, "Invalid cursor")
        done = [one for one in done if one.id <= int(first[1])]
    asked = call.query.get("per_page", "")
    size = min(max(1, int(asked)), 100) if re.fullmatch(r"[0-9]{1,6}", asked) else 30
    page, rest = done[:size], done[size:]
    headers = {}
    if rest:
        narrowed = f"&status={status}" if status else ""
        query = f"per_page={size}{narrowed}&cursor=v1_{rest[0].id}"
        address = f"{call.world.base_url}{call.path}?{query}"
        headers["Link"] = f'<{address}>; rel="next"'
    return Reply([_listed(one) for one in page], headers=headers)


def _listed(one: Delivery) -> Shape:
    return {
        "id": one.id,
        "guid": one.guid,
        "delivered_at": moment(one.delivered or one.created),
        "redelivery": one.redelivery,
        "duration": one.duration,
        "status": one.status,
        "status_code": one.status_code,
        "event": one.event,
        "action": one.action,
        "installation_id": one.installation_id,
        "repository_id": one.repository_id,
        "throttled_at": moment_or_none(None),
    }


def _delivery(call: Call) -> Delivery:
    app, number = _app(call), call.number("delivery_id")
    for one in call.world.hooks.log:
        if one.id == number and one.hook is app.hook and one.state != "waiting":
            return one
    raise refusals.not_found()


@api.get("/app/hook/deliveries/{delivery_id}")
def get_delivery(call: Call) -> object:
    """Answer with one delivery, request and answer included."""
    one = _delivery(call)
    return {
        **_listed(one),
        "url": one.hook.url,
        "request": {"headers": one.headers, "payload": json.loads(one.body)},
        "response": {"headers": one.answer_headers, "payload": one.answer},
    }


@api.post("/app/hook/deliveries/{delivery_id}/attempts", 202)
def redeliver(call: Call) -> object:
    """Deliver once more, with the same GUID."""
    one = _delivery(call)
    if one.created < call.world.now() - _REDELIVERY_SECONDS:
        raise refusals.unprocessable("Hook delivery is too old to be redelivered")
    call.world.hooks.redeliver(one)
    return {}
