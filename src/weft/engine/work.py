"""What happens inside a Ray worker: work is fetched once a process, and errors come back as results."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

_kept: dict[str, Callable] = {}
"""The last work that this process was given, by its place in the object store: a model is loaded once."""


def done(sent: Any, batch: "pa.Table") -> "pa.Table":
    """A stage of Ray Data: a row (number, chunk) -> (number, (error or None, the results before it))."""
    import pyarrow as pa
    from ray import cloudpickle

    work = _fetched(sent)
    found = []
    for chunk in batch["chunk"].to_pylist():
        results, error = [], None
        try:
            for item in cloudpickle.loads(chunk):
                results.append(work(item))
        except Exception as problem:
            error = plain(problem)
        found.append(cloudpickle.dumps((error, results)))
    return pa.table({"at": batch["at"], "chunk": pa.array(found, pa.large_binary())})


def _fetched(sent: Any) -> Callable:
    import ray

    name = sent.hex()
    if name not in _kept:
        _kept.clear()
        _kept[name] = ray.get(sent)
    return _kept[name]


class Caller:
    """An actor that does calls. `sent`: the work's place in the object store, in a list, so that it comes as such."""

    def __init__(self, sent: list):
        import ray

        self.work = ray.get(sent[0])

    def call(self, *arguments: Any) -> tuple[Exception | None, Any]:
        try:
            return None, self.work(*arguments)
        except Exception as problem:
            return plain(problem), None


def plain(error: Exception) -> Exception:
    """An error that can travel: without its frames, which hold whatever they held."""
    return error.with_traceback(None)
