"""The released projects that whole runs are made on, and what a person knows about each.

`config` is what a maintainer would write into `.github/mergewright.yml`; each key has its reason.
Everything else here serves the bare runs alone, which know nothing of what the product detects.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.thirdparty.sources import Source


@dataclass(frozen=True)
class Known:
    """What has to be known to run a project's tests by hand."""

    source: Source
    suite: tuple[str, ...]
    """Arguments for `python` that run all tests, from the root of the tree."""
    config: str | None = None
    environ: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class KnownDjango(Known):
    """A project with models and migrations of its own."""

    packages: tuple[str, ...] = ()
    """Import names of what is shipped; models of examples and tests do not count."""
    models: int = 0
    """How many concrete models these have."""
    tickets: int = 1
    """To so many of them a field is added."""
    settings: str = ""
    python_path: tuple[str, ...] = ("",)
    """Relative to the tree."""


# setup.py with a version from tags, models that inherit from an abstract one, pytest, mypy.
AXES = KnownDjango(
    source=Source(
        "django-axes", "8.3.1", "d57e923c0ba33cf45275253dd1313c3a3ff04bec686b38d677beb2b3d43c7bcd"
    ),
    # --no-cov: how much of the code is covered is no result of a test, and costs as much again.
    config="checks: {tests: {args: [--no-cov]}}\n",
    suite=("-m", "pytest", "--no-cov"),
    packages=("axes",),
    models=4,
    tickets=2,
    settings="tests.settings",
)

# setup.py alone, with pytest configured in setup.cfg.
THUMBNAILS = KnownDjango(
    source=Source(
        "easy-thumbnails",
        "2.10.1",
        "a50aa5f99387546c35ab5ba1ea9b3cbbc5658e65601cd34949f62137c32c222e",
    ),
    # extras: two test modules import what "svg" brings. install: declared nowhere.
    config="python: {extras: [svg], install: [pytest, pytest-django, testfixtures]}\n",
    suite=("-m", "pytest"),
    packages=("easy_thumbnails",),
    models=3,
    tickets=3,
    settings="easy_thumbnails.tests.settings",
)

# A version from tags, ruff with rules of its own for imports, both red on base.
CONSTANCE = KnownDjango(
    source=Source(
        "django-constance",
        "4.4.0",
        "fc0b012b493590946142172ca38e0b43149c422f8dc8976045a01313e6f4f487",
    ),
    # install: tox names these for its runs with pytest alone, and Django for none;
    # redis it installs for all, but what is named here takes the place of what tox.ini says.
    # settings: stand in tox's variables, which pytest does not see.
    config=(
        "python: {install: [django, pytest, pytest-cov, pytest-django, redis]}\n"
        "django: {settings: tests.settings}\n"
    ),
    suite=("-m", "pytest"),
    environ={"DJANGO_SETTINGS_MODULE": "tests.settings"},
    packages=("constance",),
    models=1,
    settings="tests.settings",
)

#: The one that takes longest comes first.
DJANGO = (AXES, THUMBNAILS, CONSTANCE)

# No Django, no framework; pytest and mypy.
SLUGIFY = Known(
    source=Source(
        "python-slugify",
        "9.1.3",
        "90e997f2e0987239ce95e12f700086eb18e1d1d3ee22624fbbdbd095afca42b6",
    ),
    suite=("-m", "pytest"),
)
