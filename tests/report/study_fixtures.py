"""A study's results with everything a page may meet: one seed, a row not run, marks, claims of every verdict."""

TASKS = (("in-domain/long", "in-domain"), ("zero-shot/long", "zero-shot"), ("street", "out-of-domain"))


def results(rows: int = 6) -> dict:
    """Rows `r0` (the base) to `r<rows - 1>`; `r1` is the reference, `r2` ours."""
    names = [f"r{number}" for number in range(rows)]
    kinds = ["base", "woven", "woven", *(["tuned", "encoder"] * rows)]
    scores, means, gaps, mean_gaps = [], [], [], []
    for number, name in enumerate(names):
        for task, domain in TASKS:
            value = 0.3 + 0.4 * ((number * 37) % 11) / 11 * (1 if domain == "in-domain" else -0.3)
            told = {"row": name, "value": value, "low": value - 0.02, "high": value + 0.02, "by_seed": {"0": value}}
            scores.append(told | {"task": task, "metric": "recall@10", "n": 100})
            means.append(told | {"domain": domain})
            if number != 1:
                gap = {"row": name, "against": "r1", "difference": value - 0.3, "low": -0.01, "high": 0.05}
                gap |= {"p": 0.01, "p_holm": 0.02, "by_seed": [0.01, 0.02], "seeds_agree": True}
                gap |= {"call": ("better", "worse", "undecided")[number % 3]}
                gaps.append(gap | {"task": task, "metric": "recall@10"})
                mean_gaps.append(gap | {"domain": domain})
    return {
        "schema": "weft-study/1", "name": "toy <b>", "recipe": "shop.toml", "set": ["train.epochs=2"], "base": "demo",
        "seeds": [0, 1, 2], "trial_set": ["train.epochs=1"], "select": "in-domain", "reference": "r1",
        "base_row": "r0", "ours": "r2", "worth": 0.005,
        "created": "2026-11-24T10:00:00+00:00", "environment": {"weft": "0"}, "missing": ["not yet"],
        "tasks": [
            {"name": task, "domain": domain, "primary": "recall@10", "counts": domain != "zero-shot", "queries": 100}
            for task, domain in TASKS
        ],
        "domains": {domain: [task] for task, domain in TASKS},
        "rows": [
            {"name": name, "label": f"{name} <i>|</i>", "why": "", "model": kinds[number], "baseline": False, "set": [],
             "soup_of": "", "trained": number > 0, "seeds": [0], "one_seed": number == 4, "changes": ["train.lr=1"],
             "tried": [{"changes": ["train.lr=1"], "gain": 0.1, "means": {}}, {"changes": ["train.lr=2"], "gain": 0}],
             "alphas": [[], [0.4, 0.4], [{"image": 0.8, "text": 0.6, "head": 0.7}]][min(number, 2)], "models": {}}
            | ({"cost": {"seconds": 12.0, "steps": 30, "steps_per_second": 2.5, "trainings": 3, "trainable": 72386}}
               if number else {})
            for number, name in enumerate(names)
        ],
        "labels": {name: f"{name} <i>|</i>" for name in names},
        "scores": scores, "means": means, "front": ["r0", "r3"], "differences": gaps, "mean_differences": mean_gaps,
        "claim_comparisons": 3, "gallery": 4000,
        "claims": [
            {"name": verdict, "text": f"claim {verdict} <u>", "says": "better", "verdict": verdict, "parts": [
                {"better": "r1", "than": "r0", "domain": "in-domain", "verdict": verdict, "why": "because <s>",
                 "difference": 0.012, "low": -0.01, "high": 0.03, "by_seed": [0.01, -0.02, 0.03]},
                {"better": "r1", "than": "gone", "domain": "in-domain", "verdict": "undecided", "why": "not scored"}]}
            for verdict in ("confirmed", "not confirmed", "reversed", "undecided")
        ],
        "final": {"row": "r2", "holds": False, "sentence": "r2 does not beat <every> one.",
                  "exceptions": [{"text": "street: cannot be told from r3; its seeds disagree"}], "rows": []},
        "curves": {"street": {
            "lines": [{"row": "r1", "alphas": [0.0, 0.5, 1.0], "scores": [0.5, 0.45, 0.2],
                       "measured": [True, False, True], "chosen": [0.5, 0.5]}],
            "baseline": {"row": "r0", "value": 0.5}}},
        "test": [{"row": "r1", "seed": 0, "model": "k", "alpha": 0.4, "changes": [], "when": "2026-11-24T10:00:00"}],
        "warnings": ["r1: its choice changed <after> test was touched"],
    }  # fmt: skip
