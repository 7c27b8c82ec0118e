"""How each kind of garment is drawn: kind -> function(sketch, form)."""

from collections.abc import Callable

from weft.demo.garments import accessories, bottoms, tops
from weft.demo.garments.form import Form
from weft.demo.garments.sketch import Sketch

OUTLINES: dict[str, Callable[[Sketch, Form], None]] = {
    "t-shirt": tops.t_shirt,
    "shirt": tops.shirt,
    "sweater": tops.sweater,
    "hoodie": tops.hoodie,
    "jacket": tops.jacket,
    "coat": tops.coat,
    "cardigan": tops.cardigan,
    "waistcoat": tops.waistcoat,
    "dress": tops.dress,
    "poncho": tops.poncho,
    "skirt": bottoms.skirt,
    "trousers": bottoms.trousers,
    "jeans": bottoms.jeans,
    "shorts": bottoms.shorts,
    "dungarees": bottoms.dungarees,
    "bag": accessories.bag,
    "backpack": accessories.backpack,
    "shoe": accessories.shoe,
    "boot": accessories.boot,
    "sandal": accessories.sandal,
    "hat": accessories.hat,
    "cap": accessories.cap,
    "scarf": accessories.scarf,
    "gloves": accessories.gloves,
}
