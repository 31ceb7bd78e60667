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
        ("def f():\n    client = httpx.Client()\n    client.fetch()\n", ("made", "", "")),
        ("httpx.Client(timeout=3).fetch()\n", ("made", "", "")),
        ("def f():\n    with httpx.Client() as c:\n        c.fetch()\n", ("entered", "", "")),
        (
            "async def f():\n    async with httpx.Client() as c:\n        await c.fetch()\n",
            ("entered async", "", ""),
        ),
        ("def f(client: httpx.Client):\n    client.fetch()\n", ("handed", "", "")),
        ("def f(client: 'httpx.Client' = None):\n    client.fetch()\n", ("handed", "", "")),
        ("def f(client: httpx.Client | None):\n    client.fetch()\n", ("handed", "", "")),
        ("def f(client: 'None | httpx.Client'):\n    client.fetch()\n", ("handed", "", "")),
        (
            "from typing import Optional\ndef f(client: Optional[httpx.Client]):\n    client.fetch()\n",
            ("handed", "", ""),
        ),
        (
            "def f():\n    client: httpx.Client = httpx.Client()\n    return [client.fetch() for _ in x]\n",
            ("made", "", ""),
        ),
        (
            """
            class Shop:
                def __init__(self):
                    self.client = httpx.Client()
                def total(self):
                    return self.client.fetch()
            """,
            ("made", "client", "Shop"),
        ),
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
        (
            "def f():\n    c = httpx.Client()\n    def inner():\n        return c.fetch()\n    return inner\n",
            ("made", "", ""),
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
        "def f(client=None):\n    if not client:\n        client = httpx.Client()\n    client.fetch()\n",
        "client = httpx.Client() if x else None\nclient.fetch()\n",
        "for client in [httpx.Client()]:\n    client.fetch()\n",
        "client = httpx.Client()\ndef f():\n    global client\n    client = 1\ndef g():\n    client.fetch()\n",
        "def f(*clients: httpx.Client):\n    clients.fetch()\n",
        "def f(clients: list[httpx.Client]):\n    clients.fetch()\n",
        "def f(kind: type[httpx.Client]):\n    kind.fetch()\n",
        "def f(client: httpx.Client | Other):\n    client.fetch()\n",
        "def f(client: httpx.Client):\n    client = wrap(client)\n    client.fetch()\n",
        "def f(client: httpx.Client):\n    if isinstance(client, Own):\n        client.fetch()\n",
        "def f(client: httpx.Client):\n    if is_own(client):\n        client.fetch()\n",
        "def f(client: httpx.Client):\n    if hasattr(client, 'fetch'):\n        client.fetch()\n",
        "def f(client: httpx.Client):\n    match client:\n        case Own():\n            client.fetch()\n",
        "def f(client: httpx.Client):\n    try:\n        client.fetch()\n    except AttributeError:\n        pass\n",
        "client = httpx.Client()\nclient.fetch = fetch\nclient.fetch()\n",
        "client = httpx.Client()\nsetattr(client, 'fetch', 1)\nclient.fetch()\n",
        "client = await httpx.Client()\nclient.fetch()\n",
        "if (client := httpx.Client()):\n    client.fetch()\n",
        "def f():\n    client = httpx.Client()\n    del client\n    client = 1\n    client.fetch()\n",
        "def f():\n    client = httpx.Client()\n    return [client.fetch() for client in x]\n",
        "def f():\n    client = httpx.Client()\n    return lambda client: client.fetch()\n",
        "client = httpx.Client()\nclient.__enter__()\n",
        "client = httpx.Client()\nclient.fetch\n",
        "httpx = Fake()\nclient = httpx.Client()\nclient.fetch()\n",
        "class A:\n    client = httpx.Client()\n    def f(self):\n        client.fetch()\n",
        "with httpx.Client() as (a, b):\n    a.fetch()\n",
        "if TYPE_CHECKING:\n    def f(client: httpx.Client):\n        client.fetch()\n",
    ],
)
def test_what_may_be_something_else_as_well_is_not(code):
    asked = called("import httpx\nfrom typing import TYPE_CHECKING\n" + code)
    assert {one for one in asked if one[1] == "fetch"} == set()


@pytest.mark.parametrize(
    "code",
    [
        # Somebody else has a say in what the attribute is.
        "class Shop(Base):",
        "class Shop(metaclass=Kind):",
        "class Shop:\n    client = None",
        "class Shop:\n    client: Other",
        "class Shop:\n    def use(self, client):\n        self.client = client",
        "class Shop:\n    def use(self):\n        setattr(self, 'client', 1)",
        "class Shop:\n    def use(self):\n        vars(self.client)",
        "def put(shop):\n    shop.client = Fake()\nclass Shop:",
        "class Shop:\n    def own(self):\n        self = other\n        self.client.fetch()",
    ],
)
def test_an_attribute_that_may_be_set_elsewhere_is_not_asked_about(code):
    rest = """
    def __init__(self):
        self.client = httpx.Client()
    def total(self):
        return self.client.fetch()
"""
    if "self = other" in code:
        rest = "\n    def __init__(self):\n        self.client = httpx.Client()\n"
    if "client: Other" in code:
        # An annotation alone binds nothing.
        assert called(f"import httpx\n{code}{rest}")
    else:
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
