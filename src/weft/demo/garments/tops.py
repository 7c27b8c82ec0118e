"""Outlines of what is worn above the waist, and of dresses and coats."""

from weft.demo.garments.form import Form
from weft.demo.garments.sketch import METAL, Points, Sketch, box, mirrored

# The neck's edge in front, right half, from the middle outwards to where it meets the shoulder.
NECKS: dict[str, Points] = {
    "round-neck": [(0.04, -0.54), (0.15, -0.58), (0.2, -0.7), (0.2, -0.7)],
    "v-neck": [(0.0, -0.2), (0.1, -0.42), (0.21, -0.7), (0.21, -0.7)],
    "scoop-neck": [(0.08, -0.34), (0.26, -0.38), (0.31, -0.68), (0.31, -0.68)],
    "square-neck": [(0.26, -0.4), (0.26, -0.4), (0.28, -0.69), (0.28, -0.69)],
    "turtleneck": [(0.04, -0.62), (0.14, -0.64), (0.18, -0.71), (0.18, -0.71)],
    "high": [(0.04, -0.66), (0.12, -0.67), (0.19, -0.71), (0.19, -0.71)],
    "deep": [(0.0, 0.02), (0.09, -0.3), (0.2, -0.7), (0.2, -0.7)],
}


def sleeves(s: Sketch, f: Form, chest: float, cuff: bool = False, wide: float = 1.0) -> None:
    """Two arms that hang from the shoulders; `cuff` ends them in a band of trim."""
    if not f.sleeve:
        return
    across, down = 0.52 + 0.07 * f.wobble[2], 0.86
    top, pit = (chest + 0.05, -0.6), (chest - 0.02, -0.16)
    half = (0.105 if f.sleeve > 0.5 else 0.165) * (0.55 + 0.45 * f.width) * wide
    x, y = chest - 0.02 + across * f.sleeve + 0.05, -0.4 + down * f.sleeve
    outer, inner = (x + down * half, y - across * half), (x - down * half, y + across * half)
    s.pair([top, top, (top[0] + 0.1, -0.5), outer, outer, inner, inner, pit, pit], 0.93)
    if cuff:
        back = 0.11
        ends = [outer, inner, (inner[0] - across * back, inner[1] - down * back)]
        ends.append((outer[0] - across * back, outer[1] - down * back))
        s.pair([p for p in ends for _ in range(2)], 0.85, trim=True)


def body(s: Sketch, f: Form, neck: str, hem: float, chest: float, waist: float, foot: float) -> Points:
    """The trunk with its neck and the inside of the back; returns the neck's edge, right half."""
    edge = NECKS[neck]
    shoulder = chest + (0.07 if f.sleeve else -0.09)
    corner = edge[-1]
    s.fill(
        mirrored([(0.02, corner[1] + 0.06), corner, corner, (corner[0], edge[0][1] + 0.08),
        (0, edge[0][1] + 0.1)]), 0.5
    )  # fmt: skip
    side = [(shoulder, -0.6), (shoulder, -0.6), (chest, -0.16), (chest, -0.16)]
    middle = 0.45 * hem - 0.05
    s.fill(mirrored([*edge, *side, (waist, middle), (foot, hem), (foot, hem), (0.1, hem + 0.03)]))
    if not f.sleeve:
        s.seam([(shoulder - 0.02, -0.6), (chest - 0.05, -0.4), (chest - 0.01, -0.17)], width=0.022, both=True)
    return edge


def collar(s: Sketch, f: Form, edge: Points, width: float = 0.07) -> None:
    """A ribbed edge round the neck, or a turtleneck's tube."""
    if f.neckline == "turtleneck":
        s.fill(
            mirrored([(0.1, -0.95), (0.18, -0.94), (0.18, -0.94), (0.21, -0.68), (0.21, -0.68), (0.06, -0.62)]),
            0.86, trim=True
        )  # fmt: skip
        s.seam([(-0.19, -0.82), (0, -0.8), (0.19, -0.82)], width=0.018)
        return
    s.band([*((-x, y) for x, y in reversed(edge)), *edge], width, 0.82)


def hem_of(f: Form, short=0.12, long=0.95) -> float:
    return short + (long - short) * f.length


def rib(s: Sketch, half: float, hem: float, height: float = 0.1) -> None:
    s.fill(box(-half, hem - height, half, hem + 0.02), 0.85, trim=True)
    for i in range(-4, 5):
        s.seam([(i * half / 5, hem - height + 0.01), (i * half / 5, hem + 0.01)], width=0.01)


def t_shirt(s: Sketch, f: Form) -> None:
    chest, hem = 0.45 * f.width, hem_of(f)
    sleeves(s, f, chest)
    edge = body(s, f, f.neckline, hem, chest, chest * 0.95, chest * 1.02)
    collar(s, f, edge, 0.05)
    s.seam([(-chest, hem - 0.05), (0, hem - 0.02), (chest, hem - 0.05)], width=0.012)
    s.emblem = (0.5 * chest, -0.1, 0.105)


def sweater(s: Sketch, f: Form) -> None:
    chest, hem = 0.48 * f.width, hem_of(f)
    sleeves(s, f, chest, cuff=True, wide=1.25)
    edge = body(s, f, f.neckline, hem, chest, chest * 1.04, chest * 0.98)
    collar(s, f, edge, 0.11)
    rib(s, chest, hem, 0.13)
    s.emblem = (0.5 * chest, -0.1, 0.105)


def shirt(s: Sketch, f: Form) -> None:
    chest, hem = 0.45 * f.width, hem_of(f)
    sleeves(s, f, chest, cuff=f.sleeve > 0.5)
    body(s, f, "high", hem - 0.08, chest, chest * 0.92, chest)
    s.fill(
        mirrored([(0.1, hem - 0.16), (chest - 0.02, hem - 0.12), (chest - 0.02, hem - 0.12),
        (chest * 0.7, hem + 0.06), (0.1, hem + 0.08)])
    )  # fmt: skip
    s.fill(box(-0.055, -0.6, 0.055, hem + 0.04), 1.06)
    s.pair([(0.0, -0.63), (0.0, -0.63), (0.2, -0.76), (0.2, -0.76), (0.3, -0.6), (0.24, -0.46), (0.24, -0.46)], 0.95)
    s.dots([(0, -0.5 + i * 0.19) for i in range(int((hem + 0.5) / 0.19) + 1)], 0.024)
    x0, x1 = -0.5 * chest - 0.15, -0.5 * chest + 0.07
    if hem > 0.3:
        s.seam([*box(x0, -0.2, x1, 0.04), (x0, -0.2)])
    s.emblem = (0.52 * chest + 0.03, -0.1, 0.1)


def hoodie(s: Sketch, f: Form) -> None:
    chest, hem = 0.49 * f.width, hem_of(f)
    s.fill(mirrored([(0.05, -1.0), (0.24, -0.96), (0.36, -0.76), (0.3, -0.52), (0.05, -0.44)]), 0.84)
    s.fill(mirrored([(0.04, -0.9), (0.17, -0.86), (0.22, -0.7), (0.15, -0.52), (0.03, -0.46)]), 0.42)
    sleeves(s, f, chest, cuff=True, wide=1.25)
    body(s, f, "round-neck", hem, chest, chest * 1.04, chest)
    s.pair([(0.0, -0.42), (0.0, -0.42), (0.19, -0.74), (0.3, -0.72), (0.33, -0.56), (0.16, -0.42)], 0.9)
    rib(s, chest, hem)
    low, high = hem - 0.16, hem - 0.5 if f.length > 0.2 else hem - 0.36
    pocket = [
        (0.2, high), (0.2, high), (0.37 * f.width, high + 0.16), (0.37 * f.width, low),
        (0.37 * f.width, low), (0.1, low)
    ]  # fmt: skip
    s.fill(mirrored(pocket), 0.94)
    s.seam([(0.07, -0.46), (0.09, -0.24), (0.08, -0.12)], (245, 242, 235, 255), 0.035, both=True)
    s.emblem = (0.56 * chest + 0.03, -0.16, 0.1)


def jacket(s: Sketch, f: Form) -> None:
    chest, hem = 0.5 * f.width, hem_of(f, 0.16)
    sleeves(s, f, chest, cuff=True, wide=1.3)
    body(s, f, "high", hem, chest, chest * 1.02, chest * 0.96)
    s.fill(
        mirrored([(0.1, -0.86), (0.22, -0.84), (0.22, -0.84), (0.24, -0.64), (0.24, -0.64), (0.05, -0.58)]),
        0.75, trim=True
    )  # fmt: skip
    rib(s, chest * 0.98, hem, 0.12)
    s.seam([(0, -0.8), (0, hem)], (35, 33, 36, 255), 0.05)
    s.seam([(0, -0.8), (0, hem)], METAL, 0.022)
    s.seam([(0.2, hem - 0.22), (0.34 * f.width, hem - 0.42)], width=0.03, both=True)
    s.shape(box(-0.025, -0.62, 0.025, -0.5), METAL)
    s.emblem = (0.55 * chest + 0.02, -0.22, 0.1)


def coat(s: Sketch, f: Form) -> None:
    chest, hem = 0.42 * f.width, hem_of(f, 0.45, 1.12)
    sleeves(s, f, chest, wide=1.25)
    body(s, f, "v-neck", hem, chest, chest * 0.95, chest * 1.22)
    lapel = [
        (0.02, -0.12), (0.02, -0.12), (0.12, -0.76), (0.24, -0.76), (0.3, -0.5), (0.38, -0.46),
        (0.38, -0.46), (0.3, -0.3)
    ]  # fmt: skip
    s.pair(lapel, 0.8)
    s.seam([(0.03, -0.12), (0.03, hem)], width=0.02)
    s.dots([(x, y) for x in (-0.14, 0.18) for y in (0.02, 0.22, 0.42) if y < hem - 0.1], 0.035, (60, 44, 36, 255))
    s.seam([(0.22, 0.36), (0.36 * f.width, 0.34)], width=0.035, both=True)
    s.emblem = (-0.6 * chest, -0.16, 0.095)


def cardigan(s: Sketch, f: Form) -> None:
    chest, hem = 0.48 * f.width, hem_of(f)
    sleeves(s, f, chest, cuff=True, wide=1.2)
    body(s, f, "deep", hem, chest, chest, chest * 0.98)
    rib(s, chest, hem)
    s.band([(-0.2, -0.7), (-0.1, -0.3), (0.0, 0.02), (0.0, hem)], 0.1, 0.84)
    s.band([(0.2, -0.7), (0.1, -0.3), (0.0, 0.02), (0.0, 0.04)], 0.1, 0.84)
    s.dots([(0, 0.06 + i * 0.16) for i in range(max(1, int((hem - 0.02) / 0.16)))], 0.034)
    s.emblem = (0.6 * chest + 0.02, -0.14, 0.1)


def waistcoat(s: Sketch, f: Form) -> None:
    chest, hem = 0.44 * f.width, hem_of(f, 0.2, 0.85)
    bare = Form(0.0, f.neckline, f.length, f.width, f.wobble)
    body(s, bare, "deep", hem - 0.1, chest, chest * 0.9, chest * 0.98)
    s.pair(
        [(0.0, hem - 0.2), (0.0, hem - 0.2), (chest * 0.98, hem - 0.14), (chest * 0.98, hem - 0.1),
        (0.22, hem + 0.1), (0.22, hem + 0.1), (0.0, hem - 0.04), (0.0, hem - 0.04)]
    )  # fmt: skip
    s.band([*((-x, y) for x, y in reversed(NECKS["deep"])), *NECKS["deep"]], 0.05, 0.7)
    s.seam([(0, 0.02), (0, hem - 0.04)])
    s.dots([(0, 0.06 + i * 0.13) for i in range(max(2, int((hem - 0.1) / 0.13)))], 0.03, (206, 168, 92, 255))
    s.seam([(0.14, hem - 0.2), (0.32 * f.width, hem - 0.24)], width=0.035, both=True)
    s.emblem = (0.62 * chest, -0.12, 0.1)


def dress(s: Sketch, f: Form) -> None:
    chest, hem = 0.36 * (0.6 + 0.4 * f.width), hem_of(f, 0.7, 1.66)
    waist, foot = chest * (0.62 + 0.2 * f.width), 0.13 + 0.44 * f.width + 0.12 * f.length
    sleeves(s, f, chest)
    edge = NECKS[f.neckline]
    skirt = [
        (0.1, 0.08), (waist, 0.1), (waist, 0.1), (0.5 * (waist + foot) + 0.05, 0.5 * hem), (foot, hem),
        (foot, hem), (0.1, hem + 0.05)
    ]  # fmt: skip
    s.fill(mirrored(skirt), 0.97)
    body(s, f, f.neckline, 0.14, chest, 0.5 * (chest + waist), waist)
    collar(s, f, edge, 0.045)
    s.band([(-waist, 0.12), (0, 0.14), (waist, 0.12)], 0.07, 0.75)
    for x in (-0.55, -0.1, 0.35):
        s.seam([(x * waist, 0.18), (x * foot * 0.8, 0.6 * hem), (x * foot, hem - 0.04)], (20, 14, 12, 60), 0.03)
    s.emblem = (0.5 * chest, -0.12, 0.1)


def poncho(s: Sketch, f: Form) -> None:
    hem = 0.3 + 0.65 * f.length
    edge = NECKS[f.neckline]
    corner = edge[-1]
    s.fill(mirrored([(0.02, corner[1] + 0.06), corner, corner, (0, edge[0][1] + 0.1)]), 0.5)
    side = [(0.5, -0.52), (0.98, hem - 0.45), (0.98, hem - 0.45), (0.5, hem - 0.12), (0.0, hem), (0.0, hem)]
    s.fill(mirrored([*edge, *side]))
    collar(s, f, edge, 0.06)
    rim = [(-0.98, hem - 0.45), (-0.5, hem - 0.12), (0, hem), (0.5, hem - 0.12), (0.98, hem - 0.45)]
    s.band([(x, y - 0.04) for x, y in rim], 0.08, 0.75)
    for i in range(-9, 10):
        x = i / 9.3
        y = hem - 0.24 * abs(x) / 0.5 if abs(x) < 0.5 else hem - 0.12 - 0.33 * (abs(x) - 0.5) / 0.48
        s.band([(x, y - 0.02), (x * 1.02, y + 0.1)], 0.03, 0.9)
    s.emblem = (0.34, -0.12, 0.105)
