"""Changes that recipes made, and what people write about them in a review."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from agent.domain import Plan
from agent.recipes import registry, revising
from agent.recipes.recipe import Ground, Wish
from agent.recipes.revising import Heard, Revision
from repo_config.detect import project as detected
from repo_config.schema import RepoConfig
from tests.unit.recipes import trees
from tests.unit.recipes.trees import DictTree

ADMIN = """from django.contrib import admin

from .models import Customer


@admin.register(Customer)
class CustomerAdmin(admin.ModelAdmin):
    list_display = ("name", "email")
"""
FORMS = """from django import forms

from .models import Customer


class CustomerForm(forms.ModelForm):
    class Meta:
        model = Customer
        fields = ["name", "email"]
"""
SHOP = trees.SHOP | {"shop/admin.py": ADMIN, "shop/forms.py": FORMS}
ASKS = (
    "Add a CharField `note` to `shop.Customer` with max_length=120, blank=True. "
    "Show it in the admin list."
)
MODELS, ADMIN_PATH, FORMS_PATH = "shop/models.py", "shop/admin.py", "shop/forms.py"
STOCK = "shop/stock.py"
PRINTS = {
    "shop/__init__.py": "",
    STOCK: '''"""What is in stock."""


def count(items):
    print("Counting", len(items))
    try:
        total = sum(items)
    except TypeError as error:
        print("Cannot count", error)
        return 0
    print("Counted", total)
    return total


def refill(item):
    print("Refilling", item)
''',
    "shop/mail.py": """def send(to):
    print("Sending to", to)
""",
}
REPLACES = "Replace print with logging in `shop`."


@dataclass
class Made:
    """A change that a recipe made, on its pull request."""

    recipe: str
    ticket: str
    files: Mapping[str, str | bytes]
    plan: Plan = field(init=False)
    ground: Ground = field(init=False)

    def __post_init__(self) -> None:
        tree, config = DictTree(self.files), RepoConfig()
        django = self.recipe == trees.RECIPE.name
        project = trees.project() if django else detected(tree, config)
        self.ground = Ground(tree, config, project)
        recipe = registry.by_name(self.recipe)
        parameters = recipe.settle(trees.ticket(self.ticket), tree, config, project)
        self.plan = Plan(
            recipe=recipe.name,
            title=recipe.title(parameters),
            parameters=parameters,
            steps=recipe.steps(parameters),
        )

    def edited(self, plan: Plan | None = None) -> dict[str, str]:
        """The files that a plan edits, by path."""
        recipe = registry.by_name(self.recipe)
        made = recipe.apply(self.ground.tree, (plan or self.plan).parameters).files
        return {path: content.decode() for path, content in made.items()}

    def wish(
        self, words: str, line: str = "", path: str = "", suggestion: str | None = None
    ) -> Wish:
        """What a thread says on the one line of a file that has a text in it."""
        if not line:
            return Wish(words=words, path=path, suggestion=suggestion)
        content = self.edited().get(path) or str(self.files[path])
        lines = content.splitlines()
        (number,) = [place for place, text in enumerate(lines, 1) if line in text]
        return Wish(
            words=words,
            path=path,
            first_line=number,
            line=number,
            code=lines[number - 1],
            suggestion=suggestion,
        )

    def revised(self, *wishes: Wish) -> Revision:
        """What becomes of the plan."""
        return revising.revised(self.plan, wishes, self.ground)

    def heard(
        self, words: str, line: str = "", path: str = "", suggestion: str | None = None
    ) -> Heard:
        """What becomes of one wish."""
        (only,) = self.revised(self.wish(words, line, path, suggestion)).heard
        return only


def a_field(asks: str = ASKS, files: Mapping[str, str | bytes] = SHOP) -> Made:
    """A field that was added."""
    return Made(trees.RECIPE.name, asks, files)


def messages() -> Made:
    """Prints that became log messages."""
    return Made("print-to-logging", REPLACES, PRINTS)
