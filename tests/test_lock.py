"""Locks: one inside at a time, whatever becomes of it, and no file is left."""

import contextlib
import threading
import time

from weft.lock import alone


def test_one_process_at_a_time(tmp_path, capsys):
    """The second waits, says so, and is let in when the first has left, even where that failed."""
    inside, order = threading.Event(), []

    def first():
        with contextlib.suppress(KeyError), alone(tmp_path / "made" / "thing"):
            inside.set()
            time.sleep(0.3)
            order.append("first")
            raise KeyError

    thread = threading.Thread(target=first)
    thread.start()
    assert inside.wait(10)
    with alone(tmp_path / "made" / "thing"):
        order.append("second")
    thread.join()
    assert order == ["first", "second"] and "waiting for it" in capsys.readouterr().err
    assert not list((tmp_path / "made").iterdir())
