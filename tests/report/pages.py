"""What tests of pages share: a strict reader of markup, what strangers write, the leaves of a record."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "';--",
    "</style></script><b>",
    "a\x00b\x1b[31m\ud800|`*",
]
VOID = {"img", "meta", "br", "col"}


class Page(HTMLParser):
    """Elements and the text that is seen, with a check that every element is closed in its turn.

    Attributes:
        elements: (tag, attributes) in their order. text: its blanks and line ends as single blanks.
        outside: what is asked for beyond the page itself.
    """

    def __init__(self, text: str):
        super().__init__(convert_charrefs=True)
        self.open, self.elements, self.words = [], [], []
        self.outside = re.findall(r"(?:src|href)=\"(?!data:|#)([^\"]*)", text)
        self.feed(text)
        assert not self.open
        self.text = re.sub(r"[ \n]+", " ", " ".join(self.words))

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.words.append(data)

    def all(self, tag: str) -> list[dict]:
        return [attributes for name, attributes in self.elements if name == tag]

    def classes(self) -> list[str]:
        return [name for _, attributes in self.elements for name in (attributes.get("class") or "").split()]


def leaves(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    """(path, value) of everything that is not a container; a list's elements are `[]`, keys are joined by \\x1f."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, f"{path}\x1f{key}" if path else key)
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item, path + "[]")
    else:
        yield path, value
