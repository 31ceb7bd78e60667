"""Which server is chosen, and by which names a project finds it."""

import pytest

from agent.models.environment import SandboxService
from agent.models.record import replace
from agent.models.sandbox import SandboxRequest, SandboxResult
from agent.setup import sandbox_services, server_programs
from agent.setup.server_programs import ServerProgram
from repo_config.servers import read_rows


def postgres(version: str) -> ServerProgram:
    program = f"/usr/lib/postgresql/{version.partition('.')[0]}/bin/postgres"
    return ServerProgram(program, version, "PostgreSQL")


THERE = {"postgres": [*map(postgres, ("9.6.24", "15.18", "17beta1", "14.2"))]}
REDIS = SandboxService(name="redis", title="Redis 7", argv=("/r",), ports=(6379,))


@pytest.mark.parametrize(
    ("wanted", "version"),
    [("postgres", "17beta1"), ("postgres:15", "15.18"), ("postgres:9.6", "9.6.24")],
)
def test_the_newest_that_fits_is_chosen(wanted, version):
    assert server_programs.choose_program(wanted, THERE) == postgres(version)
    assert server_programs.choose_program("redis", THERE) is None


def test_only_a_place_that_was_ordered_says_that_a_server_did_not_start():
    order = sandbox_services.add_services(SandboxRequest(argv=("true",)), (REDIS,))
    (place,) = order.collect
    result = SandboxResult(exit_code=69, output="", output_bytes=0, seconds=0.1)
    said = replace(result, files={place: b"Redis 7 ended\nat once: \x1b[31mno"})
    assert sandbox_services.not_started(order, said) == "Redis 7 ended at once: no"
    forged = replace(result, files={"/out/services-0": b"Redis did not start"})
    assert sandbox_services.not_started(order, forged) == ""


@pytest.mark.parametrize(
    ("env", "users", "databases"),
    [
        ({}, ["postgres"], ["postgres"]),
        ({"DATABASE_URL": "postgres://u%40x:p@db:5432/n"}, ["u@x"], ["n"]),
        ({"DATABASE_URL": "postgres://localhost", "PGUSER": ""}, ["postgres"], ["postgres"]),
        ({"DB_USERNAME": "u", "POSTGRES_DB": "n", "POSTGRES_DB_TEST": "t"}, ["u"], ["n", "t"]),
        ({"DB_USER_FILE": "/run/user", "POSTGRES_DB": "n"}, ["postgres"], ["n"]),
    ],
)
def test_users_and_databases_are_those_that_variables_name(env, users, databases):
    accounts = sandbox_services.list_accounts(read_rows()["postgres"], env)
    assert (accounts.users, accounts.databases) == (users, databases)
