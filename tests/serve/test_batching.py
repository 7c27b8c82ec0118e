"""The queue before the model: batches, order, bounds, faults, and an orderly end."""

import asyncio
import threading
import time

import numpy as np
import pytest

from weft.serve.batching import Batcher, Busy


class Tower:
    """Doubles numbers; remembers its batches, and waits where it is told to."""

    def __init__(self):
        self.batches, self.go, self.began = [], threading.Event(), threading.Event()
        self.go.set()

    def __call__(self, items):
        self.batches.append(list(items))
        self.began.set()
        assert self.go.wait(10)
        if any(item == "bad" for item in items):
            raise ValueError("bad")
        return np.asarray([[2 * item, 0] for item in items], dtype=np.float32)


def run(work, **named):
    tower, seen = Tower(), []

    async def main():
        batcher = Batcher({"a": tower, "b": tower}, saw=lambda key, size: seen.append((key, size)), **named)
        try:
            return await work(batcher, tower)
        finally:
            tower.go.set()
            await batcher.close()

    return asyncio.run(main()), tower, seen


async def begun(tower):
    await asyncio.to_thread(tower.began.wait, 10)


def test_everybody_gets_their_own(n=200):
    async def work(batcher, tower):
        return await asyncio.gather(*(batcher.submit("ab"[i % 2], [i, i + 0.5]) for i in range(n)))

    answers, tower, seen = run(work, max_batch=16, room=2 * n)
    for i, vectors in enumerate(answers):
        np.testing.assert_array_equal(vectors, [[2 * i, 0], [2 * i + 1, 0]])
    assert sum(size for _, size in seen) == 2 * n and max(map(len, tower.batches)) <= 16
    assert all(len({int(item) % 2 for item in batch}) == 1 for batch in tower.batches)  # one key a batch


def test_what_waits_goes_together_and_first_come_first_served():
    async def work(batcher, tower):
        tower.go.clear()
        first = asyncio.create_task(batcher.submit("a", [0]))
        await begun(tower)
        rest = [asyncio.create_task(batcher.submit("a", [i])) for i in range(1, 8)]
        await asyncio.sleep(0.02)
        assert batcher.waiting == 7
        tower.go.set()
        await asyncio.gather(first, *rest)

    _, tower, _ = run(work, max_batch=4, max_wait=0)
    assert tower.batches == [[0], [1, 2, 3, 4], [5, 6, 7]]


def test_the_first_waits_for_company_but_not_longer():
    async def work(batcher, tower):
        start = time.monotonic()
        await asyncio.gather(batcher.submit("a", [1]), batcher.submit("a", [2]))
        return time.monotonic() - start

    took, tower, _ = run(work, max_batch=8, max_wait=0.1)
    assert tower.batches == [[1, 2]] and took >= 0.09
    took, _, _ = run(work, max_batch=2, max_wait=30)
    assert took < 5  # a full batch waits for nothing


def test_a_full_queue_refuses_all_of_a_request():
    async def work(batcher, tower):
        tower.go.clear()
        running = asyncio.create_task(batcher.submit("a", [0]))
        await begun(tower)
        waiting = asyncio.create_task(batcher.submit("a", [1, 2, 3]))
        await asyncio.sleep(0)
        with pytest.raises(Busy) as refused:
            await batcher.submit("b", [4, 5])
        assert 1 <= refused.value.retry_after <= 60 and batcher.waiting == 3
        last = asyncio.create_task(batcher.submit("b", [6]))
        await asyncio.sleep(0)
        tower.go.set()
        await asyncio.gather(running, waiting, last)

    _, tower, _ = run(work, max_batch=8, room=4, max_wait=0)
    assert sorted(item for batch in tower.batches for item in batch) == [0, 1, 2, 3, 6]


def test_one_item_s_fault_is_its_own():
    async def work(batcher, tower):
        return await asyncio.gather(
            *(batcher.submit("a", [item]) for item in (1, "bad", 3)), return_exceptions=True
        )  # fmt: skip

    (one, bad, three), tower, _ = run(work, max_wait=0.05)
    assert one[0, 0] == 2 and three[0, 0] == 6 and isinstance(bad, ValueError)
    assert tower.batches == [[1, "bad", 3], [1], ["bad"], [3]]


def test_a_model_that_gives_too_few_vectors_is_told_and_goes_on():
    async def main():
        batcher = Batcher({"none": lambda items: np.zeros((0, 2)), "one": lambda items: np.ones((1, 2))}, max_wait=0.05)
        try:
            async with asyncio.timeout(10):
                for _ in range(2):
                    with pytest.raises(ValueError, match="0 vectors for 1 inputs"):
                        await batcher.submit("none", [1, 2])
                return await batcher.submit("one", [1, 2, 3])
        finally:
            await batcher.close()

    np.testing.assert_array_equal(asyncio.run(main()), np.ones((3, 2)))


def test_who_went_away_is_not_served():
    async def work(batcher, tower):
        tower.go.clear()
        running = asyncio.create_task(batcher.submit("a", [0]))
        await begun(tower)
        gone = asyncio.create_task(batcher.submit("a", [1]))
        stays = asyncio.create_task(batcher.submit("a", [2]))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.sleep(0)
        tower.go.set()
        await asyncio.gather(running, stays)

    _, tower, _ = run(work, max_wait=0)
    assert tower.batches == [[0], [2]]


def test_closing_finishes_what_waits_and_takes_nothing_more():
    async def work(batcher, tower):
        tower.go.clear()
        tasks = [asyncio.create_task(batcher.submit("a", [i])) for i in range(3)]
        await asyncio.sleep(0.02)
        closing = asyncio.create_task(batcher.close())
        await asyncio.sleep(0.02)
        with pytest.raises(Busy):
            await batcher.submit("a", [9])
        tower.go.set()
        await closing
        return [answer[0, 0] for answer in await asyncio.gather(*tasks)]

    answers, _, _ = run(work, max_wait=30)
    assert answers == [0, 2, 4]
