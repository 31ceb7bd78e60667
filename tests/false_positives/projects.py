"""The released projects that the rules are held against, and how rules are switched on for them.

Each file of them was looked at by people before it was released, so that what the rules would
refuse in them is most likely a fault of the rules.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from repo_config.schema import RepoConfig
from tests.thirdparty.sources import Source

#: What makes every configurable rule speak; a project may say otherwise where it is built on
#: something else, since a rule that is told the wrong thing finds nothing wrong. Which manager a
#: model has, each project says for itself.
CONFIG: Mapping[str, Any] = {
    "version": 1,
    "http_client": "httpx",
    "concurrency": {"mode": "sync"},
    "background_tasks": "celery",
    "imports": {"forbid": ["pickle"]},
}
#: For what is built to be awaited.
_ASYNC: Mapping[str, object] = {
    "concurrency": {"mode": "async"},
    "background_tasks": "background-tasks",
}

#: Rules that ask what a change does to what was there. A whole tree that comes as new says
#: nothing about them.
LEFT_OUT: Mapping[str, str] = {
    "paths": "every project has workflows, and a new path is held against the paths beside it",
    "file-mode": "every program of a project would be a new one",
    "size": "a project is larger than any change, and has images",
    "gate-files": "names files by what they are; every project has them",
    "unreadable-python": "is about what was broken before",
    "suppression": "asks for what a change adds to pass a check; a tree has what was weighed",
    "forbidden-dependency": "asks for what a change adds; every dependency would be a new one",
}


@dataclass(frozen=True)
class Project:
    """One project."""

    source: Source
    config: Mapping[str, Any] = field(default_factory=dict)
    """What differs from CONFIG here, by sections and their keys."""

    @property
    def name(self) -> str:
        """As on the package index."""
        return self.source.name

    @property
    def repo_config(self) -> RepoConfig:
        """The configuration that its files are held against."""
        sections: dict[str, Any] = dict(CONFIG)
        for key, value in self.config.items():
            usual = sections.get(key)
            nested = isinstance(usual, Mapping) and isinstance(value, Mapping)
            sections[key] = {**(usual or {}), **value} if nested else value
        return RepoConfig.model_validate(sections, strict=False)


def _project(name: str, version: str, sha256: str, **config: object) -> Project:
    return Project(Source(name, version, sha256), config)


PROJECTS = (
    _project(
        "django-oauth-toolkit", "3.4.1", "c4de73c0765eed55a99ea0fa8433b20664dcc1f43930149cff569abed166c5c2", http_client="requests",
        django={"managers": {"AccessToken": "objects", "Application": "objects"}},
    ),
    _project(
        "djangorestframework", "3.18.3", "446a9b352e7eff630421ab3f2328bd2401b109a9470afa4a31189994911ed030", http_client="requests",
        django={"managers": {"Token": "objects"}},
    ),
    _project(
        "wagtail", "7.4.4", "949bf7129d69e5b94d655651724b4fa90264fa21ae20426f89914814e030a2f7", http_client="requests",
        django={"managers": dict.fromkeys(
            ("Locale", "Group", "wagtail.models.Page", "Revision"), "objects"
        )},
    ),
    _project(
        "django-allauth", "65.21.1", "128344e260a22b62796747be0a2249ad9488a509c1aa34ab35e3fcf22862dd9e", http_client="requests",
        django={"managers": {"EmailAddress": "objects", "Authenticator": "objects"}},
    ),
    _project(
        "django-cms", "5.1.3", "80c50fc44cffa2cae28f4b8d841b7f48bd5ded9c88e493096b6e2235ba94d3ca",
        # What people edit is asked for through the first one, which has drafts as well.
        django={
            "views": "function",
            "managers": {"PageContent": "admin_manager", "cms.models.Page": "objects"},
        },
    ),
    _project(
        "fastapi", "0.165.0", "dd94d4128319c1e1d50535ab023ab698f850a4d2822f0e181747b46f4ff3c0ab", **_ASYNC,
    ),
    _project(
        "starlette", "1.10.0", "b8399098d4c1e3522734f7235dc79b1fc967f96cf139c81e0fa30479e0685f9b", **_ASYNC,
    ),
    _project("sqlmodel", "0.0.50", "8828720c5b6c397df72cdd055286846a352b614da80c1ba05ab7a57b2bb90821"),
    _project(
        "fastapi-users", "15.0.5", "097f69701894e650c346df89b1cdb0a09cf139234f4cb9a8ece275af4e98e202", **_ASYNC,
    ),
    _project("flask", "3.1.3", "0ef0e52b8a9cd932855379197dd8f94047b359ca0a78695144304cb45f87c9eb"),
    _project("flask-admin", "2.2.1", "08b4b6b63d2100598add70c1dc9a695f484e3c16c894c09ac70af26acb26a87d"),
    _project(
        "flask-appbuilder", "5.3.0", "baf645c3c150471c6660049cdb61a1e79f318b63524531f890d42f406f5d5596", http_client="requests",
    ),
    _project(
        "celery", "5.7.0", "6a5dfcf6662287204f009a02002b9e66c83d4105e47ebabdc7079108772fc6f0", http_client="requests",
    ),
    _project(
        "scrapy", "2.19.0", "34130726582b64c91531162ab277c4053e558876d49ba219cb43679e71d80a87", http_client="any",
        concurrency={"mode": "async"},
    ),
    _project("paramiko", "5.1.0", "239b5f9b2a53006cd54f83cf8495ee742083708ead947882c8dd2786de79f39b"),
    _project(
        "requests", "2.34.2", "f288924cae4e29463698d6d60bc6a4da69c89185ad1e0bcc4104f584e960b9ed", http_client="any",
    ),
    _project(
        "httpx", "0.28.1", "75e98c5f16b0f35b567856f597f06ff2270a374470a5c2392242528e3e3e42fc",
        concurrency={"mode": "any"},
    ),
    _project("structlog", "26.1.0", "f63a716cbd1b1291cf7661de7794b455acfa4c43c5bcf1630e6ad5ddc1adb3b7"),
    _project(
        "black", "26.10.1", "5f9f83beae62437e060dafd53d7f1fc327e3d3494f74d72ee5c2b73eb90fc4e7",
        http_client="aiohttp",
        concurrency={"overrides": [{"paths": ["src/blackd/**"], "mode": "async"}]},
    ),
    _project("attrs", "26.1.0", "d03ceb89cb322a8fd706d4fb91940737b6642aa36998fe130a9bc96c985eff32"),
    _project(
        "lnbits", "1.6.2", "628c66c81a91cdca8831d1c3bd279216b8396288dc290094cfd106c656e21c81",
        **_ASYNC,
    ),
    _project(
        "fief-server", "0.27.0", "8b4784b23579e34cc744cebe0a31f7b8d244dee612c0d36ccceb5ba2eaaa00b3",
        concurrency={"mode": "async"},
        background_tasks="dramatiq",
    ),
)  # fmt: skip
