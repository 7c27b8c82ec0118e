"""The house's rules, read from the imports: what knows what, one sentence a module, small files."""

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "weft"
FILES = sorted(PACKAGE.rglob("*.py"))
LONGEST = 290


def module_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in FILES}

ORDER = [  # from what knows nothing to what knows all; modules of one row may know each other
    ("errors", "progress", "processes", "schema", "options", "tables", "engine", ""),
    ("grading", "metrics", "losses", "stats", "search", "bm25", "files", "artefact", "lock", "endpoint"),
    ("demo", "catalogue.sources", "catalogue.images", "catalogue.duplicates", "backdrop", "recipe"),
    ("pairs", "catalogue", "origin"),
    ("encoders", "weights", "merge", "benchmarks"),
    (
        "views",
        "batch",
        "teacher",
        "reference",
        "rates",
        "adapters",
        "trajectory",
        "objective",
        "gradient",
        "fisher",
        "trainer",
        "train",
    ),
    ("tasks", "embed", "evaluate", "family", "fidelity"),
    ("verdict", "sweep", "results", "examine", "per_query", "compare", "seen", "held", "leaks", "judging", "fits"),
    ("weave", "index", "annotate", "curation"),
    ("report", "standings"),
    ("stages", "pipeline", "plan", "sizes", "leaderboard", "publish", "serve", "audit"),
    ("study", "proof", "build"),
    ("cli", "__main__"),
]


def row_of(module: str) -> int:
    """By the longest name in ORDER that the module's begins with."""
    name = module.removeprefix("weft").removeprefix(".")
    known = {part: row for row, parts in enumerate(ORDER) for part in parts}
    while name not in known:
        name = name.rpartition(".")[0]
        assert name, f"{module} has no place in ORDER: a new module must say where it stands"
    return known[name]


def imports(path: Path, everything: bool = True) -> set[str]:
    """Names of all modules that a file imports: anywhere in it, or at its top alone."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found: set[str] = set()
    for node in ast.walk(tree) if everything else tree.body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: imports are absolute"
            own = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else node.module for name in own}
    return found


OURS = {module: {name for name in imports(path) if name.split(".")[0] == "weft"} for module, path in MODULES.items()}


def test_there_are_modules():
    assert len(MODULES) > 40 and "weft.catalogue.sources.parquet" in MODULES and "weft" in MODULES


@pytest.mark.parametrize("module", MODULES)
def test_no_stage_imports_a_later_one(module):
    later = {name for name in OURS[module] if row_of(name) > row_of(module)}
    assert not later, f"{module} imports {later}"


def test_order_names_only_what_exists():
    for row in ORDER:
        for name in row:
            assert f"weft.{name}".rstrip(".") in MODULES, name


@pytest.mark.parametrize("name", ["grading", "metrics", "losses", "stats", "search", "bm25"])
def test_pure_functions_know_no_files_and_no_encoders(name):
    path = MODULES[f"weft.{name}"]
    assert OURS[f"weft.{name}"] <= {"weft.errors", "weft.grading"}
    assert not imports(path) & {"pathlib", "os", "io", "json", "transformers", "pyarrow", "PIL"}
    assert not re.search(r"\bopen\(", path.read_text())


@pytest.mark.parametrize("module", [m for m in MODULES if m.startswith("weft.report")])
def test_the_report_computes_nothing(module):
    allowed = {"weft", "weft.errors", "weft.files", "weft.progress", "weft.catalogue.images"}
    assert {name for name in OURS[module] if not name.startswith("weft.report")} <= allowed
    assert not imports(MODULES[module]) & {"torch", "transformers", "scipy", "pyarrow"}


def test_nothing_imports_the_command_line():
    outside = {
        m for m, names in OURS.items() if not m.startswith("weft.cli") and any(n.startswith("weft.cli") for n in names)
    }
    assert outside == {"weft.__main__"}


def test_the_sweep_stands_above_evaluation():
    assert "weft.evaluate" in OURS["weft.sweep"]
    for module in ("weft.evaluate", "weft.tasks", "weft.embed", "weft.train", "weft.weights"):
        assert "weft.sweep" not in OURS[module]


def test_training_and_evaluation_do_not_know_each_other():
    for module in ("weft.train", "weft.batch"):
        assert not OURS[module] & {"weft.evaluate", "weft.tasks", "weft.embed", "weft.sweep"}
    for module in ("weft.evaluate", "weft.tasks", "weft.embed"):
        assert not OURS[module] & {"weft.train", "weft.batch"}


def test_recipes_and_the_command_line_are_read_without_heavy_libraries():
    heavy = {"torch", "transformers", "pyarrow", "datasets", "matplotlib", "numpy", "PIL"}
    seen, todo = set(), ["weft.recipe", "weft.__main__", *(m for m in MODULES if m.startswith("weft.cli"))]
    while todo:
        module = todo.pop()
        if module in seen or module not in MODULES:
            continue
        seen.add(module)
        top = imports(MODULES[module], everything=False)
        assert not {name.split(".")[0] for name in top} & heavy, f"{module} imports {top & heavy} at its top"
        packages = {".".join(name.split(".")[:n]) for name in top for n in range(1, name.count(".") + 2)}
        todo += [name for name in packages if name.startswith("weft")]
    assert "weft.catalogue.sources.spec" in seen


@pytest.mark.parametrize("module", MODULES)
def test_every_module_opens_with_one_sentence(module):
    text = ast.get_docstring(ast.parse(MODULES[module].read_text(encoding="utf-8")))
    assert text, f"{module} does not say what it is for"
    first = text.split("\n\n")[0].split("\n")[0]
    assert first.endswith((".", "`")) and 20 <= len(first) <= 130, f"{module}: {first!r}"
    assert len(re.findall(r"[.!?] [A-Z]", first)) == 0, f"{module}: one sentence, please: {first!r}"


@pytest.mark.parametrize("module", MODULES)
def test_files_are_small(module):
    lines = len(MODULES[module].read_text(encoding="utf-8").splitlines())
    assert lines <= LONGEST, f"{module} has {lines} lines"


@pytest.mark.parametrize("module", MODULES)
def test_nothing_unsafe_or_forbidden(module):
    names = imports(MODULES[module])
    assert not names & {"pickle", "shelve", "marshal", "torchvision", "timm", "open_clip"}
    source = MODULES[module].read_text(encoding="utf-8")
    assert "trust_remote_code=True" not in source and "torch.load(" not in source and "allow_pickle=True" not in source


def test_tests_mirror_the_package():
    """A test file stands where the module it tests stands."""
    tests = Path(__file__).parent
    folders = {path.parent.name for path in tests.rglob("test_*.py")} - {tests.name}
    assert folders <= {path.name for path in PACKAGE.iterdir() if path.is_dir()}
