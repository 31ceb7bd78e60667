"""djangorestframework-api-key: an application of Django REST framework with a project to try it."""

from __future__ import annotations

from tests.flow.model_scripts import calls, create, edit, finish, read
from tests.thirdparty.model_stories.diffs import Part
from tests.thirdparty.model_stories.story import Project, Remark, Story, Test, run_test, when
from tests.thirdparty.sources import Source

PROJECT = Project(
    Source(
        "djangorestframework-api-key",
        "3.1.0",
        "7e9c88360933b3c46467d80645a50cf36697674c7856a737a1c674d570860ac9",
    ),
    wire="responses",
    stream=False,
    # install: requirements.txt names no Django. --no-cov: how much is covered is no result.
    config=("python: {install: [django]}\nchecks: {tests: {args: [--no-cov]}}\n"),
)
_HEROES, _PROJECT = "test_project/heroes", "test_project/project"
_VIEWS, _SIDEKICKS = "tests/test_test_project.py", "tests/test_sidekicks.py"

MODEL = Story(
    name="model-migration-admin-form-2",
    project=PROJECT,
    title="Heroes have sidekicks",
    body=(
        "The test project needs a model `Sidekick` with a `name` and its `hero`, in the admin with"
        " both in the list, and with a form that refuses heroes who are retired."
    ),
    look=(
        calls(
            read(f"{_HEROES}/models.py"),
            read(f"{_HEROES}/admin.py"),
            read("tests/test_admin.py", 1, 40),
            ("look", {"folder": f"{_HEROES}/migrations"}),
        ),
    ),
    plan={
        "title": "Add sidekicks to the test project",
        "category": "feature",
        "steps": ["Add the model and its migration", "Add form and admin"],
        "files": [
            f"{_HEROES}/models.py",
            f"{_HEROES}/forms.py",
            f"{_HEROES}/admin.py",
            f"{_HEROES}/migrations/0005_sidekick.py",
        ],
    },
    proof=(
        Test(f"{_SIDEKICKS}::test_a_hero_has_sidekicks", "a sidekick belongs to a hero"),
        Test(f"{_SIDEKICKS}::test_retired_heroes_are_refused", "the form refuses them"),
        Test(f"{_SIDEKICKS}::test_the_admin_lists_name_and_hero", "the admin has both"),
    ),
    tests=(
        calls(
            create(
                _SIDEKICKS,
                """\
import pytest
from django.contrib import admin
from test_project.heroes.models import Hero


@pytest.mark.django_db
def test_a_hero_has_sidekicks() -> None:
    from test_project.heroes.models import Sidekick

    batman = Hero.objects.create(name="Batman")
    robin = Sidekick.objects.create(name="Robin", hero=batman)
    assert str(robin) == "Robin"
    assert list(batman.sidekicks.all()) == [robin]


@pytest.mark.django_db
@pytest.mark.parametrize("retired", [False, True])
def test_retired_heroes_are_refused(retired: bool) -> None:
    from test_project.heroes.forms import SidekickForm

    hero = Hero.objects.create(name="Batman", retired=retired)
    form = SidekickForm({"name": "Robin", "hero": hero.pk})
    assert form.is_valid() is not retired
    assert ("hero" in form.errors) is retired


def test_the_admin_lists_name_and_hero() -> None:
    from test_project.heroes.forms import SidekickForm
    from test_project.heroes.models import Sidekick

    registered = admin.site._registry[Sidekick]
    assert registered.list_display == ("name", "hero")
    assert registered.form is SidekickForm
""",
            ),
            run_test(_SIDEKICKS),
        ),
        when("4 failed", then=calls(finish("Three tests."))),
    ),
    edit=(
        calls(
            edit(
                f"{_HEROES}/models.py",
                "class HeroAPIKeyManager(BaseAPIKeyManager):\n",
                """\
class Sidekick(models.Model):
    objects = models.Manager()
    name = models.CharField(max_length=64)
    hero = models.ForeignKey(Hero, on_delete=models.CASCADE, related_name="sidekicks")

    def __str__(self) -> str:
        return self.name


class HeroAPIKeyManager(BaseAPIKeyManager):
""",
            ),
            create(
                f"{_HEROES}/forms.py",
                """\
from django import forms

from .models import Hero, Sidekick


class SidekickForm(forms.ModelForm):
    class Meta:
        model = Sidekick
        fields = ["name", "hero"]

    def clean_hero(self) -> Hero:
        hero: Hero = self.cleaned_data["hero"]
        if hero.retired:
            raise forms.ValidationError("This hero is retired.")
        return hero
""",
            ),
            edit(
                f"{_HEROES}/admin.py",
                "from .models import Hero, HeroAPIKey\n",
                "from .forms import SidekickForm\nfrom .models import Hero, HeroAPIKey, Sidekick\n",
            ),
            edit(
                f"{_HEROES}/admin.py",
                "class HeroModelAdmin(admin.ModelAdmin):\n    pass\n",
                """\
class HeroModelAdmin(admin.ModelAdmin):
    pass


@admin.register(Sidekick)
class SidekickModelAdmin(admin.ModelAdmin):
    form = SidekickForm
    list_display = ("name", "hero")
""",
            ),
            create(
                f"{_HEROES}/migrations/0005_sidekick.py",
                """\
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("heroes", "0004_auto_20220110_1102"),
    ]

    operations = [
        migrations.CreateModel(
            name="Sidekick",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True,
                        primary_key=True,
                        serialize=False,
                        verbose_name="ID",
                    ),
                ),
                ("name", models.CharField(max_length=64)),
                (
                    "hero",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="sidekicks",
                        to="heroes.hero",
                    ),
                ),
            ],
        ),
    ]
""",
            ),
            ("run_check", {"name": "makemigrations"}),
            run_test(_SIDEKICKS, "tests/test_admin.py"),
        ),
        when("0 new findings", "passed", then=calls(finish("Sidekicks go with their hero."))),
    ),
    files={
        f"{_HEROES}/models.py": "M",
        f"{_HEROES}/forms.py": "A",
        f"{_HEROES}/admin.py": "M",
        f"{_HEROES}/migrations/0005_sidekick.py": "A",
        _SIDEKICKS: "A",
    },
    diff={
        f"{_HEROES}/models.py": Part(
            9,
            (
                "class Sidekick(models.Model):",
                "    name = models.CharField(max_length=64)",
                "    def __str__(self) -> str:",
            ),
        ),
        f"{_HEROES}/forms.py": Part(
            15, ("class SidekickForm(forms.ModelForm):", "        if hero.retired:")
        ),
        f"{_HEROES}/admin.py": Part(
            8,
            (
                "@admin.register(Sidekick)",
                "    form = SidekickForm",
                '    list_display = ("name", "hero")',
            ),
            ("from .models import Hero, HeroAPIKey",),
        ),
        f"{_HEROES}/migrations/0005_sidekick.py": Part(
            34,
            (
                '        ("heroes", "0004_auto_20220110_1102"),',
                "        migrations.CreateModel(",
                '            name="Sidekick",',
                '                ("name", models.CharField(max_length=64)),',
            ),
        ),
        _SIDEKICKS: Part(33, ("def test_the_admin_lists_name_and_hero() -> None:",)),
    },
    # The migration makes the new table, and touches no other.
    never=("AlterField", "RemoveField", "DeleteModel", "RunPython", "RunSQL"),
    words="Sidekicks go with their hero.",
    checks=("tests", "makemigrations", "django check"),
)

VIEWSET = Story(
    name="drf-viewset",
    project=PROJECT,
    title="A viewset for heroes",
    body=(
        "`/api/heroes/` and `/api/heroes/<id>/` of the test project show id and name of heroes who"
        " are not retired, to holders of a hero's key only. Nothing can be written there."
    ),
    look=(
        calls(
            read(f"{_PROJECT}/views.py"),
            read(f"{_PROJECT}/urls.py"),
            read(f"{_HEROES}/permissions.py"),
            read(_VIEWS),
        ),
    ),
    plan={
        "title": "Show heroes by a viewset",
        "category": "feature",
        "steps": ["Add a serializer", "Add the viewset", "Route it"],
        "files": [f"{_HEROES}/serializers.py", f"{_PROJECT}/views.py", f"{_PROJECT}/urls.py"],
    },
    proof=(
        Test(f"{_VIEWS}::test_heroes_are_shown", "heroes at work are shown, and not written"),
        Test(f"{_VIEWS}::test_heroes_need_a_key", "without a key nothing is shown"),
    ),
    tests=(
        calls(
            edit(
                _VIEWS,
                """\
    response = client.get("/api/protected/object/", format="json", **headers)
    assert response.status_code == 200
""",
                """\
    response = client.get("/api/protected/object/", format="json", **headers)
    assert response.status_code == 200


@pytest.mark.django_db
def test_heroes_are_shown() -> None:
    batman = Hero.objects.create(name="Batman")
    Hero.objects.create(name="Superman", retired=True)
    _, key = HeroAPIKey.objects.create_key(name="test", hero=batman)
    headers = {"HTTP_AUTHORIZATION": f"Api-Key {key}"}

    client = APIClient()

    response = client.get("/api/heroes/", format="json", **headers)
    assert response.status_code == 200
    assert response.json() == [{"id": batman.pk, "name": "Batman"}]

    response = client.get(f"/api/heroes/{batman.pk}/", format="json", **headers)
    assert response.json() == {"id": batman.pk, "name": "Batman"}

    response = client.post("/api/heroes/", {"name": "Robin"}, format="json", **headers)
    assert response.status_code == 405


@pytest.mark.django_db
def test_heroes_need_a_key() -> None:
    response = APIClient().get("/api/heroes/", format="json")
    assert response.status_code == 403
""",
            ),
            finish("Two tests."),
        ),
    ),
    edit=(
        calls(
            create(
                f"{_HEROES}/serializers.py",
                """\
from rest_framework import serializers

from .models import Hero


class HeroSerializer(serializers.ModelSerializer):
    class Meta:
        model = Hero
        fields = ["id", "name"]
""",
            ),
            edit(
                f"{_PROJECT}/views.py",
                """\
from rest_framework.views import APIView

from test_project.heroes.permissions import HasHeroAPIKey
""",
                """\
from rest_framework.views import APIView
from rest_framework.viewsets import ReadOnlyModelViewSet

from test_project.heroes.models import Hero
from test_project.heroes.permissions import HasHeroAPIKey
from test_project.heroes.serializers import HeroSerializer
""",
            ),
            edit(
                f"{_PROJECT}/views.py",
                "        self.check_object_permissions(request, object())\n"
                '        return Response({"message": "Hello, world!"})\n',
                """\
        self.check_object_permissions(request, object())
        return Response({"message": "Hello, world!"})


class HeroViewSet(ReadOnlyModelViewSet):
    queryset = Hero.objects.filter(retired=False).order_by("pk")
    serializer_class = HeroSerializer
    permission_classes = [HasHeroAPIKey]
""",
            ),
            edit(
                f"{_PROJECT}/urls.py",
                "from django.urls import path\n\nfrom . import views\n",
                """\
from django.urls import include, path
from rest_framework.routers import SimpleRouter

from . import views

router = SimpleRouter()
router.register("heroes", views.HeroViewSet)
""",
            ),
            edit(
                f"{_PROJECT}/urls.py",
                '    path("admin/", admin.site.urls),\n',
                '    path("admin/", admin.site.urls),\n    path("api/", include(router.urls)),\n',
            ),
            run_test(_VIEWS),
        ),
        when("3 passed", then=calls(finish("The viewset reads only, behind a hero's key."))),
    ),
    files={
        f"{_HEROES}/serializers.py": "A",
        f"{_PROJECT}/views.py": "M",
        f"{_PROJECT}/urls.py": "M",
        _VIEWS: "M",
    },
    diff={
        f"{_HEROES}/serializers.py": Part(9, ('        fields = ["id", "name"]',)),
        f"{_PROJECT}/views.py": Part(
            9,
            (
                "class HeroViewSet(ReadOnlyModelViewSet):",
                '    queryset = Hero.objects.filter(retired=False).order_by("pk")',
                "    permission_classes = [HasHeroAPIKey]",
            ),
        ),
        f"{_PROJECT}/urls.py": Part(
            6,
            (
                'router.register("heroes", views.HeroViewSet)',
                '    path("api/", include(router.urls)),',
            ),
            ("from django.urls import path",),
        ),
        _VIEWS: Part(26, ("def test_heroes_need_a_key() -> None:",)),
    },
    never=('"__all__"', "(ModelViewSet)", "AllowAny", "csrf_exempt"),
    words="The viewset reads only, behind a hero's key.",
    remarks=(Remark("The list has no pages.", f"{_PROJECT}/views.py", 33),),
)

STORIES = (MODEL, VIEWSET)
