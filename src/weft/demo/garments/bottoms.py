"""Outlines of what is worn below the waist."""

from weft.demo.garments.form import Form
from weft.demo.garments.sketch import METAL, STITCH, Sketch, box, mirrored


def legs(s: Sketch, f: Form, hem: float, top: float = -0.9) -> tuple[float, float]:
    """Two legs below a waist at y = `top`; returns the waist's half width and the hip's."""
    waist, hip = 0.36 * (0.75 + 0.25 * f.width), 0.44 * (0.7 + 0.3 * f.width)
    crotch, spread = -0.22, 0.3 + 0.05 * f.wobble[3]
    half = {True: 0.1, False: 0.17}[f.width < 0.9] if f.width < 1.15 else 0.3
    share = (hem - crotch) / (0.95 - crotch)  # short legs have not yet tapered
    reach = 0.5 * hip * (1 - share) + half * share
    middle = 0.5 * hip * (1 - share) + (spread + 0.6 * (half - 0.17)) * share
    outer, inner = middle + reach, max(0.02, middle - reach)
    s.pair(
        [(0.0, top), (0.0, top), (waist, top), (waist, top), (hip, crotch - 0.22), (outer, hem), (outer, hem),
         (inner, hem + 0.02), (inner, hem + 0.02), (0.0, crotch), (0.0, crotch)],
    )  # fmt: skip
    s.band([(-waist - 0.01, top + 0.05), (0, top + 0.06), (waist + 0.01, top + 0.05)], 0.12, 0.85)
    s.seam([(0, top + 0.1), (0.04, crotch - 0.2), (0.0, crotch - 0.06)], width=0.02)
    return waist, hip


def trousers(s: Sketch, f: Form) -> None:
    hem = 0.38 + 0.6 * f.length
    waist, hip = legs(s, f, hem)
    s.seam([(0.24 * f.width, -0.7), (0.27, 0.0), (0.3, hem - 0.04)], (20, 14, 12, 80), 0.02, both=True)
    s.seam([(waist - 0.1, -0.76), (hip - 0.06, -0.52)], width=0.022, both=True)
    s.dots([(0.02, -0.85)], 0.03)
    s.emblem = (-0.5 * hip, -0.56, 0.1)


def jeans(s: Sketch, f: Form) -> None:
    hem = 0.38 + 0.6 * f.length
    waist, hip = legs(s, f, hem)
    s.seam([(waist - 0.2, -0.77), (waist - 0.16, -0.62), (hip - 0.03, -0.58)], STITCH, 0.022, both=True)
    s.seam([(0.1, -0.78), (0.1, -0.5), (0.0, -0.34)], STITCH, 0.02)
    s.seam([(-waist, -0.8), (0, -0.785), (waist, -0.8)], STITCH, 0.016)
    s.seam([(0.04, -0.2), (0.06, -0.12), (0.11, hem - 0.1)], STITCH, 0.014, both=True)
    s.seam([(-0.2, -0.94), (-0.2, -0.8)], STITCH, 0.03)
    s.seam([(0.2, -0.94), (0.2, -0.8)], STITCH, 0.03)
    s.dots([(0.0, -0.85)], 0.034, (214, 160, 84, 255))
    s.dots([(waist - 0.17, -0.73), (0.17 - waist, -0.73)], 0.014, (214, 160, 84, 255))
    s.emblem = (-0.52 * hip, -0.46, 0.1)


def shorts(s: Sketch, f: Form) -> None:
    waist, hip = legs(s, f, 0.12 + 0.04 * f.wobble[4])
    s.seam([(waist - 0.1, -0.76), (hip - 0.06, -0.52)], width=0.022, both=True)
    s.seam([(-0.05, -0.86), (-0.1, -0.64), (-0.07, -0.56)], (245, 242, 235, 255), 0.03)
    s.seam([(0.05, -0.86), (0.09, -0.66), (0.06, -0.58)], (245, 242, 235, 255), 0.03)
    s.emblem = (-0.56 * hip, -0.36, 0.1)


def skirt(s: Sketch, f: Form) -> None:
    hem, waist = 0.0 + 0.95 * f.length, 0.34
    foot = {True: 0.36, False: 0.56}[f.width < 0.9] if f.width < 1.15 else 0.88
    hip = max(0.44, 0.5 * (waist + foot))
    top = -0.78
    panel = [(0.1, top), (waist, top), (waist, top), (hip, top + 0.45), (foot, hem), (foot, hem), (0.1, hem + 0.06)]
    s.fill(mirrored(panel))
    s.band([(-waist - 0.01, top + 0.04), (0, top + 0.05), (waist + 0.01, top + 0.04)], 0.12, 0.78)
    folds = (-0.7, -0.35, 0.05, 0.4, 0.72) if foot > 0.5 else (0.0,)
    for x in folds:
        s.seam([(x * waist, top + 0.12), (x * hip, top + 0.5), (x * foot, hem - 0.02)], (20, 14, 12, 70), 0.03)
    s.emblem = (0.4 * waist + 0.08, top + 0.34, 0.1)


def dungarees(s: Sketch, f: Form) -> None:
    hem = 0.45 + 0.53 * f.length
    s.band([(-0.24, -0.6), (-0.2, -0.98), (-0.12, -1.0)], 0.1, 0.9, trim=False)
    s.band([(0.24, -0.6), (0.2, -0.98), (0.12, -1.0)], 0.1, 0.9, trim=False)
    waist, hip = legs(s, f, hem, top=-0.42)
    s.fill(box(-0.27, -0.74, 0.27, -0.36))
    s.band([(-waist, -0.38), (0, -0.37), (waist, -0.38)], 0.08, 0.85)
    s.seam([(-0.16, -0.62), (-0.16, -0.44), (0.16, -0.44), (0.16, -0.62), (-0.16, -0.62)], STITCH, 0.018)
    s.dots([(-0.22, -0.68), (0.22, -0.68)], 0.035, METAL)
    s.seam([(hip - 0.16, -0.3), (hip - 0.08, -0.12)], STITCH, 0.02, both=True)
    s.emblem = (0.0, -0.57, 0.095)
