"""Handlers and signals that `django-signals` refuses, and near misses."""

from __future__ import annotations

from tests.unit.policy.cases import Cases, Snippet

_FORBID = {"django": {"signals": "forbid"}}
_SHOP = {
    "app/__init__.py": "",
    "app/signals.py": "from django.dispatch import Signal\n\norder_paid = Signal()\n",
    "app/events.py": "from django.db.models.signals import post_save as saved\n",
}
_HANDLER = "def send(sender, **kwargs): ...\n\n"
_HAS = (
    "from django.db.models.signals import post_save\nfrom django.dispatch import receiver\n\n"
    "@receiver(post_save)\ndef send(sender, **kwargs): ...\n"
)


def _asked(
    after: str | dict[str, str | bytes | None],
    line: int | None = None,
    base: str | dict[str, str | bytes] = "",
) -> Snippet:
    return Snippet(after, base=base, line=line, config=_FORBID)


CASES = {
    "django-signals": Cases(
        fails={
            "a receiver": _asked(_HAS, 4),
            "a receiver of several, under another name": _asked(
                "from django.db.models import signals as s\n"
                "from django.dispatch import receiver as on\n\n"
                "@on([s.pre_save, s.post_save])\ndef send(sender, **kwargs): ...\n",
                4,
            ),
            "connected": _asked(
                "from django.db.models import signals\n"
                + _HANDLER
                + "signals.post_save.connect(send)\n",
                4,
            ),
            "through another module": _asked(
                "from app.events import saved\n" + _HANDLER + "saved.connect(send)\n", 4, base=_SHOP
            ),
            "in ready": _asked(
                "from django.apps import AppConfig\n\nclass Shop(AppConfig):\n    def ready(self):\n"
                "        from django.contrib.auth.signals import user_logged_in\n"
                "        user_logged_in.connect(print)\n",
                6,
            ),
            "one after the other": _asked(
                "from django.core.signals import request_finished, request_started\n"
                "for signal in (request_started, request_finished):\n    signal.connect(print)\n",
                3,
            ),
            "its method under another name": _asked(
                "from django.db.models.signals import m2m_changed\n"
                "connect = m2m_changed.connect\nconnect(print)\n",
                3,
            ),
            "a signal": _asked("import django.dispatch\n\npaid = django.dispatch.Signal()\n", 3),
            "a class of signals": _asked(
                "from django.dispatch import Signal\n\nclass Paid(Signal):\n    pass\n", 3
            ),
            "a handler of the repository's own signal": _asked(
                "from app.signals import order_paid\n\norder_paid.connect(print)\n", 3, base=_SHOP
            ),
            "a second one beside the first": _asked(
                _HAS + "\n@receiver(post_save, sender=int)\ndef more(sender, **kwargs): ...\n",
                7,
                base=_HAS,
            ),
        },
        passes={
            "not forbidden": Snippet(_HAS),
            "there already": _asked(_HAS + "x = 1\n", base=_HAS),
            "moved to another file": _asked(
                {"app/views.py": "", "app/handlers.py": _HAS}, base=_HAS
            ),
            "in a test": _asked({"tests/test_mail.py": _HAS}),
            "sent": _asked(
                "from app.signals import order_paid\norder_paid.send(None)\n", base=_SHOP
            ),
            "for types only": _asked(
                "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n"
                "    from django.dispatch import Signal\n    paid = Signal()\n"
            ),
            "another receiver": _asked(
                "from kombu import receiver\n\n@receiver(1)\ndef f(): ...\n"
            ),
            "a connection": _asked("import psycopg\n\npsycopg.connect('')\n"),
            "a signal of the system": _asked("import signal\n\nsignal.signal(2, print)\n"),
            "a signal of Celery": _asked(
                "from celery.signals import task_failure\n\ntask_failure.connect(print)\n"
            ),
            "taken off": _asked(
                "from django.db.models.signals import post_save\n\npost_save.disconnect(print)\n"
            ),
        },
    ),
    "django-library-signals": Cases(
        fails={
            "of a library": _asked(
                "from allauth.account.signals import user_signed_up\n\nuser_signed_up.connect(print)\n",
                3,
            ),
            "of a module": _asked(
                "from allauth.account import signals\n\nsignals.user_signed_up.connect(print)\n", 3
            ),
            "under another name": _asked(
                "from wagtail.signals import page_published as out\n\nout.connect(print)\n", 3
            ),
            "in a function": _asked(
                "def ready():\n    import simple_history.signals as s\n"
                "    s.pre_create_historical_record.connect(print)\n",
                3,
            ),
            "with a keyword": _asked(
                "from guardian.signals import granted\n\ngranted.connect(receiver=print)\n", 3
            ),
        },
        passes={
            "of Django": _asked(_HAS),
            "of Celery": _asked(
                "from celery.signals import task_failure\n\ntask_failure.connect(print)\n"
            ),
            "not forbidden": Snippet(
                "from allauth.account.signals import user_signed_up\n\nuser_signed_up.connect(print)\n"
            ),
            "a method of a socket": _asked("import socket\n\nsocket.socket().connect(('a', 1))\n"),
            "sent": _asked(
                "from wagtail.signals import page_published\n\npage_published.send(1)\n"
            ),
            "in a test": _asked(
                {
                    "tests/test_a.py": "from wagtail.signals import published\n\npublished.connect(print)\n"
                }
            ),
        },
    ),
}
