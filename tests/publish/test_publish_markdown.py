"""Escaped text stays text for a real Markdown parser, whatever a catalogue brings."""

from finished import HOSTILE
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from weft.publish import markdown
from weft.report.html import clean

PARSER = MarkdownIt("commonmark", {"html": True}).enable("table").enable("strikethrough")
LETTERS = st.text(alphabet="ab1 .)#-+=*_`[]()<>&|\\~$!:/@\n\"'", max_size=30)


def words(source: str) -> list[str]:
    """The kinds of everything in a document, blocks and inlines."""
    return [
        inner.type
        for token in PARSER.parse(source)
        for inner in [token, *(token.children or [])]
        if inner.type not in ("inline", "paragraph_open", "paragraph_close", "text_special")
    ]


@given(st.one_of(LETTERS, st.text(max_size=30)))
@example(HOSTILE)
@example("---")
@example("===")
@example("1. x")
@example("&lt;b&gt; &amp;")
@settings(max_examples=300, deadline=None)
def test_a_paragraph_of_it_is_that_very_text(value):
    shown = markdown.text(value, 1000)
    assert set(words(f"before\n{shown}\n")) <= {"text", "softbreak"}
    (paragraph,) = [token for token in PARSER.parse(f"x {shown}") if token.type == "inline"]
    assert "".join(child.content for child in paragraph.children) == f"x {' '.join(clean(value).split())}".strip()


@given(LETTERS, LETTERS)
@settings(max_examples=200, deadline=None)
def test_a_table_keeps_its_cells(one, other):
    source = markdown.table(("a", "b"), [(markdown.text(one), markdown.text(other))])
    kinds = [token.type for token in PARSER.parse(source)]
    assert kinds.count("td_open") == 2 and kinds.count("tr_open") == 2


@given(LETTERS)
@settings(max_examples=200, deadline=None)
def test_a_code_span_is_one(value):
    kinds = words(f"x {markdown.code(value)} y")
    assert set(kinds) <= {"text", "code_inline"} and (kinds.count("code_inline") == 1 or not value.strip())


def test_what_looks_like_a_link_is_none():
    shown = markdown.text("http://evil.example www.evil.example me@evil.example recall@10")
    assert "://" not in shown and "www." not in shown and "me@evil" not in shown and "recall@10" in shown


def test_an_empty_table_is_nothing():
    assert markdown.table(("a",), []) == ""
