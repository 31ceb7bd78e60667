"""Which libraries do work aside from a request: queues with workers, what runs after a response.

Where a file touches one is found by `library_uses`; what follows is left to `background_tasks`.
"""

from __future__ import annotations

#: Modules and classes, by the system as the configuration calls it.
_SYSTEMS: dict[str, tuple[str, ...]] = {
    "celery": (
        "celery",
        "celery_once",
        "celery_singleton",
        "django_celery_beat",
        "django_celery_results",
        "flask_celery",
    ),
    "background-tasks": (
        "fastapi.BackgroundTasks",
        "fastapi.background",
        "starlette.background",
    ),
    "rq": ("rq", "django_rq", "rq_scheduler", "flask_rq2"),
    "dramatiq": ("dramatiq", "django_dramatiq", "dramatiq_crontab", "flask_dramatiq"),
    "huey": ("huey",),
    "arq": ("arq",),
    "taskiq": ("taskiq", "taskiq_redis", "taskiq_fastapi"),
    "saq": ("saq",),
    "procrastinate": ("procrastinate",),
    "django-q": ("django_q",),
    "django-background-tasks": ("background_task",),
    "django.tasks": ("django.tasks", "django_tasks"),
    "apscheduler": ("apscheduler", "django_apscheduler", "flask_apscheduler"),
}
_SYSTEM_OF = {name: system for system, names in _SYSTEMS.items() for name in names}
ROOTS = frozenset(
    root for name in _SYSTEM_OF if (root := name.partition(".")[0]) not in {"django", "fastapi"}
)
"""Their top-level names."""


def system_of(dotted: str, allowed: str) -> str | None:
    """Return the system that a full name belongs to, if it is one that is not allowed."""
    parts = dotted.split(".")
    for length in range(1, len(parts) + 1):
        system = _SYSTEM_OF.get(".".join(parts[:length]))
        if system:
            return system if system != allowed else None
    return None
