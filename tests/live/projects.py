"""The released projects that sandboxes are held against, over all ways to declare what is needed.

How a suite is run by hand is for the bare side alone; an owner's configuration is told to both.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.thirdparty.sources import Source


@dataclass(frozen=True)
class Project:
    """One project and why it is here."""

    source: Source
    tag: str
    """What the release is called in the project's own repository."""
    suite: tuple[str, ...] = ("-m", "pytest")
    """Arguments for `python` that run all tests by hand, from the root of the tree."""
    environ: Mapping[str, str] = field(default_factory=dict)
    config: str | None = None
    """What its owner would configure; None: a template sets it up."""
    postgres: Mapping[str, str] | None = None
    """Its tests want PostgreSQL; the variables that tell a bare run its port."""

    @property
    def name(self) -> str:
        """As on the package index."""
        return self.source.name


def _project(
    name: str, version: str, sha256: str, tag: str, **more: Any
) -> Project:  # fmt: skip
    return Project(Source(name, version, sha256), tag, **more)


PROJECTS = (
    _project(
        "itsdangerous", "2.2.0",
        "e0050c0b7da1eea53ffaf149c0cfbb5c6e2e2b69c4bef22c81fa6eb73e5f6173",
        "2.2.0",
    ),
    _project(
        "flask", "3.1.3",
        "0ef0e52b8a9cd932855379197dd8f94047b359ca0a78695144304cb45f87c9eb",
        "3.1.3",
    ),
    # Its classifiers end with 3.10.
    _project(
        "graphql-core", "3.2.3",
        "06d2aad0ac723e35b1cb47885d3e5c45e956a53bc1b209a9fc5369007fe46676",
        "v3.2.3",
    ),
    _project(
        "aiofiles", "24.1.0",
        "22a075c9e5a3810f0c2e48f3008c94d68c65d763b9b03857924c99e57355166c",
        "v24.1.0",
    ),
    # Dependency groups, a version that is told by the tag alone, and a package that tox names.
    _project(
        "structlog", "26.1.0",
        "f63a716cbd1b1291cf7661de7794b455acfa4c43c5bcf1630e6ad5ddc1adb3b7",
        "26.1.0", config="setup: [uv pip install -e . --group tests twisted]\n",
    ),
    # pbr: the version is of the tag, the dependencies are of requirements.txt.
    _project(
        "stevedore", "5.10.0",
        "6005f32c09dc3159802a61c04862770e439e32db22f6da78ba56e8a735466882",
        "5.10.0",
    ),
    # A manage.py at the root.
    _project(
        "django-tables2", "3.0.1",
        "5a8b51b6c18ce5ec4edd4d0f23c55a8b15590854168b2e5c734118ee369dcbfd",
        "v3.0.1", suite=("manage.py", "test"),
    ),
    # The settings are named in the Makefile alone.
    _project(
        "django-formtools", "2.7",
        "52b30c08571108023937e4b5d96a5cc35282ff0a2e51630aeea00e27d723d3ac",
        "2.7",
        suite=("-m", "django", "test", "tests"),
        environ={"DJANGO_SETTINGS_MODULE": "tests.settings", "PYTHONPATH": "."},
    ),
    _project(
        "django-filter", "26.2",
        "fd5cc83995fbe9f5f07fb5dcda16fde0f04de1ecf8ef82628b6c0ec921b751af",
        "26.2", suite=("runtests.py",),
    ),
    # Extras in setup.cfg, and classifiers that end with 3.10.
    _project(
        "humanize", "4.0.0",
        "ee1f872fdfc7d2ef4a28d4f80ddde9f96d36955b5d6b0dac4bdeb99502bddb00",
        "4.0.0",
    ),
    # Extras in setup.py.
    _project(
        "webob", "1.8.11",
        "aa8c27231070b135c025e567a9cd7eda03f4df71352ffaac740cb6a75f0f81a5",
        "1.8.11",
    ),
    _project(
        "restrictedpython", "9.0",
        "9e809cc073b9398f41084f1b801cf9a8c2a126feb0003b6af52fedeb2a3408e1",
        "9.0",
    ),
    _project(
        "edx-opaque-keys", "4.0.1",
        "38f9541534dc67b96a631b34bda5dc4328f64270f642f238a694dee046323424",
        "v4.0.1",
    ),
    # manage.py in a folder of a test project, which has the settings for PostgreSQL.
    _project(
        "django-tenants", "4.0.1",
        "769a0934507305c55b7b6e49b788df6627dcc546d7f4e187812285bad1c6270b",
        "v4.0.1", suite=("dts_test_project/manage.py", "test"),
        config="services: [postgres]\n", postgres={"DATABASE_PORT": "{port}"},
    ),
)  # fmt: skip

#: By project, the tests that do not end alike: how by hand, and how in the sandbox. A difference
#: that is not here is a fault, and so is an entry that no longer holds.
DIFFERENCES: Mapping[str, Mapping[str, tuple[str, str]]] = {
    # It keeps no cache where its interpreter lies below /tmp, as that of the bare run does; its
    # tests do not expect that.
    "stevedore": {
        f"stevedore.tests.test_cache.TestCache.{name}": ("failed", "passed")
        for name in (
            "test__get_data_for_path_replace_invalid",
            "test__get_data_for_path_write",
            "test_disable_caching_file",
        )
    }
}
