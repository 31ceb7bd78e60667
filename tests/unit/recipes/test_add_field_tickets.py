"""Which tickets state a field by their structure, and what is answered where they do not."""

import pytest

from agent.errors import TicketUnclear
from agent.recipes.add_field import recipe, request
from agent.stages import triage
from tests.unit.recipes.trees import SHOP, form, resolve_parameters, ticket

FILES = SHOP | {
    "shop/models.py": SHOP["shop/models.py"]
    + "\n\nclass Order(models.Model):\n    total = models.IntegerField()\n",
    "shop/admin.py": "from django.contrib import admin\n\nfrom .models import Customer\n\n\n"
    "@admin.register(Customer)\nclass CustomerAdmin(admin.ModelAdmin):\n"
    '    list_display = ("name", "email")\n',
    "shop/test_models.py": "def test_name():\n    pass\n",
}
NICK = "shop.Customer: nick = models.CharField(max_length=50, blank=True)"


def told(body: str, title: str = "A field") -> str:
    """What is settled, in one line, for a ticket that the recipe is chosen for."""
    assert triage.choose_recipe(ticket(body, title)) == recipe.NAME
    settled = resolve_parameters(body, FILES, title)
    said = f"{settled.app_label}.{settled.model}: {settled.assignment}"
    return said + ("; test" if settled.test else "")


BLOCK = (
    "On `shop.Customer`:\n\n```python\nnick = models.CharField(max_length=50, blank=True)\n```\n"
)
MARKS = "Add `nick = CharField(max_length=50, blank=True)` to `shop.Customer`."
SHAPES = {
    "a form": (form(field_name="nick", add_a_test="No"), NICK),
    "code marks": (MARKS, NICK),
    "a block beside other code": (f"{BLOCK}\n```python\nevil()\n```\n", NICK),
    "a relation": (
        "Add `buyer = models.ForeignKey(Customer, models.SET_NULL, null=True)` to `Order`.",
        "shop.Order: buyer = models.ForeignKey(Customer, models.SET_NULL, null=True)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SHAPES)
def test_what_structure_states_is_settled(name: str) -> None:
    body, wanted = SHAPES[name]
    assert told(body) == wanted


@pytest.mark.parametrize(
    "body",
    [
        "Add a CharField nickname with max_length=50, blank=True to Customer",
        "Add `nick` to `shop.Customer`: a `CharField(max_length=50, blank=True)`.",
        "`shop.Customer` has no `nickname`, please add one.",
        "",
    ],
)
def test_sentences_alone_are_for_a_model_or_a_person(body: str) -> None:
    assert not recipe.fits_ticket(ticket(body))
    assert triage.choose_recipe(ticket(body, "Add a field")) == ""


@pytest.mark.parametrize(
    ("body", "problem", "lines"),
    [
        (
            "Add `nick = models.CharField(max_length=50)` to `shop.Customer`",
            "xisting rows",
            {"model: shop.Customer"},
        ),
        (
            "Add `born = models.DateField(null=True)` to `shop.Custmer`",
            "is it shop.Customer?",
            {"model: shop.Customer", "field: born = models.DateField(null=True)"},
        ),
        ("Add `a = models.TextField()` and `b = models.TextField()` to `Order`", "several fields", set()),
        ("Add `nick = models.TextField(blank=True)` to `Order`, or `Customer`", "the model", set()),
        ("Add `nom\u00e9 = models.TextField()` to `Order`", "is not a valid", set()),
        (form(add_a_test="perhaps not"), "neither yes nor no", set()),
        (form(options="fifty characters"), "not a Django field", set()),
    ],
)  # fmt: skip
def test_what_is_missing_comes_back_as_the_form_filled_in_so_far(
    body: str, problem: str, lines: set[str]
) -> None:
    with pytest.raises(TicketUnclear) as raised:
        resolve_parameters(body, FILES)
    questions, first, form = raised.value.message.partition("Fill in this form to answer:\n  ")
    assert problem in questions
    assert first
    given = form.split("\n  ")
    asked = (line.removeprefix("### ").lower() for line in given[::2])
    assert lines <= {f"{key}: {value}" for key, value in zip(asked, given[1::2], strict=True)}


def test_sentences_beside_the_facts_are_named_as_not_done() -> None:
    body = SHAPES["code marks"][0] + " Encrypt it. Mail everybody!\n\nThanks in advance"
    assert resolve_parameters(body, FILES, "Delete all orders").not_done == (
        "Encrypt it.", "Mail everybody!", "Thanks in advance",
    )  # fmt: skip
    assert resolve_parameters(form() + "\n\n### Why\n\nThey ask for it.", FILES).not_done == (
        "Why: They ask for it.",
    )
    assert resolve_parameters(form(), FILES).not_done == ()
    asks = "Add `n = models.CharField(max_length=9, null=True)` to `shop.Customer`"
    assert resolve_parameters(f"{asks}.", FILES).not_done == ()
    assert resolve_parameters(f"{asks} with a test.", FILES).not_done == (f"{asks} with a test.",)
    assert (
        resolve_parameters(SHAPES["a block beside other code"][0], FILES).not_done[-1] == "`evil()`"
    )


def test_text_is_data_and_never_code() -> None:
    for options in (
        "max_length=50, default=__import__('os').system('true')",
        "max_length=50, default=open('/etc/passwd').read()",
        "max_length=50, default=[x for x in ()]",
        "max_length=50, default=f'{1}'",
        "max_length=9**9**9",
        "max_length=50, null=True, validators=[f]",
        "max_length=50, null=True, choices=Kinds.choices",
        "**options",
    ):
        with pytest.raises(TicketUnclear):
            resolve_parameters(form(options=options))


@pytest.mark.parametrize(
    "options",
    [
        "9" * 10_000,
        "1" + "+1" * 900,
        "[" * 180 + "]" * 180,
        "(" * 3_000,
        "[" * 10_000 + "]" * 10_000,
        "-" * 5_000 + "1",
    ],
)
def test_a_value_that_cannot_be_written_down_is_a_problem(options: str) -> None:
    body = form(options=f"max_length=5, default={options}")
    request.read_request(ticket(body)).fill_form()
    with pytest.raises(TicketUnclear):
        resolve_parameters(body)
