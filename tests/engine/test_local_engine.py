"""The engine of one machine: Python's own map, read as it is needed, and no Ray anywhere near it."""

import copy
import io
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from mortal import below_fifty, square

import command
import tiny
import tiny_recipe
import weft
from weft.embed import Embedder
from weft.encoders.protocol import Embeds
from weft.endpoint.post import Again, Post
from weft.engine import Local, beside, current, using
from weft.errors import WeftError


def test_a_map_is_in_order_and_reads_no_item_before_it_is_needed():
    read = []
    items = (read.append(n) or n for n in range(5))
    found = current().map(square, items, each=3)
    assert next(found)[0] == 0 and read == [0]
    assert [value for value, _ in found] == [1, 4, 9, 16]


def test_items_stay_beside_what_was_found_of_their_part():
    found = list(beside(len, ["a", "bcd", ""], lambda word: word * 2, each=2))
    assert found == [("a", 2), ("bcd", 6), ("", 0)]


def test_an_error_comes_after_the_results_before_it():
    found = []
    with pytest.raises(WeftError, match="50 is too large"):
        found.extend(value for _, value in beside(below_fifty, range(48, 60), lambda n: n))
    assert found == [48, 49]


def test_a_call_is_a_call():
    with Local().calls(square, 8) as call:
        assert call(7)[0] == 49


@pytest.mark.parametrize(
    ("name", "address", "told"),
    [
        ("spark", "", "known are local, ray"),
        ("local", "host:6379", "add --engine ray"),
        ("ray", "ray://host:10001", "on a machine of the cluster"),
        ("ray", "127.0.0.1:1", "no Ray cluster answers at 127"),
        ("ray", "127.0.0.1:port", "no Ray cluster answers at 127"),
    ],
)
def test_what_cannot_be_is_refused(name, address, told):
    if name == "ray":
        pytest.importorskip("ray")
    with pytest.raises(WeftError, match=told), using(name, address):
        pass
    assert not current().spreads


def test_without_ray_its_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "ray", None)
    done = command.weft("curate", tiny_recipe.recipe(tmp_path), "--engine", "ray", folder=tmp_path)
    assert done.code == 2 and '-e ".[ray]"' in done.err and not (tmp_path / "run").exists()


@pytest.mark.parametrize("verb", ["run", "curate", "weave", "evaluate", "write", "grade", "pool", "judge", "index"])
def test_verbs_with_heavy_work_take_an_engine(verb, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    told = command.weft(verb, "--help", folder=tmp_path).out
    assert "--engine" in told and ("--ray-address" if verb == "index" else "--address") in told


def test_ray_is_imported_by_its_own_engine_alone_and_only_when_asked():
    package = Path(weft.__file__).parent
    users = {}
    for path in package.rglob("*.py"):
        if lines := re.findall(r"^( *)(?:import|from) ray\b", path.read_text(encoding="utf-8"), re.MULTILINE):
            users[path.relative_to(package).as_posix()] = min(map(len, lines))
    assert set(users) == {"engine/cluster.py", "engine/work.py"} and min(users.values()) >= 4, users


class Spread(Local):
    """Does what the workers of a cluster do, in this process."""

    spreads = True


def test_a_worker_embeds_what_an_embedder_does(monkeypatch):
    encoder: Embeds = tiny.encoder()
    pictures = [_png(picture) for picture in tiny.pictures(7)]

    class Shelf:
        identity, image_hashes, image_count = "shelf", ["0" * 64] * 7, 7

        def image(self, row):
            return pictures[row]

    here = Embedder(encoder, batch=3)
    local = here.images(Shelf(), range(7)), here.texts(["red dress", "blue hat"])
    monkeypatch.setattr("weft.embed.current", Spread)
    there = here.images(Shelf(), range(7)), here.texts(["red dress", "blue hat"])
    assert (
        all(np.array_equal(a, b) for a, b in zip(local, there, strict=True)) and np.ptp(local[0], axis=0).max() > 0.01
    )


def _png(picture) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def test_requests_and_their_troubles_can_travel():
    trouble = copy.copy(Again("429: slow", 2.5, charged=True))
    assert (trouble.what, trouble.wait, trouble.charged) == ("429: slow", 2.5, True)
    post = Post("http://localhost/v1", "key", 3.0, 4, square)
    copied = copy.copy(post)
    assert copied._http is not post._http and (copied.url, copied.key, copied.load) == (post.url, post.key, post.load)
    post.close()
    copied.close()
