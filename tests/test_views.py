"""Training pictures reach the model as its own processor makes them, and views crop and mirror them."""

import numpy as np
import pytest
import torch

import tiny
import tiny_catalogue
from weft import encoders
from weft.batch import Loader
from weft.catalogue.images import decode
from weft.pairs.queries import randomness
from weft.recipe import Pairs, Train
from weft.views import model_pixels, student_view, training_pixels, view


def test_views_stay_inside_the_picture_and_keep_their_share():
    corners = torch.tensor([[-1.0, -1.0, 1.0], [1.0, 1.0, 1.0]])
    mirrored, sides = 0, []
    for number in range(300):
        affine = torch.from_numpy(view(randomness(number), 0.6, True))
        ends = corners @ affine.T
        assert ends.abs().max() <= 1 + 1e-6
        side = (ends[1] - ends[0]) / 2
        assert side.abs().min() >= 0.6 - 1e-6
        assert side[1] > 0  # never upside down
        mirrored += bool(side[0] < 0)
        sides += side.abs().tolist()
    assert 110 < mirrored < 190
    assert np.mean(sides) == pytest.approx(0.8, abs=0.03)
    assert view(randomness(0), 1.0, False).tolist() == [[1, 0, 0], [0, 1, 0]]


def test_student_view_crops_and_mirrors():
    pixels = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    itself = torch.tensor([[1.0, 0, 0], [0, 1, 0]]).expand(2, 2, 3)
    torch.testing.assert_close(student_view(pixels, itself), pixels)
    mirror = torch.tensor([[-1.0, 0, 0], [0, 1, 0]]).expand(2, 2, 3)
    torch.testing.assert_close(student_view(pixels, mirror), pixels.flip(3))
    assert student_view(pixels, None) is pixels
    quarter = torch.tensor([[[0.5, 0, -0.5], [0, 0.5, 0.5]]]).expand(2, 2, 3)  # left, below
    flat = pixels.new_zeros(2, 3, 8, 8)
    flat[:, :, 4:, :4] = 1.0
    assert student_view(flat, quarter)[:, :, 1:, :-1].min() == 1.0


def test_pixels_reach_the_model_as_its_own_processor_makes_them(tmp_path):
    catalogue, encoder = tiny_catalogue.collection(tmp_path), tiny.encoder()
    pictures = [catalogue.image(row) for row in range(6)]
    images = [decode(data) for data in pictures]
    pixels, fixed = training_pixels(encoder, pictures)
    assert fixed and pixels["pixel_values"].dtype == torch.uint8
    fast, own = (model_pixels(encoder, pixels, None)["pixel_values"], encoder.pixels(images)["pixel_values"])
    assert fast.shape == own.shape
    assert (fast - own).abs().mean() < 2 / 255  # two decoders
    for family in (tiny.clip, tiny.naflex):
        other = encoders.load(str(family(tmp_path / family.__name__)))
        pixels, fixed = training_pixels(other, pictures)
        assert not fixed
        own = other.pixels(images)
        assert all(torch.equal(tensor, own[name]) for name, tensor in model_pixels(other, pixels, None).items())
        assert Loader(catalogue, other, Pairs(), Train(batch=8), 1).prepare(0).views is None
