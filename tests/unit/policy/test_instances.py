"""Objects whose class is plain from the code, and those of which it is not."""

from __future__ import annotations

import textwrap

import pytest

from agent.policy.upkeep import library_names
from tests.unit.policy.cases import Snippet


def called(code, **more):
    snippet = Snippet({"app/views.py": textwrap.dedent(code), **more}, base={"app/models.py": ""})
    return {
        (one.name, one.called.name, one.called.by, one.called.held, one.called.within)
        for one in library_names.fresh(snippet.proposal())
        if one.called
    }


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("client = httpx.Client()\nclient.fetch()\n", ("made", "client", "")),
        (
            "async def f():\n    async with httpx.Client() as c:\n        await c.fetch()\n",
            ("entered async", "", ""),
        ),
        ("def f(client: 'None | httpx.Client'):\n    client.fetch()\n", ("handed", "", "")),
        (
            """
            class Base:
                pass
            class Shop(Base):
                def __init__(self, x):
                    super().__init__()
                    if x:
                        self.client: httpx.Client = httpx.Client()
                def total(self):
                    def inner():
                        return self.client.fetch()
                    return inner
            """,
            ("made", "client", "Shop"),
        ),
    ],
)
def test_an_object_whose_class_is_plain_is_asked_about(code, expected):
    by, held, within = expected
    assert called("import httpx\n" + textwrap.dedent(code)) == {
        ("httpx.Client", "fetch", by, held, within)
    }


@pytest.mark.parametrize(
    "code",
    [
        "client = httpx.Client()\nclient = other()\nclient.fetch()\n",
        "def f(client: httpx.Client):\n    if isinstance(client, Own):\n        client.fetch()\n",
        "def f(client: httpx.Client):\n    try:\n        client.fetch()\n    except AttributeError:\n        pass\n",
    ],
)
def test_what_may_be_something_else_as_well_is_not(code):
    asked = called("import httpx\n" + code)
    assert {one for one in asked if one[1] == "fetch"} == set()


@pytest.mark.parametrize(
    "code",
    [
        # Somebody else has a say in what the attribute is.
        "class Shop(Base):",
        "class Shop:\n    def use(self, client):\n        self.client = client",
        "def put(shop):\n    shop.client = Fake()\nclass Shop:",
    ],
)
def test_an_attribute_that_may_be_set_elsewhere_is_not_asked_about(code):
    rest = """
    def __init__(self):
        self.client = httpx.Client()
    def total(self):
        return self.client.fetch()
"""
    assert not called(f"import httpx\n{code}{rest}")


def test_methods_of_the_repositorys_own_classes_are_not_asked_of_libraries():
    code = "from app.models import Client\nclient = Client()\nclient.fetch()\n"
    assert called(code, **{"app/models.py": "class Client: ..."}) == set()


def test_once_more_of_what_a_file_had_is_nothing_to_ask():
    had = "import httpx\nclient = httpx.Client()\nclient.fetch()\n"
    after = had + "client.fetch()\nclient.load()\n"
    asked = library_names.fresh(Snippet(after, base=had).proposal())
    assert [(one.called and one.called.name, one.line) for one in asked] == [("load", 5)]


def test_what_is_nested_at_any_depth_is_read():
    deep = "x: " + "a+" * 400 + "a = 1\n"
    assert called("import httpx\nclient = httpx.Client()\nclient.fetch()\n" + deep)
