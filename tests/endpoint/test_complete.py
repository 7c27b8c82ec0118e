"""Many questions to an endpoint, over real HTTP: each is paid once, within limits and a budget, and kept at once."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter

import pytest
from asking import SECRET, ask, echo, question

from scripted import Reply, Server, chat, words
from weft.endpoint import Answer, Endpoint, Ledger, Request, answered, complete, estimate, picture
from weft.endpoint.complete import _ask
from weft.endpoint.journal import Journal, read
from weft.endpoint.pace import Pace, backoff, retry_after
from weft.errors import WeftError


def test_answers_come_with_what_was_counted(tmp_path):
    with Server(echo) as server:
        ledger = Ledger(price_in=1.0, price_out=2.0)
        answers = ask(server, tmp_path, *(question(f"q{n}") for n in range(20)), ledger=ledger, key=SECRET)
    assert {text: answer.text for text, answer in answers.items()} == {f"q{n}": f"heard q{n}" for n in range(20)}
    one = answers["q3"]
    assert (one.status, one.tokens_in, one.tokens_out, one.served, one.finish) == (
        "answered",
        100,
        10,
        "served-1",
        "stop",
    )
    assert server.headers[0]["Authorization"] == f"Bearer {SECRET}"
    assert server.headers[0]["path"] == "/v1/chat/completions"
    assert server.seen[0] | {"messages": 0} == {"model": "toy", "messages": 0, "temperature": 0.0, "max_tokens": 50}
    assert (ledger.sent, ledger.tokens_in, ledger.tokens_out) == (20, 2000, 200)
    assert ledger.spent == pytest.approx((2000 * 1 + 200 * 2) / 1e6)
    assert server.most <= 8


def test_what_was_answered_is_never_paid_again(tmp_path):
    with Server(echo) as server:
        ask(server, tmp_path, question("a"), question("b"), question("a"))
        assert len(server.seen) == 2
        ledger = Ledger()
        again = ask(server, tmp_path, question("a"), question("b"), question("c"), ledger=ledger)
        assert len(server.seen) == 3 and (ledger.kept, ledger.sent) == (2, 1)
        assert again["a"].text == "heard a"
        ask(server, tmp_path, question("a", repeat=1))  # another repeat, another model, other fields: other questions
        ask(server, tmp_path, Request(({"role": "user", "content": "a"},), body={"max_tokens": 51}))
        assert len(server.seen) == 5
    assert len(answered(tmp_path / "answers.jsonl")) == 5


def test_limits_a_minute_space_the_requests(tmp_path):
    started = time.monotonic()  # not when they arrive: a busy machine may take them in together
    with Server(echo) as server:
        ask(server, tmp_path, *(question(f"q{n}") for n in range(5)), requests=600)
    assert time.monotonic() - started > 0.39 and len(server.times) == 5  # the last leaves after four gaps of 0.1 s
    held = Pace(requests=600)
    threads = [threading.Thread(target=held.turn, args=(1,)) for _ in range(3)]
    held.hold(0.2)
    started = time.monotonic()
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert time.monotonic() - started > 0.39  # one after another, after the pause as well
    pace = Pace(tokens=60_000)
    started = time.monotonic()
    assert all(pace.turn(100) for _ in range(4))
    assert time.monotonic() - started > 0.29


def test_a_budget_is_never_exceeded_and_what_is_known_still_comes(tmp_path):
    requests = [question(f"question number {n}") for n in range(40)]
    with Server(lambda body, time: Reply(body=chat("x", tokens=(1000, 50)))) as server:
        ask(server, tmp_path, requests[-1])
        ledger = Ledger(price_in=1000.0, price_out=1000.0, budget=10.0)
        answers = ask(server, tmp_path, *requests, ledger=ledger, concurrency=2)
    assert 7 <= len(answers) <= 10 and "question number 39" in answers  # 1.05 each
    assert ledger.spent <= 10 and ledger.left == 40 - len(answers) and ledger.kept == 1
    with pytest.raises(WeftError, match="needs prices"):
        Ledger(budget=1)


def test_money_that_is_only_set_aside_is_not_spent(tmp_path):
    """Each question sets 1.00 aside and costs 0.01: 5.00 are enough for all, in flight together or one by one."""
    requests = [Request(({"role": "user", "content": f"q{n}"},), {"max_tokens": 1000}) for n in range(30)]
    for concurrency in (1, 8):
        ledger = Ledger(price_out=1000.0, budget=5.0)
        with Server(lambda body, time: Reply(body=chat("x", tokens=(10, 10)), delay=0.01)) as server:
            endpoint = Endpoint(server.url, "toy", concurrency=concurrency)
            assert len(list(complete(requests, endpoint, tmp_path / f"{concurrency}.jsonl", ledger))) == 30
        assert ledger.left == 0 and ledger.spent == pytest.approx(0.3)


def test_an_estimate_counts_what_is_new():
    requests = [question("x" * 35), question("x" * 35), question("y" * 70), question("x" * 35, repeat=1)]
    known = [Answer(requests[2].hash, "toy", 0, "failed")]
    found = estimate(requests, known, expected=50, ledger=Ledger(2.0, 4.0))
    assert (found.requests, found.known) == (2, 1)
    assert found.tokens_in == 2 * (8 + 10) and found.tokens_out == 100
    assert found.price == pytest.approx((36 * 2 + 100 * 4) / 1e6)
    known = [Answer(requests[2].hash, "toy", 0, "answered", tokens_in=2 * requests[2].tokens, tokens_out=7)]
    found = estimate(requests, known)
    assert (found.tokens_in, found.tokens_out) == (2 * 36, 14)  # as this endpoint counts
    shown = Request(({"role": "user", "content": [picture("ab", 280)]},))
    assert shown.tokens == 8 + 100


def test_pictures_are_loaded_when_they_are_sent(tmp_path):
    request = Request(({"role": "user", "content": [{"type": "text", "text": "see"}, picture("ab" * 32, 512)]},))
    asked = []

    def load(name, side):
        asked.append((name, side))
        return "data:image/jpeg;base64,AAAA"

    with Server(echo) as server:
        endpoint = Endpoint(server.url, "toy")
        list(complete([request, request], endpoint, tmp_path / "a.jsonl", load=load))
    assert asked == [("ab" * 32, 512)]
    assert server.seen[0]["messages"][0]["content"][1]["image_url"]["url"] == "data:image/jpeg;base64,AAAA"


def test_stopping_early_keeps_what_was_on_its_way(tmp_path):
    with Server(lambda body, time: Reply(body=chat("x"), delay=0.2)) as server:
        endpoint = Endpoint(server.url, "toy", concurrency=4)
        answers = complete((question(f"q{n}") for n in range(100)), endpoint, tmp_path / "answers.jsonl")
        next(answers)
        answers.close()
        assert len(answered(tmp_path / "answers.jsonl")) == len(server.seen) <= 8


KILLED = """
import sys
from pathlib import Path
from weft.endpoint import Answer, Endpoint, Request, complete
requests = (Request(({"role": "user", "content": f"q{n}"},)) for n in range(60))
for _ in complete(requests, Endpoint(sys.argv[1], "toy", concurrency=4), Path(sys.argv[2])):
    print("one", flush=True)
"""


def test_a_killed_run_pays_nothing_twice(tmp_path):
    cache = tmp_path / "answers.jsonl"
    command = [sys.executable, "-c", KILLED]
    with Server(lambda body, time: Reply(body=chat("x"), delay=0.02)) as server:
        first = subprocess.Popen([*command, server.url, cache], stdout=subprocess.PIPE)
        for _ in range(20):
            first.stdout.readline()
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
        time.sleep(0.1)  # what is in flight arrives at nobody
        kept = {row["hash"] for row in read(cache)}
        with cache.open("ab") as handle:
            handle.write(b'{"hash": "torn')
        assert 20 <= len(kept) < 60
        again = subprocess.run([*command, server.url, cache], capture_output=True, check=True)
        assert again.stdout.count(b"one") == 60
    seen = Counter(words(body) for body in server.seen)
    assert len(seen) == 60 and sum(seen.values()) <= 60 + 4  # only what was in flight is asked again
    paid = {f"q{n}" for n in range(60) if Request(({"role": "user", "content": f"q{n}"},)).hash in kept}
    assert all(seen[text] == 1 for text in paid)
    assert len(read(cache)) == 60


def test_waits_are_bounded():
    assert all(0 <= backoff(attempt, 1.0) <= min(60, 2**attempt) for attempt in range(1, 12) for _ in range(20))
    assert retry_after("1.5") == 1.5 and retry_after(None) is None and retry_after("soon") is None
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0
    assert retry_after("Wed, 21 Oct 2099 07:28:00 GMT") > 3e8


def test_what_was_stopped_says_so_as_its_reason_and_is_not_kept(tmp_path):
    class Stopped:
        endpoint, ledger = Endpoint("http://localhost:9/v1", "toy"), Ledger()

        def ask(self, request: Request) -> None:
            return None

    with Journal(tmp_path / "answers.jsonl") as kept:
        answer = _ask(Stopped(), question("a"), 0.0, kept)
    assert (answer.status, answer.text, answer.reason) == ("failed", "", "stopped")
    assert not answered(tmp_path / "answers.jsonl")
