"""Golden tests of the edit of a model: one region is added, all else stays to the byte."""

import pytest

from agent.errors import RequestRefused
from tests.unit.recipes.trees import SHOP, edited, form, models_file

NEW = "    nickname = models.CharField(max_length=50, blank=True)\n"
BASE = "class Base(models.Model):\n    a = models.TextField()\n\n\nclass Customer(Base):\n"
OWN = "class Customer(models.Model):\n    a = models.TextField()\n"
CLASS = "\n\nclass Customer(models.Model):\n    a = models.TextField()\n"


def model(files: dict[str, str] | dict[str, bytes], **facts: str) -> str:
    return edited(form(**facts), files)["shop/models.py"].decode()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "after",
    [
        pytest.param(f"{OWN}@{NEW}@", id="after the last field"),
        pytest.param(f"{OWN}@{NEW}@\n    class Meta:\n        pass\n", id="before Meta"),
        pytest.param(f"{BASE}@{NEW}@", id="for pass"),
        pytest.param(f'{BASE}    """Buys."""\n@\n{NEW}@', id="after a docstring"),
        pytest.param(f'{BASE}    """Buys."""\n\n@{NEW}\n@    b = 1\n', id="before the rest"),
        pytest.param(f"{BASE}@{NEW}\n@    # why\n    def f(self): ...\n", id="before a comment"),
    ],
)
def test_the_field_goes_where_a_person_would_put_it(after: str) -> None:
    """What stands between `@` is added."""
    kept, _, rest = after.split("@")
    before = kept + (rest or "    pass\n" * (kept == BASE))
    assert model(models_file(before)) == models_file(after.replace("@", ""))["shop/models.py"]


def test_line_ends_and_a_byte_order_mark_stay_and_no_file_is_read_by_another_encoding() -> None:
    text = f"{SHOP['shop/models.py']}# \xe4\n".replace("\n", "\r\n")
    marked = SHOP | {"shop/models.py": text.encode("utf-8-sig")}
    after = edited(form(), marked)["shop/models.py"]
    assert after.replace(NEW.replace("\n", "\r\n").encode(), b"") == text.encode("utf-8-sig")
    with pytest.raises(RequestRefused, match=r"shop/models\.py is not UTF-8"):
        edited(form(), SHOP | {"shop/models.py": text.encode("latin-1")})


def test_names_of_the_class_and_of_its_file_are_known() -> None:
    text = model(
        models_file(
            "def make_code():\n    return 'a'\n\n\n"
            "class Customer(models.Model):\n    class Kind(models.TextChoices):\n        A = 'a'\n"
        ),
        options="choices=Kind.choices, default=make_code",
    )
    assert "models.CharField(choices=Kind.choices, default=make_code)" in text


@pytest.mark.parametrize(
    ("before", "options", "after"),
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
            "import os\n\nfrom django.db import models\n\nfrom .text import slugify\n",
            "to=settings.AUTH_USER_MODEL, null=True",
            (
                "import os\n\nfrom django.conf import settings\nfrom django.db import models\n\n"
                "from .text import slugify\n"
            ),
        ),
        (
            "import os\n\nfrom django.db import models\n",
            "default=Decimal('1')",
            "import os\nfrom decimal import Decimal\n\nfrom django.db import models\n",
        ),
    ],
)
def test_imports_go_where_isort_puts_them(before: str, options: str, after: str) -> None:
    text = model(models_file(CLASS, before), field_type="AField", options=options)
    assert text.partition("\n\n\n")[0] == after.rstrip("\n")
    assert options.replace("'", '"') in text


def test_long_lines_are_broken_so_that_formatters_leave_them() -> None:
    options = "max_length=50, blank=True, help_text='It is \"so\"', choices=[('a', 'A')]"
    assert (
        "    nickname = models.CharField(\n"
        "        max_length=50,\n"
        "        blank=True,\n"
        "        help_text='It is \"so\"',\n"
        '        choices=[("a", "A")],\n'
        "    )\n"
    ) in model(SHOP, options=options)


def test_a_class_in_a_block_and_with_tabs_and_spaced_fields() -> None:
    before = (
        "if True:\n\n\t@final\n\tclass Customer(models.Model):\n\t\ta = models.TextField()\n\n"
        "\t\t#: why\n\n\t\tb = models.TextField()  # c\n\t\t# d\n"
    )
    text = model(models_file(before), options=f"max_length=50, blank=True, help_text='{'h' * 40}'")
    added = text.removeprefix(models_file(before)["shop/models.py"].removesuffix("\t\t# d\n"))
    assert added == (
        "\n\t\tnickname = models.CharField(\n\t\t\tmax_length=50,\n\t\t\tblank=True,\n"
        f'\t\t\thelp_text="{"h" * 40}",\n\t\t)\n\t\t# d\n'
    )
