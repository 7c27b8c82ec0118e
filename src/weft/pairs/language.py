"""Tells whether a text is in the language that was asked for, from its script and its smallest words."""

import unicodedata

from weft.bm25 import tokens
from weft.errors import WeftError

PROSE = 15
"""Words of running text among which at least one small word of its language is expected."""
MAIN = 0.8
"""Share of the letters that must belong to the language's own scripts."""

_SMALL = {
    "en": "a an the and or of for with in on at by from to is are it its this that which as be your you has have "
    "into over under while can will not but these those their any every",
    "de": "der die das den dem des ein eine einer eines einem einen und oder mit für von zu zum zur im ist sind auf "
    "aus bei nicht als auch sich wie ohne über unter durch wird dieser diese dieses",
    "fr": "le la les un une des du de et ou avec pour dans sur est sont au aux à en ce cette ces qui que par sans son "
    "sa ses votre vous très",
    "es": "el la los las un una unos unas y o con para de del en es son al por sin su sus este esta estos que muy como",
    "it": "il lo la gli le un una uno e o con per di del della dello dei delle in è sono al alla da dal dalla senza "
    "questo questa che nel nella molto",
    "nl": "de het een en of met voor van op aan is zijn door uit bij naar deze dit die dat niet zonder te als ook",
    "pt": "o os as um uma e ou com para de do da dos das em no na é são por sem seu sua este esta que muito",
    "pl": "i w z na do dla od ze po jest są oraz lub nie przez się ten ta to który która bez",
    "sv": "och en ett den det de med för av på i till är som från utan denna detta eller",
    "tr": "ve bir bu için ile da de olan gibi daha çok olarak veya",
}
LANGUAGES: dict[str, tuple[str, ...]] = dict.fromkeys(_SMALL, ("LATIN",)) | {
    "ru": ("CYRILLIC",), "uk": ("CYRILLIC",), "bg": ("CYRILLIC",), "el": ("GREEK",), "ar": ("ARABIC",),
    "fa": ("ARABIC",), "he": ("HEBREW",), "hi": ("DEVANAGARI",), "zh": ("CJK",), "th": ("THAI",),
    "ja": ("CJK", "HIRAGANA", "KATAKANA"), "ko": ("HANGUL", "CJK"),
}  # fmt: skip
"""Language -> how Unicode's names of its letters begin."""

SMALL: dict[str, frozenset[str]] = {language: frozenset(words.split()) for language, words in _SMALL.items()}
"""Language -> articles, prepositions and the like, which state nothing."""


def known(language: str) -> str:
    """The language, if it can be checked or is "" (then nothing is). Raises `WeftError` for any other."""
    if language and language not in LANGUAGES:
        raise WeftError(f"no way to tell whether a text is {language!r}; known are {', '.join(LANGUAGES)}, or none")
    return language


def foreign(text: str, language: str, own: frozenset[str] = frozenset()) -> str:
    """Why a text is not in the language: "CYRILLIC letters", "de"; "" where nothing speaks against it.

    The small words of another language must outweigh those of its own, one of at most two letters counting half, for
    "de" and "la" stand in English names; running text of `PROSE` words must have one of its own. Short queries often
    have none: those are seen only by their script, and by whether they state what they should.

    Args:
        own: words that the product's own text has, which are no evidence (brands and borrowed names).
    """
    words = [word for word in tokens(text) if word not in own]
    scripts = [script_of(letter) for word in words for letter in word if letter.isalpha()]
    strange = [script for script in scripts if script not in LANGUAGES[language]]
    if len(strange) > (1 - MAIN) * len(scripts):
        return f"{max(set(strange), key=strange.count)} letters"
    if language not in SMALL:
        return ""
    weights = {name: sum(0.5 if len(word) < 3 else 1 for word in words if word in SMALL[name]) for name in SMALL}
    other = max((name for name in SMALL if name != language), key=lambda name: weights[name])
    if weights[other] >= weights[language] + 1:
        return other
    if len(words) >= PROSE and not weights[language]:
        return f"no small word of {language}"
    return ""


def script_of(letter: str) -> str:
    """The first word of a letter's name in Unicode, which is its script: "LATIN", "CJK"."""
    return unicodedata.name(letter, "UNKNOWN").partition(" ")[0]
