"""List the values in use of a repository's configuration, each with its origin.

Defines which origin wins: the file, detection, the default, or a bound of the operator. Values
come from `repo_config`, the severity of rules from `agent.policy.rule`. Pure.
"""

import operator
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from agent.models.record import Record
from agent.policy.rule import Rule
from agent.settings import Settings, variable
from repo_config import load, reference
from repo_config.detect import Project
from repo_config.located import Document, read_document
from repo_config.schema import RepoConfig

DETECTED = {
    "python.version": "python_version",
    "framework": "framework",
    "django.manage": "django.manage",
    "django.settings": "django.settings_module",
    "checks.tests": "tests",
    "checks.types": "types",
    "checks.lint": "lint",
}
"""For each key that can be detected, the attribute of a detected project with its value."""
_DEFAULT, _NOTHING = "default", "nothing was detected"
#: Keys whose values the operator bounds, each with the setting for the bound.
_BOUNDED = {
    "limits.minutes": "max_minutes",
    "limits.usd": "model_usd",
    "checks.minutes": "max_minutes",
    "limits.runs_per_day": "runs_per_day",
}


@dataclass(frozen=True)
class LoadedConfig:
    config: RepoConfig
    source: load.ConfigSource | None
    """None: the repository has no configuration."""

    @cached_property
    def document(self) -> Document:
        return (
            read_document(self.source.text, self.source.name)
            if self.source
            else Document("", None, {})
        )

    def locate(self, *path: str) -> str | None:
        """Return `file:line` of a key; None where the file does not have it."""
        line = self.document.lines.get(path)
        return f"{self.document.file}:{line}" if line else None


class EffectiveValue(Record):
    key: str
    value: object
    origin: str
    """`file:line`, `detected`, `default`, or the bound that applies."""
    meaning: str = ""

    @property
    def is_set(self) -> bool:
        """Whether the value is not just the default."""
        return self.origin not in (_DEFAULT, _NOTHING)


def list_values(
    read: LoadedConfig, project: Project | None, settings: Settings
) -> Iterator[EffectiveValue]:
    """Yield the value of every key, in the order of the reference; then of every rule."""
    for path, section in reference.list_sections():
        for name, field in section.model_fields.items():
            key = ".".join((*path, name))
            if reference.is_section(field.annotation) or key == "rules":
                continue
            value: object = operator.attrgetter(key)(read.config)
            origin = read.locate(*path, name)
            detected = _find_detected(key, value, project) if project else None
            if key in _BOUNDED:
                value, origin = _bound(key, value, origin, settings)
            elif detected and (origin is None or value in ("auto", None)):
                value, origin = detected
            meaning = " ".join((field.description or "").split())
            yield EffectiveValue(key=key, value=value, origin=origin or _DEFAULT, meaning=meaning)
    # Imported late: it imports all rules, which most commands do not need.
    from agent.policy import registry

    for rule in registry.RULES:
        yield explain_rule(rule, read)


def explain_rule(rule: Rule, read: LoadedConfig) -> EffectiveValue:
    place = read.locate("rules", rule.id)
    level = rule.get_level(read.config)
    asked = read.config.rules.get(rule.id)
    origin = place or _DEFAULT
    if level != (asked or rule.severity.value):
        origin = f"minimum of the rule: {level}"
        if place:
            origin += f"; {place} sets {asked}"
    return EffectiveValue(key=f"rules.{rule.id}", value=level, origin=origin, meaning=rule.demands)


def read_detected(key: str, project: Project) -> object:
    """Return the detected value of a key, in the configuration's form; None: not detected."""
    try:
        value: object = operator.attrgetter(DETECTED[key])(project)
    except AttributeError:  # no Django
        return None
    if value and key == "django.manage":
        return posixpath.relpath(str(value), project.root or ".")
    if isinstance(value, tuple):
        lines = [command if isinstance(command, str) else command.line for command in value]
        return lines[0] if len(lines) == 1 else lines
    return value


def _find_detected(key: str, value: object, project: Project) -> tuple[object, str] | None:
    if key not in DETECTED or value == "off":
        return None
    if detected := read_detected(key, project):
        return detected, "detected"
    return ("none", _NOTHING) if value == "auto" else None


def _bound(
    key: str, value: object, origin: str | None, settings: Settings
) -> tuple[object, str | None]:
    """Return a number within the operator's bound, and its origin."""
    most: float | None = getattr(settings, _BOUNDED[key])
    over = isinstance(value, int | float) and most is not None and value > most
    if not (over or (value is None and most is not None)):
        return value, origin
    if not over and most == Settings.model_fields[_BOUNDED[key]].default:
        return most, origin
    bound = f"maximum set by {variable(_BOUNDED[key])}: {most}"
    return most, f"{bound}; {origin} sets {value}" if origin else bound
