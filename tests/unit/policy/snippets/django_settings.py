"""Settings that a change edits, and what it may not take away."""

from __future__ import annotations

from repo_config.detect import DjangoProject
from tests.unit.policy.cases import Cases, Snippet

_DJANGO = DjangoProject(settings_module="config.settings", manage="manage.py", python_path=("",))
_OLD = """\
DEBUG = env("DEBUG")
ALLOWED_HOSTS = ["shop.example"]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.middleware.common.CommonMiddleware",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
SESSION_COOKIE_SECURE = True
REST_FRAMEWORK = {"DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"]}
PAGE_SIZE = 20
"""


def _edit(old: str, new: str, line: int | None = None, ticket: str = "") -> Snippet:
    path = "config/settings.py"
    assert old in _OLD
    return Snippet(
        {path: _OLD.replace(old, new, 1)},
        base={path: _OLD},
        line=line,
        project={"django": _DJANGO},
        ticket=ticket or None,
    )


_DEBUG = ('env("DEBUG")', "True")
_CSRF = ('    "django.middleware.csrf.CsrfViewMiddleware",\n', "")

CASES = {
    "django-settings": Cases(
        fails={
            "one is taken away": _edit("PAGE_SIZE = 20\n", ""),
            "a new module": Snippet({"config/settings/prod.py": _OLD}, project={"django": _DJANGO}),
        },
        passes={
            "no settings": Snippet(
                {"shop/pages.py": "DEBUG = True\n"}, project={"django": _DJANGO}
            ),
            "in a function": _edit("PAGE_SIZE = 20\n", "PAGE_SIZE = 20\ndef f():\n    SIZE = 3\n"),
        },
    ),
    "django-settings-loosened": Cases(
        fails={
            "the CSRF middleware": _edit(*_CSRF, 3),
            "a module that holds nothing but protections": Snippet(
                {"config/settings/security.py": "ALLOWED_HOSTS = ['*']\n"},
                base={"config/settings/security.py": "ALLOWED_HOSTS = ['a']\n"},
                line=1,
                project={"django": _DJANGO},
            ),
        },
        passes={
            "one more host": _edit('"shop.example"', '"shop.example", "www.shop.example"'),
            "the ticket names it": _edit(*_DEBUG, ticket="Set DEBUG to True in the demo."),
        },
    ),
}
