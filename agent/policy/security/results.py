"""Say what a call returns, from what it is given and what it is called.

Owns the lists: which functions hand on what they get, which make it harmless and for what, which
bring something from outside. What is not in a list returns something of which nothing is known.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, replace

from agent.policy.security import values
from agent.policy.security.values import Danger, Kind, Value


@dataclass(frozen=True)
class Site:
    """A call, and what it is given."""

    node: ast.Call
    names: frozenset[str]
    """What is called, by full dotted names."""
    name: str
    """The last part of what is written: `execute` in `cursor.execute(...)`."""
    owner: Value
    """What a method is called of."""
    arguments: tuple[Value, ...]
    keywords: dict[str, Value]
    """Those of `**` are left out."""

    def given(self, place: int, *words: str) -> Value | None:
        """Return an argument by its place or by its names."""
        for word in words:
            if word in self.keywords:
                return self.keywords[word]
        if 0 <= place < len(self.arguments):
            return self.arguments[place]
        return None

    def written(self, place: int, *words: str) -> ast.expr | None:
        """Return an argument as it is written."""
        for keyword in self.node.keywords:
            if keyword.arg in words:
                return keyword.value
        return self.node.args[place] if 0 <= place < len(self.node.args) else None


_NUMBERS = frozenset(
    {
        "builtins.int", "builtins.float", "builtins.bool", "builtins.len", "builtins.ord",
        "builtins.hash", "builtins.id", "builtins.round", "builtins.isinstance", "builtins.type",
        "uuid.UUID", "uuid.uuid4", "uuid.uuid1", "decimal.Decimal", "datetime.date.fromisoformat",
        "datetime.datetime.fromisoformat", "datetime.datetime.now", "datetime.date.today",
        "time.time", "secrets.token_hex", "secrets.token_urlsafe", "os.getpid",
        "ipaddress.ip_address", "ipaddress.ip_network", "tempfile.mkdtemp", "tempfile.mkstemp",
    }
)  # fmt: skip
_HAND_ON = frozenset(
    {
        *(f"builtins.{name}" for name in (
            "str", "bytes", "bytearray", "memoryview", "list", "tuple", "set", "frozenset", "dict",
            "sorted", "reversed", "repr", "format", "iter", "next", "enumerate", "zip", "map",
            "filter", "getattr", "compile", "min", "max",
        )),
        "io.BytesIO", "io.StringIO", "io.TextIOWrapper", "base64.b64decode",
        "base64.urlsafe_b64decode", "base64.standard_b64decode", "base64.decodebytes",
        "binascii.unhexlify", "binascii.a2b_base64", "codecs.decode", "urllib.parse.unquote",
        "urllib.parse.unquote_plus", "urllib.parse.unquote_to_bytes", "json.loads", "json.load",
        "json.dumps", "zlib.decompress", "gzip.decompress", "textwrap.dedent", "copy.copy",
        "copy.deepcopy", "typing.cast", "django.utils.encoding.force_str",
        "django.utils.encoding.force_bytes", "asyncio.wait_for", "itertools.chain",
        "urllib.parse.urlparse", "urllib.parse.urlsplit", "urllib.parse.parse_qs",
        "tarfile.open", "zipfile.ZipFile",
    }
)  # fmt: skip
_PATHS = frozenset(
    {
        "os.path.join", "os.path.normpath", "os.path.expanduser", "os.path.expandvars",
        "os.fspath", "pathlib.Path", "pathlib.PurePath", "pathlib.PurePosixPath",
        "pathlib.PosixPath", "posixpath.join", "posixpath.normpath",
    }
)  # fmt: skip
_RESOLVED = frozenset({"os.path.abspath", "os.path.realpath"})
#: What makes a value harmless, and for what.
_HARMLESS: dict[str, frozenset[Danger]] = {
    **dict.fromkeys(
        (
            "os.path.basename", "posixpath.basename", "ntpath.basename",
            "werkzeug.utils.secure_filename", "werkzeug.utils.safe_join",
            "werkzeug.security.safe_join", "flask.safe_join", "flask.helpers.safe_join",
            "django.utils._os.safe_join", "django.utils.text.get_valid_filename",
            "django.utils.text.slugify", "slugify.slugify", "urllib.parse.quote_plus",
        ),
        frozenset[Danger]({"path"}),
    ),
    **dict.fromkeys(
        ("shlex.quote", "pipes.quote", "shlex.join"),
        frozenset[Danger]({"command"}),
    ),
    **dict.fromkeys(
        ("slugify.slugify", "django.utils.text.slugify"),
        frozenset[Danger]({"path", "command", "sql"}),
    ),
}  # fmt: skip
_HARMLESS_FOR_SQL = re.compile(r"(?:.*\.)?(?:quote_name|quote_ident(?:ifier)?|qn|quote|mogrify)")
#: Methods that answer with a number or with yes and no.
_TELLS = frozenset(
    {
        "isdigit", "isalnum", "isalpha", "isidentifier", "isnumeric", "isdecimal", "startswith",
        "endswith", "count", "index", "find", "rfind", "hexdigest", "digest", "exists", "is_file",
        "is_dir", "fileno", "total_seconds", "timestamp",
    }
)  # fmt: skip
#: Methods of texts, paths, tables and files that give what they are called of.
_OWN = frozenset(
    {
        "decode", "encode", "strip", "lstrip", "rstrip", "lower", "upper", "title", "replace",
        "removeprefix", "removesuffix", "split", "rsplit", "splitlines", "partition", "rpartition",
        "casefold", "expandtabs", "zfill", "ljust", "rjust", "read", "readline", "readlines",
        "getvalue", "items", "values", "keys", "getlist", "dict", "lists", "copy", "pop", "body",
        "form", "json", "text", "get_json", "get_data", "post", "multi_items", "model_dump",
        "expanduser", "absolute", "with_suffix", "as_posix", "open", "chunks", "stream", "get",
        "getall", "getone", "setdefault", "__getitem__", "query_params", "tobytes",
    }
)  # fmt: skip
_MEMBERS = frozenset({"namelist", "getnames", "infolist", "getmembers"})
#: By its name a check or a conversion, of which nothing more is known.
CHECKS = re.compile(
    r"(?:.*_)?(?:safe|sanitiz\w*|sanitis\w*|valid\w*|clean\w*|escaped?|quoted?|slug\w*|check\w*"
    r"|ensure\w*|verif\w*|assert\w*|allow\w*|permit\w*|whitelist\w*)(?:_.*)?",
    re.IGNORECASE,
)


def of(site: Site) -> Value:
    """Return what a call returns."""
    everything = values.joined([*site.arguments, *site.keywords.values()])
    if site.names & _NUMBERS:
        return values.SAFE
    if "builtins.input" in site.names:
        return values.of(Kind.OUTSIDE, "`input()`")
    if site.names & _RESOLVED:
        return replace(everything, is_path=True, is_resolved=True)
    for name in site.names & _HARMLESS.keys():
        return everything.harmless(_HARMLESS[name])
    if site.names & _PATHS:
        return replace(everything, is_path=True)
    if site.names & _HAND_ON:
        return replace(everything, is_request=False)
    if site.names & {"re.sub", "re.subn"} and (text := site.given(2, "string")) is not None:
        return text.at_most(Kind.UNKNOWN) if _keeps_few(site) else text
    if _HARMLESS_FOR_SQL.fullmatch(site.name) and not site.names & {"urllib.parse.quote"}:
        return everything.harmless({"sql"})
    if isinstance(site.node.func, ast.Attribute):
        return _of_method(site, everything)
    return values.UNKNOWN


def _of_method(site: Site, everything: Value) -> Value:
    owner = site.owner
    if site.name in _MEMBERS:
        return values.of(Kind.OUTSIDE, "the names in an archive")
    if site.name in _TELLS:
        return values.SAFE
    if site.name == "format" and owner.is_text:
        return values.joined([owner, everything], is_built=True)
    if site.name == "join" and not any(name.startswith("os.") for name in site.names):
        return values.joined([owner, everything], is_built=_brings(everything) or owner.is_built)
    if site.name == "joinpath":
        return replace(values.joined([owner, everything]), is_path=True)
    if site.name == "resolve":
        return replace(owner, is_path=True, is_resolved=True)
    if site.name in {"with_name", "with_stem"}:
        return replace(everything, is_path=True)
    if site.name in {"get", "pop", "setdefault"} and len(site.arguments) > 1:
        return values.either(replace(owner, is_request=False), site.arguments[1])
    if site.name == "replace" and owner.is_text:
        return values.joined([owner, *site.arguments[1:]])
    if site.name in _OWN:
        # A key that does not fit is no part of what is found.
        return replace(owner, is_request=False)
    return values.UNKNOWN


def _keeps_few(site: Site) -> bool:
    """Whether a substitution takes away all but some letters, as `[^a-z]` does."""
    pattern = site.given(0, "pattern")
    return pattern is None or not pattern.text or "[^" in pattern.text or r"\W" in pattern.text


def _brings(value: Value) -> bool:
    return any(part.kind > Kind.SAFE for part in value.parts)
