"""What of a sentence no phrase has understood, and whether it may be passed over.

A ticket is carried out whole or not at all, so a sentence must be used up: what remains besides
words that carry nothing is asked about. Only what plainly gives a reason or tells a story may
stay, and the rule for that errs on the side of asking.
"""

from __future__ import annotations

import re

from agent.recipes import word_lists
from agent.recipes.add_field.sentence import CHANGING, TYPE

#: Words that say nothing of their own in a sentence that states facts.
FILLER = word_lists.words(
    "a an the this that these it its they them their there here which who whose we i our us my "
    "you your new additional extra another further more one single both all "
    "to on in of for by with as at into and plus & also too well then finally so therefore now "
    "below following is are be being will shall should must may can has have having want wants "
    "need needs needed like would we'd i'd we\u2019d i\u2019d let's let\u2019s lets let get gets "
    "give gives "
    "please kindly hi hello hey team folks all everyone thanks thank "
    "add adds adding added addition create creates creating introduce introducing include includes "
    "including insert extend make makes making use uses using set sets put "
    "field fields column columns attribute attributes property properties model models class table "
    "database db django app application named called name type typed kind value values option "
    "options argument arguments parameters keyword just simply simple plain pointing points "
    "feature request migration do does either missing lacks lack it's it\u2019s that's that\u2019s"
)
_DOING = (
    "add|create|introduce|include|insert|extend|send|expose|update|make|use|show|hide|validate|"
    "compute|calculate|fill|populate|set|write|index|sort|filter|search|export|import|translate|"
    "document|log|split|merge|bump|upgrade|allow|ensure|display|backfill|link|call|notify|limit|"
    "restrict|let|do|put|place|position|order|encrypt|hash|obfuscate|mask|store|keep|track|generate|"
    "derive|bind|wire|hook|register|trigger|clean|strip|trim|normali[sz]e|round|forbid|prevent|"
    "reject|accept|require|check|verify|test|run|deploy|release|apply|revert|undo|skip|ignore|"
    "forget|wait|hold|remember|consider|try|start|stop|avoid|handle|name|rename|turn|switch|leave|"
    "give|adapt|adjust|implement|provide|enable|disable|return|raise|load|save|read|review|discuss|"
    "define|declare|mark|group|join|pass|process|address|cache|sync|seed|list|open|close|get|ask|"
    f"build|print|render|alter|modify|edit|redo|rewrite|reuse|serialize|assert|cover|{CHANGING}"
)
#: Traits and deeds that a field does not get by being added, in whatever form they are named.
_DEEDS = re.compile(
    r"(?i)\b(?:(?:un)?encrypt|hash|obfuscat|anonymi[sz]|redact|search|sortabl|sorted|filter|validat|"
    r"comput|calculat|copy|copie|backfill|populat|renam|remov|delet|dropp|refactor|replac|deprecat|"
    r"migrat|convert|read-?only|translat(?!ors?\b)|locali[sz]|export|import|cach|sync|trimm|normali[sz]|lower-?"
    r"cas|upper-?cas|capitali[sz]|saniti[sz]|permission|trigger|signal|webhook|notif|autocomplet|"
    r"auto-?generat|generat|constraint|serializ|endpoint|templat|fixture|factor(?:y|ies)\b|"
    r"changelog|documentation\b|readme)\w*"
)
#: Deeds as a property of the field itself.
_TRAITS = re.compile(r"(?i)\b(?:\w+(?:ed|able|ible)|read-?only|\w+-only)\b")
_OPTION_WORDS = re.compile(
    r"(?i)\b(?:null\w*|blank\w*|unique\w*|index\w*|defaults?|length|characters?|chars|choices?|"
    r"digits?|decimals?|primary key|foreign key|on[ _]delete|cascad\w*|validators?|help[ _]text|"
    r"verbose[ _]name|verbose|required|mandatory|optional|(?:existing|old|present|current)\s+"
    r"(?:rows?|records?|entries|objects|data)|list_display|serializers?|api|tests?|"
    r"(?:right|directly|just|immediately)\s+(?:after|before|above|below|behind)|next to|beside)\b"
    r"|\w\s*=\s*\S|[<>]=?"
)
#: How people describe what a field does, without any word of command.
_DESCRIBES = re.compile(
    r"(?i)\b(?:fields?|columns?|values?|labels?|forms?|ordering|widgets?|templates?|views?|pages?|"
    r"staff|upper|lower|always|never|initial(?:ly)?|immutable|editable|by default|may|"
    r"cannot|can not|"
    r"can['\u2019]t|gets|receives?|becomes?|(?:is|are) (?:one of|either)|"
    r"starts? (?:as|with|at|out)|begins?|sits|follows|reads|"
    r"means|stays?|remains?|everyone (?:is|gets|has)|everybody (?:is|gets|has)|"
    r"(?:existing|old|current|new|all|other) \w+s (?:are|get|have|start|keep|see))\b"
)
_SCOPE = re.compile(
    r"(?i)\b(?:only|except|unless|if|when|whenever|but|instead|rather|each|every|per|also|too|first|"
    r"last|before|after|above|below|never|not|without|no|until|likewise|same)\b"
)
_MODAL = re.compile(
    r"(?i)\b(?:should|must|shall|ought|supposed)\b|\b(?:it|this|they|that|these|we|you|"
    r"(?:fields?|columns?|values?|forms?|api|admin|models?|rows?|names?))\s+(?:\w+ly\s+)?"
    r"(?:needs?|has|have)\s+to\b"
    r"|\b(?:it|this|(?:field|column|value))\s+(?:is|are|may|can|will)\s+(?:be\s+|to\s+be\s+)"
)
_WISH = re.compile(
    r"(?i)\b(?:we|i)(?:\s+\w+ly)?(?:\s+|['\u2019]d\s+)(?:would\s+)?(?:need|want|require|wish|expect|"
    r"like)\b(?!\s+(?:it|this|that|to\s+(?:be|know|see|greet|tell))\b)"
    r"|\b(?:needs?|wants?)\b.*\b(?:too|also|as\s+well)\b"
)
_IDENTIFIER = re.compile(
    r"`[^`]*`|[\"\u201c']\w+[\"\u201d']|\"\"|''|\b\w+_\w+\b|\b[a-z]\w*\.[A-Za-z_]\w*\b|"
    r"\b[A-Z][a-z0-9]+[A-Z]\w*\b|\w\(\)"
)
_STARTERS = word_lists.words(
    "a an the this that these those it its they them their there here we i our us my you your he "
    "she his her some many most few several all both each every no any one two three other others "
    "in on at of by with as for from to since because so but and or if when while after before "
    "during until though although however still today yesterday currently now recently sometimes "
    "often usually always never not very too only just even what who why where which how whether "
    "see cf thanks thank hi hello hey cheers regards best context background motivation note fyi "
    "related part according reported requested asked e.g i.e etc great good nice less more better "
    "because people customer support marketing yes ok okay right later that's it's there's we're "
    "without within between about like unlike such same new none nothing everyone everybody"
)
_FINITE = word_lists.words(
    "is are was were has have had do does did can could will would may might keeps keep wants want "
    "needs need asks asked told said says thinks think likes gets got knows knew used saw calls "
    "called complain complains complained requested requests reported finds found feels felt "
    "misses missed prefers prefer cares insists insist relies rely expects expect loves love "
    "greets wrote "
    "writes came comes went goes seems seem lacks looks"
)
_OBJECTS = word_lists.words("it its them this that these those the a an all every each our my your")
_REASON = re.compile(
    r"(?i)\b(?:(?P<why>because|since)|so\s+that|so|in\s+order\s+to|for|to|as(?=\s+(?:we|they|our|"
    r"people|customers)\b)|(?:that|which)\s+(?:holds?|stores?|keeps?|contains?|tells?|says?|records?|"
    r"remembers?)|holding|storing|keeping)\b"
)
_JOINT = re.compile(r"(?i)[,;:()]|\s[-\u2013\u2014]\s|\b(?:and|also|then|but|plus)\b")
_PAIR = re.compile(r"\W*(?P<key>[\w][\w /-]{0,40}?)\s*:\s*\S+(?:\s+\S+){0,3}\W*")
#: What may be said of a ticket without saying anything of the field.
_ABOUT_THE_TICKET = word_lists.words(
    "priority severity area component team reporter requester requested by reported by author "
    "owner contact why motivation background context note notes reason environment version due "
    "deadline "
    "sprint epic estimate related see thanks cc ticket issue link source date effort size fyi"
)
_PLACE = re.compile(
    r"(?i)\W*(?:right|directly|just)?\s*(?:after|before|above|below|behind|under|between|first|last|"
    r"at\s+the\s+(?:top|end|bottom|start|beginning))\b(?:\s+\S+){0,3}\W*"
)
_POLITE = re.compile(r"(?i)^\W*(?:(?:please|also|then|and|finally|next|so|but|just|plus)\b\W*)+")
_SEE = re.compile(r"(?i)^\W*(?:please\s+)?(?:see|cf\.?|refer|note|find|compare|read)\b")
_NUMBERED = re.compile(r"(?i)(?:\b(?:gh-|issue |pr |ticket )|#)\d+")
#: “Loan due date 2”: a number after a name, and no size.
_SERIAL = re.compile(
    r"(?i)(?<=\w)(?<!\bto)(?<!\bof)(?<!\bthan)(?<!\bby)(?<!\bwith)(?<!\bat)(?<!\bis)"
    r"(?<!\bmax)(?<!\bmin)\s+\(?\d\)?\W*$"
)


def words(text: str) -> list[str]:
    """The words of what is left that carry something."""
    plain = _NUMBERED.sub(" ", text)
    found = re.findall(r"[^\W_][\w'\u2019-]*|_\w+|[=<>%&]|\"\"|''|``", plain)
    return [one for one in found if one.lower().rstrip("'\u2019-") not in FILLER]


def parts(sentence: str, left: str) -> list[str]:
    """The parts of a sentence in which something is left that carries something."""
    runs = re.finditer(r"\S+(?:\s{1,2}\S+)*", left)
    return [
        _balanced(sentence[run.start() : run.end()]).strip(" ,;.") for run in runs if words(run[0])
    ]


def _balanced(text: str) -> str:
    """A part of a sentence without the brackets whose other half is not in it."""
    opened: list[int] = []
    unmatched: set[int] = set()
    for place, letter in enumerate(text):
        if letter == "(":
            opened.append(place)
        elif letter == ")":
            if opened:
                opened.pop()
            else:
                unmatched.add(place)
    unmatched.update(opened)
    return "".join(letter for place, letter in enumerate(text) if place not in unmatched)


def without_reason(left: str) -> str:
    """What is left without a closing clause that says why or what for."""
    for match in _REASON.finditer(left):
        clause = left[match.end() :]
        if words(clause) and _is_reason(clause, why=match["why"] is not None):
            return left[: match.start()]
    return left


#: “Customers keep asking for it, so please add …”, “Because we are asked for it, add …”.
_LEADING = re.compile(
    r"(?i)^(?:(?P<since>\W*(?:because|since|as)\b[^,;:]*),|(?P<why>[^,;:]+?),?\s+(?:so|therefore|hence)\b,?)"
    r"(?=\W+(?:please\s+|let['\u2019]?s\s+|we\s+(?:need|want)\b|we['\u2019]d\s+like\b|"
    r"(?:can|could)\s+(?:you|we)\s+)*(?:add|create|introduce|include|give|extend|we\b))"
)


def without_leading_reason(spoken: str, left: str) -> str:
    """What is left without an opening clause that says why.

    Args:
        spoken: The whole sentence.
        left: The same with blanks in place of what is understood.
    """
    found = _LEADING.match(spoken)
    if found is None:
        return left
    group = "why" if found["why"] is not None else "since"
    start, end = found.span(group)
    if left[start:end].split() != spoken[start:end].split():
        return left  # a fact is stated there
    clause = re.sub(r"(?i)^\W*(?:because|since|as)\b", "", spoken[start:end])
    return " " * end + left[end:] if is_background(clause) else left


def _is_reason(clause: str, *, why: bool) -> bool:
    by_hand = re.match(rf"(?i)\W*{_PEOPLE}\b", clause) and not _THE_FIELD.search(clause)
    spoken = _HANDWORK.sub(" ", clause) if by_hand and not seeks(clause) else clause
    if re.search(r"\d", clause) or _speaks_of_fields(spoken) or _MODAL.search(clause):
        return False
    if not why and _SCOPE.search(clause):
        return False
    return not any(_commands(part) for part in _JOINT.split(clause)[1:])


#: “As a librarian I want to …, so that …”: what the ticket is for.
_STORY = re.compile(
    r"(?i)\W*as\s+an?\s+[\w -]+?,?\s+(?:i|we)\s+(?:want|need|would\s+like|can)\b[^,;:]*,?"
    r"\s+so\s+that\b[^,;:]*$"
)


#: “We import from the publisher's list”, “Librarians sort books by hand”: who does what today.
_PEOPLE = (
    r"(?:we|they|i|people|staff|everyone|everybody|nobody|customers|clients|marketing|support|sales|"
    r"accounting|management|the\s+(?:\w+\s+)?(?:team|office|company|publisher|warehouse|shop|department)|"
    r"(?:(?:the|our|some|many|most|all)\s+)?(?!(?:orders|numbers|filters|headers|serializers|"
    r"characters|parameters|errors|folders|headers|helpers|handlers|parsers)\b)"
    r"\w+(?:ers|ors|ists|ants|ents|ians|people|folks))"
)
_DOES = re.compile(
    r"(?i)\W*(?:(?:today|currently|now|at\s+the\s+moment|so\s+far|sometimes|often|usually|because|"
    r"since|every\s+\w+|each\s+\w+|once\s+an?\s+\w+)\W+)*"
    rf"{_PEOPLE}\s+(?:\w+ly\s+|often\s+|also\s+|still\s+|always\s+|just\s+|sometimes\s+|already\s+)*"
    r"(?!(?:need|want|require|wish|expect|like|would|should|must|shall|can|could|may|might|will|"
    r"ought|has\s+to|have\s+to|ask|demand|request)\w*\b)[a-z]+\b"
)
#: What people do by hand, and is no trait that a field could be wanted to have.
_HANDWORK = re.compile(
    r"(?i)\b(?:import|export|search|filter|sort|cop(?:y|ie)|sync|generat|notif|convert|replac|remov|"
    r"delet|renam|document)\w*"
)
_THE_FIELD = re.compile(
    r"(?i)\b(?:it|its|this|these|them|new|fields?|columns?|values?|forms?|widgets?|templates?|views?|"
    r"admin|api|models?|code|app|database)\b"
)


def _tells_what_people_do(plain: str) -> bool:
    """Whether a sentence says how people work, and so asks for nothing."""
    done = _HANDWORK.sub(" ", plain)
    if done == plain or not _DOES.match(plain):
        return False
    if _speaks_of_fields(done) or _THE_FIELD.search(plain):
        return False
    if re.search(r"\d", plain) or _MODAL.search(plain) or _WISH.search(plain):
        return False
    # “We import and match by hand” has one subject; “…, and please export …” has none.
    whole = re.sub(r"(?i)\band\s+(?!(?:also|then|please)\b)", " ", plain)
    return not any(_commands(part) for part in _JOINT.split(whole)[1:])


def is_background(text: str) -> bool:
    """Whether a sentence without facts asks for nothing: a reason, a reference, a greeting."""
    plain = _NUMBERED.sub(" ", text)
    if _STORY.match(plain) and not (_speaks_of_fields(plain) or re.search(r"\d", plain)):
        return True
    if _tells_what_people_do(plain):
        return True
    if re.fullmatch(r"(?i)\W*(?:yes|no|true|false|\d+)\W*", plain):
        return False
    pair = _PAIR.fullmatch(plain)
    if (pair and pair["key"].lower() not in _ABOUT_THE_TICKET) or _PLACE.fullmatch(plain):
        return False
    if _speaks_of_fields(plain) or any(
        pattern.search(plain) for pattern in (_MODAL, _WISH, _DESCRIBES)
    ):
        return False
    if re.search(r"\d", plain) and (
        len(plain.split()) <= 3
        or re.match(r"(?i)\W*(?:it|its|this|the\s+(?:field|value))\b", plain)
    ):
        return False
    if re.search(r"(?i)\bplease\b", plain) and not _SEE.match(plain) and words(plain):
        return False
    first, *others = _JOINT.split(_POLITE.sub("", plain))
    return not (_starts_as_command(first) or any(_commands(part) for part in others))


def is_summary(left: str, *, asks: bool) -> bool:
    """Whether what is left of a title or a heading only sums up.

    Args:
        asks: The title asks for the field itself; what it joins to that is asked for as well.
    """
    if not asks:
        left = _SERIAL.sub(" ", left)
    if _names_options(left) or re.search(r"\d", _NUMBERED.sub(" ", left)):
        return False
    # “Soft delete for shops” is a name for the whole; “Encrypted nickname” asks for more.
    bare = _POLITE.sub("", left).strip()
    commands = _DEEDS.match(bare) or re.match(rf"(?i)(?:{_DOING})\b", bare)
    if _DEEDS.search(left) and (asks or _TRAITS.search(left) or commands):
        return False
    if re.match(rf"(?i)\W*(?:{CHANGING})\b", left):
        return False
    joined = re.search(r"(?i)(?:\b(?:and|also|then|plus)\b|[,&+])(?P<more>.*)", left)
    return not (asks and joined and words(without_reason(joined["more"])))


#: “When was a customer billed?”: nobody answers it here, and nothing is asked for.
_WONDERS = re.compile(r"(?i)\W*(?:when|who|whom|whose|where|why)\s+\w+\s+\w")


def only_wonders(text: str) -> bool:
    """Whether a question asks how things are, and not how the field is to be."""
    return (
        _WONDERS.match(text) is not None
        and not _THE_FIELD.search(text)
        and not re.search(
            r"(?i)\b(?:should|shall|must|can|could|would|will|may|not)\b|n['\u2019]t\b", text
        )
        and is_background(text.replace("?", "."))
    )


def seeks(text: str) -> bool:
    """Whether a sentence speaks of finding rows by something."""
    return re.search(r"(?i)\b(?:search|filter|sort|order(?:s|ed|ing)?\s+by)\w*", text) is not None


def asks_for_more(text: str) -> bool:
    """Whether code, an option, a type or a deed is named."""
    return _speaks_of_fields(text)


def speaks_of_deeds(text: str) -> bool:
    """Whether a trait or a deed is named that a field does not get by being added."""
    return _DEEDS.search(text) is not None


def _speaks_of_fields(text: str) -> bool:
    """Whether code, an option, a type or a deed is named."""
    return _names_options(text) or _DEEDS.search(text) is not None


def _names_options(text: str) -> bool:
    return any(re.search(pattern, text) for pattern in (_IDENTIFIER, _OPTION_WORDS, TYPE))


def _commands(part: str) -> bool:
    """Whether a joined clause is a request."""
    found = re.findall(r"[^\W\d_][\w'\u2019-]*", _POLITE.sub("", part))
    if not found:
        return False
    first = found[0].lower()
    if len(found) > 1 and first not in _STARTERS | _FINITE:
        if re.fullmatch(_DOING, first) or found[1].lower() in _OBJECTS:
            return True
    return False


def _starts_as_command(text: str) -> bool:
    """Whether a sentence starts with what may be the verb of a command.

    Unless something shows that its first word is none, it is taken for one.
    """
    if _SEE.match(text):
        return False
    found = re.findall(r"[^\W\d_][\w'\u2019-]*", text)
    if not found:
        return False
    first = found[0].lower()
    if re.fullmatch(_DOING, first) and not (len(found) > 1 and found[1].lower() in _FINITE):
        return True
    if first in _STARTERS or len(found) == 1 or found[1].lower() in _FINITE:
        return False
    plural = first.endswith("s") and not first.endswith(("ss", "us", "is"))
    return not (plural or first.endswith(("ing", "ly")))
