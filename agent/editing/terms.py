"""What a job with models is held to from its beginning to its end.

Read once, as a step: an operator may change settings while a run is under way, and the order of
its steps has to stay. What may be spent is looked up at each request instead.
"""

from __future__ import annotations

from typing import get_args

from agent.chat import Role
from agent.domain import Category, Record
from agent.ports import ChatModel
from repo_config.schema import RepoConfig


class Terms(Record):
    """How often things are tried, and by whom."""

    repair_rounds: int = 4
    candidates: int = 2
    roles: tuple[Role, ...] = ()
    """For which a model is set."""


def read(config: RepoConfig, models: ChatModel, category: Category) -> Terms:
    """Read what the repository asks for, and who is set to do it."""
    roles: tuple[Role, ...] = get_args(Role)
    return Terms(
        repair_rounds=config.limits.repair_rounds,
        candidates=config.limits.candidates,
        roles=tuple(role for role in roles if models.chain(role, category)),
    )
