"""What people write around a request: greetings, thanks, versions, boxes of an issue template.

Only what is nothing else from its first word to its last; the rest is `leftover`'s to judge.
"""

from __future__ import annotations

import re

from agent.recipes import word_lists

#: What people write around a request; nothing in it can be carried out.
_PRODUCT = (
    r"(?:django|python|postgres(?:ql)?|mysql|mariadb|sqlite|drf|ubuntu|debian|"
    r"fedora|mac ?os|windows|linux|chrome|firefox|safari|os|browser|docker|node|pip|version|"
    r"this project|environment|library|app)"
)
_CHATTER = re.compile(
    r"(?i)\W*(?:"
    r"(?:cc|ping|fyi)\W*(?:@[\w-]+[\s,;&]*(?:and\s+)?)+"
    r"|(?:hi|hello|hey|dear|good\s+(?:morning|day|evening))(?:\s+(?:all|team|there|everyone|folks|"
    r"maintainers|devs|@[\w-]+))*"
    r"|(?:many\s+|big\s+)?(?:thanks|thank\s+you|thx|cheers|regards|best(?:\s+regards)?|"
    r"kind\s+regards)(?:\s+(?:a\s+lot|so\s+much|very\s+much|in\s+advance|again|all|everyone|team))*"
    r"(?:\s+for\s+(?:your|the|all\s+(?:your|the)|looking\s+into|reading|considering|maintaining|making)"
    r"(?:\s+(?:great|good|hard|nice|awesome|work|help|time|effort|project|library|app|this|it|package))*"
    r")?(?:\s*[,!.]?\s+[A-Z]\w+)?"
    r"|\+1|good\s+first\s+issue|happy\s+to\s+help|hope\s+(?:this|that)\s+helps|no\s+rush|not\s+urgent"
    r"|(?:a\s+|the\s+|see\s+(?:the\s+)?)?(?:screen\s?shots?|mock-?ups?|images?|pictures?|photos?)"
    r"(?:\s+(?:is|are))?(?:\s+(?:attached|below|above|here|enclosed|follows?))?"
    rf"|(?:(?:we|i)(?:\s+are|\s+am|['\u2019](?:re|m))?\s+(?:on|using|running|use|run)\s+|"
    rf"(?:using|running|on|tested\s+(?:on|with))\s+)?(?:{_PRODUCT}(?:\s+version)?\s*[:=]?\s*v?\d[\w.]*"
    r"(?:\s+lts)?[\s,;/&|]*(?:and\s+|on\s+|with\s+)?)+"
    r")\W*"
)
#: The words of the boxes that issue templates have people tick, and of nothing else.
_DECLARED = word_lists.words(
    "i i've i'm i'd yes no not have has am are is was were be being been would will can could "
    "did do agree confirm confirmed searched search checked check read looked look verified "
    "understand followed follow the a an this that these it its and or of in on to for with by "
    "at from through before if there any already existing open closed current similar same "
    "other my first issue issues tracker duplicate duplicates code conduct contributing "
    "contribution contribute guidelines guide pull request requests pr prs documentation docs "
    "faq latest version release releases discussion discussions repository project feature bug "
    "report reported question been found find nothing none willing like work help submit open "
    "create ready sure myself please you implement happy"
)
_DECLARES = re.compile(
    r"(?i)\W*(?:yes,?\s+)?I(?:\s+(?:have|am|agree|confirm|would|will|can|did|searched|checked|read|"
    r"understand)|['\u2019](?:ve|m|d))\b"
)
_TICKED = re.compile(
    r"(?i)\b(?:issues?|duplicates?|conduct|contributing|guidelines|pull\s+requests?|prs?|"
    r"documentation|docs|faq|version|release|discussions?|this|it|implement)\b"
)
_LONGEST = 200
_IMAGE = re.compile(r"!\[[^\]]*\]\([^)\s]*\)|(?i:<img\b[^>]*>)")


def is_chatter(text: str) -> bool:
    """Whether a sentence is said around a request: greetings, versions, boxes of a template."""
    plain = _IMAGE.sub(" ", text).replace("\u2019", "'")
    if not plain.strip():
        return True
    if len(plain) > _LONGEST:
        return False
    if _CHATTER.fullmatch(plain):
        return True
    spoken = re.findall(r"[\w']+", plain.lower())
    return (
        _DECLARES.match(plain) is not None
        and _TICKED.search(plain) is not None
        and "if" not in spoken
        and all(word in _DECLARED for word in spoken)
    )
