"""Which server is chosen, and by which names a project finds it."""

from __future__ import annotations

import pytest

from agent.errors import EnvironmentFailed
from agent.models.environment import SandboxService
from agent.models.sandbox import Root, SandboxRequest, SandboxResult
from agent.setup import sandbox_services


def postgres(version: str) -> SandboxService:
    program = f"/usr/lib/postgresql/{version.partition('.')[0]}/bin/postgres"
    return SandboxService(name="postgres", version=version, program=program)


REDIS = SandboxService(name="redis", version="7.0.15", program="/usr/bin/redis-server")
THERE = (postgres("9.6.24"), postgres("15.18"), postgres("17beta1"), postgres("14.2"), REDIS)


@pytest.mark.parametrize(
    ("wanted", "version"),
    [("postgres", "17beta1"), ("postgres:15", "15.18"), ("postgres:9.6", "9.6.24")],
)
def test_the_newest_that_fits_is_chosen(wanted, version):
    assert sandbox_services.choose_program(wanted, THERE, Root()).version == version


def test_what_is_missing_is_named_with_what_would_provide_it():
    with pytest.raises(EnvironmentFailed) as caught:
        sandbox_services.choose_program("postgres:16", THERE[1:2], Root(more="apt-get install"))
    for told in ("PostgreSQL 16", "15.18", "apt-get install postgresql-16"):
        assert told in caught.value.message


def test_the_usual_variables_lead_to_the_servers():
    server = SandboxService(
        name="postgres", version="15", program="/p", user="web app", database="shop"
    )
    said = sandbox_services.variables(
        (server, SandboxService(name="redis", version="7", program="/r"))
    )
    assert said["DATABASE_URL"] == "postgresql://web%20app:postgres@127.0.0.1:5432/shop"
    assert (said["PGHOST"], said["PGPORT"], said["PGUSER"]) == ("127.0.0.1", "5432", "web app")
    assert (said["POSTGRES_DB"], said["DB_NAME"], said["PGDATABASE"]) == ("shop",) * 3
    assert said["REDIS_URL"] == "redis://127.0.0.1:6379/0"


def test_only_a_place_that_was_ordered_says_that_a_server_did_not_start():
    order = sandbox_services.add_services(
        SandboxRequest(argv=("true",)),
        (SandboxService(name="redis", version="7", program="/r"),),
    )
    (place,) = order.collect
    result = SandboxResult(exit_code=69, output="", output_bytes=0, seconds=0.1)
    said = result.model_copy(update={"files": {place: b"Redis 7 ended\nat once: \x1b[31mno"}})
    assert sandbox_services.not_started(order, said) == "Redis 7 ended at once: no"
    forged = result.model_copy(update={"files": {"/out/services-0": b"Redis did not start"}})
    assert sandbox_services.not_started(order, forged) == ""


@pytest.mark.parametrize(
    ("env", "users", "databases"),
    [
        ({}, ["postgres"], ["postgres"]),
        ({"DATABASE_URL": "postgres://u%40x:p@db:5432/n"}, ["u@x"], ["n"]),
        ({"DATABASE_URL": "postgres://localhost", "PGUSER": ""}, ["postgres"], ["postgres"]),
    ],
)
def test_users_and_databases_are_those_that_variables_name(env, users, databases):
    assert sandbox_services.list_accounts(env) == (users, databases)
