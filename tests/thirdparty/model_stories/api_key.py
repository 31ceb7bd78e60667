"""djangorestframework-api-key: an application of Django REST framework with a project to try it."""

from __future__ import annotations

from tests.flow.model_scripts import bash, calls, edit, read, run_tests, submit, write
from tests.thirdparty.model_stories.story import Project, Story, when
from tests.thirdparty.sources import Source

PROJECT = Project(
    Source(
        "djangorestframework-api-key",
        "3.1.0",
        "7e9c88360933b3c46467d80645a50cf36697674c7856a737a1c674d570860ac9",
    ),
    wire="responses",
    # install: requirements.txt names no Django. --no-cov: how much is covered is no result.
    config=("python: {install: [django]}\nchecks: {tests: {args: [--no-cov]}}\n"),
)
_HEROES, _SIDEKICKS = "test_project/heroes", "tests/test_sidekicks.py"

MODEL = Story(
    name="model-migration-admin-form-2",
    project=PROJECT,
    title="Heroes have sidekicks",
    body=(
        "The test project needs a model `Sidekick` with a `name` and its `hero`, in the admin with"
        " both in the list, and with a form that refuses heroes who are retired."
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
        f"{_SIDEKICKS}::test_a_hero_has_sidekicks",
        f"{_SIDEKICKS}::test_retired_heroes_are_refused",
        f"{_SIDEKICKS}::test_the_admin_lists_name_and_hero",
    ),
    work=(
        calls(
            read(f"{_HEROES}/models.py"),
            read(f"{_HEROES}/admin.py"),
            read("tests/test_admin.py"),
            bash(f"ls {_HEROES}/migrations"),
        ),
        calls(
            write(
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
            run_tests(_SIDEKICKS),
        ),
        when(
            "4 failed",
            then=calls(
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
                write(
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
                write(
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
                run_tests(_SIDEKICKS, "tests/test_admin.py"),
            ),
        ),
        when("passed", then=calls(submit("Sidekicks go with their hero."))),
    ),
    files={
        f"{_HEROES}/models.py": "M",
        f"{_HEROES}/forms.py": "A",
        f"{_HEROES}/admin.py": "M",
        f"{_HEROES}/migrations/0005_sidekick.py": "A",
        _SIDEKICKS: "A",
    },
    # The migration makes the new table, and touches no other.
    never=("AlterField", "RemoveField", "DeleteModel", "RunPython", "RunSQL"),
    words="Sidekicks go with their hero.",
    checks=("tests", "makemigrations", "django check"),
)

STORIES = (MODEL,)
