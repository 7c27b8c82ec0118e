"""`weft index` and `weft serve` as they are typed."""

import pyarrow.parquet as pq

import galleries
import tiny
from command import weft
from galleries import shop


def test_an_index_from_the_command_line(tmp_path):
    tiny.encoder().save(tmp_path / "model")
    galleries.table(tmp_path / "shop", shop(6))
    words = ("index", "ours=model", "shop/shop.csv", "--out", "index", "--column", "shade=colour")
    done = weft(*words, "--export", "all.parquet", folder=tmp_path)
    assert done.code == 0 and "6 products, 8 pictures: 6 new" in done.out, done.err
    assert "weft serve index" in done.out and pq.read_table(tmp_path / "all.parquet").num_rows == 8
    again = weft(*words, folder=tmp_path)
    assert "6 unchanged" in again.out and "0 pictures embedded" in again.out


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
