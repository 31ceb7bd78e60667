"""Views in the style that is not the project's, and near misses."""

from __future__ import annotations

from tests.unit.policy.cases import Cases, Snippet

_CLASS: dict[str, object] = {"django": {"views": "class"}}
_FUNCTION: dict[str, object] = {"django": {"views": "function"}}
_VIEW = "def orders(request):\n    return 1\n"
_URLS = (
    "from django.urls import path\nfrom app import views\n\n"
    "urlpatterns = [path('orders/', views.orders, name='o')]\n"
)
_APP: dict[str, str | bytes] = {"app/__init__.py": "", "app/urls.py": _URLS}
_DECORATED = (
    "from django.contrib.auth.decorators import login_required as members\n\n"
    "@members\ndef orders(request):\n    return 1\n"
)
_LIST = "from django.views.generic import ListView\n\nclass Orders(ListView):\n    pass\n"
_RENDERED = (
    "from django.shortcuts import render\n\ndef orders(request):\n    return render(request, 'a')\n"
)


def _classes(
    after: str | dict[str, str | bytes | None],
    line: int | None = None,
    base: str | dict[str, str | bytes] = "",
) -> Snippet:
    return Snippet(after, base=base, line=line, config=_CLASS)


def _functions(
    after: str | dict[str, str | bytes | None],
    line: int | None = None,
    base: str | dict[str, str | bytes] = "",
) -> Snippet:
    return Snippet(after, base=base, line=line, config=_FUNCTION)


CASES = {
    "django-views": Cases(
        fails={
            "a URL leads to it": _classes(_VIEW, 1, base=_APP),
            "a URL of the same change, under another name": _classes(
                {
                    "app/views.py": _VIEW,
                    "shop/urls.py": "from django.urls import re_path as at\n"
                    "from app.views import orders as all_\nurlpatterns = [at('a', view=all_)]\n",
                },
                1,
                base=_APP,
            ),
            "decorated": _classes(_DECORATED, 4),
            "with a method": _classes(
                "from django.views.decorators.http import require_http_methods\n\n"
                "@require_http_methods(['GET'])\nasync def orders(request):\n    return 1\n",
                4,
            ),
            "of the REST framework": _classes(
                "from rest_framework.decorators import api_view\n\n@api_view(['GET'])\n"
                "def orders(request, pk):\n    return 1\n",
                4,
            ),
            "by its type": _classes(
                "from django.http import HttpRequest\nfrom django.views.decorators.csrf import csrf_exempt\n\n"
                "@csrf_exempt\ndef orders(r: HttpRequest):\n    return 1\n",
                5,
            ),
            "a second one": _classes(
                _DECORATED + "\n@members\ndef more(request):\n    return 2\n", 8, base=_DECORATED
            ),
            "a class": _functions(_LIST, 3),
            "a class under another name": _functions(
                "from django import views\n\nclass Orders(views.View):\n    pass\n", 3
            ),
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
        passes={
            "a class": _classes(_LIST),
            "a function": _functions(_DECORATED),
            "any": Snippet(_DECORATED),
            "no URL leads to it": _classes(_VIEW.replace("orders", "total"), base=_APP),
            "a namesake elsewhere": _classes({"shop/views.py": _VIEW}, base=_APP),
            "there already": _classes(_DECORATED + "x = 1\n", base=_DECORATED),
            "under another name": _classes(
                _DECORATED.replace("orders", "purchases"), base=_DECORATED
            ),
            "a handler of errors": _classes(
                "from django.views.decorators.csrf import requires_csrf_token\n\n"
                "@requires_csrf_token\ndef missing(request, exception):\n    return 1\n"
            ),
            "a method": _classes(
                "from django.views.decorators.cache import never_cache\n\nclass A:\n"
                "    @never_cache\n    def get(self, request):\n        return 1\n"
            ),
            "a part of a view that is compressed": _classes(
                "from django.views.decorators.gzip import gzip_page\n\n"
                "@gzip_page\ndef download(request, order):\n    return 1\n"
            ),
            "in a test": _classes({"tests/test_a.py": _DECORATED}),
            "another class": _functions("class Orders:\n    pass\n"),
            "a mixin": _functions(
                "from django.views.generic.base import ContextMixin\n\nclass A(ContextMixin):\n    pass\n"
            ),
            "for types only": _functions(
                "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from django.views import View\n"
                "    class A(View): ...\n"
            ),
        },
    ),
    "django-likely-views": Cases(
        fails={
            "it renders": _classes(_RENDERED, 3),
            "it redirects": _classes(
                "from django import shortcuts\n\ndef go(request):\n"
                "    if request:\n        return shortcuts.redirect('a')\n    return None\n",
                3,
            ),
            "it gives JSON": _classes(
                "from django.http import JsonResponse as J\n\ndef api(request):\n    return J({})\n",
                3,
            ),
            "a response that is kept": _classes(
                "from django.http import HttpResponse\n\ndef api(request):\n"
                "    answer = HttpResponse()\n    return answer\n",
                3,
            ),
            "of the REST framework": _classes(
                "from rest_framework.response import Response\n\nasync def api(request):\n"
                "    return Response([])\n",
                3,
            ),
        },
        passes={
            "a part of a view": _classes(_RENDERED.replace("orders", "_page")),
            "a URL leads to it": _classes(_RENDERED, base=_APP),
            "no response": _classes("def address(request):\n    return request.META['A']\n"),
            "functions are asked for": _functions(_RENDERED),
            "a function within": _classes(
                "from django.http import HttpResponse\n\ndef outer(request):\n"
                "    def inner():\n        return HttpResponse()\n    return inner\n"
            ),
            "there already": _classes(_RENDERED + "x = 1\n", base=_RENDERED),
            "another first argument": _classes(_RENDERED.replace("(request)", "(order)", 1)),
        },
    ),
}
