"""Read tox's configuration: tox.ini, tox.toml, setup.cfg and pyproject.toml."""

from __future__ import annotations

import configparser
import re
from collections.abc import Iterator, Mapping
from typing import Any

from agent.environments.hints import commands
from agent.environments.hints.sightings import Sightings
from repo_config.project_files import Files, table

_POSARGS = re.compile(r"\{posargs(?::([^{}]*))?\}|\[\]")
_FACTORS = re.compile(r"^!?[\w.{},!-]+:\s+")
_PYTHON = re.compile(r"py(?:thon)?3\.?(\d{1,2})|3\.(\d{1,2})")


def collect(files: Files, seen: Sightings) -> None:
    """Note what the environments that run tests install, set and run."""
    ini = files.ini("tox.ini")
    if ini:
        _ini(ini, "tox.ini", seen)
    elif "tox:tox" in files.ini("setup.cfg"):
        found = files.ini("setup.cfg")
        _ini({**found, "tox": found["tox:tox"]}, "setup.cfg", seen)
    tool = table(table(files.pyproject, "tool"), "tox")
    old = tool.get("legacy_tox_ini")
    if isinstance(old, str):
        parser = configparser.RawConfigParser(strict=False)
        try:
            parser.read_string(old)
            sections = {name: dict(parser.items(name)) for name in parser.sections()}
            _ini(sections, "pyproject.toml [tool.tox]", seen)
        except configparser.Error as problem:
            seen.unread["pyproject.toml [tool.tox]"] = str(problem).splitlines()[0]
    elif tool:
        _toml(tool, "pyproject.toml [tool.tox]", seen)
    if files.has("tox.toml"):
        _toml(files.toml("tox.toml"), "tox.toml", seen)


# --- tox.ini ---------------------------------------------------------------------------------


def _ini(sections: Mapping[str, Mapping[str, str]], file: str, seen: Sightings) -> None:
    head = sections.get("tox", {})
    envs = f"{head.get('envlist', '')}\n{head.get('env_list', '')}"
    _pythons(_spread(envs), f"{file} envlist", seen)
    base = sections.get("testenv", {})
    for name, section in sections.items():
        if name != "testenv" and not name.startswith("testenv:"):
            continue
        own = Sightings()
        where = f"{file} [{name}]"
        text = _POSARGS.sub(lambda match: match[1] or "", section.get("commands", ""))
        text = text.replace("\\\n", " ")
        for line in text.splitlines():
            commands.words(commands.split(_FACTORS.sub("", line.strip()).lstrip("- ")), where, own)
        if name != "testenv" and not own.of("tests"):
            continue
        _deps(section.get("deps", "") if name == "testenv" else _more(section, base), where, own)
        for kind, key in (("extra", "extras"), ("group", "dependency_groups")):
            for value in re.split(r"[\s,]+", section.get(key, "")):
                if value and "{" not in value and ":" not in value:
                    own.note("extra" if kind == "extra" else "group", value, where)
        _variables(section.get("setenv", "") or section.get("set_env", ""), where, own)
        seen.take(own)


def _more(section: Mapping[str, str], base: Mapping[str, str]) -> str:
    """What an environment installs beyond `[testenv]`, whose own lines are noted there."""
    return (
        section.get("deps", "").replace("{[testenv]deps}", "") if base else section.get("deps", "")
    )


def _deps(text: str, where: str, seen: Sightings) -> None:
    for line in map(str.strip, text.splitlines()):
        # A line for some factors holds only in some of tox's runs.
        if line and not line.startswith("#") and not _FACTORS.match(line):
            words = [line] if not line.startswith("-") else commands.split(line)
            commands.words(["pip", "install", *words], where, seen)


def _variables(text: str, where: str, seen: Sightings) -> None:
    for line in text.splitlines():
        name, _, value = (part.strip() for part in line.partition("="))
        if re.fullmatch(r"[A-Za-z_]\w*", name) and "{" not in value:
            seen.note("variable", f"{name}={value}", where)


def _spread(text: str) -> Iterator[str]:
    """Names of environments, `{39,310}` written out."""
    for name in re.findall(r"(?:[^\s,{]|\{[^{}]*\})+", text):
        parts = re.split(r"\{([^{}]*)\}", name)
        spread = [""]
        for place, part in enumerate(parts):
            options = part.split(",") if place % 2 else [part]
            spread = [done + option.strip() for done in spread for option in options][:200]
        yield from spread


def _pythons(names: Iterator[str], where: str, seen: Sightings) -> None:
    for name in names:
        if match := _PYTHON.fullmatch(name.partition("-")[0]):
            seen.note("python", f"3.{int(match[1] or match[2])}", where)


# --- TOML ------------------------------------------------------------------------------------


def _toml(tool: Mapping[str, Any], file: str, seen: Sightings) -> None:
    names = [str(name) for name in _listed(tool, "env_list")]
    _pythons(iter(names), f"{file} env_list", seen)
    base = table(dict(tool), "env_run_base")
    envs = {"env_run_base": base, **table(dict(tool), "env")}
    for name, section in envs.items():
        if not isinstance(section, dict):
            continue
        own, where = Sightings(), f"{file} {name}"
        for command in _listed(section, "commands"):
            if isinstance(command, list):
                commands.words([str(word) for word in command if isinstance(word, str)], where, own)
        if name != "env_run_base" and not own.of("tests"):
            continue
        for dependency in _listed(section, "deps"):
            words = commands.split(dependency) if str(dependency).startswith("-") else [dependency]
            commands.words(["pip", "install", *map(str, words)], where, own)
        for extra in _listed(section, "extras"):
            own.note("extra", str(extra), where)
        for group in _listed(section, "dependency_groups"):
            own.note("group", str(group), where)
        for variable, value in table(section, "set_env").items():
            if isinstance(value, str) and "{" not in value:
                own.note("variable", f"{variable}={value}", where)
        seen.take(own)


def _listed(section: Mapping[str, Any], key: str) -> list[Any]:
    """A list; empty where it is missing or something else."""
    value = section.get(key)
    return value if isinstance(value, list) else []
