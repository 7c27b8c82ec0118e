"""Texts in another language than the shop's.

Detects: letters of another script, or words that are common in another language and not in the shop's: at least
`SURE` different ones, and `TIMES` more for each of its own. What is too short to decide stays. Why: a text tower
learns from such pairs that any foreign word means a garment. False alarms: English titles that quote a foreign name
at length ("Eau de Toilette pour Homme"). Misses: a brand and two nouns; the languages not listed in
`weft.pairs.language`.
"""

import re
import unicodedata

from weft.pairs.language import LANGUAGES, SMALL, script_of
from weft.schema import Product

SURE, TIMES = 3, 3
LETTERS, SHARE = 3, 0.3  # so many letters, and this share of them, in another script are no quotation

_SHOP = {
    "en": "long short sleeve sleeves neck women men womens mens dress shirt black white cotton",
    "de": "damen herren kleid hose hemd schwarz weiß ärmel langen lange kurzen kurze baumwolle",
    "fr": "femme homme robe manches longue longues courtes coton noir noire blanc chemise",
    "es": "mujer hombre vestido manga mangas larga largas corta algodón negro blanco cuello camisa",
    "it": "donna uomo abito maniche lunghe lungo corte cotone nero bianco collo camicia",
    "pt": "feminino masculino homem vestido manga mangas longa curta algodão preto branco gola camisa",
    "nl": "dames heren jurk broek overhemd mouwen lange korte katoen zwart wit",
    "sv": "dam herr klänning byxor skjorta ärm ärmar lång långa kort bomull svart vit",
    "pl": "damska męska kobiet sukienka spodnie koszula rękaw rękawem długi długa krótkim bawełny czarny biały pasek",
    "tr": "kadın erkek elbise pantolon gömlek uzun kısa kollu pamuklu siyah beyaz yaka",
}
WORDS = {name: small | set(_SHOP.get(name, "").split()) for name, small in SMALL.items()}
"""Language -> its small words, and what shops in it say in every second title."""


def fault(product: Product, language: str) -> str:
    """The reason to doubt a product's own words (title and description), "" if they may be the shop's language."""
    return foreign(f"{product.title} {product.description}", language)


def foreign(text: str, language: str) -> str:
    """Why a text is not in the language, "" if it is or cannot be told."""
    # Latin letters are everywhere, in brands and sizes: they decide nothing by themselves.
    own = (*LANGUAGES[language], "LATIN")
    scripts = [script_of(letter) for letter in text if letter.isalpha()]
    others = [script for script in scripts if script not in own]
    if len(others) >= LETTERS and len(others) >= SHARE * len(scripts):
        return f"written in {max(sorted(set(others)), key=others.count).title()} script"
    words = set(re.findall(r"[^\W\d_]+", unicodedata.normalize("NFC", text).lower()))
    mine = WORDS.get(language, frozenset())
    hits = {name: len(words & (known - mine)) for name, known in WORDS.items() if name != language}
    best = max(hits, key=hits.__getitem__)
    if hits[best] >= SURE + TIMES * len(words & mine):
        return f"written in another language ({best}?)"
    return ""
