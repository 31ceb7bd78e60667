"""Compose the order for one of our scripts in the repository's environment.

Owns how a script is started, so that nothing of the repository or its packages runs before the
script has read and deleted what it is told. The other half is
`sandbox_scripts/mergewright_entry.py`.
"""

from __future__ import annotations

from collections.abc import Mapping

from agent.checks.check import Site
from agent.checks.sealed import Secret
from agent.environments import sandbox_requests, sandbox_services
from agent.models.sandbox import SANDBOX_OURS, SandboxFile, SandboxLimits, SandboxRequest

#: What an interpreter reads when it starts and at no other time, and that names no code.
_AT_START = frozenset({
    "PYTHONCOERCECLOCALE", "PYTHONDEVMODE", "PYTHONFAULTHANDLER", "PYTHONHASHSEED",
    "PYTHONINTMAXSTRDIGITS", "PYTHONIOENCODING", "PYTHONMALLOC", "PYTHONNODEBUGRANGES",
    "PYTHONOPTIMIZE", "PYTHONTRACEMALLOC", "PYTHONUNBUFFERED", "PYTHONUTF8", "PYTHONVERBOSE",
    "PYTHONWARNDEFAULTENCODING", "PYTHON_GIL", "LANG", "LC_ALL", "LC_CTYPE", "TZ",
})  # fmt: skip


def at_start(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that no code can come in by."""
    return {name: value for name, value in environ.items() if name in _AT_START}


_HELD_AGAINST_SOURCE = ("--check-hash-based-pycs", "always")


def order(
    site: Site,
    secret: Secret,
    script: tuple[str, ...],
    *,
    limits: SandboxLimits,
    told: Mapping[str, object],
    collect: tuple[str, ...],
    python: str = sandbox_requests.PYTHON,
    files: tuple[SandboxFile, ...] = (),
) -> SandboxRequest:
    """Say how one of our scripts runs.

    The repository's variables reach its code as they are, but most of them only after the script
    has taken its order: PYTHONPATH, LD_PRELOAD and kin bring code into a starting interpreter.

    Args:
        script: Its name and its arguments.
        told: What the script needs to know beside the names and the key.
    """
    environ = {**sandbox_services.variables(site.environment.services), **site.config.env}
    if site.config.django.settings:
        environ["DJANGO_SETTINGS_MODULE"] = site.config.django.settings
    first = at_start(environ)
    late = {name: value for name, value in environ.items() if name not in first}
    name, *arguments = script
    order = sandbox_requests.make_request(
        site.environment,
        site.tree,
        # -S: nothing from .pth files and no sitecustomize yet; the script makes up for it.
        # Compiled code in the tree may say that it need not be held against its source.
        (python, "-S", *_HELD_AGAINST_SOURCE, f"{SANDBOX_OURS}/checks/{name}", *arguments),
        environ=first,
        limits=limits,
        files=(secret.order_file(environ=late, **told), *files),
        collect=collect,
        folder=site.project.root,
    )
    return sandbox_services.add_services(
        order, site.environment.services, site.environment.interpreter
    )
