"""What training makes of written texts and grades, in a batch of its own loader."""

import torch

import tiny
import tiny_catalogue
from weft.batch import Loader
from weft.catalogue.layout import write_table
from weft.pairs.grades import GRADES, Grades
from weft.pairs.queries import Query
from weft.pairs.writing import WRITTEN, Written
from weft.recipe import Pairs, Train


def test_a_batch_holds_written_texts_and_their_grades(tmp_path):
    """Through the loader's own `writer`; a written text states what the file says, and relevance follows."""
    catalogue = tiny_catalogue.collection(tmp_path / "catalogue")
    told = {
        "query_id": "", "form": "short", "number": 0, "origin": "written", "reason": "", "tries": 1, "model": "m",
        "prompt_hash": "h",
    }  # fmt: skip
    rows = [
        told | {"product_id": product.id, "text": f"written {product.id}", "stated": [f"category={product.category}"]}
        for product in catalogue.products
    ]
    write_table(tmp_path / "written.parquet", rows, WRITTEN)
    loader = Loader(catalogue, tiny.encoder(), Pairs(long=""), Train(batch=8, epochs=1), 1)
    loader.writer, loader.log = Written(Pairs(), tmp_path), {}
    heard: list[str] = []
    tokens, loader.encoder = loader.encoder.tokens, Hears(loader.encoder, heard)
    batch = loader.prepare(0)
    places = loader._plan[0][1]
    assert heard == [f"written {loader.products[place].id}" for place in places] and tokens(heard)
    kinds = [loader.products[place].category for place in places]
    expected = torch.tensor([[3 if a == b else 0 for b in kinds] for a in kinds])
    whole = slice(0, len(places))
    assert (batch.relevance["short"].products(whole) >= expected).all()  # duplicates and equal titles besides

    one, other = (loader.products[places[n]].id for n in (0, 1))
    graded = [
        {"query": f"written {one}", "product_id": other, "grade": 1.0, "own": False, "status": "graded", "judge": "j",
         "rubric": "r@1", "given": 1.0}
    ]  # fmt: skip
    write_table(tmp_path / "grades.parquet", graded, GRADES)
    queries = [Query(text, ()) for text in heard]
    within = Grades(tmp_path).within(batch.relevance["short"], queries, [loader.products[place].id for place in places])
    assert within.products(whole)[1, 0] == 1 == within.queries(whole)[0, 1]
    within.to(torch.device("cpu"))


class Hears:
    """An encoder that remembers the texts it was given."""

    def __init__(self, encoder, heard: list[str]):
        self._encoder, self._heard = encoder, heard

    def __getattr__(self, name: str):
        return getattr(self._encoder, name)

    def tokens(self, texts):
        self._heard += texts
        return self._encoder.tokens(texts)
