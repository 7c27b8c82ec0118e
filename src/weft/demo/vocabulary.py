"""What things are called: three vocabularies over one set of canonical attribute values.

The canonical value, which is the truth, is the first word of each row and also the "plain" vocabulary.
"house" is how the studio's shop speaks, with names a general model has not met; "street" is the talk of
the other world. Inside a vocabulary no word serves two attributes, so that a word states one fact.
"""

VOCABULARIES = ("plain", "house", "street")

ATTRIBUTES = ("kind", "colour", "pattern", "sleeve", "neckline", "length", "fit", "material", "brand")

_TABLES = {
    "kind": """
        t-shirt      jersey      tee
        shirt        chemise     button-up
        sweater      guernsey    jumper
        hoodie       capuche     hoody
        jacket       blouson     bomber
        coat         ulster      topper
        cardigan     spencer     cardi
        waistcoat    gilet       vest
        dress        robe        frock
        skirt        jupe        skirt
        trousers     slacks      pants
        jeans        selvedge    denims
        shorts       bermudas    shorts
        bag          cabas       tote
        shoe         derby       kicks
        boot         chukka      stompers
        hat          fedora      brim
        scarf        stole       wrap
        poncho       ruana       poncho
        dungarees    salopette   overalls
        cap          casquette   snapback
        backpack     rucksack    daypack
        sandal       espadrille  slides
        gloves       gauntlets   mitts
    """,
    "colour": """
        black        jet         pitch
        white        chalk       snow
        grey         pewter      ash
        red          claret      crimson
        orange       persimmon   tangerine
        yellow       citrine     lemon
        green        bottle      forest
        teal         petrol      turquoise
        blue         cobalt      royal
        navy         midnight    ink
        purple       aubergine   grape
        pink         blush       rose
        brown        umber       coffee
        beige        ecru        sand
    """,
    "pattern": """
        plain        uni         blank
        striped      breton      stripy
        pinstriped   banker      pinstripe
        checked      tattersall  plaid
        dotted       bubble      polka
        floral       chintz      flowery
        camouflage   maquis      camo
        zigzag       flame       chevron
        leopard      ocelot      animal
    """,
    "sleeve": """
        sleeveless             sleeveless       sleeveless
        short-sleeve           short-sleeve     short-sleeve
        three-quarter-sleeve   bracelet-sleeve  elbow-sleeve
        long-sleeve            long-sleeve      long-sleeve
    """,
    "neckline": """
        round-neck   crew        crewneck
        v-neck       vee         v-neck
        scoop-neck   ballet      scoop
        turtleneck   funnel      rollneck
        square-neck  portrait    square
    """,
    "length": """
        cropped      gamine      crop
        mid-length   tea-length  midi
        full-length  column      maxi
    """,
    "fit": """
        slim         pencil      skinny
        regular      classic     standard
        loose        cocoon      baggy
    """,
    "material": """
        cotton       poplin      cotton
        knit         shetland    knitted
        denim        drill       denim
        leather      nappa       leather
        satin        charmeuse   silky
        corduroy     needlecord  cord
        fleece       teddy       fuzzy
    """,
}

_ROWS = {name: [row.split() for row in table.split("\n") if row.strip()] for name, table in _TABLES.items()}

VALUES: dict[str, tuple[str, ...]] = {name: tuple(row[0] for row in rows) for name, rows in _ROWS.items()}
"""Attribute -> its canonical values. Brands belong to a world: see `weft.demo.world`."""

WORDS: dict[str, dict[str, dict[str, str]]] = {
    vocabulary: {name: {row[0]: row[place] for row in rows} for name, rows in _ROWS.items()}
    for place, vocabulary in enumerate(VOCABULARIES)
}
"""Vocabulary -> attribute -> canonical value -> the word for it. A brand's word is its name, everywhere."""
