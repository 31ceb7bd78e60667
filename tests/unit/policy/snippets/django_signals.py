"""Handlers and signals that `django-signals` refuses, and near misses."""

from tests.unit.policy.cases import Cases, Snippet

_FORBID = {"django": {"signals": "forbid"}}
_HAS = (
    "from django.db.models.signals import post_save\nfrom django.dispatch import receiver\n\n"
    "@receiver(post_save)\ndef send(sender, **kwargs): ...\n"
)


def _asked(after: str, line: int | None = None) -> Snippet:
    return Snippet(after, line=line, config=_FORBID)


CASES = {
    "django-signals": Cases(
        fails={
            "a receiver": _asked(_HAS, 4),
            "a class of signals": _asked(
                "from django.dispatch import Signal\n\nclass Paid(Signal):\n    pass\n", 3
            ),
        },
        passes={
            "not forbidden": Snippet(_HAS),
            "a signal of Celery": _asked(
                "from celery.signals import task_failure\n\ntask_failure.connect(print)\n"
            ),
        },
    )
}
