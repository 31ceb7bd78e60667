"""Read a page as a browser's parser would: the elements it makes of it, with attributes."""

from __future__ import annotations

from dataclasses import dataclass
from html.parser import HTMLParser

VOID = frozenset({"br", "hr", "input", "link", "meta", "circle"})


@dataclass(frozen=True)
class Element:
    """One start tag."""

    name: str
    attributes: dict[str, str]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[Element] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.misnested: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.found.append(Element(tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.found.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.misnested.append(tag)

    def handle_data(self, data):
        self.texts.append(data)


def elements(html: str) -> list[Element]:
    """List every element of a page."""
    return _read(html).found


def text(html: str) -> str:
    """Give what a reader sees, entities resolved."""
    return "".join(_read(html).texts)


def balanced(html: str) -> bool:
    """Tell whether every element is closed in order."""
    reader = _read(html)
    return not reader.open and not reader.misnested


def active(html: str) -> list[Element]:
    """List the elements that would do something: scripts, handlers, fetches, odd links."""
    return [each for each in elements(html) if _is_active(each)]


def _is_active(element: Element) -> bool:
    forbidden = {"script", "img", "iframe", "object", "embed", "style", "base", "video", "audio"}
    if element.name in forbidden:
        return True
    if any(
        name.startswith("on") or name in {"style", "srcdoc", "src"} for name in element.attributes
    ):
        return True
    addresses = [element.attributes.get(name, "") for name in ("href", "action", "formaction")]
    if element.name == "link":
        return not addresses[0].startswith(("/_pages/", "data:,"))
    return any(
        each and not each.startswith(("/", "#", "http://", "https://")) for each in addresses
    )


def _read(html: str) -> _Reader:
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader
