"""Views in the style that is not the project's, and near misses."""

from tests.unit.policy.cases import Cases, Snippet

_CLASS: dict[str, object] = {"django": {"views": "class"}}
_FUNCTION: dict[str, object] = {"django": {"views": "function"}}
_VIEW = "def orders(request):\n    return 1\n"
_DECORATED = (
    "from django.contrib.auth.decorators import login_required as members\n\n"
    "@members\ndef orders(request):\n    return 1\n"
)
_RENDERED = (
    "from django.shortcuts import render\n\ndef orders(request):\n    return render(request, 'a')\n"
)


def _classes(after: str, line: int | None = None) -> Snippet:
    return Snippet(after, line=line, config=_CLASS)


def _functions(after: str, line: int, base: dict[str, str | bytes]) -> Snippet:
    return Snippet(after, base=base, line=line, config=_FUNCTION)


CASES = {
    "django-views": Cases(
        fails={
            "it renders": _classes(_RENDERED, 3),
            "a decorator says so": _classes(_DECORATED, 4),
            "a class through a base of the repository": _functions(
                "from app.base import Base\n\nclass Orders(Base):\n    pass\n",
                3,
                base={
                    "app/__init__.py": "",
                    "app/base.py": "from rest_framework.viewsets import ModelViewSet\n\n"
                    "class Base(ModelViewSet):\n    pass\n",
                },
            ),
        },
        passes={"any": Snippet(_DECORATED), "no more than a request": _classes(_VIEW)},
    )
}
