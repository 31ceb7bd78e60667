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


def _edit(
    old: str, new: str, line: int | None = None, path: str = "config/settings.py", ticket: str = ""
) -> Snippet:
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
            "another value": _edit("PAGE_SIZE = 20", "PAGE_SIZE = 50", 14),
            "a new one": _edit("PAGE_SIZE = 20\n", "PAGE_SIZE = 20\nUSE_TZ = False\n", 15),
            "one is taken away": _edit("PAGE_SIZE = 20\n", ""),
            "a new module": Snippet({"config/settings/prod.py": _OLD}, project={"django": _DJANGO}),
            "open, for development": _edit(*_DEBUG, 1, path="config/settings/dev.py"),
            "open, as the ticket says": _edit(*_DEBUG, 1, ticket="Set DEBUG to True."),
            "open, for tests": _edit(*_CSRF, 3, path="tests/settings.py"),
        },
        passes={
            "a comment": _edit("PAGE_SIZE = 20", "PAGE_SIZE = 20  # rows"),
            "other quotes": _edit('"shop.example"', "'shop.example'"),
            "no Django": Snippet({"config/settings.py": _OLD}),
            "no settings": Snippet(
                {"shop/pages.py": "DEBUG = True\n"}, project={"django": _DJANGO}
            ),
            "what is lost": _edit(*_DEBUG),
            "a name in small letters": _edit("PAGE_SIZE = 20", "PAGE_SIZE = 20\nsize = 3"),
            "in a function": _edit("PAGE_SIZE = 20\n", "PAGE_SIZE = 20\ndef f():\n    SIZE = 3\n"),
        },
    ),
    "django-settings-loosened": Cases(
        fails={
            "DEBUG": _edit(*_DEBUG, 1),
            "all hosts": _edit('"shop.example"', '"*"', 2),
            "the CSRF middleware": _edit(*_CSRF, 3),
            "a validator": _edit(
                '    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},\n',
                "",
                8,
            ),
            "no validators": _edit(
                "AUTH_PASSWORD_VALIDATORS = [", "AUTH_PASSWORD_VALIDATORS = []\nX = [", 8
            ),
            "cookies": _edit("SECURE = True", "SECURE = False", 12),
            "cookies, as usual": _edit("SESSION_COOKIE_SECURE = True\n", ""),
            "everybody": _edit("IsAuthenticated", "AllowAny", 13),
            "a weak hasher": _edit(
                "PAGE_SIZE = 20",
                'PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]',
                14,
            ),
            "frames": _edit("PAGE_SIZE = 20", 'X_FRAME_OPTIONS = "ALLOWALL"', 14),
            "in a package of settings": _edit(*_DEBUG, 1, path="config/settings/base.py"),
            "a ticket on something else": _edit(*_DEBUG, 1, ticket="Show more rows on a page."),
            "with its type": _edit('DEBUG = env("DEBUG")', "DEBUG: bool = True", 1),
        },
        passes={
            "off": _edit('env("DEBUG")', "False"),
            "one more host": _edit('"shop.example"', '"shop.example", "www.shop.example"'),
            "another order": _edit(
                '    "django.middleware.security.SecurityMiddleware",\n'
                '    "django.middleware.csrf.CsrfViewMiddleware",\n',
                '    "django.middleware.csrf.CsrfViewMiddleware",\n'
                '    "django.middleware.security.SecurityMiddleware",\n',
            ),
            "one of the project's own": _edit(
                "django.middleware.csrf.CsrfViewMiddleware", "shop.http.CsrfViewMiddleware"
            ),
            "no protection": _edit('    "django.middleware.common.CommonMiddleware",\n', ""),
            "the ticket names it": _edit(*_DEBUG, ticket="Set DEBUG to True in the demo."),
            "for development": _edit(*_DEBUG, path="config/settings/local.py"),
            "a new module": Snippet(
                {"config/settings/demo.py": "DEBUG = True\n"}, project={"django": _DJANGO}
            ),
            "moved to another module": Snippet(
                {
                    "config/settings/base.py": _OLD.replace("SESSION_COOKIE_SECURE = True\n", ""),
                    "config/settings/prod.py": "SESSION_COOKIE_SECURE = True\n",
                },
                base={"config/settings/base.py": _OLD},
                project={"django": _DJANGO},
            ),
            "what was open": Snippet(
                {"config/settings.py": "DEBUG = True\nPAGE = 2\n"},
                base={"config/settings.py": "DEBUG = True\nPAGE = 1\n"},
                project={"django": _DJANGO},
            ),
            "off by itself": _edit("PAGE_SIZE = 20", "SECURE_SSL_REDIRECT = False"),
            "put together": _edit("MIDDLEWARE = [", "MIDDLEWARE = base.MIDDLEWARE\nX = ["),
        },
    ),
}
