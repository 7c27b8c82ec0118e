"""The card: read by the hub's own parser, hostile names are text, and its numbers are the run's."""

import dataclasses
import json
import types

import pytest
from huggingface_hub import ModelCard
from markdown_it import MarkdownIt

from weft.publish import card, card_tables
from weft.publish.run import open_run

PARSER = MarkdownIt("commonmark", {"html": True}).enable("table")


@pytest.fixture(scope="module")
def tokens(made):
    body = ModelCard((made[1] / "README.md").read_text(encoding="utf-8")).text
    return [inner for token in PARSER.parse(body) for inner in [token, *(token.children or [])]]


def test_the_hub_reads_its_head(made):
    read = ModelCard((made[1] / "README.md").read_text(encoding="utf-8"))
    assert (read.data.license, read.data.base_model) == ("apache-2.0", "google/siglip2-base-patch16-384")
    assert (read.data.library_name, read.data.model_name) == ("transformers", "shop")
    scores = {
        (row["task"], row["metric"]): row["value"]
        for row in json.loads((made[0] / "evaluate/results.json").read_text())["scores"]
        if row["model"] == "woven"
    }
    told = {(one.dataset_name, one.metric_type): one.metric_value for one in read.data.eval_results}
    assert told == {key: round(value, 4) for key, value in scores.items()}


def test_no_name_becomes_markup(tokens):
    assert not [token for token in tokens if token.type.startswith("html")]
    links = {str(token.attrs.get("href")) for token in tokens if token.type == "link_open"}
    assert links == {"https://huggingface.co/google/siglip2-base-patch16-384", "https://arxiv.org/abs/2606.27708"}
    assert {str(token.attrs.get("src")) for token in tokens if token.type == "image"} == {"figures/alpha.png"}
    shown = "".join(token.content for token in tokens if token.type in ("text", "text_special"))
    assert shown.count("<script>alert(1)</script>") >= 5, "told as it is, and often"


def test_every_section_is_there(tokens):
    """Numbers of columns are those of the heads: no cell was cut in two."""
    heads = [tokens[place + 1].content for place, token in enumerate(tokens) if token.type == "heading_open"]
    assert heads == [
        "shop", "What it is", "Use", "Results", "Gains and losses", "Alpha, and how it was chosen",
        "Smaller vectors and exported towers", "Training data", "Recipe", "Contamination", "Audit", "Intended use",
        "Limits", "Licence", "Reproduce", "Cite", "Files",
    ]  # fmt: skip


def test_what_it_says(made, tokens):
    shown = "".join(token.content for token in tokens if token.type in ("text", "text_special"))
    for told in ("at alpha 0.5", "of the test queries 25.0%.", "lower-cased, padded and cut to 64 tokens"):
        assert told in shown, told
    assert "cannot open 1.jpg" in shown and "/srv" not in shown
    assert "unknown" in shown  # nobody knows what looks the same


def test_losses_stand_beside_gains(made):
    run = open_run(made[0])
    lines = card_tables.gains_and_losses(run).splitlines()
    assert lines[0] == "| gains | losses, and rivals that are ahead |"
    assert lines[2].startswith("| a gain | &lt;script&gt;")


def test_how_it_was_made_is_what_the_settings_say(made):
    run = open_run(made[0])
    train = run.manifests["train"]["settings"]["train"]
    assert "every weight fine-tuned on the catalogue with graded contrastive losses and distillation" in card._made(run)
    train |= {"lora_rank": 8, "lwf_weight": 0.0, "image_lr": 0}
    run.alpha["towers"] = {"image": 0.25, "text": 1.0}
    told = card._made(run)
    assert "(LoRA, rank 8)" in told and "the image tower frozen" in told and "distillation" not in told
    assert told.endswith("at alpha 0.25 for the image tower and 1 for the text tower.")
    assert "| `lora_rank` | 8 |" in card_tables.recipe(run)


def test_a_pair_of_alphas_is_marked_as_itself_and_its_mean_on_the_curve_is_not(made):
    run = open_run(made[0])
    pair = run.alpha["curve"][0] | {"image": 0.25, "text": 0.75}
    run.alpha.update({"chosen": 0.5, "towers": {"image": 0.25, "text": 0.75}, "surface": [pair]})
    rows = [line for line in card_tables.alpha(run.alpha).splitlines() if "**chosen**" in line]
    assert len(rows) == 1 and rows[0].startswith("| 0.25 / 0.75 **chosen** |")
    told = card._alpha(run, types.SimpleNamespace(figures=()))
    assert told.startswith("Alpha 0.25 for the image tower and 0.75 for the text tower (0 is the base")


def test_a_fresh_base_was_not_woven(made):
    run = open_run(made[0])
    fresh = dataclasses.replace(run, results=run.results | {"models": ["base"], "differences": []})
    fresh.manifests["train"]["settings"]["base"] = "new:siglip"
    assert fresh.ours == "base" and fresh.base == ""
    assert "woven" not in card_tables.results(fresh)


@pytest.mark.parametrize(
    ("count", "told"), [(999, "999 B"), (71_900_000, "71.9 MB"), (3.07e9, "3.07 GB"), (1e6, "1 MB")]
)
def test_sizes(count, told):
    assert card_tables.size(count) == told
