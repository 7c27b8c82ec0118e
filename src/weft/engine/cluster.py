"""The engine of many machines: maps are Ray Data stages, calls are those of Ray actors.

A map goes in waves, because a Ray Data stage wants all of its input at the start: while one wave is computed the next
is read, so that neither the input nor the results need fit into memory. Chunks carry their number and come back in
its order. Workers keep the work they were given, a model for instance, from wave to wave. A worker that dies is
replaced and its chunks are done again by Ray, without limit: work is a pure function, so that changes nothing.
"""

import logging
import os
import socket
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from itertools import count, islice
from typing import Any

from weft.engine import Lost
from weft.engine.work import Caller, done
from weft.errors import WeftError, extra
from weft.progress import say

CHUNKS = 16
"""Chunks of a wave for each processor: enough that slow ones even out."""
WAVE = 1 << 30
"""Bytes of a wave's input at most, or a quarter of what a node's object store holds, if that is less."""
PATIENCE = 10.0
"""Seconds for a cluster's address to answer."""
SHARE = 0.5
"""Of a GPU for each worker with a model: while one of two computes, the other decodes."""


@contextmanager
def connected(address: str) -> Iterator["Ray"]:
    """The engine of a cluster. The process stays connected until it ends: threads of Ray Data outlive its stages, and
    one that asks anything of a Ray that was shut down ends the whole process.

    Raises:
        WeftError: Ray is not installed, or nothing answers at the address.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is told to anyone
    ray, _ = (extra(name, "ray", "--engine ray, on every machine of the cluster,") for name in ("ray", "ray.data"))

    if address.startswith("ray://"):
        raise WeftError(f"--address {address}: start Weft on a machine of the cluster and name HOST:6379, or auto")
    if not ray.is_initialized():
        where = address or os.environ.get("RAY_ADDRESS", "")
        try:
            host, _, port = where.rpartition(":")
            if host:
                socket.create_connection((host, int(port)), PATIENCE).close()  # Ray itself would try for minutes
            ray.init(address=where or None, log_to_driver=False, logging_level=logging.ERROR)
        except (OSError, ValueError, RuntimeError) as error:
            reason = str(error).strip().partition("\n")[0]
            raise WeftError(f"no Ray cluster answers at {where or 'this machine'}: {reason}") from None
    engine = Ray()
    try:
        yield engine
    finally:
        engine.close()


class Ray:
    """The workers of the cluster to which this process is connected."""

    spreads = True

    def __init__(self) -> None:
        import ray

        have, alive = ray.cluster_resources(), [node for node in ray.nodes() if node["Alive"]]
        self.cpus, self.gpus = int(have.get("CPU", 1)) or 1, have.get("GPU", 0)
        self.room = min(WAVE, int(min(node["Resources"].get("object_store_memory", WAVE) for node in alive)) // 4)
        self._closed, self._maps = False, []
        self._sent: tuple[Any, Any] = (None, None)
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        say(f"  Ray: {len(alive)} nodes, {self.cpus} CPUs, {self.gpus:g} GPUs")

    def close(self) -> None:
        """Ends maps that an error has left in the middle: their threads would keep the process."""
        self._closed = True
        for known in self._maps:  # one that feeds another was begun after it
            if running := known():
                running.close()

    def map(self, work: Callable[[Any], Any], items: Iterable, each: int = 1, heavy: bool = False) -> Iterator:
        running = self._map(work, items, each, heavy)
        self._maps = [known for known in self._maps if known()] + [weakref.ref(running)]
        return running

    def _map(self, work: Callable, items: Iterable, each: int, heavy: bool) -> Iterator:
        sent = self._send(work)
        failed: list[Exception] = []
        waves = self._waves(_until(items, failed), each)
        with ThreadPoolExecutor(1, "reading") as reading:
            coming = reading.submit(next, waves, None)
            while wave := coming.result():
                coming = reading.submit(next, waves, None)
                with closing(self._stage(sent, wave, heavy)) as chunks:  # an error's frames would keep it running
                    for error, results in chunks:
                        yield from results
                        if error is not None:
                            raise error
        if failed:
            raise failed[0]

    def _send(self, work: Callable) -> Any:
        """The work's place in the object store; what was sent last is not sent again."""
        import ray

        if self._sent[0] is not work:
            try:
                self._sent = (work, ray.put(work))
            except (TypeError, AttributeError) as error:
                reason = str(error).partition("\n")[0]
                raise WeftError(f"this cannot be copied to the workers ({reason}): take --engine local") from None
        return self._sent[1]

    def _waves(self, items: Iterable, each: int) -> Iterator[list[bytes]]:
        from ray import cloudpickle  # as Ray itself moves objects between its own processes; nothing is stored so

        wave, size, items = [], 0, iter(items)
        while chunk := tuple(islice(items, each)):
            wave.append(cloudpickle.dumps(chunk))
            size += len(wave[-1])
            if size >= self.room or len(wave) >= CHUNKS * self.cpus:
                yield wave
                wave, size = [], 0
        if wave:
            yield wave

    def _stage(self, sent: Any, wave: list[bytes], heavy: bool) -> Iterator[tuple[Exception | None, list]]:
        """One Ray Data execution: for each chunk in order, what failed in it or None, and the results before that."""
        import ray
        from ray import cloudpickle

        self._must_be_open()
        rows = [{"at": at, "chunk": chunk} for at, chunk in enumerate(wave)]
        data = ray.data.from_items(rows, override_num_blocks=len(rows))
        data.context.enable_progress_bars = False
        data.context.execution_options.preserve_order = True
        # max_calls: a worker with a GPU would otherwise end after each chunk, and load its model for the next.
        where = {"num_gpus": SHARE, "max_calls": 0} if heavy and self.gpus else {}
        stage = data.map_batches(partial(done, sent), batch_size=1, batch_format="pyarrow", **where)
        numbers = count()
        with closing(iter(stage.iter_batches(batch_size=None, batch_format="pyarrow"))) as tables:
            for table in tables:
                self._must_be_open()
                for row in table.to_pylist():
                    if row["at"] != next(numbers):
                        raise RuntimeError("Ray Data gave chunks back in another order")
                    yield cloudpickle.loads(row["chunk"])

    def _must_be_open(self) -> None:
        if self._closed:
            raise Lost("the engine was closed")

    @contextmanager
    def calls(self, work: Callable, at_once: int) -> Iterator[Callable]:
        """As many actors as there are processors, but no more than calls; they reserve none, for they mostly wait."""
        import ray

        sent, many = ray.put(work), min(at_once, self.cpus)
        made = ray.remote(Caller).options(
            num_cpus=0, max_restarts=0, max_task_retries=0, max_concurrency=-(-at_once // many),
            scheduling_strategy="SPREAD",
        )  # fmt: skip
        actors = [made.remote([sent]) for _ in range(many)]
        turns, lock = count(), threading.Lock()

        def call(*arguments: Any) -> Any:
            with lock:
                place = next(turns) % many
                actor = actors[place]
            try:
                error, found = ray.get(actor.call.remote(*arguments))
            except ray.exceptions.RayActorError as gone:
                with lock:
                    if actors[place] is actor:  # calls wait for a new one; those of a restarting one would be lost, too
                        actors[place] = made.remote([sent])
                raise Lost(str(gone).strip().partition("\n")[0]) from None
            if error is not None:
                raise error
            return found

        try:
            yield call
        finally:
            for actor in actors:
                ray.kill(actor)


def _until(items: Iterable, failed: list[Exception]) -> Iterator:
    """The items up to an error, which is kept: it is told after the results of those before it."""
    try:
        yield from items
    except Exception as error:
        failed.append(error)
