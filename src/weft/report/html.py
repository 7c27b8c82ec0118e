"""Markup in which everything is escaped unless this module made it."""

import base64
import hashlib
import html
from collections.abc import Sequence
from importlib import resources

from weft.progress import legible

VOID = {"img", "meta", "br", "col"}


class Html(str):
    """Text that is already markup. Only `tag`, `join` and this package's own figures make it."""


def clean(text: object, most: int = 0) -> str:
    """Text that any page or terminal can show; cut to `most` characters where that is not 0."""
    shown = legible(text)
    return shown if not most or len(shown) <= most else shown[: most - 1].rstrip() + "…"


def join(*children: object) -> Html:
    """Children as markup: `None` and `False` vanish, lists are flattened, what is not `Html` is escaped."""
    parts = []
    for child in children:
        if isinstance(child, (list, tuple)):
            parts.append(join(*child))
        elif isinstance(child, Html):
            parts.append(child)
        elif child is not None and child is not False:
            parts.append(html.escape(clean(child), quote=True))
    return Html("".join(parts))


def tag(name: str, /, *children: object, **attributes: object) -> Html:
    """An element. `class_` and `aria_label` become `class` and `aria-label`; `None` and `False` leave one out."""
    written = ""
    for key, value in attributes.items():
        if value is not None and value is not False:
            key = key.rstrip("_").replace("_", "-")
            written += f" {key}" if value is True else f' {key}="{html.escape(clean(value), quote=True)}"'
    return Html(f"<{name}{written}>" if name in VOID else f"<{name}{written}>{join(*children)}</{name}>")


def quoted(text: object, most: int = 300) -> Html:
    """A stranger's text: isolated, so that right-to-left writing does not reorder what stands beside it."""
    return tag("bdi", clean(text, most))


def resource(name: str) -> str:
    """A style sheet or script of this package, as a browser reads it: the policy's hash is of what it sees."""
    return resources.files("weft.report").joinpath(name).read_text(encoding="utf-8").replace("\r\n", "\n")


def head(title: str, styles: Sequence[str], script: str = "", inline: bool = False) -> Html:
    """The head of a page that stands alone: nothing is fetched, submitted or embedded, pictures are data.

    Only these very styles and this very script take effect. Hashes rather than 'unsafe-inline': were a hole in the
    escaping ever found, what comes through it stays dead (CSP Level 3, section 2.3.1).

    Args:
        styles: texts of style sheets; an empty one is left out.
        script: the text of the one script that the body ends with, if it has one; else none runs.
        inline: the page has drawings whose elements carry `style` attributes, which no hash can name.
    """
    styles = [style for style in styles if style]
    policy = [
        "default-src 'none'",
        "img-src data:",
        "style-src " + ("'unsafe-inline'" if inline else " ".join(map(_hashed, styles))),
        *(["script-src " + _hashed(script)] if script else []),
        "base-uri 'none'",
        "form-action 'none'",
    ]
    return tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content="; ".join(policy)),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", title),
        [tag("style", Html(style)) for style in styles],
    )


def _hashed(text: str) -> str:
    """The text as a source of a content security policy."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
