"""Servers in the sandbox: real PostgreSQL and Redis, whole checks, and what happens without them."""

import dataclasses
import re
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from agent.checks.check import Site
from agent.desk import Desk
from agent.errors import EnvironmentFailed
from agent.git import worktree
from agent.models.checks import Status
from agent.models.environment import Contract, OpenedRepository
from agent.models.record import replace
from agent.models.run import Run
from agent.models.sandbox import SandboxLimits
from agent.models.ticket import Ticket
from agent.setup import sandbox_requests, sandbox_services
from agent.setup.package_index import PackageIndex
from agent.stages import environment
from repo_config import detect
from repo_config.schema import RepoConfig
from tests import sandboxes as kinds
from tests.deep import deep
from tests.fakes import FakeCodeHost
from tests.folders import data_folder, lay_files
from tests.integration import check_samples, git_samples
from tests.integration.check_samples import SITE, Files

pytestmark = pytest.mark.index

BOTH = {"services": ["postgres", "redis"]}


class Ground:
    """One data folder, and checks of trees in environments that are built for them."""

    def __init__(self, backend: str, home: Path) -> None:
        self.backend = backend
        self.home = home
        self.settings = kinds.settings_for(backend, home)
        self.sandbox = kinds.open_sandbox(backend, home)
        self.said: list[str] = []

    def site(self, files: Files, told: Mapping[str, object], **settings: object) -> Site:
        given = replace(self.settings, **settings)
        sandbox = kinds.open_sandbox(self.backend, self.home, **settings) if settings else None
        return check_samples.declared_site(
            files, told, given, sandbox or self.sandbox, self.said.append
        )

    def measured(self, site: Site) -> dict[str, Any]:
        return check_samples.measured(site, self.sandbox)

    def printed(self, files: Files, told: Mapping[str, object], program: str) -> str:
        """Return what a program prints beside the servers, with the variables that a check has."""
        site = self.site(files, told)
        services = site.environment.services
        order = sandbox_requests.make_request(
            site.environment, site.tree, (sandbox_requests.PYTHON, "-c", textwrap.dedent(program)),
            environ={**sandbox_services.variables(services), **site.config.env},
            limits=SandboxLimits(seconds=60),
        )  # fmt: skip
        order = sandbox_services.add_services(order, services)
        result = self.sandbox.run(order)
        assert result.exit_code == 0, result.output
        return result.output.strip()


@pytest.fixture(scope="module", params=kinds.BACKENDS)
def ground(request: pytest.FixtureRequest) -> Iterator[Ground]:
    with data_folder("services", built=True) as home:
        yield Ground(str(request.param), home)


REQUIREMENTS = {
    "requirements.txt": "django>=5.2,<5.3\npsycopg[binary]\nredis\npytest\npytest-django\n"
}
SHOP = {
    **REQUIREMENTS,
    **SITE,
    "proj/settings.py": re.sub(
        r"(?m)^DATABASES.*",
        "DATABASES = {'default': {'ENGINE': 'django.db.backends.postgresql', 'NAME': 'postgres',"
        " 'USER': 'postgres', 'HOST': 'localhost'}}",
        SITE["proj/settings.py"],
    ),
    "shop/models.py": """
        from django.contrib.postgres.fields import ArrayField
        from django.db import models


        class Order(models.Model):
            tags = ArrayField(models.CharField(max_length=10))
    """,
    "shop/migrations/0001_initial.py": """
        import django.contrib.postgres.fields
        from django.db import migrations, models


        class Migration(migrations.Migration):
            initial = True
            dependencies = []
            operations = [
                migrations.CreateModel(
                    name="Order",
                    fields=[
                        ("id", models.BigAutoField(
                            auto_created=True, primary_key=True, serialize=False,
                            verbose_name="ID")),
                        ("tags", django.contrib.postgres.fields.ArrayField(
                            base_field=models.CharField(max_length=10), size=None)),
                    ],
                )
            ]
    """,
    "shop/test_orders.py": """
        import os

        import redis
        from django.test import TestCase

        from shop.models import Order


        class OrderTests(TestCase):
            def test_an_array_is_found_by_what_it_holds(self):
                Order.objects.create(tags=["a", "b"])
                self.assertEqual(Order.objects.filter(tags__contains=["a"]).count(), 1)

            def test_what_is_put_in_comes_out(self):
                store = redis.Redis.from_url(os.environ["REDIS_URL"])
                self.assertEqual(store.dbsize(), 0)
                store.set("key", "value")
                self.assertEqual(store.get("key"), b"value")
    """,
}  # fmt: skip


@pytest.mark.deep
@pytest.mark.parametrize("runner", ["pytest", "python manage.py test"])
def test_a_django_project_on_postgres_is_checked_as_a_whole(ground, runner):
    found = ground.measured(ground.site(SHOP, {**BOTH, "checks": {"tests": runner}}))
    told = {name: (one.status, one.reason) for name, one in found.items()}
    for name in ("django check", "makemigrations", "tests"):
        assert told[name] == (Status.PASSED, ""), found[name].output
    assert "consistent migration history" not in found["makemigrations"].output
    assert {item.outcome for item in found["tests"].items} == {"passed"}
    assert len(found["tests"].items) == 2


#: What a client of each row gets back; PyPI has the clients.
CLIENTS = {
    "mysql": (
        "pymysql",
        """
        import os, pymysql
        for where in ({"host": "127.0.0.1"}, {"unix_socket": os.environ["MYSQL_UNIX_PORT"]}):
            with pymysql.connect(user="web", password="any", database="shop", **where) as there:
                cursor = there.cursor()
                cursor.execute("CREATE DATABASE IF NOT EXISTS test_shop")
                cursor.execute("SELECT @@character_set_server, database()")
                print(*cursor.fetchone())
        """,
        "utf8mb4 shop\nutf8mb4 shop",
    ),
    "valkey": ("redis", "import redis; print(redis.Redis('valkey').ping())", "True"),
    "memcached": (
        "pymemcache",
        """
        from pymemcache.client.base import Client
        client = Client("memcached:11211")
        client.set("a", b"1", noreply=False)
        print(client.get("a"))
        """,
        "b'1'",
    ),
    "rabbitmq": (
        "pika",
        """
        import os, pika
        connection = pika.BlockingConnection(pika.URLParameters(os.environ["RABBITMQ_URL"]))
        channel = connection.channel()
        channel.queue_declare("q")
        channel.basic_publish("", "q", b"hello")
        print(channel.basic_get("q", auto_ack=True)[2])
        """,
        "b'hello'",
    ),
    "mosquitto": (
        "paho-mqtt",
        """
        from paho.mqtt import publish, subscribe
        publish.single("a/b", "hello", hostname="mqtt", retain=True)
        print(subscribe.simple("a/b", hostname="mqtt").payload)
        """,
        "b'hello'",
    ),
    "nats": (
        "nats-py",
        """
        import asyncio, os, nats
        async def main():
            connection = await nats.connect(os.environ["NATS_URL"])
            await connection.jetstream().add_stream(name="s", subjects=["s"])
            print((await connection.jetstream().publish("s", b"hello")).seq)
            await connection.close()
        asyncio.run(main())
        """,
        "1",
    ),
    "smtp": (
        "",
        """
        import os, smtplib
        with smtplib.SMTP(os.environ["EMAIL_HOST"], int(os.environ["EMAIL_PORT"])) as server:
            print(server.sendmail("a@example.com", ["b@example.com"], "Subject: x\\n\\nhello"))
        """,
        "{}",
    ),
    "clamav": (
        "",
        r"""
        import socket
        test = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
        with socket.create_connection(("clamd", 3310)) as there:
            there.sendall(b"zINSTREAM\0" + len(test).to_bytes(4, "big") + test + bytes(4))
            print(there.recv(100).decode().strip("\0"))
        """,
        "stream: Eicar-Test-Signature.UNOFFICIAL FOUND",
    ),
}  # fmt: skip
#: Images have the programs that they were built with; only bubblewrap lays packages over them.
LAID = pytest.mark.parametrize("ground", ["bubblewrap"], indirect=True)


@pytest.mark.deep
@LAID
@pytest.mark.parametrize("name", CLIENTS)
def test_a_row_works_with_a_client_of_its_own(ground, name):
    package, program, expected = CLIENTS[name]
    env = {"DATABASE_URL": "mysql://web@mysql/shop"} if name == "mysql" else {}
    files = {"requirements.txt": f"{package}\n"}
    printed = ground.printed(files, {"services": [name], "env": env}, program)
    assert printed.endswith(expected)


OWN = {
    "server.py": """
        import http.server, os, sys
        assert os.environ["GREETING"] == "hello", os.environ
        # What a check is told is read and deleted before code of the repository runs.
        assert not os.path.exists("/tmp/mergewright-order.json")
        http.server.test(http.server.SimpleHTTPRequestHandler, port=8123, bind="127.0.0.1")
    """,
    "hello.txt": "hello",
    "test_it.py": """
        from urllib.request import urlopen

        def test_it_answers():
            assert urlopen("http://files:8123/hello.txt").read() == b"hello"
    """,
    "requirements.txt": "pytest\n",
}
RUN = {"name": "files", "run": "python ~/server.py", "ready": 8123}


@pytest.fixture(scope="module")
def served(ground: Ground) -> Site:
    """A site whose set-up was served by a command of its repository."""
    told = {
        "env": {"GREETING": "hello"},
        "services": ["redis", RUN],
        "setup": [
            "cp server.py ~/",
            "uv pip install -r requirements.txt",
            "python -c 'from urllib.request import urlopen as u; u(\"http://files:8123\")'",
        ],
        "checks": {
            "extra": [
                {"name": "asks", "run": "python -c 'import test_it as t; t.test_it_answers()'"}
            ]
        },
    }
    return ground.site(OWN, told)


def test_a_command_of_the_repository_serves_its_set_up_and_its_checks(ground, served):
    found = ground.measured(served)
    assert found["tests"].count("passed") == 1, found["tests"].output
    assert found["asks"].status is Status.PASSED, found["asks"].output


def test_a_command_that_does_not_serve_is_named_with_its_last_words(ground, served):
    failing = "sleep 0.1; echo no luck; exit 3"
    (own,) = [one for one in served.environment.services if one.name == "files"]
    services = (replace(own, argv=("sh", "-c", failing)),)
    environment = replace(served.environment, services=services)
    found = ground.measured(dataclasses.replace(served, environment=environment))["tests"]
    assert (found.status, found.items) == (Status.UNVERIFIED, ())
    assert found.reason == "the check did not start: files ended at once: no luck"
    with pytest.raises(EnvironmentFailed, match="files ended at once: no luck"):
        ground.site(OWN, {"services": [{**RUN, "run": failing}]})


KNOCKS = {
    "psycopg[binary]": ("psycopg.connect(host='db', user='shop', dbname='orders')", "postgres"),
    "psycopg2-binary": ("psycopg2.connect(user='shop', dbname='orders')", "postgres"),
    "redis": ("redis.Redis('cache').ping()", "redis"),
    "pymysql": ("pymysql.connect(host='127.0.0.1')", "mariadb"),
    "": ("", ""),
}


@pytest.mark.parametrize("package", ["psycopg[binary]", *map(deep, list(KNOCKS)[1:])])
def test_tests_that_connect_to_a_server_name_it(ground, package):
    call, name = KNOCKS[package]
    program = (
        f"import time, {call.partition('.')[0]}\n\ndef test_it():\n    {call}\n    time.sleep(60)\n"
    )
    files = {
        "requirements.txt": f"pytest\n{package}\n",
        "test_it.py": program if package else "def test_it():\n    pass\n",
    }
    site = ground.site(files, {})
    listener = sandbox_services.make_listener(site.environment)
    environment = replace(site.environment, services=(listener,))
    found = ground.measured(dataclasses.replace(site, environment=environment))["tests"]
    if not name:
        assert (found.status, found.knock) == (Status.PASSED, None)
        return
    assert (found.status, found.knock.name) == (Status.UNVERIFIED, name)
    assert found.seconds < 30
    account = ("shop", "orders") if name == "postgres" else ("", "")
    assert (found.knock.user, found.knock.database) == account


SHOPKEEPER = {
    "requirements.txt": "pytest\npsycopg[binary]\nredis\n",
    "test_shop.py": """
        import psycopg, redis, socket


        def test_orders_are_in_a_database():
            with psycopg.connect("host=db user=shop dbname=orders password=secret") as there:
                assert there.execute("SELECT current_database()").fetchone() == ("orders",)


        def test_a_cache_answers():
            assert redis.Redis("redis").ping()


        def test_a_port_is_free():
            with socket.create_server(("127.0.0.1", 1025)):
                pass
    """,
}


@pytest.mark.deep
def test_servers_that_nobody_has_configured_are_found_and_started(ground, tmp_path):
    git_samples.begin(lay_files(tmp_path / "shop", check_samples.make_flat(SHOPKEEPER)), "Start")
    checkout = worktree.prepare_checkout(str(tmp_path / "shop"), None, ground.home / "mirrors")
    run = Run(run_id="knocks", repository="shop", ticket="ticket.md", started=1_700_000_000)
    desk = Desk(
        settings=ground.settings,
        code_host=FakeCodeHost(Ticket(ticket_id="1", title="t", body="", digest="")),
        sandbox=ground.sandbox,
        index=PackageIndex(),
        say=ground.said.append,
    )
    config, tree = RepoConfig(), worktree.open_tree(checkout, desk.base_folder(run))
    contract = Contract(config=config, project=detect.detect_project(tree, config), source=None)
    opened = OpenedRepository(run=run, checkout=checkout, contract=contract)

    def once(name, work, *args, **named):
        return work(*args, **named)

    prepared, report = environment.prepare_environment(opened, None, once, desk)
    assert report.tests.count("passed") == 3, report.tests.output
    assert prepared.contract.config.services == ("postgres", "redis")
    assert prepared.contract.config.env == {"PGUSER": "shop", "PGDATABASE": "orders"}
    assert '"services": ["postgres", "redis"]' in prepared.environment.why
    without = environment.build_environment(run, checkout, contract, desk)
    assert prepared.environment.layers == without.layers, "a template's lines ran again"
