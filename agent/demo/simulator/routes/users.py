"""Accounts: one's own, and any."""

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
