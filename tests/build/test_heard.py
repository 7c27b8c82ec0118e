"""What was heard before is found again, as by comparing all pairs."""

from hypothesis import given
from hypothesis import strategies as st

from weft.build.heard import Heard

WORDS = st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=7)


def plainly(said, others):
    """The rule by definition: (near, inside, holds)."""

    def inside(phrase, text):
        return any(text[i : i + len(phrase)] == phrase for i in range(len(text)))

    near = any(len(set(said) & set(o)) >= 0.8 * len(set(said) | set(o)) - 1e-9 for o in others)
    return near, any(inside(said, o) for o in others), any(inside(o, said) for o in others)


@given(st.lists(WORDS, max_size=12), WORDS, st.permutations("abcdefg"))
def test_it_agrees_with_comparing_all_pairs(others, said, order):
    heard = Heard({word: place for place, word in enumerate(order)})  # "h" is a word that nobody has placed
    for one in others:
        heard.add(one)
    near, inside, holds = plainly(said, others)
    expected = (
        "nearly repeats another query" if near else "stands inside another query" if inside
        else "holds another query" if holds else ""
    )  # fmt: skip
    assert heard.why_not(said) == expected
