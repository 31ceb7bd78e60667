"""Golden tests of the edit of a model: one region is added, all else stays to the byte."""

from __future__ import annotations

import re

import pytest

from agent.errors import RequestRefused
from tests.unit.recipes.trees import SHOP, edited, form, models_file

NEW = "    nickname = models.CharField(max_length=50, blank=True)\n"


def model(files: dict[str, str] | dict[str, bytes], **facts: str) -> str:
    return edited(form(**facts), files)["shop/models.py"].decode()  # type: ignore[arg-type]


def inserted(before: str, after: str) -> str:
    """The one region that was added; fails when anything else differs."""
    start = next(
        (n for n, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), len(before)
    )
    added = len(after) - len(before)
    assert added > 0
    while start and before[start - 1] not in "\r\n" and after[:start] == before[:start]:
        start -= 1
    for begin in range(start, -1, -1):
        if after[:begin] + after[begin + added :] == before:
            return after[begin : begin + added]
    raise AssertionError(after)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(
            "class Customer(models.Model):\n    a = models.TextField()\n@N",
            id="after the last field",
        ),
        pytest.param(
            "class Customer(models.Model):\n    a = models.TextField()\n@N\n"
            "    class Meta:\n        pass\n",
            id="before Meta",
        ),
        pytest.param(
            "class Customer(models.Model):\n\ta = models.TextField()\n@T\n"
            "\tdef b(self):\n\t\tpass\n",
            id="tabs",
        ),
    ],
)
def test_the_field_goes_where_a_person_would_put_it(body: str) -> None:
    """`@N` marks the place; a blank line before or after it is part of what is added."""
    tabbed = "\t" + NEW.lstrip()
    after = body.replace("@N", NEW).replace("@T", tabbed)
    before = re.sub(r'("""|\))\n\n@N', r"\1\n", body)
    before = re.sub(r"@N\n(?=    # why)", "", before).replace("@N", "").replace("@T", "")
    head = "from django.db import models\n\n\n"
    assert model(models_file(before)) == head + after


def test_line_ends_are_those_of_the_file() -> None:
    text = SHOP["shop/models.py"].replace("\n", "\r\n")
    after = edited(form(), SHOP | {"shop/models.py": text.encode()})["shop/models.py"].decode()
    assert inserted(text, after) == NEW.replace("\n", "\r\n")


def test_the_definition_is_written_as_it_is_stated() -> None:
    for stated, written in (
        ("Shop", "Shop"),
        ("'shop.Shop'", '"shop.Shop"'),
        ("to='people.Reader'", 'to="people.Reader"'),
        ("Customer", '"self"'),
    ):
        text = model(SHOP, field_type="ForeignKey", options=f"{stated}, blank=True")
        assert f"nickname = models.ForeignKey({written}, blank=True)\n" in text
    later = models_file(
        "class Customer(models.Model):\n    b = models.TextField()\n\n\n"
        "class Shop(models.Model):\n    a = models.TextField()\n"
    )
    text = model(later, field_type="ForeignKey", options="Shop, models.CASCADE, null=True")
    assert 'models.ForeignKey("shop.Shop", models.CASCADE, null=True)' in text


def test_names_are_those_of_the_file() -> None:
    text = model(
        models_file(
            "class Customer(m.Model):\n    class Kind(m.TextChoices):\n        A = 'a'\n\n"
            "    a = m.TextField()\n",
            "from django.db import models as m\n\n\ndef make_code():\n    return 'a'\n\n\n",
        ),
        options="choices=Kind.choices, default=make_code",
    )
    assert "m.CharField(choices=Kind.choices, default=make_code)" in text


@pytest.mark.parametrize(
    ("head", "options", "after"),
    [
        (
            "from django.db import models\nfrom django.utils.text import slugify\n",
            "default=timezone.now",
            (
                "from django.db import models\nfrom django.utils import timezone\n"
                "from django.utils.text import slugify\n"
            ),
        ),
        (
            "from django.db import models\n\nfrom .text import slugify\n",
            "default=timezone.now",
            (
                "from django.db import models\nfrom django.utils import timezone\n\n"
                "from .text import slugify\n"
            ),
        ),
        (
            "# why\nfrom django.db import models\n",
            "default=uuid.uuid4",
            "import uuid\n\n# why\nfrom django.db import models\n",
        ),
        (
            "import os\n\nfrom django.db import models\n",
            "to=settings.AUTH_USER_MODEL, null=True",
            "import os\n\nfrom django.conf import settings\nfrom django.db import models\n",
        ),
        (
            "import os\n\nfrom django.db import models\n",
            "default=Decimal('1')",
            "import os\nfrom decimal import Decimal\n\nfrom django.db import models\n",
        ),
        (
            "from django.db import models\nfrom django.utils import timezone as tz\n",
            "default=timezone.now",
            "from django.db import models\nfrom django.utils import timezone as tz\n",
        ),
    ],
)
def test_imports_go_where_isort_puts_them(head: str, options: str, after: str) -> None:
    body = "\n\nclass Customer(models.Model):\n    a = models.TextField()\n"
    text = model(models_file(body, head), field_type="AField", options=options)
    assert text.partition("\n\n\n")[0] == after.rstrip("\n")
    name = "tz" if " as tz" in head else "timezone"
    assert options.replace("timezone", name).replace("'", '"') in text


def test_a_base_class_gets_its_first_field_and_loses_its_pass() -> None:
    head = "class Base(models.Model):\n    a = models.TextField()\n\n\nclass Customer(Base):\n"
    for before, after in (
        ("    pass\n", NEW),
        ('    """Buys."""\n', f'    """Buys."""\n\n{NEW}'),
        ('    """Buys."""\n\n    class Meta:\n        pass\n',
         f'    """Buys."""\n\n{NEW}\n    class Meta:\n        pass\n'),
        ("    # why\n    def f(self): ...\n", f"{NEW}\n    # why\n    def f(self): ...\n"),
    ):  # fmt: skip
        text = model(models_file(head + before))
        assert text == models_file(head + after)["shop/models.py"]


def test_a_file_that_cannot_hold_the_text_is_refused() -> None:
    for head, code in (("# coding: latin-1\n", "latin-1"), ("# coding: cp1252\n", "cp1252")):
        text = head + SHOP["shop/models.py"] + "# \xe4\n"
        files = SHOP | {"shop/models.py": text.encode(code)}
        assert inserted(text, edited(form(), files)["shop/models.py"].decode(code)) == NEW
        with pytest.raises(RequestRefused, match=r"shop/models\.py cannot hold"):
            edited(form(options="max_length=5, default='\u0416'"), files)


def test_long_lines_are_broken_so_that_formatters_leave_them() -> None:
    choices = ", ".join(f"('{letter}', 'What {letter} stands for')" for letter in "ab")
    options = (
        f"max_length=50, blank=True, help_text='It is \"so\"', choices=[{choices}, ('c', 'C')]"
    )
    assert (
        "    nickname = models.CharField(\n"
        "        max_length=50,\n"
        "        blank=True,\n"
        "        help_text='It is \"so\"',\n"
        "        choices=[\n"
        '            ("a", "What a stands for"),\n'
        '            ("b", "What b stands for"),\n'
        '            ("c", "C"),\n'
        "        ],\n"
        "    )\n"
    ) in model(SHOP, options=options)
