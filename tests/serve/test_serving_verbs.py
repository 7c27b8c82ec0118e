"""`weft index` and `weft serve` as they are typed."""

import pyarrow.parquet as pq

import galleries
import tiny
from command import weft
from galleries import shop
from weft.errors import WeftError
from weft.index import Index, open_index, qdrant


def test_an_index_from_the_command_line(tmp_path):
    tiny.encoder().save(tmp_path / "model")
    galleries.table(tmp_path / "shop", shop(6))
    words = ("index", "ours=model", "shop/shop.csv", "--out", "index", "--column", "shade=colour")
    done = weft(*words, "--export", "all.parquet", folder=tmp_path)
    assert done.code == 0 and "6 products, 8 pictures: 6 new" in done.out, done.err
    assert "weft serve index" in done.out and pq.read_table(tmp_path / "all.parquet").num_rows == 8
    again = weft(*words, folder=tmp_path)
    assert "6 unchanged" in again.out and "0 pictures embedded" in again.out


def test_an_index_that_is_kept_on_a_server_stays_there(tmp_path, monkeypatch):
    client = qdrant.connect(":memory:")
    monkeypatch.setattr(qdrant, "connect", lambda address: client)
    tiny.encoder().save(tmp_path / "model")

    def indexed(count: int, *more: str) -> tuple[Index, int]:
        """The index of so many products, and how many the server has."""
        galleries.table(tmp_path / "shop", shop(count))
        done = weft("index", "ours=model", "shop/shop.csv", "--out", "index", *more, folder=tmp_path)
        assert done.code == 0, done.err
        index = open_index(tmp_path / "index")
        name = tmp_path / "index" / "collection"
        name = qdrant.collection_name(index, name.read_text().strip()) if name.exists() else ""
        return index, client.count(name).count if name else 0

    index, there = indexed(4)
    assert "store" not in index.manifest and there == 0
    for count, words in ((6, ("--store", "qdrant", "--address", ":memory:")), (5, ())):
        index, there = indexed(count, *words)
        assert index.manifest["store"]["address"] == ":memory:" and there == len(index) == count
    index, there = indexed(3, "--store", "folder")
    assert "store" not in index.manifest and (there, len(index)) == (5, 3)
    assert "store" not in indexed(2)[0].manifest


def test_a_version_counts_only_once_its_server_has_it(tmp_path, monkeypatch):
    """Else a running service would take it and not find what is new."""
    client, send = qdrant.connect(":memory:"), qdrant.synchronise
    monkeypatch.setattr(qdrant, "connect", lambda address: client)
    tiny.encoder().save(tmp_path / "model")
    words = ("index", "ours=model", "shop/shop.csv", "--out", "index")
    galleries.table(tmp_path / "shop", shop(4))
    assert weft(*words, "--store", "qdrant", "--address", ":memory:", folder=tmp_path).code == 0
    galleries.table(tmp_path / "shop", shop(6))

    def away(*_, **__):
        raise WeftError("the server is away")

    monkeypatch.setattr(qdrant, "synchronise", away)
    done = weft(*words, folder=tmp_path)
    assert done.code == 2 and "is away" in done.err and len(open_index(tmp_path / "index")) == 4

    def sent(index, *rest, **named):
        assert len(index) == 6 and len(open_index(tmp_path / "index")) == 4
        return send(index, *rest, **named)

    monkeypatch.setattr(qdrant, "synchronise", sent)
    done = weft(*words, folder=tmp_path)
    assert done.code == 0 and "0 pictures embedded" in done.out and len(open_index(tmp_path / "index")) == 6


def test_what_is_wrong_is_one_line(tmp_path):
    tiny.encoder().save(tmp_path / "model")
    galleries.table(tmp_path / "shop", shop(2))
    for words, says in {
        ("index", "model", "nowhere.csv", "--out", "i"): "there is no file 'nowhere.csv'",
        ("index", "model", "shop/shop.csv", "--out", "i", "--store", "qdrant"): "together with --address",
        ("index", "model", "shop/shop.csv", "--out", "i", "--store", "pinecone"): "--store is folder, or qdrant",
        ("index", "none", "shop/shop.csv", "--out", "i"): "cannot open the model",
        ("serve", "i"): "is no index: make one with weft index",
    }.items():
        done = weft(*words, folder=tmp_path)
        assert done.code == 2 and says in done.err and "Traceback" not in done.err, done.err
