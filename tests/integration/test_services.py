"""Servers in the room: real PostgreSQL and Redis, whole checks, and what happens without them."""

from __future__ import annotations

import json
import subprocess
import textwrap
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agent.checks import comparison, measuring
from agent.checks.again import Again
from agent.checks.check import Selection, Site
from agent.cli import main
from agent.domain import CheckReport, CheckResult, Status
from agent.environments import room_services, rooms
from agent.errors import EnvironmentFailed
from agent.ports import Flag, Hear, RoomLimits, RoomOrder, RoomResult, Sandbox
from tests import rooms as kinds
from tests.folders import data_folder
from tests.integration import check_samples
from tests.integration.check_samples import Files, lay_tree

pytestmark = pytest.mark.index

BOTH = {"services": ["postgres", "redis"]}


class Watched:
    """Real rooms; keeps what was ordered, and may spoil it first."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self.measure, self.roots = sandbox.measure, sandbox.roots
        self.orders: list[RoomOrder] = []
        self.spoil: Callable[[RoomOrder], RoomOrder] = lambda order: order

    def run(
        self, order: RoomOrder, cancelled: Flag | None = None, hear: Hear | None = None
    ) -> RoomResult:
        self.orders.append(order)
        return self._sandbox.run(self.spoil(order), cancelled, hear)


class Ground:
    """One data folder, and checks of trees in environments that are built for them."""

    def __init__(self, backend: str, home: Path) -> None:
        self.backend = backend
        self.home = home
        self.settings = kinds.settings_for(backend, home)
        self.sandbox = Watched(kinds.open_sandbox(backend, home))
        self.said: list[str] = []

    def site(self, files: Files, told: Mapping[str, object], **settings: object) -> Site:
        given = self.settings.model_copy(update=settings)
        sandbox = kinds.open_sandbox(self.backend, self.home, **settings) if settings else None
        return check_samples.declared_site(
            files, told, given, sandbox or self.sandbox, self.said.append
        )

    def measured(self, site: Site) -> dict[str, CheckResult]:
        return check_samples.measured(site, self.sandbox)

    def printed(self, files: Files, told: Mapping[str, object], program: str) -> str:
        """What a program prints beside the servers, with the variables that a check has."""
        site = self.site(files, told)
        services = site.environment.services
        order = rooms.order(
            site.environment, site.tree, (rooms.PYTHON, "-c", textwrap.dedent(program)),
            environ={**room_services.variables(services), **site.config.env},
            limits=RoomLimits(seconds=60),
        )  # fmt: skip
        order = room_services.beside(order, services, site.environment.interpreter)
        result = self.sandbox.run(order)
        assert result.exit_code == 0, result.output
        return result.output.strip()


@pytest.fixture(scope="module", params=kinds.BACKENDS)
def ground(request: pytest.FixtureRequest) -> Iterator[Ground]:
    with data_folder("services") as home:
        yield Ground(str(request.param), home)


PASSED = CheckResult(name="tests", status=Status.PASSED)
REQUIREMENTS = {
    "requirements.txt": "django>=5.2,<5.3\npsycopg[binary]\nredis\npytest\npytest-django\n"
}
SHOP = {
    **REQUIREMENTS,
    "manage.py": """
        import os, sys

        if __name__ == "__main__":
            os.environ.setdefault("DJANGO_SETTINGS_MODULE", "proj.settings")
            from django.core.management import execute_from_command_line
            execute_from_command_line(sys.argv)
    """,
    "proj/__init__.py": "",
    "proj/settings.py": """
        SECRET_KEY = "x"
        INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "shop"]
        DATABASES = {
            "default": {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": "postgres", "USER": "postgres", "HOST": "localhost",
            }
        }
        DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
    """,
    "shop/__init__.py": "",
    "shop/models.py": """
        from django.contrib.postgres.fields import ArrayField
        from django.db import models


        class Order(models.Model):
            tags = ArrayField(models.CharField(max_length=10))
    """,
    "shop/migrations/__init__.py": "",
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


# --- whole checks ------------------------------------------------------------------------------


@pytest.mark.parametrize("runner", ["pytest", "django"])
def test_a_django_project_on_postgres_is_checked_as_a_whole(ground, runner):
    found = ground.measured(ground.site(SHOP, {**BOTH, "checks": {"tests": {"runner": runner}}}))
    told = {name: (one.status, one.reason) for name, one in found.items()}
    for name in ("django check", "makemigrations", "tests"):
        assert told[name] == (Status.PASSED, ""), found[name].output
    assert "consistent migration history" not in found["makemigrations"].output
    assert {item.outcome for item in found["tests"].items} == {"passed"}
    assert len(found["tests"].items) == 2


def test_what_is_red_on_postgres_is_red(ground):
    """The same project with a field nobody has migrated and a test that only the server refuses."""
    model = SHOP["shop/models.py"].rstrip() + "\n            note = models.TextField()\n"
    wrong = """
        from django.db import connection
        from django.test import TestCase


        class Wrong(TestCase):
            def test_refused(self):
                with connection.cursor() as cursor:
                    cursor.execute("SELECT no_such_column FROM shop_order")
    """
    files = {**SHOP, "shop/models.py": model, "shop/test_wrong.py": wrong}
    found = ground.measured(ground.site(files, BOTH))
    assert found["makemigrations"].status is Status.FAILED
    assert "note" in found["makemigrations"].items[0].item_id
    assert found["tests"].status is Status.FAILED
    (red,) = [one for one in found["tests"].items if one.item_id.endswith("test_refused")]
    assert "no_such_column" in red.text


def test_the_same_project_without_services_has_no_server(ground):
    found = ground.measured(ground.site(SHOP, {}))
    assert found["tests"].status is Status.FAILED
    assert "Connection refused" in found["tests"].output


def test_a_forged_run_is_no_more_believed_beside_a_server(ground):
    forged = """
        import os

        from django.test import TestCase


        class Forged(TestCase):
            def test_ends_all(self):
                os._exit(0)
    """
    found = ground.measured(ground.site({**SHOP, "shop/test_forged.py": forged}, BOTH))
    assert found["tests"].status is Status.UNVERIFIED


ENDS_A_SERVER = """
    import os, signal, time

    from django.test import TestCase


    class Broken(TestCase):
        def test_that_breaks_it(self):
            for name in filter(str.isdigit, os.listdir("/proc")):
                with open("/proc/%s/cmdline" % name) as file:
                    if "{program}" in file.read():
                        os.kill(int(name), signal.{signal})
                        while os.path.exists("/proc/" + name):
                            time.sleep(0.01)
"""


@pytest.mark.parametrize(
    ("program", "sign", "named", "words"),
    [
        ("bin/postgres", "SIGKILL", "PostgreSQL 1", "is ready to accept connections"),
        ("bin/postgres", "SIGINT", "PostgreSQL 1", "database system is shut down"),
        ("redis-server", "SIGTERM", "Redis ", "ready to exit, bye bye"),
    ],
    ids=["postgres killed", "postgres told to end", "redis told to end"],
)
def test_a_server_that_ends_during_the_tests_is_named_and_no_test_counts(
    ground, program, sign, named, words
):
    """A test of the project's own ends it, in the middle of the others."""
    broken = ENDS_A_SERVER.format(program=program, signal=sign)
    site = ground.site({**SHOP, "shop/test_a_broken.py": broken}, BOTH)
    found = ground.measured(site)["tests"]
    assert (found.status, found.items) == (Status.UNVERIFIED, ()), found
    assert found.reason.startswith(named), found.reason
    assert " ended during the check. The last it said: " in found.reason
    assert words in found.reason
    assert "failed" in found.output
    base = CheckReport(side="base", commit="", change_digest=None, results=(PASSED,))
    head = CheckReport(side="head", commit="", change_digest=None, results=(found,))
    (compared,) = comparison.compare(base, head)
    assert (compared.verdict, compared.new_failures) == (Status.UNVERIFIED, ())
    assert compared.reason == f"on the change: {found.reason}"


@pytest.mark.parametrize("program", ["bin/postgres", "redis-server"])
def test_a_green_suite_whose_server_is_gone_is_not_believed(ground, program):
    """Whatever came after it may have been skipped for it."""
    files = {
        **REQUIREMENTS,
        "test_last.py": """
            import os, signal

            def test_that_breaks_it():
                for name in filter(str.isdigit, os.listdir("/proc")):
                    with open("/proc/%s/cmdline" % name) as file:
                        if "PROGRAM" in file.read():
                            os.kill(int(name), signal.SIGKILL)
        """.replace("PROGRAM", program),
    }
    found = ground.measured(ground.site(files, BOTH))["tests"]
    assert found.status is Status.UNVERIFIED
    assert "ended during the check" in found.reason


def test_the_command_ends_as_it_would_without_a_server(ground):
    """Exit code, signal, and its children: none of them are the servers."""
    site = ground.site(REQUIREMENTS, BOTH)
    endings = {
        "import sys; sys.exit(7)": 7,
        "import os, signal; os.kill(os.getpid(), signal.SIGTERM)": -15,
        "import os\ntry:\n os.wait()\nexcept ChildProcessError:\n raise SystemExit(3)": 3,
        "import os; raise SystemExit(len(os.listdir('/proc/self/fd')))": 4,
    }
    for program, code in endings.items():
        order = rooms.order(
            site.environment, site.tree, (rooms.PYTHON, "-I", "-c", program),
            environ={"LANG": "C"}, limits=RoomLimits(seconds=60),
        )  # fmt: skip
        plain = ground.sandbox.run(order)
        beside = room_services.beside(
            order, site.environment.services, site.environment.interpreter
        )
        assert (ground.sandbox.run(beside).exit_code, plain.exit_code) == (code, code), program


@pytest.mark.parametrize(
    "argv",
    [
        ("/usr/bin/env", "-0"),
        (
            "/bin/grep",
            "-E",
            "^(Sig(Ign|Blk|Cgt)|Umask|NoNewPrivs|Seccomp|Cap.*):",
            "/proc/self/status",
        ),
        ("/bin/ls", "-l", "/proc/self/cwd"),
    ],
    ids=["environment", "signals", "folder"],
)
def test_the_command_inherits_what_it_would_without_a_server(ground, argv):
    site = ground.site(REQUIREMENTS, BOTH)
    order = rooms.order(
        site.environment, site.tree, argv,
        environ={"LANG": "C", "ODD": "a=b\nc"}, limits=RoomLimits(seconds=60),
    )  # fmt: skip
    beside = room_services.beside(order, site.environment.services, site.environment.interpreter)
    assert ground.sandbox.run(beside).output == ground.sandbox.run(order).output


def test_nothing_of_the_order_is_left_for_the_command(ground):
    listed = ground.printed(
        REQUIREMENTS, BOTH,
        """
        import os
        print(sorted(n for n in os.listdir("/tmp") if not n.startswith(".") and n != "home"))
        print(os.listdir("/out"))
        """,
    )  # fmt: skip
    assert listed == "['mergewright-services']\n[]"


def test_a_ticket_is_carried_out_on_postgres(ground, monkeypatch):
    """From the text to the branch: the migration is made and the tests run beside the servers."""
    monkeypatch.setenv("MERGEWRIGHT_HOME", str(ground.home))
    monkeypatch.setenv("MERGEWRIGHT_SANDBOX", ground.settings.sandbox)
    monkeypatch.setenv("MERGEWRIGHT_DOCKER_HOST", kinds.ENGINE)
    files = {**SHOP, ".github/mergewright.yml": "services: [postgres, redis]\n"}
    tree = lay_tree(ground.home, files)
    for words in (
        ("init", "-q", "-b", "main"), ("add", "-A"),
        ("-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-q", "-m", "base"),
    ):  # fmt: skip
        subprocess.run(["git", "-C", str(tree), *words], check=True)
    ticket = ground.home / "ticket.md"
    ticket.write_text(
        "# Orders need a note\n\nAdd a CharField `note` with max_length=50, blank=True to the model"
        ' `shop.Order`. Existing rows get "". Add a test.\n'
    )
    done = CliRunner().invoke(
        main.app, ["run", "--repo", str(tree), "--ticket", str(ticket), "--json"]
    )
    said = json.loads(done.stdout)
    assert (done.exit_code, said["reason"]) == (0, "ready"), said
    text = Path(said["pull_request_path"]).read_text()
    assert "| tests | 2 passed | 4 passed, 2 new | 0 | passed |" in text
    assert "| makemigrations | clean | clean | 0 | passed |" in text
    assert "PostgreSQL 1" in text and "Redis" in text


# --- how a project finds them ------------------------------------------------------------------

CONNECT = """
    import os, psycopg
    for where in ({}, {}):
        with psycopg.connect(**where) as there:
            print(*there.execute("SELECT current_user, current_database()").fetchone())
"""


def test_names_that_env_gives_are_there(ground):
    env = {"DATABASE_URL": "postgres://web%20app:secret@localhost:5432/shop", "PGUSER": "alice"}
    said = ground.printed(
        REQUIREMENTS, {"services": ["postgres"], "env": env},
        CONNECT.format("{'conninfo': os.environ['DATABASE_URL']}", "{}"),
    )  # fmt: skip
    assert said.splitlines() == ["web app shop", "alice shop"]


def test_without_any_the_usual_ways_lead_there(ground):
    said = ground.printed(
        REQUIREMENTS, {"services": ["postgres"]},
        CONNECT.format(
            "{'conninfo': os.environ['DATABASE_URL']}",
            "{'host': 'localhost', 'user': 'postgres', 'password': 'any', 'dbname': 'template1'}",
        ),
    )  # fmt: skip
    assert said.splitlines() == ["postgres postgres", "postgres template1"]


def test_the_names_of_hosts_in_settings_for_containers_lead_there(ground):
    said = ground.printed(
        REQUIREMENTS, BOTH,
        """
        import psycopg, redis
        for host in ("db", "postgres", "database"):
            print(psycopg.connect(host=host).info.host)
        print(redis.Redis(host="redis").ping(), redis.Redis(host="cache").ping())
        """,
    )  # fmt: skip
    assert said.splitlines() == ["db", "postgres", "database", "True True"]


def test_each_room_begins_with_an_empty_server(ground):
    program = """
        import psycopg
        with psycopg.connect(autocommit=True) as there:
            print(there.execute("SELECT count(*) FROM pg_database").fetchone()[0])
            there.execute("CREATE DATABASE left_behind")
    """
    told = {"services": ["postgres"]}
    assert [ground.printed(REQUIREMENTS, told, program) for _ in range(2)] == ["3", "3"]


def test_the_cluster_is_made_once(ground):
    ground.said.clear()
    for _ in range(2):
        ground.site(REQUIREMENTS, {"services": ["postgres"], "env": {"PGDATABASE": "once"}})
    made = [line for line in ground.said if "empty database" in line]
    assert len(made) == 1


# --- what is not there, or does not start ------------------------------------------------------


def test_a_version_that_is_not_there_is_refused_before_anything_is_built(ground):
    before = len(ground.sandbox.orders)
    with pytest.raises(EnvironmentFailed) as caught:
        ground.site({"requirements.txt": "iniconfig\n"}, {"services": ["postgres:9"]})
    assert "services: PostgreSQL 9 is not to be had in a room. There is: 1" in str(caught.value)
    root = next(iter(ground.sandbox.roots()))
    assert f"To provide it: {root.adding(['postgresql-9'])}." in str(caught.value)
    ordered = [order.argv for order in ground.sandbox.orders[before:]]
    assert not any("uv" in word for argv in ordered for word in argv)


def test_a_server_that_does_not_start_is_not_the_projects_failure(ground):
    site = ground.site(SHOP, BOTH)
    ground.sandbox.spoil = _without_cluster
    try:
        found = ground.measured(site)
    finally:
        ground.sandbox.spoil = lambda order: order
    for name in ("django check", "makemigrations", "tests"):
        assert found[name].status is Status.UNVERIFIED
        assert "the check was not begun: PostgreSQL 1" in found[name].reason
        assert "No such file" in found[name].reason


def test_some_tests_alone_are_not_judged_without_their_servers(ground):
    site = ground.site(SHOP, BOTH)
    suite = measuring.suite_of(site)
    both = Again(site, site, suite, ground.sandbox, ground.said.append, ground.said.append)
    only = Selection(files=("shop/test_orders.py",))
    found = both.some(site, only)
    assert (found.status, len(found.items)) == (Status.PASSED, 2), found
    ground.sandbox.spoil = _without_cluster
    try:
        found = both.some(site, only)
    finally:
        ground.sandbox.spoil = lambda order: order
    assert found.status is Status.UNVERIFIED
    assert found.reason.startswith("the check was not begun: PostgreSQL 1")


def _without_cluster(order: RoomOrder) -> RoomOrder:
    """The server's data folder is gone."""
    return order.model_copy(
        update={
            "files": tuple(
                file.model_copy(update={"content": _elsewhere(file.content)})
                if file.path.endswith("mergewright-services.json")
                else file
                for file in order.files
            )
        }
    )


def _elsewhere(content: bytes) -> bytes:
    order = json.loads(content)
    for one in order["services"]:
        one["program"] += "-gone"
    return json.dumps(order).encode()


def test_limits_that_are_too_low_are_named_before_the_baseline(ground):
    with pytest.raises(EnvironmentFailed) as caught:
        ground.site(REQUIREMENTS, BOTH, room_processes=4)
    assert "cannot be started within the limits of a room" in str(caught.value)
    assert "MERGEWRIGHT_ROOM_PROCESSES is 4" in str(caught.value)
