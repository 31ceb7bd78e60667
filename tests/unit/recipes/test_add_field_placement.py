"""Golden tests of the edit of a model: one region is added, all else stays to the byte."""

from __future__ import annotations

import re

import pytest

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


def test_the_target_of_a_relation_is_written_as_it_is_stated() -> None:
    wanted = "nickname = models.ForeignKey({}, on_delete=models.PROTECT, null=True)\n"
    wide = SHOP | {"setup.cfg": "[flake8]\nmax-line-length = 100\n"}
    for stated, written in (
        ("Shop", "Shop"),
        ("'Shop'", '"Shop"'),
        ("'shop.Shop'", '"Shop"'),
        ("'people.Reader'", '"people.Reader"'),
        ("settings.AUTH_USER_MODEL", "settings.AUTH_USER_MODEL"),
    ):
        options = f"to={stated}, on_delete=models.PROTECT, null=True"
        text = model(wide, field_type="ForeignKey", options=options)
        assert wanted.format(written) in text
    assert text.startswith("from django.conf import settings\nfrom django.db import models\n")
    later = models_file(
        "class Customer(models.Model):\n    b = models.TextField()\n\n\n"
        "class Shop(models.Model):\n    a = models.TextField()\n"
    )
    options = "to=Shop, on_delete=models.PROTECT, null=True"
    assert wanted.format('"Shop"') in model(later, field_type="ForeignKey", options=options)


def test_a_missing_type_joins_the_import_in_order() -> None:
    files = models_file(
        "class Customer(Model):\n    a = TextField()\n",
        "from django.db.models import Model, TextField\n",
    )
    assert model(files) == (
        "from django.db.models import CharField, Model, TextField\n"
        "class Customer(Model):\n    a = TextField()\n"
        "    nickname = CharField(max_length=50, blank=True)\n"
    )


@pytest.mark.parametrize(
    ("head", "after"),
    [
        (
            "from django.db import models\nfrom django.utils.text import slugify\n",
            (
                "from django.db import models\nfrom django.utils import timezone\n"
                "from django.utils.text import slugify\n"
            ),
        ),
        ("from django.db import models\nfrom django.utils import timezone as tz\n", None),
    ],
)
def test_imports_of_a_default_go_where_isort_puts_them(head: str, after: str | None) -> None:
    files = models_file("\nclass Customer(models.Model):\n    a = models.TextField()\n", head)
    text = model(files, field_type="DateTimeField", options="default=timezone.now")
    name = "tz" if after is None else "timezone"
    assert text == (
        (after or head) + "\nclass Customer(models.Model):\n    a = models.TextField()\n"
        f"    nickname = models.DateTimeField(default={name}.now)\n"
    )


def test_long_lines_are_wrapped_at_the_configured_width() -> None:
    options = 'max_length=50, blank=True, help_text="What to call them", verbose_name="nick"'
    narrow = SHOP | {"pyproject.toml": "[tool.black]\nline-length = 60\n"}
    assert (
        "    nickname = models.CharField(\n"
        "        max_length=50,\n"
        "        blank=True,\n"
        '        help_text="What to call them",\n'
        '        verbose_name="nick",\n'
        "    )\n"
    ) in model(narrow, options=options)
