"""A matplotlib figure as SVG for inside a page: no outside references, no clashing ids, the page's colours."""

import io
import re
from xml.etree import ElementTree

from matplotlib.figure import Figure

SVG = "http://www.w3.org/2000/svg"
XLINK = "{http://www.w3.org/1999/xlink}href"


def as_svg(figure: Figure | None, name: str, told: str, colours: dict[str, str]) -> str:
    """The figure as one `<svg>` element, "" for None.

    Args:
        name: prefix of every id, unique within the page.
        told: what a screen reader says.
        colours: CSS variable -> the hexadecimal colour it replaces; that colour stays as the fallback.
    """
    if figure is None:
        return ""
    written = io.BytesIO()
    empty = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(written, format="svg", transparent=True, metadata=empty)
    root = ElementTree.fromstring(written.getvalue())
    _tidy(root)
    _name_ids(root, name)
    root.attrib.pop("width"), root.attrib.pop("height")
    root.set("role", "img")
    root.set("aria-label", told)
    ElementTree.register_namespace("", SVG)
    text = ElementTree.tostring(root, encoding="unicode")
    for variable, colour in colours.items():
        text = text.replace(colour, f"var(--{variable}, {colour})")
    # One face for page and figure, whichever fonts the reader has.
    return re.sub(r"(font: [^;\"]*?px) [^;\"]*", r"\1 var(--sans, sans-serif)", text)


def _tidy(root: ElementTree.Element) -> None:
    """Drops the metadata, and the style sheet, whose `*` rule would reach the whole page."""
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag == f"{{{SVG}}}metadata" or child.tag == f"{{{SVG}}}style":
                parent.remove(child)


def _name_ids(root: ElementTree.Element, name: str) -> None:
    """Keeps only ids that something refers to, and puts the figure's name before them."""
    text = ElementTree.tostring(root, encoding="unicode")
    used = set(re.findall(r"(?:url\(#|href=\"#)([^)\"]+)", text))
    for element in root.iter():
        if element.get("id") in used:
            element.set("id", f"{name}-{element.get('id')}")
        else:
            element.attrib.pop("id", None)
        if XLINK in element.attrib:
            element.set("href", "#" + f"{name}-{element.attrib.pop(XLINK)[1:]}")
        for key, value in element.attrib.items():
            element.set(key, re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", value))
