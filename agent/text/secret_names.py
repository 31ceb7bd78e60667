"""Find values that are given to a name that says secret, whatever they look like. Pure.

One reader of assignments for code, JSON, YAML, env files, headers, addresses and command lines:
a name, what stands between, and a value. Code is left alone where the value is no literal.
"""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Iterator

from agent.text.secret_shapes import Span, is_random

PLACEHOLDER = "VALUE"
"""Stands in our own texts where people have to put a value in; no secret."""
_SECRETS = (
    *("password", "passwd", "passphrase", "passcode", "pwd", "secret", "token"),
    *("credential", "credentials", "apikey", "sessionid"),
)
_KEYS = frozenset({
    "api", "access", "auth", "private", "secret", "signing", "encryption", "account", "service",
    "client", "master", "jwt", "fernet", "session", "hmac", "ssh", "deploy", "shared", "webhook",
    "storage", "license", "db",
})  # fmt: skip
#: Say which one it is, not what of it.
_WHICH = frozenset({
    "value", "prod", "production", "live", "staging", "default", "old", "new", "base", "root",
    "text",
})  # fmt: skip
_PARTS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+|[^\W\d_a-zA-Z]+")
_MENTIONED = re.compile(r"pass|pwd|secret|token|credential", re.IGNORECASE)

#: One of these is in every name that says secret.
_HAS_MARK = r"(?=[\w.-]{0,80}?(?i:pass|pwd|secret|token|key|credential|sessionid))"
_NAME = rf"(?P<name>(?<![A-Za-z0-9_]){_HAS_MARK}[A-Za-z_][\w.-]{{0,80}}+)"
_QUOTED = r"""
    (?:\[[ ]?)? [rbufRBUF]{0,2} (?P<quote>\\?["'`])
    (?P<quoted>(?:(?!(?P=quote))[^\n]){1,4096}?) (?P=quote)
"""
#: Punctuation is part of a value, but where it ends something or another name follows.
_BARE = r"""
    (?P<bare>(?:
        [^\s"'`“”‘’,;:&)\]}<>\\]
        | [,;:&)\]}](?! [\s"'`“”‘’,;:&)\]}\\] | $ | [\w.-]{1,40}[=:])
    ){1,4096})
"""
_VALUE = rf"(?:{_QUOTED}|{_BARE})"
_PARTS_OF_PATTERN = {"name": _NAME, "bare": _BARE, "value": _VALUE, "blank": r"[ \t]"}


def _compile_pattern(pattern: str) -> re.Pattern[str]:
    for name, part in _PARTS_OF_PATTERN.items():
        pattern = pattern.replace(f"<<{name}>>", part)
    return re.compile(pattern, re.MULTILINE | re.VERBOSE)


_ASSIGNED = r"""
    <<name>> \\?["'\]]{0,3}+ <<blank>>{0,40}
    (?P<by>:=|=>|={1,3}|!=|:(?!:)) <<blank>>{0,40} <<value>>
"""
_FLAG_IN_LIST = r"(?<![\w-]) --?<<name>> [\"'], [ ]{0,4} <<value>>"
_FLAG = r"(?<![\w-]) --?<<name>> <<blank>>{1,4} (?:<{3}<<blank>>?)? (?![-=:|]) <<value>>"
_SET = r"""
    \b(?:set|config)[ ]+ (?:--?\w{1,40}[ ]){0,4} <<name>> <<blank>>{1,4} (?![-=:|]) <<value>>
    (?= <<blank>>* (?:$ | [;&|`"')]))
"""
_SQL = r"""
    \b(?P<name>(?i:password|identified[ ]by)) <<blank>>{1,4}
    (?P<quote>['"]) (?P<quoted>[^\n'"]{1,4096}) (?P=quote)
"""
_XML = r"< <<name>> (?:[ ][^<>\n]{0,200})? > (?P<bare>[^<>\n]{1,4096}) </"
_NETRC_LINE = r"""
    ^<<blank>>{0,20} (?P<name>[\w-]{0,40}password) <<blank>>{1,4} <<bare>> <<blank>>*$
"""
_NETRC = r"""
    (?:^|\bmachine<<blank>>+\S{1,200}|\bdefault) \s{0,20} \blogin<<blank>>+\S{1,200} \s{1,20}
    (?P<name>password) \s{1,20} (?P<bare>\S{1,4096})
"""
_NAME_AND_VALUE = r"""
    ["']?\b(?i:name|key)["']? [ ]?[:=][ ]? ["']?<<name>>["']? [ ]?,?\s{1,80}
    ["']?(?i:value)["']? [ ]?[:=][ ]? <<value>>
"""


_IN_ADDRESS = r"""://[^\s:/@"'<>]{0,200}:(?P<bare>[^\s/"'<>]{1,1000})@(?=[\w\[])"""
_USER_OF_ADDRESS = r"://(?P<bare>(?=[^\s/@]{0,80}\d)[\w-]{16,200})@(?=[\w\[])"
_CURL = r"""
    \b(?:curl|https?|xh)\b(?!:) [^\n|]{0,400}? \s(?:-u|-U|-a|--user|--auth|--proxy-user)[ =]?
    (?P<open>["'])?[^\s:"']{1,200}: (?P<bare>(?(open)[^\n"']|[^\s"']){1,1000})
"""
_SHORT_FLAG = r"""
    (?:
        (?:\b(?:login|mysql|mysqldump|sshpass)\b[^\n|;&]{0,400}?|\s-u[ =]?\S{1,200}) \s-p
        | \s-pass(?:in|out)?[ ]pass:
    )
    [ ]?["']? (?![\d.:]+\s) (?P<bare>[^\s"']{1,1000})
"""
_REDIS = r"""redis-cli\b[^\n|;&]{0,400}?\s-a[ ]["']?(?P<bare>[^\s"']{1,1000})"""
_PIPED = r"""
    \b(?:echo|printf)\s+(?:-\w+\s+)? ["']?(?P<bare>[^\s"'|]{1,1000})["']?
    \s*\|[^\n]{0,200}--password-stdin
"""
_AUTHORIZATION = r"""
    authorization["'\\]{0,3} <<blank>>{0,4}[:=,]<<blank>>{0,4} ["'\\]{0,3}
    (?:
        (?:basic|bearer|token|digest|negotiate|apikey)<<blank>>{1,4}
        (?P<bare>[^\s"'\\][^\n"\\']*)
        | (?P<lone>[\w+/=.~-]{8,4096})
    )
"""
_COOKIE = r"""
    (?:(?<![a-z])|(?<=\\n))cookie["'\\]{0,3} <<blank>>{0,4}[:=]<<blank>>{0,4} ["'\\]{0,3}
    (?P<bare>[\w.-]{1,80}=[^\n"'\\]{1,8192})
"""
_DOCKER_AUTH = (
    r"""["']_?auth["']<<blank>>?:<<blank>>?["'](?P<bare>(?![a-z]+["'])[^\n"']{1,4096})["']"""
)
_NPM_AUTH = r"""\b_auth<<blank>>?=<<blank>>?["']?(?P<bare>[\w+/=-]{8,4096})"""
_LOGIN_PAIR = r"""
    auth<<blank>>?= <<blank>>?\( <<blank>>?[^\n,()]{1,200},
    <<blank>>?["'](?P<bare>[^\n"']{1,1000})
"""
_MASK_ORDER = r"^::add-mask::(?P<bare>[^\n]{1,4096})$"
_PGPASS = r"^[\w.*-]{1,200}:(?:\d{1,5}|\*):[^\s:]{1,200}:[^\s:]{1,200}:(?P<bare>\S{1,1000})$"


#: Further ways in which a name stands before its value, each with what is in the text then.
_NAMING = tuple(
    (_compile_pattern(pattern), anchor)
    for pattern, anchor in (
        (_FLAG_IN_LIST, "-"), (_FLAG, "-"), (_SET, " "), (_SQL, "'"), (_XML, "</"),
        (_NETRC_LINE, "password"), (_NETRC, "login"), (_NAME_AND_VALUE, "value"),
    )
)  # fmt: skip
#: Places that say of themselves what stands there.
_PLACES = tuple(
    (_compile_pattern(f"(?i:{pattern})"), anchor)
    for pattern, anchor in (
        (_IN_ADDRESS, "://"), (_USER_OF_ADDRESS, "://"), (_CURL, ":"), (_SHORT_FLAG, " -p"),
        (_REDIS, "redis-cli"), (_PIPED, "--password-stdin"), (_AUTHORIZATION, "authorization"),
        (_COOKIE, "cookie"), (_DOCKER_AUTH, "auth"), (_NPM_AUTH, "_auth"), (_LOGIN_PAIR, "auth"),
        (_MASK_ORDER, "::add-mask::"), (_PGPASS, ":"),
    )
)  # fmt: skip
_AT_NAME = _compile_pattern(_ASSIGNED)
_NOTHING = re.compile(
    r"[*•.]+|[x_-]{3,}|\$(?:[A-Z_][A-Z0-9_]*|\{{1,2}[^{}]*\}{0,2}|\(.*)|<[^<>]*>|\{+[^{}]*\}*"
    r"|%[srd]|%\(\w+\)[srd]|\|[+-]?|>[+-]?|(?i:null|nil|none|undefined|true|false|test)"
    # A rate, as throttles of sign-in have it.
    rf"|{PLACEHOLDER}"
    r"|\d{1,9}/(?:[smhd]|sec(?:ond)?|min(?:ute)?|hour|day|week|month|year)s?"
)
_DOTTED = re.compile(r"(?:self\.)?[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")
_CLASS = re.compile(r"[A-Z][a-z]+(?:[A-Z][a-z0-9]*)+")


def find_named_secrets(text: str) -> Iterator[Span]:
    """Yield where values stand that a name or their place calls secret, in no order."""
    lowered = text.lower()
    for pattern, anchor in _PLACES:
        for match in pattern.finditer(text) if anchor in lowered else ():
            group = "bare" if match["bare"] else "lone"
            if not _is_nothing(match[group]) and _is_credential(match, group):
                yield match.span(group)
    for pattern, anchor in _NAMING:
        for match in pattern.finditer(text) if anchor in lowered else ():
            if (span := _find_value(text, match)) is not None:
                yield span
    at = 0
    while named := _AT_NAME.search(text, at):
        span = _find_value(text, named)
        # What is within a value is part of it.
        at = span[1] if span else named.end("name")
        if span:
            yield span


def is_given(name: str, value: str) -> bool:
    """Whether a value under a name in a table is a secret."""
    return says_secret(name) and bool(value) and not _is_nothing(value)


def says_secret(name: str) -> bool:
    """Whether what a name stands for is secret: it ends so, but for which one it is."""
    parts: list[str] = [part.lower() for part in _PARTS.findall(name.rpartition(".")[2])]
    while len(parts) > 1 and (parts[-1] in _WHICH or parts[-1].isdigit()):
        parts.pop()
    if not parts:
        return False
    last, before = parts[-1], parts[-2:-1]
    if last in ("key", "keys"):
        return bool(before) and before[0] in _KEYS
    if last == "pass":
        return bool(before)
    return last.endswith(_SECRETS)


def _find_value(text: str, match: re.Match[str]) -> Span | None:
    """Return where the value is, if it is a literal that its name calls secret."""
    group = "quoted" if "quote" in match.re.groupindex and match["quote"] else "bare"
    name, value = match["name"], match[group]
    if text.startswith("://", match.start("name") - 3):
        return None  # of an address, which is read as such
    is_secret = says_secret(name) or name.lower() == "identified by"
    if not is_secret and not (_MENTIONED.search(name) and is_odd(value)):
        return None
    if _is_nothing(value) or (group == "bare" and _is_code(text, match, value)):
        return None
    if value.lower() == name.rpartition(".")[2].strip("_").lower():
        return None  # `password=password` says no more than the name
    return match.span(group)


def is_odd(value: str) -> bool:
    """Whether a value is too long and too random for a word, a path or an example."""
    return len(value) >= 16 and value[:1] not in "./" and is_random(value)


def _is_nothing(value: str) -> bool:
    """Whether a value only holds the place of one, or was taken out already."""
    return _NOTHING.fullmatch(value) is not None or value.startswith("[secret")


def _is_code(text: str, match: re.Match[str], value: str) -> bool:
    """Whether a bare value is an expression, a type or the first word of a sentence."""
    by = match["by"] if "by" in match.re.groupindex else ""
    name, follows = match["name"], text[match.end("bare") : match.end("bare") + 2]
    if name.endswith("PWD") and value[0] == "/":
        return True  # the folder that a shell is in
    if name.isupper() and text.startswith(f"{name}={value}", match.start("name")):
        return False  # as the environment has it
    if keyword.iskeyword(value) or _is_reference(value, follows):
        return True
    if by != ":":
        return False
    is_type = hasattr(builtins, value) or _CLASS.fullmatch(value) is not None
    return is_type or (value.isalpha() and follows[:1] == " " and follows[1:].isalpha())


def _is_reference(value: str, follows: str) -> bool:
    """Whether it is the name of what has the value, or a call or an index that gives it."""
    head = re.split(r"[(\[)\]]", value, maxsplit=1)[0]
    if value[0] in "([{" or head != value or follows[:1] in ("(", "["):
        return value[0] in "([{" or head.replace(".", "_").isidentifier()
    if _DOTTED.fullmatch(value) and not is_random(value):
        return True
    is_name = "_" in value or not any(map(str.isdigit, value))
    return (
        is_name and len(_PARTS.findall(value)) > 1 and value.isidentifier() and says_secret(value)
    )


def _is_credential(match: re.Match[str], group: str) -> bool:
    """Whether what stands behind a header or a flag is one: not `required`, not `1000`."""
    value = match[group]
    if group == "lone":
        is_name = value.isidentifier() and not any(map(str.isdigit, value))
        return not _DOTTED.fullmatch(value) and not is_name
    return not (match[0].lstrip().lower().startswith(("login", "curl")) and value.isdigit())
