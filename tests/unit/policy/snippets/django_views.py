"""Views in the style that is not the project's, and near misses."""

from tests.unit.policy.cases import Cases, Snippet

_CLASS: dict[str, object] = {"django": {"views": "class"}}
_FUNCTION: dict[str, object] = {"django": {"views": "function"}}
_VIEW = "def orders(request):\n    return 1\n"
_DECORATED = (
    "from django.contrib.auth.decorators import login_required as members\n\n"
    "@members\ndef orders(request):\n    return 1\n"
)
_BASE = (
    "from rest_framework.viewsets import ModelViewSet\n\n\nclass Base(ModelViewSet):\n    pass\n"
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
            "a class through a base of its module": _functions(
                f"{_BASE}\n\nclass Orders(Base):\n    pass\n", 8, base={"app/views.py": _BASE}
            ),
        },
        passes={"any": Snippet(_DECORATED), "no more than a request": _classes(_VIEW)},
    )
}
