"""The command line: help that reads well, one line for what a user can cause, nothing imported too early."""

import subprocess
import sys

import pytest

from command import weft

VERBS = ("run", "curate", "train", "weave", "evaluate", "report", "plan", "demo")


def one_line(result) -> str:
    """The error of a command that was refused: code 2, nothing on stdout, on stderr one last line."""
    assert result.code == 2 and result.out == "" and "Traceback" not in result.err, result
    *before, last = result.err.strip().splitlines()
    assert last.startswith("weft: ") and all(line.startswith("curate: writing") for line in before), result.err
    return last


def test_help_names_every_verb_and_what_it_does(tmp_path):
    done = weft("--help", folder=tmp_path)
    assert done.code == 0 and all(verb in done.out for verb in VERBS)
    assert "without losing what the base model knew" in " ".join(done.out.split())


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb, tmp_path):
    done = weft(verb, "--help", folder=tmp_path)
    words = " ".join(done.out.replace("│", " ").split())
    assert done.code == 0 and len(words) > 150
    if verb not in ("plan", "demo"):
        assert "RECIPE" in words and "--set" in words and "KEY=VALUE" in words


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb != "demo"])
def test_a_missing_recipe(verb, tmp_path):
    assert "there is no recipe none.toml" in one_line(weft(verb, "none.toml", folder=tmp_path))


@pytest.mark.parametrize(
    ("text", "arguments", "told"),
    [
        ("base = 'demo'\nsorces = []", (), "unknown key 'sorces'; did you mean 'sources'?"),
        ("base = 'demo'\n[[sources]]\npath = 'x.csv'", ("--set", "train.epoch=3"), "did you mean 'epochs'?"),
        ("base = 'demo'\n[[sources]]\npath = 'x.csv'", ("--set", "train.epochs"), "has no '='"),
        ("base = 'demo'\n[[sources]]\npath = 'x.csv'", ("--set", "train.epochs=many"), "expected int"),
        ("base = 'demo'\n[[sources]]\npath = 'x.csv'", (), "there is no file 'x.csv'"),
        ("base = 'demo'\n[[sources]]\npath = 'demo:stdio'", (), "did you mean 'studio'?"),
        ("base = ", (), "not valid TOML"),
    ],
)
def test_what_a_user_can_cause_is_one_line(text, arguments, told, tmp_path):
    (tmp_path / "mine.toml").write_text(text)
    assert told in one_line(weft("curate", "mine.toml", *arguments, folder=tmp_path))


def test_a_stranger_s_name_does_not_steer_the_terminal(tmp_path):
    """Escape sequences of a name could clear the screen, U+202E could turn the message around."""
    told = one_line(weft("curate", "no\x1b[2J\u202ene.toml", folder=tmp_path))
    assert "there is no recipe no\ufffd[2J\ufffdne.toml" in told


@pytest.mark.parametrize(
    ("words", "option", "values"),
    [
        (("index", "demo", "demo:", "--out", "i"), "--batch", ("0", "-1")),
        (("evaluate", "demo", "--on", "mini"), "--batch", ("0", "-1")),
        (("serve", "i"), "--port", ("-1", "99999")),
        (("serve", "i"), "--max-wait", ("-1", "inf")),
    ],
)
def test_a_number_that_cannot_be_meant_is_refused(words, option, values, tmp_path):
    for value in values:
        done = weft(*words, option, value, folder=tmp_path)
        assert done.code == 2 and option in done.err and "or equal to" in done.err and "Traceback" not in done.err


def test_a_full_disk_is_one_line(tmp_path, monkeypatch):
    import errno
    import os

    from weft import files

    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    (tmp_path / "mine.toml").write_text("base = 'demo'\n[[sources]]\npath = 'demo:studio?products=30&size=48'")
    monkeypatch.setattr(files.os, "fsync", full)
    result = weft("curate", "mine.toml", folder=tmp_path)
    assert result.code == 2 and "No space left on device" in result.err.splitlines()[-1]


def test_interrupting_says_how_to_go_on(tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("weft.recipe.load", interrupted)
    done = weft("run", "mine.toml", folder=tmp_path)
    assert done.code == 130 and "go on" in done.err


def test_our_own_bugs_keep_their_traceback(tmp_path, monkeypatch):
    def bug(*_):
        raise ZeroDivisionError("ours")

    monkeypatch.setattr("weft.recipe.load", bug)
    with pytest.raises(ZeroDivisionError):
        weft("run", "mine.toml", folder=tmp_path)


def test_help_costs_no_torch():
    code = "import sys, weft.cli; assert not {'torch', 'transformers', 'pyarrow'} & set(sys.modules), 'too early'"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_installed_command_and_the_module_are_the_same(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "weft", "curate", "none.toml"], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 2 and done.stderr == "weft: there is no recipe none.toml\n" and done.stdout == ""


def test_drawing_the_demo_catalogue(tmp_path):
    done = weft("demo", "out", "--source", "demo:street?products=3&size=32", folder=tmp_path)
    assert done.code == 0, done.err
    assert len(list((tmp_path / "out").rglob("*.jpg"))) >= 3
