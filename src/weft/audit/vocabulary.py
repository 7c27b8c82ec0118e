"""English words by what they tell of a garment or a photo; word lists, no parser, and every page says so."""

import re

COLOURS = {
    "black": "black onyx ebony",
    "white": "white ivory cream ecru chalk",
    "grey": "grey gray charcoal silver slate",
    "red": "red crimson scarlet burgundy maroon ruby",
    "orange": "orange coral rust peach",
    "yellow": "yellow mustard gold golden lemon",
    "green": "green olive khaki mint emerald lime",
    "blue": "blue navy turquoise teal indigo cobalt cyan aqua",
    "purple": "purple violet lavender lilac mauve plum magenta",
    "pink": "pink fuchsia rose salmon",
    "brown": "brown tan beige camel chocolate bronze copper taupe",
}
"""Family -> words. Between neighbours (coral, khaki, teal) people differ; see `CLOSE`."""

CLOSE = (
    {"white", "yellow"}, {"white", "brown"}, {"grey", "white"}, {"grey", "black"}, {"red", "orange"}, {"red", "pink"},
    {"red", "purple"}, {"red", "brown"}, {"orange", "pink"}, {"orange", "yellow"}, {"orange", "brown"},
    {"yellow", "brown"}, {"yellow", "green"}, {"green", "blue"}, {"green", "brown"}, {"green", "grey"},
    {"blue", "black"}, {"blue", "purple"}, {"blue", "grey"}, {"purple", "pink"}, {"grey", "brown"}, {"black", "brown"},
)  # fmt: skip
"""Families that people confuse or shops call by either name: no contradiction."""

INK = {
    "black": (25, 25, 28), "white": (246, 246, 244), "grey": (140, 140, 142), "red": (190, 30, 45),
    "orange": (235, 120, 50), "yellow": (240, 205, 70), "green": (70, 120, 70), "blue": (40, 70, 140),
    "purple": (110, 60, 130), "pink": (235, 140, 170), "brown": (120, 80, 50),
}  # fmt: skip
"""Family -> a typical sRGB value."""

KINDS = {
    "dress": "dress dresses gown gowns kaftan abaya lehenga saree sari",
    "skirt": "skirt skirts",
    "trousers": "pants trouser trousers jeans leggings legging chinos joggers pyjama",
    "shorts": "shorts boxers",
    "top": "shirt shirts tshirt tshirts tee tees blouse blouses top tops tank polo kurta kurti jersey tunic",
    "knit": "sweater sweaters jumper cardigan cardigans pullover sweatshirt hoodie",
    "coat": "coat coats jacket jackets blazer blazers parka",
    "suit": "jumpsuit romper rompers bodysuit",
    "shoe": "shoe shoes sneaker sneakers boot boots sandal sandals heel heels loafers flats slippers",
    "bag": "bag bags handbag handbags backpack backpacks clutch wallet wallets",
    "watch": "watch watches",
    "glasses": "sunglasses eyeglasses",
    "jewel": "earring earrings necklace necklaces bracelet bracelets ring rings pendant",
    "hat": "hat hats cap caps beanie",
    "scarf": "scarf scarves stole",
    "scent": "perfume deodorant",
}

ALIKE = ({"top", "knit"}, {"knit", "coat"}, {"dress", "suit"}, {"trousers", "shorts"}, {"trousers", "suit"})

HEDGES = re.compile(
    r"\b(?:possibly|perhaps|maybe|probably|presumably|likely|seems?|seemingly|apparently|appears?|appearing|"
    r"looks like|might be|may be|could be|suggest(?:s|ing))\b",
    re.IGNORECASE,
)
"""What a writer says who is not sure, as captioning models do."""

SCENE = {
    "who wears it": re.compile(
        r"\b(?:a|an|the|this|that|young|smiling)\s(?:[\w-]+\s){0,2}(?:woman|man|person|girl|boy|lady|gentleman|guy|female|"
        r"male|model)\b|\b(?:wearing|wears)\b",
        re.IGNORECASE,
    ),
    "how one stands": re.compile(r"\b(?:posing|poses?|standing|sitting|walking|smiling|mannequin)\b", re.IGNORECASE),
    "the photo": re.compile(
        r"\b(?:background|backdrop|wall|camera|photo|photograph|in the (?:image|picture))\b", re.IGNORECASE
    ),
}
"""What is not the product -> how a caption speaks of it. "Women's" names an audience and is not counted."""

_COLOUR = {word: family for family, every in COLOURS.items() for word in every.split()}
_KIND = {word: kind for kind, every in KINDS.items() for word in every.split()}


def colours(words: list[str]) -> frozenset[str]:
    """Families of colour that a text names."""
    return frozenset(_COLOUR[word] for word in words if word in _COLOUR)


def kinds(words: list[str]) -> frozenset[str]:
    """Kinds of garment that a text names."""
    return frozenset(_KIND[word] for word in words if word in _KIND)


def disagree(one: frozenset[str], other: frozenset[str], near: tuple[set[str], ...]) -> bool:
    """Whether two texts both name something and nothing that one names is, or is near, what the other names."""
    if not one or not other or one & other:
        return False
    return not any({a, b} in near for a in one for b in other)
