"""django-robots: a small Django application with an admin, forms and migrations."""

from __future__ import annotations

from tests.flow.model_scripts import calls, create, edit, finish, read
from tests.thirdparty.model_stories.diffs import Part
from tests.thirdparty.model_stories.story import Project, Remark, Story, Test, run_test, when
from tests.thirdparty.sources import Source

PROJECT = Project(
    Source(
        "django-robots",
        "7.0b0",
        "9a71e9ced40a18c430c41a14aa7c1541c407829dbfb41b59497f56b9e2af459c",
    ),
    wire="anthropic",
    # As tox.ini has it; install: it names Django in factors alone.
    config=(
        "python: {install: [django]}\n"
        "django: {settings: tests.settings}\n"
        "checks: {tests: {runner: django, args: [robots]}}\n"
    ),
    reviewed_by="responses",
)
_APP = "src/robots"
_TESTS = f"{_APP}/tests.py"

MODEL = Story(
    name="model-migration-admin-form-1",
    project=PROJECT,
    title="Sitemaps that are kept in the database",
    body=(
        "A model `Sitemap` with a unique `url` and its `sites`, in the admin with the list of"
        " urls, and with a form that takes only addresses that end with .xml, .xml.gz or .txt."
    ),
    look=(
        calls(
            read(f"{_APP}/models.py", 1, 40),
            read(f"{_APP}/admin.py"),
            read(f"{_APP}/forms.py"),
            ("look", {"folder": f"{_APP}/migrations"}),
        ),
    ),
    plan={
        "title": "Keep sitemaps in the database",
        "category": "feature",
        "steps": ["Add the model and its migration", "Add form and admin"],
        "files": [
            f"{_APP}/models.py",
            f"{_APP}/forms.py",
            f"{_APP}/admin.py",
            f"{_APP}/migrations/0004_sitemap.py",
        ],
    },
    proof=(
        Test(f"{_TESTS}::SitemapTests::test_belongs_to_sites", "it has a url and sites"),
        Test(f"{_TESTS}::SitemapTests::test_form_takes_sitemaps_alone", "other files are refused"),
        Test(f"{_TESTS}::SitemapTests::test_admin_lists_urls", "the admin lists the urls"),
    ),
    tests=(
        calls(
            edit(
                _TESTS,
                "class UrlModelTests(TestCase):\n",
                """\
class SitemapTests(TestCase):
    def test_belongs_to_sites(self):
        from robots.models import Sitemap

        sitemap = Sitemap.objects.create(url="https://example.com/sitemap.xml")
        sitemap.sites.add(Site.objects.get_current())
        self.assertEqual(str(sitemap), "https://example.com/sitemap.xml")
        self.assertTrue(Sitemap._meta.get_field("url").unique)
        self.assertEqual(Sitemap.objects.filter(sites__domain="example.com").count(), 1)

    def test_form_takes_sitemaps_alone(self):
        from robots.forms import SitemapAdminForm

        sites = [Site.objects.get_current().pk]
        for name in ("a.xml", "a.xml.gz", "a.txt", "a.html"):
            form = SitemapAdminForm(
                {"url": f"https://example.com/{name}", "sites": sites}
            )
            self.assertEqual(form.is_valid(), name != "a.html", name)
        self.assertIn("url", form.errors)

    def test_admin_lists_urls(self):
        from django.contrib import admin

        from robots.forms import SitemapAdminForm
        from robots.models import Sitemap

        registered = admin.site._registry[Sitemap]
        self.assertEqual(registered.list_display, ("url",))
        self.assertIs(registered.form, SitemapAdminForm)


class UrlModelTests(TestCase):
""",
            ),
            finish("Three tests."),
        ),
    ),
    edit=(
        calls(
            edit(
                f"{_APP}/models.py",
                "class Rule(models.Model):\n",
                '''\
class Sitemap(models.Model):
    """
    Defines a sitemap of one or more sites.
    """

    url = models.URLField(_("url"), unique=True)
    sites = models.ManyToManyField(Site, verbose_name=_("sites"))

    class Meta:
        verbose_name = _("sitemap")
        verbose_name_plural = _("sitemaps")

    def __str__(self):
        return "%s" % self.url


class Rule(models.Model):
''',
            ),
            edit(
                f"{_APP}/forms.py",
                "from robots.models import Rule\n",
                "from robots.models import Rule, Sitemap\n",
            ),
            edit(
                f"{_APP}/forms.py",
                "        return self.cleaned_data\n",
                """\
        return self.cleaned_data


class SitemapAdminForm(forms.ModelForm):
    class Meta:
        model = Sitemap
        fields = "__all__"

    def clean_url(self):
        url = self.cleaned_data["url"]
        if not url.endswith((".xml", ".xml.gz", ".txt")):
            raise forms.ValidationError(
                _("Please specify a file that ends with .xml, .xml.gz or .txt.")
            )
        return url
""",
            ),
            edit(
                f"{_APP}/admin.py",
                "from robots.forms import RuleAdminForm\nfrom robots.models import Rule, Url\n",
                "from robots.forms import RuleAdminForm, SitemapAdminForm\n"
                "from robots.models import Rule, Sitemap, Url\n",
            ),
            edit(
                f"{_APP}/admin.py",
                "admin.site.register(Url)\n",
                """\
class SitemapAdmin(admin.ModelAdmin):
    form = SitemapAdminForm
    list_filter = ("sites",)
    list_display = ("url",)
    search_fields = ("url",)
    filter_horizontal = ("sites",)


admin.site.register(Url)
admin.site.register(Sitemap, SitemapAdmin)
""",
            ),
            ("run_check", {"name": "makemigrations"}),
        ),
        when(
            "1 new finding",
            then=calls(
                create(
                    f"{_APP}/migrations/0004_sitemap.py",
                    """\
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("sites", "0002_alter_domain_unique"),
        ("robots", "0003_alter_url_pattern"),
    ]

    operations = [
        migrations.CreateModel(
            name="Sitemap",
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
                ("url", models.URLField(unique=True, verbose_name="url")),
                (
                    "sites",
                    models.ManyToManyField(to="sites.site", verbose_name="sites"),
                ),
            ],
            options={
                "verbose_name": "sitemap",
                "verbose_name_plural": "sitemaps",
            },
        ),
    ]
""",
                ),
                ("run_check", {"name": "makemigrations"}),
                run_test(_TESTS),
            ),
        ),
        when(
            "0 new findings",
            "passed",
            then=calls(finish("The rules of robots.txt stay as they are.")),
        ),
    ),
    files={
        f"{_APP}/models.py": "M",
        f"{_APP}/forms.py": "M",
        f"{_APP}/admin.py": "M",
        f"{_APP}/migrations/0004_sitemap.py": "A",
        _TESTS: "M",
    },
    diff={
        f"{_APP}/models.py": Part(
            16,
            (
                "class Sitemap(models.Model):",
                '    url = models.URLField(_("url"), unique=True)',
                '    sites = models.ManyToManyField(Site, verbose_name=_("sites"))',
            ),
        ),
        f"{_APP}/forms.py": Part(
            15,
            (
                "class SitemapAdminForm(forms.ModelForm):",
                '        if not url.endswith((".xml", ".xml.gz", ".txt")):',
            ),
            ("from robots.models import Rule",),
        ),
        f"{_APP}/admin.py": Part(
            11,
            (
                "    form = SitemapAdminForm",
                '    list_display = ("url",)',
                "admin.site.register(Sitemap, SitemapAdmin)",
            ),
            ("from robots.forms import RuleAdminForm", "from robots.models import Rule, Url"),
        ),
        f"{_APP}/migrations/0004_sitemap.py": Part(
            34,
            (
                '        ("robots", "0003_alter_url_pattern"),',
                "        migrations.CreateModel(",
                '            name="Sitemap",',
                '                ("url", models.URLField(unique=True, verbose_name="url")),',
            ),
        ),
        _TESTS: Part(32, ("class SitemapTests(TestCase):",)),
    },
    # The migration makes the new table, and touches no other.
    never=("AlterField", "RemoveField", "DeleteModel", "RunPython", "RunSQL"),
    words="The rules of robots.txt stay as they are.",
    remarks=(Remark("Query strings after .xml are refused.", f"{_APP}/forms.py", 31),),
    checks=("tests", "makemigrations", "django check"),
)

COMMAND = Story(
    name="management-command",
    project=PROJECT,
    title="A command that removes unused URL patterns",
    body=(
        "`manage.py prune_urls` deletes each `Url` that no rule allows or disallows and prints its"
        " pattern; with `--dry-run` it only prints them."
    ),
    look=(calls(read(f"{_APP}/models.py"), ("search", {"text": "management", "folder": _APP})),),
    plan={
        "title": "Add a command that prunes URL patterns",
        "category": "feature",
        "steps": ["Add the command"],
        "files": [
            f"{_APP}/management/__init__.py",
            f"{_APP}/management/commands/__init__.py",
            f"{_APP}/management/commands/prune_urls.py",
        ],
    },
    proof=(
        Test(f"{_TESTS}::PruneUrlsTests::test_deletes_what_no_rule_names", "unused ones go"),
        Test(f"{_TESTS}::PruneUrlsTests::test_dry_run_deletes_nothing", "a dry run only prints"),
    ),
    tests=(
        calls(
            edit(
                _TESTS,
                "class UrlModelTests(TestCase):\n",
                """\
class PruneUrlsTests(TestCase):
    def setUp(self):
        super().setUp()
        rule = Rule.objects.create(robot="*")
        rule.allowed.add(Url.objects.create(pattern="/allowed"))
        rule.disallowed.add(Url.objects.create(pattern="/disallowed"))
        Url.objects.create(pattern="/unused")

    def prune(self, *args):
        from django.core.management import call_command

        out = StringIO()
        call_command("prune_urls", *args, stdout=out)
        return out.getvalue().splitlines()

    def test_deletes_what_no_rule_names(self):
        self.assertEqual(self.prune(), ["/unused"])
        left = Url.objects.values_list("pattern", flat=True)
        self.assertEqual(sorted(left), ["/allowed", "/disallowed"])

    def test_dry_run_deletes_nothing(self):
        self.assertEqual(self.prune("--dry-run"), ["/unused"])
        self.assertEqual(Url.objects.count(), 3)


class UrlModelTests(TestCase):
""",
            ),
            run_test(_TESTS),
        ),
        when("2 failed", then=calls(finish("Two tests."))),
    ),
    edit=(
        calls(
            create(f"{_APP}/management/__init__.py", ""),
            create(f"{_APP}/management/commands/__init__.py", ""),
            create(
                f"{_APP}/management/commands/prune_urls.py",
                """\
from django.core.management.base import BaseCommand

from robots.models import Url


class Command(BaseCommand):
    help = "Deletes URL patterns that no rule allows or disallows."

    def add_arguments(self, parser):
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="Print the patterns, and delete nothing.",
        )

    def handle(self, *args, **options):
        unused = Url.objects.filter(allowed=None, disallowed=None)
        for pattern in unused.values_list("pattern", flat=True):
            self.stdout.write(pattern)
        if not options["dry_run"]:
            unused.delete()
""",
            ),
            run_test(_TESTS),
        ),
        when("passed", then=calls(finish("The command asks for no confirmation."))),
    ),
    files={
        f"{_APP}/management/__init__.py": "A",
        f"{_APP}/management/commands/__init__.py": "A",
        f"{_APP}/management/commands/prune_urls.py": "A",
        _TESTS: "M",
    },
    diff={
        f"{_APP}/management/__init__.py": Part(0),
        f"{_APP}/management/commands/__init__.py": Part(0),
        f"{_APP}/management/commands/prune_urls.py": Part(
            21,
            (
                "class Command(BaseCommand):",
                '            "--dry-run",',
                "        unused = Url.objects.filter(allowed=None, disallowed=None)",
                "            self.stdout.write(pattern)",
                '        if not options["dry_run"]:',
                "            unused.delete()",
            ),
        ),
        _TESTS: Part(25, ("class PruneUrlsTests(TestCase):",)),
    },
    never=("print(", "sys.argv", "objects.all().delete("),
    words="The command asks for no confirmation.",
)

STORIES = (MODEL, COMMAND)
