"""Know the credentials of vendors by how they begin. Pure.

Beginnings, alphabets and lengths are facts that vendors publish; they were gathered from GitHub's
table of supported secret scanning patterns, the rules of gitleaks 8 and vendors' own pages. What
detect-secrets has already and keeps up to date is left to it (`secret_shapes`), but where its
pattern wants a context, or a length that is no longer true.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, NamedTuple

Span = tuple[int, int]

_ALNUM, _HEX, _UPPER, _WIDE = "A-Za-z0-9", "0-9A-Fa-f", "A-Z0-9", r"\w-"
_BASE64, _DOTTED, _PATH = "A-Za-z0-9+/=_-", r"\w.=-", r"\w/@%-"
#: What the rest is made of, its least length, and beginnings. One that could begin ordinary words
#: as well ends with `!`: then the rest must have exactly that length.
_KINDS = (
    # forges, registries of packages and of images
    (_WIDE, 22, "github_pat_"),
    (_ALNUM, 36, "ghp_ gho_ ghu_ ghr_ npm_ nfp_ pnu_ dckr_oat_"),
    # Tokens of installations as GitHub makes them by now: a JWT stands in them.
    (_DOTTED, 36, "ghs_"),
    (_DOTTED, 20, "glpat- gldt- glft- glsoat- glrt- glrtr- glcbt- glimt- glptt- glagent- gloas-"),
    (_DOTTED, 20, "glffct- glwt- GR1348941 dckr_pat_ ATATT3 ATCTT3 pypi-AgE"),
    (_HEX, 48, "rubygems_"),
    (_ALNUM, 60, "CLOJARS_ AKCp!69 cmVmd!59"),
    (_ALNUM, 32, "cio! ATBB!"),
    (_ALNUM, 43, "oy2!"),
    # clouds, and places to run things
    (_HEX, 64, "dop_v1_ doo_v1_ dor_v1_"),
    (_HEX, 40, "pul- sbp_ e2b_ shippo_live_ shippo_test_ sgp_"),
    (_HEX, 32, "dapi!"),
    (_WIDE, 40, "fo1_ tk-us- HRKU-AA sha256~ tgp_v1_"),
    (_BASE64, 100, "fm1a_ fm1r_ fm2_ ABSK ops_eyJ bedrock-api-key-"),
    (_DOTTED, 32, "pscale_tkn_ pscale_oauth_ pscale_pw_ ya29. hvs. hvb. hvr. dt0c01. dt0s01."),
    (_DOTTED, 40, "dp.pt. dp.st. dp.ct. dp.sa. dp.scim. dp.audit. pat. sat."),
    (_WIDE, 35, "AIza"),
    (_WIDE, 28, "GOCSPX-"),
    (_WIDE, 40, "1//0"),
    (_ALNUM, 20, "LTAI!"),
    (_WIDE, 20, "sb_secret_"),
    (_HEX, 64, "amzn1.oa2-cs.v1."),
    (_WIDE, 30, "amzn.mws."),
    # models
    (_WIDE, 20, "sk-ant- sk-proj- sk-svcacct- sk-admin- sk-or-v1- lsv2_pt_ lsv2_sk_ pcsk_ tvly-"),
    (_WIDE, 40, "xai- nvapi- pplx- jina_"),
    (_ALNUM, 48, "gsk_"),
    (_ALNUM, 32, "sk-"),
    (_WIDE, 36, "sk-lf-"),
    (_ALNUM, 34, "hf_ api_org_"),
    (_ALNUM, 37, "r8_!"),
    (_HEX, 32, "fc-!"),
    # money
    (_ALNUM, 16, "sk_live_ sk_test_ sk_prod_ rk_live_ rk_test_ rk_prod_"),
    (_BASE64, 24, "whsec_"),
    (_HEX, 32, "shpat_ shpca_ shppa_ shpss_ shptka_ FLWSECK_TEST- FLWSECK-"),
    (_WIDE, 22, "sq0atp- sq0csp-"),
    (_WIDE, 60, "EAAA!"),
    (_WIDE, 30, "access-sandbox- access-production- access-development-"),
    (_WIDE, 40, "duffel_test_ duffel_live_"),
    # mail, talking, planning, watching
    (
        _WIDE,
        16,
        "xoxa- xoxb- xoxc- xoxd- xoxe- xoxo- xoxp- xoxr- xoxs- xoxe.xoxb- xoxe.xoxp- xapp-",
    ),
    (_DOTTED, 60, "SG."),
    (_HEX, 64, "xkeysib- xsmtpsib-"),
    (_HEX, 32, "key-! SK!"),
    (_ALNUM, 54, "EZAK! EZTK!"),
    (_ALNUM, 100, "EAAC EAAM"),
    (_ALNUM, 40, "lin_api_ lin_oauth_ ntn_"),
    (_ALNUM, 43, "secret_!"),
    (_WIDE, 40, "figd_ CFPAT- phx_ PMAK-"),
    (_ALNUM, 32, "glsa_ p8e- ico-!"),
    (_BASE64, 32, "glc_"),
    (_BASE64, 60, "eyJrIjoi sntrys_"),
    (_HEX, 64, "sntryu_ s-s4t2ud- s-s4t2af-"),
    (_ALNUM, 70, "rdme_"),
    (_UPPER, 27, "NRAK- NRRA-"),
    (_UPPER, 26, "API-!"),
    (_ALNUM, 16, "sm_aat_ sm_pat_ sm_sat_"),
    (_WIDE, 64, "fio-u-"),
    (_UPPER, 58, "AGE-SECRET-KEY-1"),
    (r"A-Z0-9-", 30, "A3-"),
    # what stands behind an address or a name
    (_PATH, 24, "hooks.slack.com/services/ hooks.slack.com/workflows/ hooks.slack.com/triggers/"),
    (_PATH, 40, "discord.com/api/webhooks/ discordapp.com/api/webhooks/"),
    (_PATH, 60, ".webhook.office.com/webhookb2/"),
    (_PATH, 12, "hooks.zapier.com/hooks/catch/"),
    (_BASE64, 40, "SharedAccessKey= AccountKey="),
    (_WIDE, 30, ":_authToken="),
)
INSIDE = (
    ("Q~", re.compile(r"(?<![\w~.-])[\w~.-]{3}\dQ~[\w~.-]{31,34}(?![\w~])")),
    (".atlasv1.", re.compile(r"(?<![A-Za-z0-9])[A-Za-z0-9]{14}\.atlasv1\.[\w=-]{60,70}")),
    ("_mmk", re.compile(r"(?<![A-Za-z0-9])[A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk(?!\w)")),
    ("JQQJ99", re.compile(r"(?<![A-Za-z0-9])[A-Za-z0-9]{52}JQQJ99[A-Za-z0-9]{24,34}(?!\w)")),
    (":AA", re.compile(r"(?<!\d)\d{8,10}:AA[\w-]{33}(?![\w-])")),
    (":APA91b", re.compile(r"(?<!\w)[\w-]{11,30}:APA91b[\w-]{100,300}+")),
    ("v1.0-", re.compile(r"(?<!\w)v1\.0-[0-9a-f]{24}-[0-9a-f]{146}")),
    ("sig=", re.compile(r"(?<=sig=)[A-Za-z0-9%+/]{40,80}(?:=|%3[Dd])")),
)
"""Those that begin with anything: a sign that stands within, and the whole."""
_LONGEST = 4096
#: What goes on behind the part of a value by which it was recognised.
_TAIL = re.compile(rf"[\w+/=-]{{0,{_LONGEST}}}+")
#: Different signs; a value made by chance has more.
_LEAST_SIGNS = 8
_PLACEHOLDER = re.compile(r"x{6,}|\.{3,}|\*{3,}", re.IGNORECASE)


def find(text: str) -> Iterator[Span]:
    """Yield where values stand that begin as those of vendors do, in no order."""
    least, begins, by_sign = _beginnings()
    seen: dict[str, int] = {}
    # Most texts have no piece of such a length, so that is looked for first.
    for piece in _pieces(least).finditer(text):
        for place in begins.finditer(text, piece.start(), piece.end()):
            at = place.start()
            for beginning, rest, exact in by_sign[text[at]]:
                if at < seen.get(beginning, 0) or not text.startswith(beginning, at):
                    continue
                match = rest.match(text, at + len(beginning))
                if match is None:
                    continue
                # What begins once more within a value is part of it, but where that was cut off.
                end = match.end()
                seen[beginning] = end if end < at + _LONGEST else end - _LONGEST // 8
                if made_by_chance(match[0]):
                    start = match.start() if beginning.endswith("=") else at
                    tail = None if exact else _TAIL.match(text, end)
                    seen[beginning] = tail.end() if tail else end
                    yield start, seen[beginning]


def any_of(words: Iterable[str]) -> str:
    """Give a pattern for any of these words, as a tree; of two that begin alike the shorter one."""
    tree: dict[str, Any] = {}
    for word in words:
        at = tree
        for sign in word:
            at = at.setdefault(sign, {})
        at[""] = {}

    def told(at: dict[str, Any]) -> str:
        if "" in at:
            return ""
        ways = [f"{re.escape(sign)}{told(below)}" for sign, below in at.items()]
        return ways[0] if len(ways) == 1 else f"(?:{'|'.join(ways)})"

    return told(tree)


@cache
def _pieces(least: int) -> re.Pattern[str]:
    """Pieces of a text that are long enough, of what beginnings and values are made of."""
    signs = r"[\w./=:@%+~-]"
    return re.compile(rf"(?<!{signs}){signs}{{{least},}}+")


class _Beginnings(NamedTuple):
    least: int
    """Signs of the shortest value, with its beginning."""
    anywhere: re.Pattern[str]
    """Finds every place where one of them stands, but within words."""
    by_sign: dict[str, list[tuple[str, re.Pattern[str], bool]]]
    """By the first sign: each beginning, what has to follow it, and whether exactly that."""


@cache
def _beginnings() -> _Beginnings:
    found: dict[str, list[tuple[str, re.Pattern[str], bool]]] = {}
    shortest = _LONGEST
    for letters, least, beginnings in _KINDS:
        for one in beginnings.split():
            beginning, mark, own = one.partition("!")
            rest = re.compile(_rest(letters, int(own or least), exact=bool(mark)))
            found.setdefault(beginning[0], []).append((beginning, rest, bool(mark)))
            shortest = min(shortest, len(beginning) + int(own or least))
    words = [beginning for kinds in found.values() for beginning, _, _ in kinds]
    apart = any_of(word for word in words if word[0].isalnum())
    others = any_of(word for word in words if not word[0].isalnum())
    # It takes no sign itself, so that it finds what begins within another beginning as well.
    anywhere = re.compile(rf"(?=(?<![^\W_]){apart}|{others})")
    return _Beginnings(shortest, anywhere, found)


def _rest(letters: str, least: int, *, exact: bool) -> str:
    if exact:
        return rf"[{letters}]{{{least}}}(?![\w+/=-])"
    return rf"[{letters}]{{{least},{_LONGEST}}}+"


def made_by_chance(value: str) -> bool:
    """Say whether a value is none of the examples that people write: all x, zeros, words."""
    value = _PLACEHOLDER.sub("", value)
    if len(set(value)) < _LEAST_SIGNS:
        return False
    has_digits = any(map(str.isdigit, value))
    return has_digits or not (value.islower() or value.isupper())
