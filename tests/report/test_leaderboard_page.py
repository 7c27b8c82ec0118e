"""The leaderboard shows every score with its marks, stays safe and small, and is as documented."""

import base64
import hashlib
import json
import re

import pytest
from leaderboard_fixtures import NAMES, TASKS, make_image, make_leaderboard, noise
from pages import HOSTILE, Page

from weft.report import leaderboard
from weft.report.leaderboard import cases
from weft.report.words import percent, points

OWN, SIGLIP, OFF = NAMES[0], "Marqo-FashionSigLIP", "Marqo-FashionCLIP"


@pytest.fixture
def results() -> dict:
    return make_leaderboard()


@pytest.fixture(scope="module")
def plain() -> str:
    return leaderboard.page(make_leaderboard(), make_image)


def cell(text: str, benchmark: str, model: str, task: str) -> str:
    """The markup of a cell of a benchmark's main table."""
    table = next(t for t in text.split("<table") if f"<caption>{benchmark}: primary metric" in t)
    row = next(r for r in table.split("<tbody>")[1].split("<tr") if f"<bdi>{model}</bdi>" in r)
    return row.split("<td")[1 + TASKS[benchmark].index(task)]


def words(markup: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", "<td" + markup)).strip()


def test_every_number_is_shown_as_given(plain, results):
    page = Page(plain)
    verdict = results["verdict"]
    assert (
        page.text.index(verdict["sentence"])
        < page.text.index(verdict["exceptions"][0])
        < page.text.index("At a glance")
    )
    assert all(exception in page.text for exception in verdict["exceptions"])
    for row in results["scores"]:
        assert f"{percent(row['value'])} {percent(row['low'])} to {percent(row['high'])}" in page.text
    for row in results["differences"]:
        shown = f"{points(row['difference'])} {points(row['low'])} to {points(row['high'])} <0.001 0.004 1.1"
        assert shown in page.text
    for found in (
        "CC BY-NC 4.0",
        "c0ffee12",
        "Järvelin & Kekäläinen 2002",
        "a1b2c300",
        "weft evaluate MODELS",
        "lower case",
    ):
        assert found in page.text


def test_a_cell_says_how_its_model_stands_to_the_candidate(plain, results):
    """The row's side of the comparison: the candidate's +13.5 is the rival's −13.5."""
    for row in results["differences"]:
        told = words(cell(plain, row["benchmark"], row["against"], row["task"]))
        mark = {"better": "▼", "worse": "▲", "undecided": "?"}[row["call"]]
        standing = {"better": "below", "worse": "above", "undecided": "undecided"}[row["call"]]
        assert f"{mark} {points(-row['difference'])} {standing}, p (Holm) 0.004" in told
    assert not re.search("[▲▼?]", words(cell(plain, "KAGL", OWN, "text-to-image")))


def test_a_cell_says_whether_its_baseline_reproduces(plain):
    shown = {model: words(cell(plain, "KAGL", model, "text-to-image")) for model in [*NAMES, "BM25"]}
    assert "✓ verified" in shown[SIGLIP] and "✗ off by −6.3" in shown[OFF]
    assert all("○ not verified" in shown[model] for model in NAMES[3:])
    assert "verified" not in shown[OWN] + shown["BM25"]  # nobody has published a score of these
    assert "41 seen in training" in shown[OWN]


def test_a_score_verified_on_another_metric_names_it(results):
    results["fidelity"] = [row for row in results["fidelity"] if row["metric"] == "mrr@10"]
    shown = words(cell(leaderboard.page(results, make_image), "KAGL", OFF, "text-to-image"))
    assert "✗ off by −6.3 (MRR@10)" in shown


def test_the_highest_of_a_column_is_marked(plain, results):
    for benchmark, names in TASKS.items():
        for name in names:
            primary = next(t["primary"] for t in results["tasks"] if (t["benchmark"], t["name"]) == (benchmark, name))
            rows = [
                r for r in results["scores"] if (r["benchmark"], r["task"], r["metric"]) == (benchmark, name, primary)
            ]
            top = max(rows, key=lambda row: row["value"])["model"]
            for row in rows:
                assert ('class="best"' in cell(plain, benchmark, row["model"], name)) == (row["model"] == top)


def test_only_its_own_styles_and_script_take_effect(plain):
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', plain)[1].replace("&#x27;", "'")
    assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy
    for kind in ("style", "script"):
        found = re.findall(rf"<{kind}>(.*?)</{kind}>", plain, re.DOTALL)
        allowed = next(part for part in policy.split("; ") if part.startswith(f"{kind}-src")).split()[1:]
        hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in found]
        assert allowed == [f"'sha256-{value}'" for value in hashes]
    assert plain.index("Content-Security-Policy") < plain.index("<style>")
    page = Page(plain)
    assert not {key for _, attributes in page.elements for key in attributes} & {"style", "src", "srcset", "onclick"}
    assert all(a["href"].startswith("#") for _, a in page.elements if "href" in a)
    assert set(re.findall(r"url\(([^;)]*)", plain)) == {"data:image/jpeg"} and "@import" not in plain


@pytest.mark.parametrize("hostile", HOSTILE)
def test_strangers_text_stays_text(plain, results, hostile):
    item = {"id": hostile, "title": hostile, "image": hostile, "grade": 0.0}
    results["worst"][0] |= {"query": hostile, "query_id": hostile, "returned": [item], "relevant": [item]}
    results["verdict"]["exceptions"].append(hostile)
    results["benchmarks"][0] |= {"source": hostile, "notes": [hostile], "citation": hostile}
    results["tasks"][0]["counts"] = {hostile: 3}
    results["models"][1] |= {"id": hostile, "preprocessing": {hostile: hostile}}
    results["fidelity"][0]["source"] = hostile
    results["strata"][0]["label"] = hostile
    results["environment"] = {"command": hostile, hostile: hostile}
    results["metrics"]["recall@10"] = {"definition": hostile, "citation": hostile}
    text = leaderboard.page(results, make_image)
    page = Page(text)
    assert {tag for tag, _ in page.elements} == {tag for tag, _ in Page(plain).elements}
    assert not [key for _, attributes in page.elements for key in attributes if key.startswith("on")]
    assert "\x00" not in text and "\x1b" not in text
    assert page.text.count(re.sub("[\x00\x1b\ud800]", "\ufffd", hostile)) >= 12
    told = leaderboard.markdown(results)
    assert not re.search(r"(?<!\\)<(?!br>)", told) and "\x1b" not in told + leaderboard.terminal(results)


def test_links_lead_somewhere_and_ids_are_unique(plain, results):
    page = Page(plain)
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    links = {attributes["href"][1:] for _, attributes in page.elements if "href" in attributes}
    assert len(ids) == len(set(ids)) and links <= set(ids)
    places = {(row["model"], row["benchmark"], row["task"]) for row in results["worst"]}
    assert len([name for name in ids if re.fullmatch(r"w\d+", name)]) == len(places)


def test_a_score_leads_to_its_own_worst_queries(plain, results):
    results["worst"] = results["worst"][::-1]
    for text, rows in ((plain, make_leaderboard()["worst"]), (leaderboard.page(results, make_image), results["worst"])):
        for row in rows[:40]:
            markup = cell(text, row["benchmark"], row["model"], row["task"])
            anchor = re.search(r'href="#(w\d+)"', markup)[1]
            shown = words(text.split(f'id="{anchor}"')[1].split("</section>")[0])
            assert f"{row['model']} on {row['benchmark']} , {row['task']}" in shown and row["query_id"] in shown


def test_what_is_right_is_told_by_the_task_and_not_by_the_few_that_are_kept(results):
    best = [{"id": f"i{n}", "title": f"best {n}", "image": None, "grade": 3.0} for n in range(6)]
    came = [{"id": f"r{n}", "title": f"grade {n}", "image": None, "grade": float(n)} for n in range(4)]
    results["worst"] = [dict(results["worst"][0], relevant=best, relevant_count=40, relevant_grade=2.0, returned=came)]
    section = leaderboard.page(results, make_image).split('id="w0"')[1].split("</section>")[0]
    assert "Right answers, 2 of 40" in section
    outlined = re.findall(r'<li class="relevant">.*?<bdi>(.*?)</bdi>', section.split("Returned")[1])
    assert outlined == ["grade 2", "grade 3"]


def test_a_picture_is_stored_once(plain, results):
    shown = {i["image"] for row in results["worst"] for i in (*row["relevant"][:2], *row["returned"][:6])}
    rules = re.findall(r"\.(p\d+)\{background-image:url\(data:image/jpeg;base64,([^)]*)\)\}\n", plain)
    pictures = {base64.b64decode(data) for _, data in rules}
    assert len(rules) == len(pictures) == len({cases.thumbnail(make_image, i, cases.SIDE, 75) for i in shown})
    used = [name for name in Page(plain).classes() if re.fullmatch(r"p\d+", name)]
    assert set(used) == {name for name, _ in rules} and len(used) > 10 * len(rules)


def test_ids_with_the_same_bytes_share_a_picture():
    pictures = cases.Pictures(lambda image_id: make_image("navy/wool coat/1"), 10**6)
    for image_id in ("a", "b", "a"):
        pictures.add(image_id)
    assert pictures.show("a") == pictures.show("b") == '<span class="pic p0"></span>'
    assert pictures.sheet().count("data:") == 1 and pictures.sheet().startswith(".p0{")


@pytest.mark.parametrize("broken", [b"", b"not a picture", KeyError("gone"), OSError("gone")])
def test_a_picture_that_cannot_be_had_is_said_to_be_missing(results, broken):
    def image(image_id: str) -> bytes:
        if isinstance(broken, Exception):
            raise broken
        return broken

    page = Page(leaderboard.page(results, image))
    assert "no picture" in page.text and "left out" not in page.text


def test_a_large_leaderboard_stays_small_and_says_what_is_left_out(monkeypatch):
    """A tenth of the room and of the pictures: the limit, not the machine's patience, is what is tested."""
    monkeypatch.setattr(cases, "MOST", 150)
    room = cases.ROOM // 10
    results = make_leaderboard(8, {"A": [f"task {n}" for n in range(8)]}, worst=3, pictures=2000)
    text, sheet = cases.worst(cases.Index(results), noise, room)
    assert room - 20_000 < len(sheet) <= room
    told = words(text)
    queries, left, asked = re.search(r"small: (\d+) queries and ([\d ]+) of ([\d ]+) pictures;", told).groups()
    assert int(queries) == len(results["worst"]) - 150
    assert int(asked.replace(" ", "")) == 150 * 7 == int(left.replace(" ", "")) + sheet.count("background-image")
    assert told.count("left out") > 0 and text.count("<article") == 150
    for part in text.split('<section id="w')[1:]:  # what is left out is spread thin: each has its first picture
        assert re.search(r'class="pic (\w+)"', part)[1] != "lost"


def test_strata_are_limited_and_the_rest_is_counted(results):
    many = [dict(row, label=f"brand {n}") for row in results["strata"][:1] for n in range(50)]
    text = leaderboard.page(results | {"strata": many}, make_image)
    assert "brand 19" in text and "brand 20" not in text and "30 further labels are in leaderboard.json." in text


def test_missing_numbers_are_dashes_and_sort_last(tmp_path, results):
    for row in results["scores"]:
        if row["model"] == SIGLIP:
            row |= {"value": float("nan"), "low": None, "high": float("inf")}
    results["differences"][0] |= {"difference": None, "p": float("nan")}
    text = leaderboard.write(results, make_image, tmp_path).read_text(encoding="utf-8")
    markup = cell(text, "KAGL", SIGLIP, "text-to-image")
    assert words(markup) == "–" and "data-v" not in markup  # the script puts cells without it last
    assert not {"nan", "inf", "none"} & set(Page(text).text.lower().split())
    saved = json.loads((tmp_path / "leaderboard.json").read_text(encoding="utf-8"))
    assert saved["differences"][0]["p"] is None


def test_all_but_models_and_tasks_may_be_missing():
    whole = make_leaderboard()
    bare = {key: whole[key] for key in ("models", "tasks", "scores")}
    for model in bare["models"]:
        model["role"] = "baseline"
    page = Page(leaderboard.page(bare, make_image))
    assert "there is no candidate" in page.text and "pic" not in page.classes()
    assert "no candidate" in leaderboard.terminal(bare) and "no candidate" in leaderboard.markdown(bare)
    for empty in ({}, {"models": [], "tasks": [], "scores": []}):
        assert "Weft leaderboard" in Page(leaderboard.page(empty, make_image)).text
        assert leaderboard.markdown(empty) and leaderboard.terminal(empty)


def test_a_score_given_twice_is_refused(results):
    results["scores"].append(dict(results["scores"][0], value=0.9))
    with pytest.raises(ValueError, match="two rows"):
        leaderboard.page(results, make_image)


def test_several_candidates_each_have_their_comparisons(results):
    results["models"][1]["role"] = "candidate"
    extra = dict(results["differences"][1], model=SIGLIP, difference=-0.321, call="worse")
    text = leaderboard.page(results | {"differences": [*results["differences"], extra]}, make_image)
    assert "−32.1" in Page(text).text and "Candidates" in Page(text).text
    assert "+32.1" not in text  # cells are marked against the first candidate


def test_writing_twice_gives_the_same_page(plain, results):
    assert leaderboard.page(results, make_image) == plain
