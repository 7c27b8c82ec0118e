"""Merging: the mean of several models, and Model Stock against its geometry."""

import pytest
import torch
from safetensors.torch import load_file
from torch.utils._python_dispatch import TorchDispatchMode

import tiny
from weft import encoders, merge
from weft.errors import WeftError
from weft.merge import average, model_stock, stock


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    return [tiny.siglip2(root / str(seed), seed=seed) for seed in range(3)]


def weights(folder):
    return load_file(folder / "model.safetensors")


def test_the_average_of_three(folders, tmp_path):
    average(folders, tmp_path / "out")
    got, each = weights(tmp_path / "out"), [weights(folder) for folder in folders]
    for name, tensor in got.items():
        torch.testing.assert_close(tensor, sum(one[name] for one in each) / 3, rtol=1e-5, atol=1e-7)
    assert encoders.load(tmp_path / "out").tokens(["A Dress"])["input_ids"].shape == (1, 64)
    average(folders[:1], tmp_path / "one")
    alone = weights(tmp_path / "one")
    assert all(torch.equal(alone[name], each[0][name]) for name in alone)


@pytest.mark.parametrize("count", [2, 3, 5])
@pytest.mark.parametrize("radius", [0.3, 2.0])
def test_stock_is_the_point_nearest_to_the_centre(count, radius):
    """Models on a shell around a centre m, their differences from it orthogonal to each other and to m - base: of all
    points between them and the base, the merged one is the nearest to m, which is not known."""
    turn = torch.linalg.qr(torch.randn(7, 7, generator=torch.Generator().manual_seed(1)).double())[0]
    base, way = turn[6] * 3, turn[0]
    tuned = [base + way + radius * turn[1 + i] for i in range(count)]
    plane = torch.stack([one - base for one in tuned], dim=1)
    nearest = base + plane @ torch.linalg.lstsq(plane, way[:, None]).solution[:, 0]
    merged, ratio = stock(base, tuned)
    torch.testing.assert_close(merged, nearest.float())
    cosine = 1 / (1 + radius**2)
    assert ratio == pytest.approx(count * cosine / (1 + (count - 1) * cosine))


def test_stock_at_its_ends():
    base, apart = torch.zeros(3), torch.eye(3)
    assert stock(base, [apart[0], apart[0]])[1] == pytest.approx(1.0)  # the same model twice
    merged, ratio = stock(base, [apart[0], apart[1]])
    assert ratio == 0 and not merged.any()  # nothing in common: the base
    assert stock(base, [apart[0], -apart[0]])[1] == 0  # opposites
    merged, ratio = stock(base, [base, base])
    assert ratio == 1 and not merged.any()
    a, b, c = three = [apart[0] + 0.5 * apart[i] for i in range(3)]
    cosine = sum(float(torch.cosine_similarity(*pair, dim=0)) for pair in ((a, b), (a, c), (b, c))) / 3
    assert stock(base, three)[1] == pytest.approx(3 * cosine / (1 + 2 * cosine))


class Largest(TorchDispatchMode):
    """Notes the bytes of the largest tensor that anything made."""

    bytes = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        self.bytes = max(self.bytes, out.untyped_storage().nbytes() if isinstance(out, torch.Tensor) else 0)
        return out


def test_merging_holds_one_tensor_in_double_precision(monkeypatch):
    """Of five models: `mean` no copy of all, `stock` five chunks in double precision beside its result."""
    monkeypatch.setattr(merge, "CHUNK", 64)
    random = torch.Generator().manual_seed(2)
    base, *tuned = (torch.randn(25, 40, generator=random) for _ in range(6))
    with Largest() as seen:
        merge.mean("", tuned)
    assert seen.bytes == 8 * 1000
    with Largest() as seen:
        chunked, ratio = stock(base, tuned)
    assert seen.bytes == max(4 * 1000, 8 * 5 * 64)
    monkeypatch.setattr(merge, "CHUNK", 10**6)
    whole, same = stock(base, tuned)
    torch.testing.assert_close(chunked, whole, rtol=0, atol=1e-7)
    assert ratio == pytest.approx(same, abs=1e-12)
    apart = torch.stack([(one.double() - base.double()).flatten() for one in tuned])
    centre = apart.mean(0).view_as(base)
    torch.testing.assert_close(whole, (base.double() + same * centre).float(), rtol=0, atol=1e-7)


def test_model_stock_in_files(folders, tmp_path):
    ratios = model_stock(folders[0], folders[1:], tmp_path / "out")
    got, each = weights(tmp_path / "out"), [weights(folder) for folder in folders]
    assert ratios.keys() == got.keys() and all(0 <= ratio <= 1 for ratio in ratios.values())
    for name, tensor in got.items():
        torch.testing.assert_close(tensor, stock(each[0][name], [one[name] for one in each[1:]])[0])


def test_refusals(folders, tmp_path):
    with pytest.raises(WeftError, match="at least one more"):
        model_stock(folders[0], folders[1:2], tmp_path / "out")
    tiny.clip(tmp_path / "clip")
    with pytest.raises(WeftError, match="model_type siglip against clip"):
        average([folders[0], tmp_path / "clip"], tmp_path / "out")
    assert not (tmp_path / "out").exists()
