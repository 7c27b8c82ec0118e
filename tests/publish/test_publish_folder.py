"""The published folder: complete, checkable, free of this machine's paths, and never written over something else."""

import hashlib
import json
import shutil

import pyarrow.parquet as pq
import pytest

from weft import encoders
from weft.errors import WeftError
from weft.publish import compact
from weft.publish.folder import publish
from weft.publish.run import open_run


def test_the_model_is_the_run_s_own(made):
    run, out = made
    assert out == run / "publish"
    assert (out / "model.safetensors").read_bytes() == (run / "weave/model/model.safetensors").read_bytes()
    assert encoders.load(out).fingerprint() == encoders.load(run / "weave/model").fingerprint()


def test_every_file_is_in_the_sums_and_as_they_say(made):
    _, out = made
    lines = dict(reversed(line.split("  ", 1)) for line in (out / "SHA256SUMS").read_text().splitlines())
    files = {f.relative_to(out).as_posix() for f in out.rglob("*") if f.is_file()}
    assert set(lines) == files - {"SHA256SUMS", "manifest.json"}
    assert all(hashlib.sha256((out / name).read_bytes()).hexdigest() == digest for name, digest in lines.items())


def test_no_file_names_a_folder_of_this_machine(made):
    run, out = made
    for file in out.rglob("*"):
        if file.is_file():
            data = file.read_bytes()
            for place in (b"/srv/", str(run.parent).encode(), b"private shop/"):
                assert place not in data, (file.name, place)
    assert json.loads((out / "evidence/results.json").read_text())["catalogue"] == "products.parquet"
    assert json.loads((out / "config.json").read_text())["_name_or_path"] == "base"


def test_the_evidence_is_whole(made):
    run, out = made
    for kind in ("runs/*.trec", "qrels/*.qrels"):
        names = {file.name for file in (run / "evaluate").glob(kind)}
        assert names and names == {file.name for file in (out / "evidence").glob(kind)}
    assert pq.read_table(out / "evidence/per_query.parquet").num_rows > 0
    assert {f.name for f in (out / "figures").iterdir()} == {"alpha.png"}  # no out-of-domain task: no scatter
    assert (out / "figures/alpha.png").read_bytes()[:4] == b"\x89PNG"


def test_the_first_row_repeats_the_run(made):
    run, out = made
    told = json.loads((out / "compact.json").read_text())
    scores = json.loads((run / "evaluate/results.json").read_text())["scores"]
    for row in scores:
        if row["model"] == "woven" and row["metric"] == "recall@10":
            assert abs(told["rows"][0]["tasks"][row["task"]]["value"] - row["value"]) < 1e-12
    assert told["apart_from_run"] < 1e-12 and told["left_out"] == []
    assert told["vectors_per_product"] == 13 / 12


def test_what_is_up_to_date_is_kept(made, monkeypatch):
    run, out = made
    before = (out / "README.md").stat().st_mtime_ns
    monkeypatch.setattr(compact, "measure", None)  # would be called if anything were made again
    assert publish(run) == out and (out / "README.md").stat().st_mtime_ns == before


def test_a_newer_audit_is_taken(made, tmp_path):
    run = shutil.copytree(made[0], tmp_path / "run")
    publish(run)
    found = {"severity": "error", "task": "t", "sentence": "half of the answers are wrong"}
    for findings in ([found], []):
        (run / "audit/audit.json").write_text(json.dumps({"findings": findings}))
        told = (publish(run) / "README.md").read_text()
        assert ("half of the answers are wrong" in told) == bool(findings)
    assert json.loads((run / "publish/evidence/audit.json").read_text()) == {"findings": []}


def test_each_source_of_several_is_named(made):
    run = open_run(made[0])
    run.manifests["curate"]["settings"]["sources"] = [
        {"path": "hf:a/b", "local": "/srv/my shop, new/x.parquet"}, {"path": "shops/y.csv", "local": ""}
    ]  # fmt: skip
    assert run.catalogue == "x.parquet, shops/y.csv"


def test_what_someone_changed_is_not_lost(made, tmp_path):
    run, _ = made
    shutil.copytree(run / "publish", tmp_path / "out")
    (tmp_path / "out/README.md").write_text("mine")
    (tmp_path / "out/notes.txt").write_text("mine, too")
    with pytest.raises(WeftError, match=r"was changed since it was published \(README.md, notes.txt\)"):
        publish(run, tmp_path / "out", licence="mit")
    assert (tmp_path / "out/README.md").read_text() == "mine"


@pytest.mark.parametrize("content", ["notes.txt", "manifest.json"])
def test_a_folder_of_another_kind_is_never_overwritten(made, tmp_path, content):
    (tmp_path / content).write_text('{"stage": "evaluate", "settings": {}}')
    with pytest.raises(WeftError, match="was not made by weft publish"):
        publish(made[0], tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == [content]


def test_whole_or_not_at_all(made, tmp_path, monkeypatch):
    run, out = made
    monkeypatch.setattr("weft.publish.evidence.write_sums", lambda folder: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        publish(run, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    monkeypatch.undo()
    publish(run, tmp_path / "out")
    assert (tmp_path / "out/SHA256SUMS").read_text() == (out / "SHA256SUMS").read_text()


def test_a_licence_is_an_id(made):
    with pytest.raises(WeftError, match="write for instance apache"):
        publish(made[0], licence="Apache License\n---")


def test_a_run_that_is_not_finished_is_refused(made, tmp_path):
    with pytest.raises(WeftError, match="there is no run"):
        publish(tmp_path / "nothing")
    copy = shutil.copytree(made[0], tmp_path / "run")
    manifest = json.loads((copy / "weave/manifest.json").read_text())
    (copy / "weave/manifest.json").write_text(json.dumps(manifest | {"key": "another"}))
    with pytest.raises(WeftError, match="evaluate was made from another weave/"):
        publish(copy)
    (copy / "weave/manifest.json").unlink()
    with pytest.raises(WeftError, match="weave/ is missing"):
        publish(copy)


def test_how_pictures_are_made_ready_lies_in_its_own_file_too(made):
    """Where transformers 4 and transformers.js look for it; whoever finds both reads the same."""
    _, out = made
    whole = json.loads((out / "processor_config.json").read_text())
    own = json.loads((out / "preprocessor_config.json").read_text())
    assert own == whole["image_processor"] | {"processor_class": whole["processor_class"]} and own["size"]
