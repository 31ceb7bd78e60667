"""django-robots: a small Django application with an admin, forms and migrations."""

from __future__ import annotations

from tests.flow.model_scripts import calls, create, edit, finish, read
from tests.thirdparty.model_stories.diffs import Part
from tests.thirdparty.model_stories.story import Project, Story, Test, run_test, when
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

STORIES = (COMMAND,)
