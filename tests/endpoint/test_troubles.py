"""An endpoint that misbehaves by a script, over real HTTP: asked again, given up, refused, and never believed."""

import time

import pytest
from asking import SECRET, ask, echo, question

from scripted import Reply, Server, chat, words
from weft.endpoint import Client, Endpoint, Ledger, Request, Useless, answered, complete
from weft.endpoint.journal import read
from weft.errors import WeftError


@pytest.mark.parametrize(
    ("trouble", "named"),
    [
        (Reply(429, {"error": {"message": "slow down"}}, {"Retry-After": "0"}), "429"),
        (Reply(500, b"<html>oops"), "500"),
        (Reply(503, {"detail": "loading"}), "503"),
        (Reply(200, b'{"choices": [{"mess'), "not an answer"),
        (Reply(200, {"choices": []}), "not an answer"),
        (Reply(200, chat("cut"), drop=25), "broken off"),
        (Reply(200, chat("late"), delay=0.6), "timeout"),
        (Reply(200, chat("drop by drop"), drip=0.01), "timeout"),
    ],
)
def test_a_passing_trouble_is_asked_again(tmp_path, trouble, named):
    ledger = Ledger()
    with Server(lambda body, time: trouble if time == 1 else "fine") as server:
        answers = ask(server, tmp_path, question("a"), ledger=ledger, timeout=0.4)
        assert answers["a"].text == "fine" and len(server.seen) == 2
    assert ledger.counts == {named: 1}, ledger.counts


@pytest.mark.parametrize(
    "body",
    [
        [],
        "text",
        None,
        {"error": {"message": "upstream"}},
        {"choices": [{"message": "hello"}]},
        {"choices": {"message": {}}},
        {"choices": [{"message": {"content": "fine"}}], "usage": [1]},
        {"choices": [{"message": {"content": [{"type": "text", "text": "fi"}, {"text": None}, {"text": "ne"}, 7]}}]},
        {
            "choices": [{"message": {"content": "fine", "tool_calls": []}, "finish_reason": 3}],
            "usage": {"prompt_tokens": "x"},
        },
        {"choices": [{"message": {"refusal": "no"}}]},
        {"choices": [{"message": {"content": "fine"}}], "failed": [SECRET], "refused": {}, "finish": 1},
        b"\xff\xfe",
        b"[" * 50_000,
    ],
)
def test_whatever_is_sent_back_is_an_answer_or_a_failure(tmp_path, body):
    with Server(lambda asked, time: Reply(200, body)) as server:
        answer = ask(server, tmp_path, question("a"), tries=1)["a"]
    assert (answer.status, answer.text) in {("answered", "fine"), ("failed", ""), ("refused", "")}
    assert answer.tokens_in > 0 or answer.status == "failed"


def test_an_address_may_have_a_query(tmp_path):
    with Server(echo) as server:
        endpoint = Endpoint(server.url + "/?api-version=1", "toy")
        list(complete([question("a")], endpoint, tmp_path / "a.jsonl"))
        assert server.headers[0]["path"] == "/v1/chat/completions?api-version=1" and "version" not in endpoint.place
    with pytest.raises(WeftError, match="line ends"):
        Endpoint(server.url, "toy", "key\n")


def test_no_connection_is_a_trouble_too(tmp_path):
    with Server(echo) as server:
        pass
    answers = ask(server, tmp_path, question("a"), tries=2)
    assert answers["a"].status == "failed" and "no connection" in answers["a"].reason
    assert read(tmp_path / "answers.jsonl") == []


def test_a_lasting_trouble_fails_and_is_asked_in_the_next_run(tmp_path):
    state = {"down": True}

    def script(body, time):
        return Reply(500, {"error": "down"}) if state["down"] and words(body) == "b" else "fine"

    with Server(script) as server:
        answers = ask(server, tmp_path, question("a"), question("b"), tries=3)
        assert answers["b"].status == "failed" and "500" in answers["b"].reason and len(server.seen) == 4
        state["down"] = False
        answers = ask(server, tmp_path, question("a"), question("b"))
        assert answers["b"].text == "fine" and len(server.seen) == 5


def test_retry_after_holds_for_everyone(tmp_path):
    told = []

    def script(body, count):
        if words(body) == "a" and count == 1:
            told.append(time.monotonic())
            return Reply(429, {}, {"Retry-After": "1"})
        return "fine"

    with Server(script) as server:
        answers = ask(server, tmp_path, *(question(text) for text in "abcdefgh"), concurrency=2)
        late = [when - told[0] for when in server.times if when - told[0] > 0.3]  # what was in flight is done by then
    assert {answer.text for answer in answers.values()} == {"fine"}
    assert len(late) >= 5 and min(late) >= 1.0


def test_a_refusal_is_kept_as_one(tmp_path):
    script = {
        "said": Reply(body=chat(None, refusal="I will not")),
        "filtered": Reply(body=chat("", finish="content_filter")),
        "turned away": Reply(400, {"error": {"code": "content_filter", "message": "policy"}}),
    }
    with Server(lambda body, time: script[words(body)]) as server:
        answers = ask(server, tmp_path, *map(question, script))
        assert {answer.status for answer in answers.values()} == {"refused"}
        assert answers["said"].reason == "I will not"
        ask(server, tmp_path, *map(question, script))
        assert len(server.seen) == 3


@pytest.mark.parametrize(
    ("status", "error", "said"),
    [
        (401, "no such key", "refuses the key"),
        (404, "no such model", "no model 'toy'"),
        (402, "pay", "no credit"),
        (429, "insufficient_quota", "no credit"),
    ],
)
def test_what_is_useless_ends_at_once_and_keeps_the_rest(tmp_path, status, error, said):
    def script(body, time):
        return "fine" if words(body) == "q0" else Reply(status, {"error": {"code": error, "message": f"key {SECRET}"}})

    with Server(script) as server:
        with pytest.raises(Useless, match=said) as raised:
            ask(server, tmp_path, *(question(f"q{n}") for n in range(50)), concurrency=1, key=SECRET)
        assert len(server.seen) == 2
    assert len(answered(tmp_path / "answers.jsonl")) == 1
    assert SECRET not in str(raised.value) and SECRET not in (tmp_path / "answers.jsonl").read_text()


def test_a_dead_endpoint_is_given_up(tmp_path):
    with Server(lambda body, time: Reply(500, {})) as server:
        with pytest.raises(WeftError, match="20 questions in a row"):
            ask(server, tmp_path, *(question(f"q{n}") for n in range(100)), tries=1, concurrency=2)
        assert len(server.seen) < 25


def test_questions_that_are_turned_down_never_block_those_behind_them(tmp_path):
    """30 of 60 are turned down for good, and they come first."""
    bad = Reply(400, {"error": {"message": "too long"}})
    with Server(lambda body, time: bad if int(words(body)) < 30 else "fine") as server:
        questions = [question(str(n)) for n in range(60)]
        with pytest.raises(WeftError, match="20 questions in a row, the last one so: 400: too long"):
            ask(server, tmp_path, *questions[:50], concurrency=1)
        assert len(server.seen) == 20
        assert len(ask(server, tmp_path, *questions[:50], concurrency=1)) == 50  # the 20, 10 more, and those behind
        assert len(answered(tmp_path / "answers.jsonl")) == 20
        answers = ask(server, tmp_path, *questions)
        assert {text for text, answer in answers.items() if answer.status == "failed"} == {str(n) for n in range(30)}
        fresh = [question(str(n), repeat=1) for n in range(-30, 0)]  # where anything was answered, they do not count
        assert len(ask(server, tmp_path, questions[-1], *fresh)) == 31
        assert len(read(tmp_path / "answers.jsonl")) == 30 + 30 + 30  # each is written down once


def test_an_endpoint_that_turns_everything_down_is_given_up_in_every_run(tmp_path):
    unknown = Reply(400, {"error": {"message": "no such field"}})
    with Server(lambda body, time: unknown if "wrong" in body else "fine") as server:
        ask(server, tmp_path, question("a"))
        wrong = [Request(({"role": "user", "content": f"q{n}"},), {"wrong": 1}) for n in range(100)]
        for sent in (20, 40):  # those that are known to be turned down tell nothing new
            before = len(server.seen)
            with pytest.raises(WeftError, match="20 questions in a row, the last one so: 400: no such field"):
                ask(server, tmp_path, *wrong, concurrency=1)
            assert len(server.seen) - before == sent


def test_an_error_that_repeats_the_question_is_no_refusal(tmp_path):
    sale = "dress that was flagged as sale"
    script = {
        sale: Reply(400, {"error": {"message": f"cannot parse: {sale}"}}),
        "a dress": Reply(400, {"error": {"message": "your prompt was flagged"}}),
        "broken": Reply(500, {"error": {"message": "worker 3 was flagged as dead"}}),
    }
    with Server(lambda body, time: script[words(body)]) as server:
        answers = ask(server, tmp_path, *map(question, script), tries=2)
        assert len(server.seen) == 4  # what is broken is asked again
    assert [answers[text].status for text in script] == ["failed", "refused", "failed"]


def test_the_key_is_written_nowhere(tmp_path, capfd):
    with Server(
        lambda body, time: f"the key is {SECRET}" if time > 1 else Reply(500, f"bad {SECRET}".encode())
    ) as server:
        answers = ask(server, tmp_path, question("a"), key=SECRET)
        endpoint = Endpoint(server.url.replace("127", f"me:{SECRET}@127"), "toy", SECRET)
    assert SECRET not in answers["a"].text and SECRET not in (tmp_path / "answers.jsonl").read_text()
    assert SECRET not in endpoint.place and SECRET not in "".join(capfd.readouterr())
    assert SECRET not in repr(Endpoint(server.url, "toy", SECRET))


def test_a_schema_is_sent_and_given_up_where_it_is_not_taken(tmp_path):
    schema = {"type": "object", "properties": {"grade": {"type": "integer"}}}

    def script(body, time):
        if words(body) == "broken":
            return Reply(400, {"error": "no picture"})
        return Reply(400, {"error": "response_format?"}) if "response_format" in body else "fine"

    with Server(script) as server:
        ask(server, tmp_path, question("broken", schema=schema), concurrency=1)
        assert [("response_format" in body) for body in server.seen] == [True, False]
        answers = ask(server, tmp_path, *(question(text, schema=schema) for text in "abc"), concurrency=1)
        assert [answer.text for answer in answers.values()] == ["fine"] * 3
        assert [("response_format" in body) for body in server.seen[2:]] == [True, False, False, False]
    assert server.seen[0]["response_format"]["json_schema"]["schema"] == schema


@pytest.mark.parametrize(
    "url",
    [
        "localhost:8000", "ftp://x/v1", "", "http://localhost:99999/v1", "http://localhost:abc/v1",
        f"http://me:{SECRET}@[::1/v1?key={SECRET}", f"http://me:{SECRET}@x:99999/v1#{SECRET}",
    ],
)  # fmt: skip
def test_a_bad_address_is_named(url):
    with pytest.raises(WeftError, match="looks like") as raised:
        Endpoint(url, "toy")
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://..//v1", "http://[v1.x]/v1", "http://x/\x00v1", f"http://{'a' * 70}.com/v1",
        f"http://me:{SECRET}@..x/v1?key={SECRET}",
    ],
)  # fmt: skip
def test_an_address_that_nothing_can_be_sent_to_is_named(tmp_path, url):
    with pytest.raises(WeftError, match="looks like") as raised:
        list(complete([question("a")], Endpoint(url, "toy", tries=1), tmp_path / "a.jsonl"))
    assert SECRET not in str(raised.value) and (SECRET in url or repr(url) in str(raised.value))


@pytest.mark.parametrize("url", ["http://[::1]:8/v1", "http://m\u00fcnchen.de/v1", "https://a_b.c/v1/?x=1"])
def test_unusual_addresses_are_none_the_worse(url):
    Client(Endpoint(url, "toy"), Ledger()).close()
