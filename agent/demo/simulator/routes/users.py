"""Accounts, the server itself, and the rate limit."""

from __future__ import annotations

from agent.demo.simulator import refusals
from agent.demo.simulator.call import Call
from agent.demo.simulator.operations import Operations
from agent.demo.simulator.shapes import people

api = Operations()


@api.get("/user")
def get_user(call: Call) -> object:
    """Answer with the account that asks; installations have none."""
    token = call.caller.token
    if call.caller.app or (token and token.installation):
        raise refusals.integration_forbidden({"metadata": "read"})
    return people.own_profile(call.world, call.caller.user)


@api.get("/users/{username}")
def get_user_by_login(call: Call) -> object:
    """Answer with any account."""
    found = call.world.users.get(call.params["username"].lower())
    if found is None:
        raise refusals.not_found()
    return people.profile(call.world, found)


@api.get("/rate_limit", uncounted=True)
def get_rate_limit(call: Call) -> object:
    """Answer with where the caller stands; costs nothing."""
    window = call.world.limits.window(call.caller.identity)
    core = {
        "limit": window.limit,
        "used": window.used,
        "remaining": window.remaining,
        "reset": int(window.reset),
    }
    other = {"limit": 30, "used": 0, "remaining": 30, "reset": int(window.reset)}
    graphql = {**core, "used": 0, "remaining": window.limit}
    return {"resources": {"core": core, "search": other, "graphql": graphql}, "rate": core}


@api.get("/meta")
def get_meta(call: Call) -> object:
    """Answer with what the server is."""
    return {"verifiable_password_authentication": True, "installed_version": "3.17.0"}
