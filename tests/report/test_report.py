"""The report shows what it is given, all of it, and lets nothing else in."""

import base64
import io
import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from matplotlib import rc_context
from pages import HOSTILE, Page, leaves
from PIL import Image
from report_fixtures import make_curate, make_image, make_results, paired

from weft import report
from weft.report import figures
from weft.report.words import percent, points


@pytest.fixture
def results():
    return make_results()


def written(tmp_path: Path, results: dict, curate: dict | None = None, image=make_image) -> tuple[Page, str]:
    path = report.write(results, make_curate() if curate is None else curate, image, tmp_path)
    text = path.read_text(encoding="utf-8")
    return Page(text), text


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """The page of the unchanged fixture, with its text."""
    return written(tmp_path_factory.mktemp("plain"), make_results())


def test_everything_that_was_measured_is_shown(plain, results):
    page, _ = plain
    verdict = results["verdict"]
    for told in [verdict["sentence"], *verdict["losses"], *verdict["gains"], *verdict["undecided"]]:
        assert told in page.text
    assert page.text.index("Does not hold") < page.text.index(verdict["losses"][0]) < page.text.index("Scores")
    for row in results["scores"]:
        assert f"{percent(row['value'])} {percent(row['low'])} to {percent(row['high'])}" in page.text
    for row in results["differences"]:
        assert points(row["difference"]) in page.text
    for name in [*results["models"], *(task["name"] for task in results["tasks"]), "weft run demo.toml --set seed=0"]:
        assert name in page.text
    assert "2\u202f000 in = 1\u202f990 kept + 10 skipped" in page.text
    for reason, count in make_curate()["skipped_reasons"].items():
        assert f"{reason} {count}" in page.text


def test_the_main_table_has_every_model_and_task(plain, results):
    table = plain[1].split("<table")[1].split("</table>")[0]
    assert re.findall(r'<th scope="row"><bdi>(.*?)</bdi>', table) == results["models"]
    assert table.count('scope="col"') == 1 + len(results["tasks"])
    body = table.split("<tbody>")[1].split("</tbody>")[0]
    assert body.count("<td") == len(results["models"]) * len(results["tasks"])


def test_values_are_formatted_as_given(tmp_path, results):
    """The interval need not contain the value, nor the difference be that of the values: nothing is recomputed."""
    results["scores"][0] |= {"value": 0.98765, "low": 0.11114, "high": 0.22226}
    results["differences"][0]["difference"] = -0.54321
    page, _ = written(tmp_path, results)
    assert "98.8 11.1 to 22.2" in page.text and "−54.3" in page.text
    told = json.loads((tmp_path / "report.json").read_text())
    assert told["scores"]["base"]["in-domain/short"]["hit_rate@1"]["value"] == 0.98765


@pytest.mark.parametrize("hostile", HOSTILE)
def test_strangers_text_stays_text(tmp_path, plain, results, hostile):
    curate = make_curate()
    curate["skipped"][0] |= {"item": hostile, "reason": hostile}
    curate["skipped_reasons"][hostile] = 3
    curate["dropped"][0]["product_id"] = hostile
    example = results["examples"][0]
    example["query"] = hostile
    example["rows"][0]["items"][0] |= {"title": hostile, "product_id": hostile, "image": hostile}
    for task in results["tasks"][:1]:
        task["note"] = hostile
    results["verdict"]["losses"].append(hostile)
    results["models"].append(hostile)
    results |= {"base": hostile, "catalogue": hostile, "recipe": hostile, "environment": {hostile: hostile}}
    page, text = written(tmp_path, results, curate)
    assert {tag for tag, _ in page.elements} == {tag for tag, _ in plain[0].elements}
    assert not [key for _, attributes in page.elements for key in attributes if key.startswith("on")]
    assert "\x00" not in text and "\x1b" not in text
    shown = re.sub("[\x00\x1b\ud800]", "\ufffd", hostile)
    assert shown in page.text
    assert "\x1b" not in report.table(results)


def test_nothing_outside_the_page_is_asked_for(plain):
    page, text = plain
    for _, attributes in page.elements:
        for key in ("src", "href", "xlink:href", "action", "data", "srcset", "poster", "background"):
            assert (attributes.get(key) or "#").startswith(("#", "data:image/jpeg;base64,"))
    assert set(re.findall(r"https?://[^\"\s<]*", text)) <= {"http://www.w3.org/2000/svg"}
    assert "@import" not in text and not re.findall(r"url\((?!#)", text)
    policy = next(m["content"] for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy and "script" not in policy
    assert not page.all("script")


def test_links_and_ids_agree(plain):
    page, text = plain
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = {a["href"][1:] for _, a in page.elements if a.get("href", "").startswith("#")}
    assert links | set(re.findall(r"url\(#([^)]+)\)", text)) <= set(ids)


def test_pictures_are_small_and_described(plain):
    page, _ = plain
    images = page.all("img")
    assert len(images) == 6 * 2 * 8 + 4 and all(image["alt"] for image in images)
    data = base64.b64decode(images[0]["src"].partition(",")[2])
    picture = Image.open(io.BytesIO(data))
    assert picture.format == "JPEG" and picture.size == (120, 160)
    assert page.text.count("grade 3") > 6 and page.text.count("not relevant") > 6


@pytest.mark.parametrize("broken", [b"", b"not a picture", KeyError("gone"), OSError("gone")])
def test_a_picture_that_cannot_be_shown_is_said_to_be_missing(tmp_path, results, broken):
    def image(image_id: str) -> bytes:
        if isinstance(broken, Exception):
            raise broken
        return broken

    page, _ = written(tmp_path, results, image=image)
    assert not page.all("img") and "no picture" in page.text


def test_optional_parts_may_be_missing(tmp_path):
    results = make_results()
    for key in ("examples", "cost", "environment", "recipe", "differences"):
        del results[key]
    results["alpha"] = {"chosen": 1.0, "rule": "a fresh base is not woven", "curve": []}
    results["models"] = ["base"]
    results["scores"] = [row for row in results["scores"] if row["model"] == "base"]
    results["tasks"] = [task for task in results["tasks"] if task["domain"] == "in-domain"]
    results["verdict"] = {"sentence": "Nothing to compare.", "holds": False, "losses": [], "gains": [], "undecided": []}
    page, _ = written(tmp_path, results, {})
    assert "No difference points downwards." in page.text and not page.all("svg")
    assert report.table(results).endswith("Nothing to compare.")


def test_a_task_that_does_not_count_says_why(tmp_path, results):
    results["tasks"][-1] |= {"counts": False, "note": "the base is below twice chance", "contaminated": 12}
    page, _ = written(tmp_path, results)
    assert "does not count in the verdict, because the base is below twice chance : cifar10." in page.text
    assert "cifar10*" in report.table(results) and "* does not count" in report.table(results)
    assert "saw 12 of the pictures" in page.text


def test_a_missing_number_is_a_dash(tmp_path, results):
    results["scores"][2] |= {"value": float("nan"), "low": float("nan")}
    results["differences"][0]["mde"] = float("inf")
    page, _ = written(tmp_path, results)
    assert "nan" not in page.text.lower().split() and "inf" not in page.text.lower().split()
    assert json.loads((tmp_path / "report.json").read_text())["differences"][0]["mde"] is None


def test_writing_twice_gives_the_same_page(tmp_path, plain, results):
    assert written(tmp_path, results)[1] == plain[1]


def test_the_figures_are_xml_and_show_every_model(results):
    for draw in (figures.scatter, figures.alpha_curve):
        root = ElementTree.fromstring(draw(results))
        assert root.tag.endswith("svg") and root.get("role") == "img" and root.get("aria-label")
        assert root.get("viewBox") and root.get("width") is None
        assert not [e for e in root.iter() if e.tag.endswith(("metadata", "script", "style", "image"))]
    words = "".join(ElementTree.fromstring(figures.scatter(results)).itertext())
    assert all(model in words for model in results["models"])
    words = "".join(ElementTree.fromstring(figures.alpha_curve(results)).itertext())
    assert "α = 0.6" in words and all(task["name"] in words for task in results["tasks"])


@pytest.mark.parametrize("name", ["shoes $5^$", "$5 to $10", "a$x^$b", r"\$5 $\frac{$"])
def test_a_name_in_a_figure_is_no_formula(results, name):
    told = json.dumps(name)[1:-1]
    results = json.loads(json.dumps(results).replace("street titles", told).replace("bm25+woven", told))
    for draw in (figures.scatter, figures.alpha_curve):
        assert name in "".join(ElementTree.fromstring(draw(results)).itertext())


def test_a_pair_of_alphas_is_marked_as_itself_and_its_mean_on_the_curve_is_not(tmp_path, results):
    results["alpha"] = paired(results["alpha"])
    page, text = written(tmp_path, results)
    curve = text.split("The curve in numbers")[1].split("</table>")[0]
    assert re.findall(r'<th scope="row">([^<]*) chosen</th>', curve) == ["0.4 / 0.6"]
    row = curve.split("0.4 / 0.6 chosen")[1].split("</tr>")[0]
    assert row.count("12.3") == len(results["tasks"]) + 1  # the in-domain mean, too
    assert "α = 0.4 for the image tower and 0.6 for the text tower" in page.text.replace("\xa0", " ")
    assert "rings: the chosen pair" in page.text
    words = "".join(ElementTree.fromstring(figures.alpha_curve(results)).itertext())
    assert "α = 0.4 / 0.6" in words and "α = 0.5" not in words
    with rc_context(figures.FONT):
        panels = figures.draw_alpha_curve(results).axes
        (trade,) = figures.draw_scatter(results).axes
    rings = [line for axes in panels for line in axes.lines if line.get_markersize() == 9]
    assert len(rings) == len(results["tasks"]) and all(line.get_xdata().tolist() == [0.5] for line in rings)
    assert not [line for axes in panels for line in axes.lines if list(line.get_xdata()) == [0.5, 0.5]]
    (ring,) = [line for line in trade.lines if line.get_markersize() == 7]
    assert (ring.get_xdata()[0], ring.get_ydata()[0]) == pytest.approx((12.3, 12.3))
    (path,) = [line for line in trade.lines if line.get_markersize() == 2.2]
    assert len(path.get_xdata()) == len(results["alpha"]["curve"])
    results["alpha"] = paired(results["alpha"], 0.5, 0.5)  # equal ones are on it
    equal = written(tmp_path, results)[1]
    assert equal.count("0.5 chosen") == 1 and " / 0.5" not in equal


def test_figures_follow_the_page_in_the_dark(results):
    style = (Path(figures.__file__).parent / "style.css").read_text()
    svg = figures.scatter(results) + figures.alpha_curve(results)
    dark = style.split("prefers-color-scheme: dark")[1].split("\n}")[0]
    for variable, colour in figures.COLOURS.items():
        assert f"--{variable}:" in dark
        assert svg.count(colour) == svg.count(f"var(--{variable}, {colour})")
    assert len(set(figures.COLOURS.values())) == len(figures.COLOURS)


def test_the_scatter_plots_the_means_it_is_given(results):
    """By hand: the base's in-domain tasks score 0.193 and 0.255, each plus or minus 0.024."""
    assert figures.means(results)["base"]["in-domain"] == pytest.approx((0.224, 0.2, 0.248))
    assert "out-of-domain" not in figures.means(results)["bm25"]
    results["means"] = [{"model": "base", "domain": "in-domain", "value": 0.5, "low": 0.4, "high": 0.7}]
    assert figures.means(results)["base"] == {"in-domain": (0.5, 0.4, 0.7)}


@pytest.mark.parametrize("kind", ["png", "pdf", "svg"])
@pytest.mark.parametrize("draw", [figures.draw_scatter, figures.draw_alpha_curve])
def test_figures_are_saved_for_print(tmp_path, results, draw, kind):
    path = figures.save(draw, results, tmp_path / f"figure.{kind}")
    assert path.read_bytes()[:5] in (b"\x89PNG\r", b"%PDF-", b"<?xml")
    assert figures.save(draw, results | {"scores": [], "alpha": {}}, tmp_path / f"none.{kind}") is None


def test_the_terminal_table_lines_up(results):
    text = report.table(results, width=70)
    assert text.endswith(results["verdict"]["sentence"])
    assert all(loss in text for loss in results["verdict"]["losses"])
    block = text.split("\n\n")[0].splitlines()
    assert [line.split()[0] for line in block[-5:]] == results["models"]
    assert len({line.index("±") for line in block[-5:]}) == 1
    woven = next(line for line in block if line.startswith("woven"))
    assert re.findall(r"[↑↓=?]", woven) == ["↑", "↑", "?", "↑"]
    assert "32.9 ±2.4 ↑" in woven
    assert max(map(len, block)) <= 70


def documented() -> dict[str, tuple[set[str], bool, re.Pattern]]:
    """Field -> types, whether it is always there, and the paths it stands for, from docs/report-schema.md."""
    text = (Path(__file__).parents[2] / "docs" / "report-schema.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([^`]+)` \| ([a-z ]+) \| (always)? ?\|", text, re.MULTILINE)
    fields = {}
    for field, kinds, always in rows:
        pattern = "\x1f".join("[^\x1f]+" if part == "*" else re.escape(part) for part in field.split("."))
        fields[field] = (set(kinds.split(" or ")), bool(always), re.compile(pattern))
    return fields


def test_report_json_is_as_documented(tmp_path, results):
    written(tmp_path, results | {"alpha": paired(results["alpha"])})
    told = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert told == json.loads(json.dumps(told, allow_nan=False))
    names = {str: "string", bool: "boolean", int: "number", float: "number", type(None): "null"}
    fields, seen = documented(), set()
    for path, value in leaves(told):
        found = [field for field, (_, _, pattern) in fields.items() if pattern.fullmatch(path)]
        assert found, f"undocumented: {path}"
        assert any(names[type(value)] in fields[field][0] for field in found), path
        seen.update(found)
    assert seen == set(fields), "the fixture should exercise every documented field"
    written(tmp_path, results | {"differences": [], "examples": []}, {})
    again = {path for path, _ in leaves(json.loads((tmp_path / "report.json").read_text(encoding="utf-8")))}
    for field, (_, always, pattern) in fields.items():
        assert not always or any(pattern.fullmatch(path) for path in again), field


def test_report_json_holds_the_results_unchanged(tmp_path, results):
    written(tmp_path, results)
    told = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    for key in ("verdict", "alpha", "models", "tasks", "differences", "seed"):
        assert told[key] == results[key]
    for row in results["scores"]:
        cell = told["scores"][row["model"]][row["task"]][row["metric"]]
        assert cell == {key: row[key] for key in ("value", "low", "high", "n")}
