"""What differs between two versions of an application once each has started."""

import textwrap
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from agent.checks import comparison, measuring, weighing
from agent.checks.application import Application
from agent.models.checks import CheckReport, Status
from repo_config.detect import DjangoProject
from repo_config.schema import RepoConfig
from tests.integration.check_samples import SITE, Files, Workshop

MAIN = """
    from fastapi import APIRouter, Depends, FastAPI
    from app import deps
    from app.items import router

    app = FastAPI()
    app.include_router(router, prefix="/items", dependencies=[Depends(deps.user)])
"""
ITEMS = """
    from fastapi import APIRouter, Depends
    from app import deps

    router = APIRouter()

    @router.get("/me", dependencies=[Depends(deps.admin)])
    def me(): ...

    @router.get("/{name}")
    def show(name: str): ...
"""
DEPS = """
    from app.tokens import read

    def user():
        return read()

    def admin(): ...
"""
FASTAPI = {
    "app/__init__.py": "",
    "app/main.py": MAIN,
    "app/items.py": ITEMS,
    "app/deps.py": DEPS,
    "app/tokens.py": "KEYS = {1: 2}\n\n\ndef read():\n    return KEYS.get(1)\n",
}
CHANCE = """
    import random, secrets, tempfile, uuid

    KEYS = {1: secrets.token_hex(), 2: str(uuid.uuid4()), 3: random.random()}
    KEYS[4] = tempfile.mkdtemp()

    def read():
        return KEYS.get(1)
"""
AUTH = {"auth": [{"paths": ["/items/**"], "dependency": "app.deps.user"}]}


@pytest.fixture
def differ(workshop: Workshop) -> Callable[..., Any]:
    """Compare the application on two sides; give the verdict, and findings by their weight."""

    @cache
    def measure(files: tuple[tuple[str, str], ...], more: str) -> tuple[Any, ...]:
        site = workshop.site(dict(files), **told[more])
        return measuring.run_checks(((Application(), site),), workshop.sandbox, print)

    told: dict[str, Any] = {}

    def run(before: Files, after: Files, **more: Any) -> tuple[Any, list[str], list[str]]:
        told[repr(more)] = more
        sides = [
            CheckReport(
                side="base", commit="0" * 40, results=measure(tuple(files.items()), repr(more))
            )
            for files in (before, after)
        ]
        config = RepoConfig.model_validate(more.get("config", {}), strict=False)
        compared = comparison.compare_reports(*sides)
        (found,) = weighing.weigh_comparisons(compared, *sides, config, {})
        by_weight = {
            weight: [
                f"{one.path} {one.message}" for one in found.findings if one.severity == weight
            ]
            for weight in ("review", "info")
        }
        return found, by_weight["review"], by_weight["info"]

    return run


def _edit(files: dict[str, str], path: str, old: str, new: str) -> dict[str, str]:
    flat = {name: textwrap.dedent(text).lstrip("\n") for name, text in files.items()}
    assert old in flat[path]
    return {**flat, path: flat[path].replace(old, new)}


def test_fastapi(differ: Callable[..., Any]) -> None:
    more = {
        "framework": "fastapi", "fastapi_app": "app.main:app", "packages": ("fastapi",),
        "config": {"fastapi": AUTH},
    }  # fmt: skip

    def compare(**after: str) -> tuple[Any, list[str], list[str]]:
        return differ(
            FASTAPI, {**FASTAPI, **{f"app/{name}.py": text for name, text in after.items()}}, **more
        )

    _, reviewed, _ = compare(main=MAIN.replace(", dependencies=[Depends(deps.user)]", ""))
    assert (
        reviewed[-1]
        == "app/items.py GET /items/me, GET /items/{name}: no longer guarded by app.deps.user."
    )
    start, me, show = textwrap.dedent(ITEMS).split("@router")
    _, reviewed, listed = compare(items=f"{start}@router{show}@router{me}")
    assert (reviewed, listed) == (["app/items.py GET /items/me is answered by app.items.show."], [])
    _, reviewed, _ = compare(tokens=FASTAPI["app/tokens.py"].replace("2}", "3}"))
    assert reviewed == [
        "app/tokens.py edits app.tokens.KEYS, by which app.deps.user of fastapi.auth decides."
    ]
    # A key that is made at each start is no edit.
    made = {**FASTAPI, "app/tokens.py": CHANCE}
    after = {**made, "app/items.py": ITEMS.replace("{name}", "{key}")}
    assert differ(made, after, **more)[1] == []
    found, reviewed, _ = compare(deps="1 / 0\n")
    assert found.verdict is Status.UNMEASURABLE
    assert "could not be started: ZeroDivisionError" in found.reason
    assert len(reviewed) == 1


FLASK = {
    "shop/__init__.py": """
        from flask import Flask
        from shop import views

        def create_app():
            app = Flask(__name__)
            app.register_blueprint(views.pages)
            return app
    """,
    "shop/views.py": """
        from functools import wraps
        from flask import Blueprint

        pages = Blueprint("pages", __name__)

        def signed_in(view):
            @wraps(view)
            def ask(*args, **named):
                return view(*args, **named)
            return ask

        @pages.before_request
        def limit(): ...

        @pages.get("/orders/<int:number>")
        @signed_in
        def order(number): ...
    """,
}


def test_flask(differ: Callable[..., Any]) -> None:
    more = {"framework": "flask", "app_modules": ("shop",), "packages": ("flask",)}
    after = _edit(FLASK, "shop/views.py", "@signed_in\n", "")
    after = _edit(after, "shop/views.py", "@pages.before_request\n", "")
    _, reviewed, listed = differ(FLASK, after, **more)
    said = "shop/views.py GET /orders/<int:number>: no longer guarded by shop.views."
    assert (reviewed, listed) == ([f"{said}limit.", f"{said}signed_in."], [])


MIXIN = "django.contrib.auth.mixins.LoginRequiredMixin"
DJANGO = {
    **SITE,
    "proj/settings.py": SITE["proj/settings.py"] + textwrap.dedent("""
        MIDDLEWARE = ["django.middleware.security.SecurityMiddleware", "django.middleware.csrf.CsrfViewMiddleware"]
        from proj.limits import *
    """),
    "proj/limits.py": "import uuid\n\nNODE = str(uuid.uuid4())\nPAGE = 10\nAPI_KEY = 'one'\nSESSION_COOKIE_SECURE = True\nAUTH = {'backends': ['shop.B', 'shop.C']}\n",
    "proj/urls.py": """
        from django.contrib.auth.decorators import login_required
        from django.urls import path
        from shop import views

        urlpatterns = [
            path("orders/new/", login_required(views.new)),
            path("orders/<slug:name>/", views.Show.as_view()),
        ]
    """,
    "shop/apps.py": """
        from django.apps import AppConfig

        class ShopConfig(AppConfig):
            name = "shop"

            def ready(self):
                from shop import listening
    """,
    "shop/models.py": """
        from django.db import models

        class Order(models.Model):
            name = models.CharField(max_length=9)
    """,
    "shop/listening.py": """
        from django.db.models.signals import post_save
        from shop.models import Order

        def notify(**named): ...

        post_save.connect(notify, Order)
    """,
    "shop/views.py": """
        from django.contrib.auth.mixins import LoginRequiredMixin
        from django.views import View

        def new(request): ...

        class Show(LoginRequiredMixin, View): ...
    """,
}  # fmt: skip


PROJECT = {
    "framework": "django",
    "django": DjangoProject(settings_module="proj.settings", manage="manage.py", python_path=("",)),
}


def test_django(differ: Callable[..., Any]) -> None:
    after = {
        **DJANGO,
        "proj/limits.py": "import uuid\n\nNODE = str(uuid.uuid4())\nPAGE = 20\nAPI_KEY = 'two'\nMIDDLEWARE = ['django.middleware.security.SecurityMiddleware']\nAUTH = {'backends': ['shop.C']}\n",
        "shop/listening.py": DJANGO["shop/listening.py"] + "\n        from shop import quiet\n",
        "shop/quiet.py": "from django.db.models.signals import post_save\nfrom shop.listening import notify\nfrom shop.models import Order\n\npost_save.disconnect(notify, Order)\n",
        "shop/views.py": DJANGO["shop/views.py"].replace("LoginRequiredMixin, View", "View"),
        "proj/urls.py": """
            from django.contrib.auth.decorators import login_required
            from django.urls import path
            from shop import views

            urlpatterns = [
                path("orders/<slug:key>/", views.Show.as_view()),
                path("orders/new/", views.new),
            ]
        """,
    }
    _, reviewed, listed = differ(DJANGO, after, **PROJECT)
    (warning,) = (one for one in reviewed if "security" in one)
    reviewed.remove(warning)
    assert warning.startswith(" security.W003 is new for production: You don't appear to be using")
    order = "shop/views.py /orders/new/: no longer guarded by django.contrib.auth.decorators."
    assert sorted(reviewed) == [
        " AUTH['backends']: no longer with shop.B.",
        " MIDDLEWARE: no longer with django.middleware.csrf.CsrfViewMiddleware.",
        " post_save: no longer received by shop.listening.notify of shop.Order.",
        f"shop/views.py /orders/<slug:key>/: no longer guarded by {MIXIN}.",
        "shop/views.py /orders/new/ is answered by shop.views.Show.",
        f"{order}login_required.",
        f"{order}user_passes_test.",
    ]
    assert listed == [" PAGE: 10 → 20.", " SESSION_COOKIE_SECURE: True → False."]


ROWS = "def fill(apps, editor):\n    return {0}\n\n\ndef show():\n    return {1}\n"
FIELDS = """
    from django.db.models import CharField

    def code(): return {0}

    class Code(CharField):
        size = {1}

    N = {2}
"""
FIRST = """migrations.CreateModel("Order", [
            ("id", models.AutoField(primary_key=True)),
            ("name", models.CharField(max_length=9)),
            ("code", fields.Code(default=fields.code, max_length=9))])"""


def _migration(
    *operations: str, body: str = "", base: str = "migrations.Migration", above: str = ""
) -> str:
    return (
        "from django.db import migrations, models\nfrom shop import fields, rows\n"
        f"{above}\n\nclass Migration({base}):\n    dependencies = [('shop', '0001_initial')]\n"
        f"    operations = [{', '.join(operations)}]\n    {body}\n"
    )


MERGED = {
    **DJANGO,
    "shop/rows.py": ROWS.format(1, 1),
    "shop/fields.py": FIELDS.format(1, 1, 1),
    "shop/migrations/0001_initial.py": _migration(FIRST, "migrations.RunPython(rows.fill)").replace(
        "('shop', '0001_initial')", ""
    ),
}
#: A new migration, and what is said of it.
NEW = {
    _migration("migrations.RemoveField('order', 'name')"): ["drops a column and its data: Remove field name from order"],
    _migration("migrations.AddField('order', 'a', models.IntegerField(default=fields.code))"): [],
    _migration(
        "migrations.AddConstraint('order', models.CheckConstraint(condition=models.Q(id=1), name='b'))",
        body="initial = bool(1)",
    ): [],
    _migration("migrations.RunPython(rows.fill, rows.fill)"): ["has RunPython"],
    _migration("migrations.RunSQL('select 1')"): ["has RunSQL, which cannot be reversed"],
    _migration("migrations.SeparateDatabaseAndState()"): ["has SeparateDatabaseAndState"],
    _migration("Fill(rows.fill, rows.fill)", above="class Fill(migrations.RunPython): ..."): ["has a custom operation"],
    _migration(base="Reset, migrations.Migration", above="from shop.demo import Reset"): [
        "inherits from shop.demo.Reset, django.db.migrations.migration.Migration",
    ],
    _migration(body="initial = rows.show()"): ["calls show when it is loaded"],
    _migration("migrations.AlterModelOptions('order', {'a': open('manage.py').read()})"): [
        "calls open when it is loaded", "calls read when it is loaded",
    ],
    _migration(body="atomic = False"): ["has more than operations: atomic"],
    _migration(body="def apply(self, *given): ..."): ["has more than operations: apply"],
    _migration() + "Migration.operations.append(migrations.RunSQL('', ''))\n": [
        "calls append when it is loaded", "has RunSQL",
    ],
    _migration(above="Base = migrations.Migration", base="Base"): [],
}  # fmt: skip


def test_new_migrations(differ: Callable[..., Any]) -> None:
    paths = {f"shop/migrations/{number:04}_more.py": text for number, text in enumerate(NEW, 2)}
    after = {**MERGED, **paths, "shop/demo.py": "class Reset: ...\n"}
    found, reviewed, _ = differ(MERGED, after, **PROJECT)
    assert found.verdict is Status.PASSED, found.reason
    expected = [f"{path} {said}." for path, text in paths.items() for said in NEW[text]]
    assert sorted(reviewed) == sorted(expected)


def test_what_merged_migrations_use(differ: Callable[..., Any]) -> None:
    after = {**MERGED, "shop/rows.py": ROWS.format(2, 1), "shop/fields.py": FIELDS.format(2, 2, 1)}
    _, reviewed, _ = differ(MERGED, after, **PROJECT)
    used = "which the merged migration shop/migrations/0001_initial.py uses."
    assert sorted(reviewed) == [
        f"shop/fields.py edits shop.fields.Code, {used}",
        f"shop/fields.py edits shop.fields.code, {used}",
        f"shop/rows.py edits shop.rows.fill, {used}",
    ]
    others = {**MERGED, "shop/rows.py": ROWS.format(1, 2), "shop/fields.py": FIELDS.format(1, 1, 2)}
    assert differ(MERGED, others, **PROJECT)[1:] == ([], [])


def test_handlers_and_signals_are_as_the_configuration_says(differ: Callable[..., Any]) -> None:
    before = {
        **DJANGO,
        "proj/urls.py": """
            from django.urls import path
            from shop import views

            urlpatterns = [path("show/", views.Show.as_view()), path("new/", views.new)]
        """,
    }
    after = {
        **before,
        "shop/views.py": """
            from django.dispatch import Signal
            from django.views import View
            from shop.listening import post_save

            paid = Signal()

            async def new(request): ...

            class Show(View):
                async def get(self, request): ...

            def added(request): ...

            post_save.connect(added)
        """,
        "proj/urls.py": before["proj/urls.py"].replace(")]", "), path('added/', views.added)]"),
    }
    config = {
        "concurrency": {"mode": "sync"},
        "django": {"signals": "forbid", "views": "class"},
    }
    found, reviewed, _ = differ(before, after, config=config, **PROJECT)
    blocked = [one.message for one in found.findings if one.severity == "block"]
    assert sorted(blocked) == [
        "connects a handler, post_save: shop.views.added; this project does not use signals.",
        "defines the signal paid; this project does not use signals.",
        "handles requests in the async view Show.get; code is sync here.",
        "handles requests in the async view new; code is sync here.",
    ]
    said = "as a function; views are classes here."
    assert f"shop/views.py defines the view added {said}" in reviewed
    config["concurrency"] = {"mode": "async"}
    config["django"] = {"views": "function"}
    _, reviewed, _ = differ(after, before, config=config, **PROJECT)
    late = "shop/views.py handles requests in the sync view new; code is async here."
    assert [one for one in reviewed if "handles" in one or "defines" in one] == [late]


def test_what_a_project_never_uses_may_be_broken(differ: Callable[..., Any]) -> None:
    before = {
        **DJANGO,
        "proj/settings.py": DJANGO["proj/settings.py"].replace('SECRET_KEY = "x"\n', ""),
        "shop/models.py": DJANGO["shop/models.py"] + "\n        from shop import later\n",
        "shop/later.py": "from django.utils.functional import SimpleLazyObject\n\n"
        "found = SimpleLazyObject(lambda: 1 / 0)\n",
    }
    assert "SECRET_KEY" not in before["proj/settings.py"]
    after = _edit(before, "proj/limits.py", "PAGE = 10", "PAGE = 20")
    found, reviewed, listed = differ(before, after, **PROJECT)
    assert (found.reason, reviewed, listed) == ("", [], [" PAGE: 10 → 20."])


def test_a_route_that_another_one_answers_for_some_values_is_not_shadowed(
    differ: Callable[..., Any],
) -> None:
    before = _edit(DJANGO, "proj/urls.py", "<slug:name>", "<int:key>")
    new = '    path("orders/<slug:name>/", views.new),\n]'
    _, reviewed, listed = differ(before, _edit(before, "proj/urls.py", "]", new), **PROJECT)
    shown = "none → shop.views.new guarded by check of the CSRF token"
    assert (reviewed, listed) == ([], [f"shop/views.py /orders/<slug:name>/: {shown}."])


def test_what_the_configuration_asks_of_an_application_that_is_not_found_is_said(
    differ: Callable[..., Any],
) -> None:
    config = {"concurrency": {"mode": "sync"}}
    sides = {"a.py": ""}, {"a.py": "b = 1\n"}
    found, (said,), _ = differ(*sides, config=config)
    assert found.verdict is Status.UNMEASURABLE
    assert said.startswith(" no application of Django, FastAPI, Starlette or Flask was found; ")
