"""What a ticket says: that prints become log messages, where, and with which logger and level.

Generous in wording, strict in meaning: every sentence that asks for something must be understood;
what is not is handed back to be asked about. Whether the places exist is left to `scope`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from agent.domain import Ticket
from agent.recipes import tickets, word_lists
from agent.recipes.print_to_logging import asking
from agent.recipes.print_to_logging.asking import CHANGE, LOG, PRINT, TICK

_KEYS = {
    "where": "where prints become log messages; files or packages; files; file; packages; package; "
    "modules; module; paths; path; folders; folder; scope; where",
    "except": "leave alone; except; exclude; excluding; not in; left alone",
    "level": "level; log level; logging level",
    "logger": "logger; logging library; library",
}
_FACT_OF = {key: fact for fact, keys in _KEYS.items() for key in keys.split("; ")}
_OF_THE_FORM = "where prints become log messages"

_EXCEPT = re.compile(
    r"(?i)(?:\b(?:except(?:\s+(?:for|in))?|excluding|but\s+not(?:\s+in)?|other\s+than|apart\s+from|"
    r"not\s+in|outside(?:\s+of)?|without)\b|"
    r"\b(?:leave|keep|skip|ignore|exclude|spare)\b|"
    r"\b(?:do\s+not|don['\u2019]t|never|must\s+not|should\s+not)\s+(?:\w+\s+)?"
    r"(?:replace|convert|change|touch|turn|switch|edit|modify|alter)\b)"
)
_WHOLE = re.compile(
    r"(?i)\b(?:(?:in|across|throughout|over|through|of)\s+)?(?:(?:the|our|this)\s+)?"
    r"(?:whole|entire|complete|full|all\s+(?:of\s+)?(?:the|our)?)\s*"
    r"(?:repo(?:sitory)?|project|code\s?base|code|library|source(?:\s+tree)?)\b"
    r"|\beverywhere\b|\bthroughout(?:\s+(?:the|our)\s+(?:repo(?:sitory)?|project|code\s?base|code))?\b"
    r"|\b(?:repo(?:sitory)?|project|code\s?base)[- ]wide\b|\ball\s+(?:modules|files|packages)\b"
    r"|\bevery\s+(?:module|file|package)\b"
    r"|\b(?:in|across)\s+(?:the|our|this)\s+(?:repo(?:sitory)?|project|code\s?base)\b"
)
_ALL_PRINTS = re.compile(
    rf"(?i)\b(?:all|every|any|each)\s+(?:of\s+)?(?:the\s+|our\s+|remaining\s+|these\s+|those\s+)?{PRINT}"
)
_KIND = r"(?:sub-?)?(?:packages?|modules?|folders?|director(?:y|ies)|apps?|files?|scripts?)"
_NAMED = (
    re.compile(rf"(?i)\b{_KIND}\s+(?:called\s+|named\s+)?[\"\u201c']?(?P<name>[\w][\w./-]*\w|\w)"),
    re.compile(rf"(?i)\b(?P<name>\w[\w./-]*)\s+{_KIND}\b"),
)
_CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_PATH = re.compile(r"(?<![\w`/.-])(?:\./)?((?:[\w.-]+/)+(?:[\w.-]*\w)?/?|[\w-]+\.py)(?![\w`])")
_NO_NAME = word_lists.words(
    "a an the this that these those our my your its whole entire full every each all any "
    "some same other python library source code in of and or to with for under from is "
    "are as at by use using instead rather logging logger module package file files print "
    "prints own existing right new which where named called following affected given one "
    "single per standard builtin root and's test log config configuration has have should "
    "must level there still also only just it proper real actual decent structured nice good "
    "better clean consistent"
)
_STAYS = re.compile(
    r"(?i)\b(?:stays?|remains?|(?:is|are)\s+fine|untouched|unchanged|as\s+(?:it|they)\s+(?:is|are)|"
    r"(?:must|should)\s+(?:keep|go\s+on|continue)\s+(?:on\s+)?(?:to\s+)?print(?:ing)?|"
    r"(?:must|should|may|does)(?:\s+not|n['\u2019]t)\s+change)\b"
)
_MAYBE = re.compile(
    r"(?:(?i:\b(?:in|of|from|under|across|within|inside|for)\s+(?:the\s+|our\s+)?)|^)"
    r"(?P<name>[A-Za-z_]\w+)(?P<colon>:)?(?!\w*[`/.]\w)"
)
#: A word that mostly is none, where it is the name of a package after all.
_CALLED_LIBRARY = re.compile(
    rf"(?i)\b(?:in|of|from|under|across|inside|within|throughout)\s+(?:the\s+|our\s+)?"
    rf"(?P<name>library|source|code|root|log|config|tests?)\s+{_KIND}\b"
)
_NO_PLACE = re.compile(
    r"(?:print|logging|loggers?|log|structlog|loguru|stdout|stderr|sys|traceback|debug|info|warning|"
    r"error|exception|critical|__name__|%s|f-strings?|stdlib|main|capsys|LOG|LOGGER|python)"
    r"(?:[.(\[ =].*)?|.*[()=%\"' {}<>].*|-.*",
    re.DOTALL,
)
_LEVEL = r"(?P<level>debug|info|warn(?:ing)?|error|critical)"
_AT_LEVEL = (
    re.compile(rf"(?i)\blevel\s*(?:[:=]|of|is)?\s*{TICK}{_LEVEL}\b"),
    re.compile(rf"(?i){TICK}\b{_LEVEL}\b{TICK}[- ](?:log[- ]?)?levels?\b"),
    re.compile(rf"(?i)\b(?:logger|logging|log)\.{_LEVEL}\b"),
    re.compile(rf"(?i)\b(?:at|on)\s+{TICK}{_LEVEL}\b(?!\s+\w)"),
)
_DOING = re.compile(
    r"(?i)^\W*(?:(?:please|also|then|and|finally|next|so|but|just|plus|we\s+should|let['\u2019]?s|you\s+"
    r"(?:should|must|can)|(?:can|could|would|will)\s+(?:you|we|someone|somebody))\b\W*)*(?P<verb>add|create|introduce|include|insert|extend|send|expose|"
    r"update|make|use|show|hide|write|set|configure|set\s+up|install|remove|delete|drop|rename|move|"
    r"split|merge|bump|upgrade|allow|ensure|display|call|notify|limit|let|put|format|rotate|store|"
    r"keep|track|strip|document|test|run|fix|change|replace|convert|turn|switch|refactor|rewrite|"
    r"log|raise|return|translate|colou?r|emit|filter|redact|mask|leave|skip|ignore|do|pass|wrap|"
    r"support|enable|disable|implement|provide|route|redirect|print(?!\s+(?:statements?|calls?)\b)|handle|catch)\b(?!\s*[:)])"
)
_WISH = re.compile(
    r"(?i)\b(?:should|must|shall|ought\s+to|needs?\s+to|has\s+to|have\s+to|"
    r"we\s+(?:want|need)|i\s+(?:want|need)|we['\u2019]d\s+like|please)\b"
)
#: What may be asked besides, because it is done anyway.
_DONE_ANYWAY = re.compile(
    rf"(?i)\blazy\b|\blazily\b|%-?style|\bgetLogger\b|\bget_logger\b"
    rf"|\b(?:module|package|existing|own|file|usual|same|appropriate|suitable|proper|standard|class)"
    rf"(?:['\u2019]s)?(?:[- ]level)?\s+(?:{TICK}logg(?:er|ing)|level)"
    rf"|\b(?:right|fitting|sensible|suitable|appropriate|proper|matching)\s+(?:log\s+)?levels?\b"
    rf"|\bno\s+(?:other|further|functional)\s+(?:\w+\s+)?changes?\b|\bnothing\s+else\b"
    rf"|\banything\s+else\b|\b(?:behaviou?r|messages?|texts?|wording)\s+(?:themselves\s+|itself\s+)?"
    rf"(?:should\s+|must\s+|may\s+)?"
    rf"(?:stays?|remains?|as\s+(?:it|they)\s+(?:is|are)|not\s+change)\b|\bkeep\s+(?:the\s+)?(?:messages?|texts?|wording)"
    rf"|\btests?\s+(?:should|must)\s+(?:still\s+|keep\s+|all\s+|"
    rf"continue\s+to\s+|go\s+on\s+)*(?:pass(?:ing)?|be\s+green|stay\s+green)"
    rf"|\b(?:one|a)\s+{TICK}logger{TICK}\s+(?:per|for\s+(?:each|every)|in\s+(?:each|every))\s+(?:module|file)\b"
    rf"|^\W*(?:warnings?|errors?)\s+(?:should|must)\s+(?:be|become|stay)\s+(?:logged\s+as\s+)?"
    rf"(?:warnings?|errors?)(?:\s+(?:and\s+)?(?:warnings?|errors?))*\W*$"
    rf"|^\W*(?:and\s+)?log\s+(?:it\s+|them\s+)?instead\W*$|\bno\s+(?:more\s+)?print\b[^,;]{{0,60}}$"
    rf"|\b(?:use|using|through|via|with)\s+(?:the\s+|a\s+|our\s+|python['\u2019]?s?\s+)?(?:standard\s+)?{LOG}"
    rf"(?:\s+(?:module|library|package))?\s*[.!]?\s*$"
    rf"|\b(?:need|want|do|done|like|apply|fix)\s+(?:this|it|that|so)\s+(?:in|for|to)\b"
    rf"|\b(?:ruff|flake8|linter|T20|T201|G004)\b"
    rf"|^\W*(?:please\s+)?{CHANGE}\s+(?:all\s+of\s+)?(?:them|it|these|those|that)(?:\s+all)?\W*$"
    rf"|\b(?:must|should|may|can|do|does)(?:\s+not|n['\u2019]t)\s+(?:\w+\s+)?print\b[^,;]{{0,60}}$"
    rf"|\b(?:must|should)\s+(?:never|no\s+longer|stop)\s+print(?:ing)?\b[^,;]{{0,60}}$"
    rf"|^\W*(?:please\s+)?(?:make|keep)\s+\S+(?:\s+(?!and\b|but\b)\S+){{0,2}}\s+"
    rf"(?:quiet(?:er)?|silent|less\s+(?:noisy|chatty|verbose))\W*$"
)
#: What is left alone anyway.
_LEFT_ANYWAY = re.compile(
    r"(?i)\b(?:cli|command[- ]?line|console\s+(?:scripts?|output)|commands?|tests?|examples?|docs?|"
    r"documentation|docstrings?|doctests?|scripts?|setup\.py|benchmarks?|main\(?\)?|"
    r"__main__|user[- ]facing|terminal|progress\s+bars?|usage|help\s+text|generated)\b"
)


#: “We import the list and print labels.”: who does what, and no request.
_TELLS = re.compile(
    r"(?i)\W*(?:we|they|users|customers|people|operators|admins|our\s+\w+s)\s+(?:\w+ly\s+|often\s+|also\s+)*"
    r"(?!(?:want|need|should|must|shall|would|wish|like|expect|require|have\s+to|ought|can|could|"
    r"may|might|ask)\w*\b)[a-z]+\b(?!.*\b(?:please|should|must|shall|needs?\s+to|want|then|also|"
    r"instead)\b)[^,;:]*$"
)


@dataclass
class Request:
    """What a ticket asks for."""

    places: list[str] = field(default_factory=list)
    """Files, folders, packages and modules, as written."""
    maybe: list[str] = field(default_factory=list)
    """Plain words that stand where a place is named; the tree shows whether they are one."""
    excepted: list[str] = field(default_factory=list)
    whole: list[str] = field(default_factory=list)
    """Sentences that ask for the whole repository in so many words."""
    all_prints: bool = False
    """Whether all prints are meant, without a word on where."""
    levels: list[str] = field(default_factory=list)
    libraries: list[str] = field(default_factory=list)
    beyond: list[str] = field(default_factory=list)
    """What asks for something else."""
    questions: list[str] = field(default_factory=list)


def looks_like_one(ticket: Ticket) -> bool:
    """Whether a ticket's text asks for prints to become log messages."""
    document = tickets.read(ticket.body, lambda key: key in _FACT_OF)
    if any(entry.key == _OF_THE_FORM for entry in document.entries):
        return True
    spoken = asking.spelt_out(
        [ticket.title, *document.headings, *tickets.sentences(document.prose)]
    )
    return any(asking.asks(one) and not asking.NOT.search(one) for one in spoken)


def read(ticket: Ticket) -> Request:
    """Read what a ticket asks for."""
    document = tickets.read(ticket.body, lambda key: key in _FACT_OF)
    request = Request()
    weak: list[str] = []
    for entry in document.entries:
        _take_entry(request, entry)
    stated = bool(request.places or request.whole)
    for heading in document.headings:
        if asking.asks(heading):
            _take_sentence(request, heading, weak, heading)
    title = tickets.sentences(ticket.title)
    spoken = asking.spelt_out([*title, *tickets.sentences(document.prose)])
    titled = set(asking.spelt_out(title)) if _says_all(spoken, title) else set()
    for sentence, written in spoken.items():
        before = (list(request.beyond), list(request.questions))
        _take_sentence(request, sentence, weak, written)
        if sentence in titled and _ABOUT_LOGS.fullmatch(sentence):
            request.beyond, request.questions = before
    for fence in document.fences:
        _take_fence(request, fence)
    if not request.places and not request.whole and not stated:
        request.places += [one for one in weak if one not in request.excepted]
    request.places = list(dict.fromkeys(request.places))
    return request


#: A title that speaks of prints and logging, and joins nothing to that.
_ABOUT_LOGS = re.compile(
    rf"(?i)(?=.*(?:{PRINT}|{LOG}))(?!.*(?:[,;:&+]|\b(?:and|or|then|also|plus|file|format|handlers?|"
    r"config\w*|tests?|rotat\w+)\b))[^\n]*"
)


def _says_all(spoken: dict[str, str], title: list[str]) -> bool:
    """Whether the text below a title asks for it by itself."""
    return any(
        asking.asks(sentence) and not sentence.rstrip().endswith("?")
        for sentence, written in spoken.items()
        if written not in title
    )


def _take_entry(request: Request, entry: tickets.Entry) -> None:
    fact, value = _FACT_OF[entry.key], entry.value
    nothing = value.lower().strip(" .") in ("", "-", "none", "nothing", "n/a", "no")
    if nothing:
        return
    if fact == "where":
        if _WHOLE.search(value) or value.lower().strip(" .") in ("all", "*", "**", "."):
            request.whole.append(value)
            return
        request.places += _listed(value)
    elif fact == "except":
        request.excepted += _listed(value)
    elif fact == "level":
        found = re.search(rf"(?i)\b{_LEVEL}\b", value)
        if found:
            request.levels.append(found["level"].lower())
        elif not re.search(r"(?i)context|fit|default|auto", value):
            request.questions.append(
                f"{entry.place}: which level is “{value[:60]}”? Say debug, info, warning, error, "
                "or “by context”."
            )
    elif re.search(r"(?i)structlog|loguru|logging", value):
        request.libraries += [
            one.lower() for one in re.findall(r"(?i)structlog|loguru|logging", value)
        ]


def _listed(value: str) -> list[str]:
    lines = re.split(r"[\n,;]|\s+and\s+", value)
    found = [
        re.sub(r"^\s*(?:[-*+]|\d+[.)])\s+", "", line).strip().strip("`'\"*. ") for line in lines
    ]
    found = [
        re.sub(rf"(?i)^(?:the\s+)?{_KIND}\s+|\s+{_KIND}$", "", one).strip("`'\" ") for one in found
    ]
    return [one for one in found if one]


def _take_sentence(request: Request, sentence: str, weak: list[str], written: str) -> None:
    """Take what one sentence says; what is quoted of it is what was written."""
    asks = asking.asks(sentence)
    if asks and sentence.rstrip().endswith("?"):
        request.questions.append(
            f"“{_short(written)}” is a question. What is to be done? State it."
        )
    wanted, spared = _parted(sentence)
    if not asks and _STAYS.search(sentence):
        wanted, spared = "", sentence
    if wanted and asks and asking.NOT.search(wanted):
        wanted, spared = "", sentence
    places = _places(wanted)
    excepted = _places(spared) if spared else []
    request.excepted += excepted
    request.libraries += _libraries(sentence)
    if asks:
        request.places += places
        if _WHOLE.search(wanted):
            request.whole.append(_short(written))
        request.maybe += _maybe(wanted)
        request.all_prints |= _ALL_PRINTS.search(wanted) is not None
    else:
        weak += places
        listed = _is_list_of_places(sentence, places)
        if not listed and wanted and _WHOLE.search(wanted) and _WISH.search(wanted):
            request.whole.append(_short(written))
        if listed:
            request.places += places
            return
    request.levels += _levels(sentence)
    if (
        spared
        and not excepted
        and not _LEFT_ANYWAY.search(spared)
        and not _DONE_ANYWAY.search(spared if asks else sentence)
    ):
        request.beyond.append(_short(written))
        return
    _hold_rest(request, sentence, written, asks=asks)


def _hold_rest(request: Request, sentence: str, written: str, *, asks: bool) -> None:
    """Ask about every clause that wants something that is not understood."""
    if _TELLS.match(sentence) and not asks:
        return
    clauses = re.split(
        r"(?i)[,;:()]\s*(?:(?:and|then|but)\s+)*|\s+(?:and|then|but|plus)\s+(?:also\s+|then\s+)*"
        r"|\s[-\u2013\u2014]\s",
        sentence,
    )
    for number, clause in enumerate(one for one in clauses if one.strip()):
        wants = _DOING.match(clause) is not None or (not asks and _WISH.search(clause) is not None)
        if (number == 0 and asks) or not re.search(r"\w\W+\w", clause):
            continue  # one word, such as a title “Print”, asks for nothing
        if not wants or _understood(clause):
            continue
        if _understood(sentence) and not asks and number == 0:
            continue
        request.beyond.append(_short(clause if clause in written else written))


def _understood(clause: str) -> bool:
    if (
        asking.asks(clause)
        or _DONE_ANYWAY.search(clause)
        or any(one.search(clause) for one in _AT_LEVEL)
    ):
        return True
    spared = _EXCEPT.search(clause) or _STAYS.search(clause)
    return spared is not None and (bool(_places(clause)) or _LEFT_ANYWAY.search(clause) is not None)


def _parted(sentence: str) -> tuple[str, str]:
    """What is wanted, and what is to be spared."""
    found = _EXCEPT.search(sentence)
    if found is None:
        return sentence, ""
    return sentence[: found.start()], sentence[found.start() :]


def _is_list_of_places(sentence: str, places: list[str]) -> bool:
    left = sentence
    for place in places:
        left = left.replace(place, "")
    return bool(places) and not re.search(
        r"\w", re.sub(r"(?i)\b(?:and|in|the|module|file|package)s?\b", "", left)
    )


def _places(text: str) -> list[str]:
    """Files, packages and modules that a text names."""
    found = [one.strip() for one in _CODE.findall(text)]
    found = [one for one in found if not _NO_PLACE.fullmatch(one)]
    bare = _CODE.sub(" \u00b7 ", text)
    found += [one for one in _PATH.findall(bare) if not _NO_PLACE.fullmatch(one)]
    bare = _PATH.sub(" \u00b7 ", bare)
    for pattern in _NAMED:
        for match in pattern.finditer(bare):
            name = match["name"].rstrip(".")
            if name.lower() not in _NO_NAME and not _NO_PLACE.fullmatch(name):
                found.append(name)
    found += [
        one
        for one in re.findall(
            r"(?i)\b(?:in|of|under|below|across)\s+([a-z_]\w*(?:\.[a-z_]\w*)+)\b", bare
        )
        if not _NO_PLACE.fullmatch(one)
    ]
    return list(dict.fromkeys(found))


def _maybe(text: str) -> list[str]:
    """Words after `in`, `of` and the like, and before a colon at the start."""
    bare = _CODE.sub(" ", text)
    packages = [match["name"] for match in _CALLED_LIBRARY.finditer(bare)]
    return packages + [
        match["name"]
        for match in _MAYBE.finditer(bare)
        if (match.start("name") > 0 or match["colon"])
        and match["name"].lower() not in _NO_NAME
        and not _NO_PLACE.fullmatch(match["name"])
        and not re.fullmatch(
            r"(?i)favou?r|place|feat|fix|chore|refactor|repo\w*|project|codebase", match["name"]
        )
    ]


def _libraries(sentence: str) -> list[str]:
    return [one.lower() for one in re.findall(r"(?i)\b(?:structlog|loguru)\b", sentence)]


def _levels(sentence: str) -> list[str]:
    found = [match["level"].lower() for one in _AT_LEVEL for match in one.finditer(sentence)]
    return ["warning" if one == "warn" else one for one in dict.fromkeys(found)]


def _take_fence(request: Request, fence: str) -> None:
    lines = [line.strip().lstrip("./") for line in fence.splitlines() if line.strip()]
    if lines and all(re.fullmatch(r"[\w./-]+(?:\.py|/)", line) for line in lines):
        request.places += lines
    elif "print" not in fence and re.search(
        r"(?m)^\s*(?:def|class|import|from)\s|\w+Config\(|^LOGGING", fence
    ):
        request.beyond.append(_short(fence))


def _short(text: str) -> str:
    plain = " ".join(text.split()).rstrip(".")
    return plain if len(plain) <= 80 else plain[:80].rpartition(" ")[0] + "…"
