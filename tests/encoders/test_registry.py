"""The known models and their pins: what a name means, what the hub is asked, whole or not at all."""

import json
import re
from types import SimpleNamespace

import pytest

import tiny
from weft import encoders
from weft.encoders import KNOWN, known, pin, registry, source
from weft.encoders.published import published
from weft.errors import WeftError

SHA = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """Stands in for `huggingface_hub.HfApi`; answers with a commit made of the number of questions."""

    def __init__(self, fail=None, sha=None, files=None, title="Adding `safetensors` variant of this model"):
        self.asked, self.fail, self.sha, self.files, self.title = [], fail, sha, files, title

    def __call__(self):
        return self

    def model_info(self, hub, revision=""):
        self.asked.append(f"{hub}@{revision}" if revision else hub)
        if self.fail == hub:
            raise RuntimeError(f"404: {hub} not found\nmore")
        files = self.files and [SimpleNamespace(rfilename=name) for name in self.files]
        return SimpleNamespace(sha=f"{len(self.asked):040x}" if self.sha is None else self.sha, siblings=files)

    def get_repo_discussions(self, hub, author, discussion_type, discussion_status):
        assert (author, discussion_type, discussion_status) == ("SFconvertbot", "pull_request", "open")
        return iter([SimpleNamespace(title="No", git_reference="refs/pr/1"),
                     SimpleNamespace(title=self.title, git_reference="refs/pr/7")])  # fmt: skip


@pytest.fixture
def hub(monkeypatch):
    monkeypatch.setattr(registry, "HfApi", Hub())
    return registry.HfApi


@pytest.mark.parametrize("name", KNOWN)
def test_every_record_is_whole(name):
    model = KNOWN[name]
    assert re.fullmatch(r"[a-z0-9-]+", name)
    assert model.family in encoders.LOADERS and model.millions > 100
    assert model.hub.count("/") == 1 or "github.com" in model.note
    assert model.licence or model.note
    assert model.licence in ("", "apache-2.0", "mit"), "an id of the hub's list: it stands in a published card's YAML"
    assert model.revision == "" or re.fullmatch(r"[0-9a-f]{40}", model.revision)
    if model.hub:
        assert known(model.hub) is model and known(f"hf-hub:{model.hub}") is model
    if model.hub.startswith(("google/", "openai/")):
        assert published(model.hub), "the planner knows it by its name"


def test_the_baselines_of_the_field_are_there():
    wanted = {"siglip2-base-224", "siglip2-base-256", "siglip2-base-384", "siglip2-base-512", "siglip2-large-256",
              "siglip2-so400m-384", "siglip2-giant-opt-384", "siglip-base-224", "siglip-so400m-384", "clip-b32",
              "clip-b16", "clip-l14", "marqo-fashionclip", "marqo-fashionsiglip", "marqo-ecommerce-b",
              "marqo-ecommerce-l", "fashionclip", "openfashionclip", "laion-b16", "llm2clip", "moda-pro-lite",
              "zooclaw", "gr-lite"}  # fmt: skip
    assert wanted <= set(KNOWN)
    assert {name for name, model in KNOWN.items() if model.remote_code} == {"llm2clip", "gr-lite"}
    assert {name for name, model in KNOWN.items() if not model.texts} == {"gr-lite"}


def test_pin_asks_for_a_model_and_what_else_it_reads(hub, tmp_path):
    path = tmp_path / "pins.json"
    table = pin(["marqo-fashionsiglip", "patrickjohncyh/fashion-clip", "me/mine"], path)
    assert hub.asked == [
        "Marqo/marqo-fashionSigLIP", "timm/ViT-B-16-SigLIP", "patrickjohncyh/fashion-clip", "me/mine"
    ]  # fmt: skip
    assert registry.pins(path) == table and set(table) == set(hub.asked)
    assert all(re.fullmatch(r"[0-9a-f]{40}", sha) for sha in table.values())
    again = pin(["me/mine"], path)  # the others stay
    assert again == table | {"me/mine": f"{5:040x}"} == registry.pins(path)


def test_weights_in_a_pickle_are_pinned_as_the_hub_converted_them(tmp_path, monkeypatch):
    """transformers 5 looks for the conversion only where the revision is "main": pinned, it would refuse."""
    path = tmp_path / "pins.json"
    for files, asked in (
        (["config.json", "pytorch_model.bin"], ["me/mine", "me/mine@refs/pr/7"]),
        (["model.safetensors", "pytorch_model.bin"], ["me/mine"]),
        (["tokenizer.json"], ["me/mine"]),
    ):
        stub = Hub(files=files)
        monkeypatch.setattr(registry, "HfApi", stub)
        assert pin(["me/mine"], path)["me/mine"] == f"{len(asked):040x}" and stub.asked == asked
    monkeypatch.setattr(registry, "HfApi", Hub(files=["open_clip_pytorch_model.bin"], title="Other"))
    with pytest.raises(WeftError, match="cannot pin you/yours: its weights are a pickle"):
        pin(["you/yours"], path)
    assert set(registry.pins(path)) == {"me/mine"}


def test_pin_all(hub, tmp_path):
    table = pin(path=tmp_path / "pins.json")
    assert {model.hub for model in KNOWN.values() if model.hub} <= set(table)
    assert len(hub.asked) == len(set(hub.asked))


@pytest.mark.parametrize("old", [None, {"revisions": {"a/b": SHA}}])
def test_a_failure_writes_nothing(tmp_path, monkeypatch, old):
    path = tmp_path / "pins.json"
    if old:
        path.write_text(json.dumps(old))
    for stub, message in ((Hub(fail="me/second"), "cannot pin me/second: 404"), (Hub(sha=""), "names no commit")):
        monkeypatch.setattr(registry, "HfApi", stub)
        with pytest.raises(WeftError, match=f"{message}.*nothing was written"):
            pin(["me/first", "me/second"], path)
        assert registry.pins(path) == (old["revisions"] if old else {}) and path.exists() == bool(old)


def test_pin_knows_its_names(hub, tmp_path):
    with pytest.raises(WeftError, match="no encoder is called 'siglip2-bse-384'; did you mean 'siglip2-base-384'"):
        pin(["siglip2-bse-384"], tmp_path / "pins.json")
    with pytest.raises(WeftError, match="openfashionclip is not on the hub and cannot be pinned"):
        pin(["openfashionclip"], tmp_path / "pins.json")
    assert not hub.asked


def test_a_damaged_pin_file(tmp_path):
    path = tmp_path / "pins.json"
    for text in ("{", "[]", "{}", '{"revisions": {"a/b": ""}}'):
        path.write_text(text)
        with pytest.raises(WeftError, match="damaged"):
            registry.pins(path)


def test_names_and_what_they_mean(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "encoders.json").write_text(json.dumps({"revisions": {"google/siglip2-base-patch16-384": SHA}}))
    one = source.find("siglip2-base-384")
    assert (one.family, one.place, one.revision) == ("transformers", "google/siglip2-base-patch16-384", SHA)
    assert source.find("google/siglip2-base-patch16-384") == source.Source(
        "google/siglip2-base-patch16-384", "transformers", one.place, SHA
    )
    assert source.find("siglip2-base-224").revision == "main"
    assert source.find("hf-hub:Marqo/marqo-fashionCLIP").family == "openclip"
    assert source.find("hf-hub:me/mine") == source.Source("hf-hub:me/mine", "openclip", "me/mine")
    assert source.find("python:a.b:c") == source.Source("python:a.b:c", "python", "a.b:c")
    assert source.find("demo").place == str(encoders.DEMO)
    with pytest.raises(WeftError, match="openfashionclip is not on the hub: published as a pickle"):
        source.find("openfashionclip")


def test_a_model_may_be_given_a_name(tmp_path):
    assert source.split_name("clip") == ("", "clip")
    assert source.split_name("Ours = runs/x/model") == ("Ours", "runs/x/model")
    folder = tmp_path / "alpha=0.5"
    assert source.split_name(str(folder))[0], "there is no such folder"
    folder.mkdir()
    assert source.split_name(str(folder)) == ("", str(folder))


def test_the_pinned_revision_is_what_is_read(tmp_path, monkeypatch):
    """Every file of a pinned model comes at its commit."""
    seen = []

    def pretend(name, *args, revision=None, **kwargs):
        seen.append((name, revision))
        raise OSError("no network")

    monkeypatch.setattr("weft.encoders.base.AutoConfig.from_pretrained", pretend)
    monkeypatch.setattr(source, "snapshot_download", pretend)
    path = tmp_path / "pins.json"
    pairs = {"google/siglip2-base-patch16-384": SHA, "Marqo/marqo-fashionCLIP": SHA, "me/mine": SHA}
    path.write_text(json.dumps({"revisions": pairs}))
    for name in ("siglip2-base-384", "me/mine"):
        with pytest.raises(WeftError, match="cannot open the model"):
            encoders.load(name, pinned=path)
    with pytest.raises(WeftError, match="cannot open the model"):
        encoders.local_folder("marqo-fashionclip", path)
    assert seen == [(hub, SHA) for hub in ("google/siglip2-base-patch16-384", "me/mine", "Marqo/marqo-fashionCLIP")]


def test_the_revision_reaches_every_part(tmp_path, monkeypatch):
    folder, seen = tiny.siglip2(tmp_path / "model"), []
    for part in ("AutoModel", "AutoImageProcessor", "AutoTokenizer"):
        plain = getattr(encoders.base, part).from_pretrained

        def watched(*args, plain=plain, part=part, **kwargs):
            seen.append((part, kwargs["revision"], kwargs["trust_remote_code"]))
            return plain(*args, **kwargs)

        monkeypatch.setattr(f"weft.encoders.base.{part}.from_pretrained", watched)
    encoders.FAMILIES["siglip"].load(str(folder), "m", revision=SHA)
    assert seen == [(part, SHA, False) for part in ("AutoModel", "AutoImageProcessor", "AutoTokenizer")]


@pytest.mark.parametrize(
    ("files", "family"),
    [
        ({"config.json": {"architectures": ["SiglipModel"]}}, "transformers"),
        ({"config.json": {"architectures": ["CLIPModel"]}, "open_clip_config.json": {}}, "transformers"),
        ({"config.json": {"architectures": ["SiglipModel"]}, "modules.json": [{"type": "a.Transformer"}]},
         "transformers"),
        ({"config.json": {"architectures": ["SiglipModel"]}, "modules.json": [{"type": "a.Transformer"},
                                                                              {"type": "a.Dense"}]}, "sbert"),
        ({"config.json": {"architectures": ["Own"], "auto_map": {}}, "open_clip_config.json": {}}, "openclip"),
        ({"config.json": {"architectures": ["SiglipModel"], "auto_map": {}}, "open_clip_config.json": {}}, "openclip"),
        ({"open_clip_config.json": {}}, "openclip"),
        ({"modules.json": []}, "sbert"),
        ({"llm2clip.json": {}}, "llm2clip"),
        ({"config.json": {"auto_map": {"AutoModel": "modeling_clip.LLM2CLIPModel"}}}, "llm2clip"),
        ({"config.json": {"model_type": "dinov3_vit"}}, "vision"),
        ({"config.json": {"model_type": "gr_lite", "auto_map": {}}}, "vision"),
        ({"config.json": {"model_type": "bert"}}, "transformers"),
    ],
)  # fmt: skip
def test_a_folder_is_known_by_its_files(tmp_path, files, family):
    for name, content in files.items():
        (tmp_path / name).write_text(json.dumps(content))
    assert source.family_of(tmp_path, "x") == family


def test_only_what_transformers_opens_can_be_trained(tmp_path):
    (tmp_path / "open_clip_config.json").write_text("{}")
    with pytest.raises(WeftError, match="can be evaluated but not trained; a base is a transformers model"):
        encoders.load_base(tmp_path)
    assert isinstance(encoders.load_base("demo"), encoders.Encoder)
    assert isinstance(encoders.load("demo"), encoders.Embeds)
    with pytest.raises(WeftError, match="is a Python object and has no files"):
        encoders.local_folder("python:a:b")
