"""Smooth periodic noise from a fixed seed: folds in cloth, camouflage, asphalt, film grain."""

from functools import cache

import numpy as np

SIDE = 256


@cache
def tile(scale: int, number: int = 0) -> np.ndarray:
    """(256, 256) float32 in [0, 1], evenly spread, that wraps round; features are about `scale` pixels wide."""
    white = np.random.default_rng([number, scale]).standard_normal((SIDE, SIDE))
    frequency = np.hypot(np.fft.fftfreq(SIDE)[:, None], np.fft.rfftfreq(SIDE)[None, :])
    smooth = np.fft.irfft2(np.fft.rfft2(white) * np.exp(-((frequency * scale * 1.6) ** 2)), s=(SIDE, SIDE))
    ranks = np.empty(SIDE * SIDE, dtype=np.float32)
    ranks[np.argsort(smooth, axis=None)] = np.linspace(0, 1, SIDE * SIDE, dtype=np.float32)
    return ranks.reshape(SIDE, SIDE)


def sample(texture: np.ndarray, u: np.ndarray, v: np.ndarray, period: float) -> np.ndarray:
    """Looks a 256 x 256 texture up, one repeat every `period` units of u and v; shape of `u`."""
    scale = np.float32(SIDE / period)
    column = (u * scale).astype(np.int32) & (SIDE - 1)
    row = (v * scale).astype(np.int32) & (SIDE - 1)
    return texture.ravel()[(row << 8) | column]


def patch(texture: np.ndarray, size: int, x: float, y: float) -> np.ndarray:
    """A (size, size) cut that starts at the share (x, y) of the texture and wraps round: pixel by pixel."""
    rows = (np.arange(size) + int(y * SIDE)) & (SIDE - 1)
    columns = (np.arange(size) + int(x * SIDE)) & (SIDE - 1)
    return texture[rows][:, columns]
