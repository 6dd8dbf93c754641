"""Run folders written by a seeded generator: every number that the report must repeat is planted here."""

import json

import numpy as np
import pandas as pd
import pytest
import token_world
import yaml

from unsinter.studies.report import write_report
from unsinter.studies.tables.read import SEALED_FROM

HOSTILE = '<script>alert(1)</script> & "quotes" $x_1$ ünïcode 危害'
CATEGORIES = ("fraud", "weapons and explosives", "privacy", HOSTILE, "self-harm", "harassment")
WORDINGS = ("apology", "policy", "redirect", "flat")
NAN = float("nan")

# model, target -> metric, classes, score (low, high), floor, its name, gain (low, high), control, layer
PLANTED = {
    ("detached", "D"): ("auroc", 2, (0.999, 0.996, 1.0), 0.946, "words", (0.053, 0.034, 0.075), 0.510, 5),
    ("detached", "C"): (
        "macro_f1",
        6,
        (0.983, 0.957, 1.0),
        0.753,
        "characters",
        (0.230, 0.166, 0.294),
        0.077,
        4,
    ),
    ("detached", "R"): ("auroc", 2, (1.0, 1.0, 1.0), 0.926, "words", (0.074, 0.048, 0.105), 0.518, 5),
    ("detached", "W"): (
        "macro_f1",
        4,
        (0.989, 0.969, 1.0),
        0.883,
        "characters",
        (0.106, 0.072, 0.146),
        0.254,
        6,
    ),
    ("sintered", "D"): ("auroc", 2, (1.0, 0.999, 1.0), 0.946, "words", (0.054, 0.036, 0.077), 0.513, 6),
    ("sintered", "C"): (
        "macro_f1",
        6,
        (0.955, 0.914, 0.989),
        0.753,
        "characters",
        (0.202, 0.139, 0.282),
        0.140,
        5,
    ),
    ("sintered", "R"): ("auroc", 2, (0.988, 0.976, 0.998), 0.935, "words", (0.053, 0.033, 0.072), 0.494, 6),
    ("sintered", "W"): (
        "macro_f1",
        4,
        (0.751, 0.690, 0.802),
        0.745,
        "category",
        (0.006, -0.002, 0.017),
        0.195,
        5,
    ),
}


def result_rows(model, target, planted, rng, *, layers=7, positions=("instruction_end", "template_end")):
    """The planted row, chosen, among a sweep's other sites; and a tuned one."""
    metric, classes, score, floor, floor_name, gain, control, best = planted
    chance = 0.5 if metric == "auroc" else 1 / classes
    shared = {
        "model": model,
        "target": target,
        "classes": classes,
        "metric": metric,
        "penalty": 0.01,
        "floor": floor,
        "floor_name": floor_name,
        "control": control,
        "shuffled": chance,
        "shuffled_sd": 0.04,
        "trial": -1,
        "layer0_mean": floor - 0.05,
        "random_model": floor - 0.02,
        "code_bits": 250.0,
        "compression": 4.2,
        "balanced_accuracy": 0.97,
        "tpr_at_1_fpr": 0.93,
        "fpr_there": 0.012,
        "brier": 0.03,
        "ece": 0.02,
        "threshold": 0.1,
        "calibration_slope": 1.1,
        "calibration_intercept": 0.0,
        "converged": True,
        "n_train": 1128,
        "n_test": 376,
        "groups_test": 186,
    }
    rows = []
    for position in positions:
        for layer in range(layers):
            rise = 1 / (1 + np.exp(-(layer - 2 - 1.5 * (position == positions[0])))) + rng.normal(scale=0.01)
            value = min(1.0, chance + (score[0] - chance) * float(np.clip(rise, 0, 0.99)))
            rows.append(
                probe_row(shared, "logistic", layer, position, (value, value - 0.04, min(1, value + 0.03)))
            )
            if (layer, position) == (best, positions[-1]):
                rows[-1] |= probe_row(shared, "logistic", layer, position, score, gain=gain, selected=True)
    tuned = (min(1.0, score[0] + 0.001), score[1], score[2])
    rows.append(probe_row(shared, "mlp", best, positions[-1], tuned, gain=gain, tuned=True) | {"trial": 23})
    return rows


def probe_row(shared, family, layer, position, score, *, gain=None, selected=False, tuned=False):
    gain = gain or tuple(value - shared["floor"] for value in score)
    return shared | {
        "family": family,
        "layer": layer,
        "position": position,
        "inner_score": score[0],
        "score": score[0],
        "score_low": score[1],
        "score_high": score[2],
        "p_value": 0.005,
        "gain": gain[0],
        "gain_low": gain[1],
        "gain_high": gain[2],
        "beats_floor": gain[1] > 0,
        "selectivity": score[0] - shared["control"],
        "selected": selected,
        "tuned": tuned,
    }


def floor_rows(model, target, planted):
    metric, _, _, value, best, _, _, _ = planted
    names = {
        "words": "text",
        "characters": "text",
        "length": "text",
        "category": "label",
        "random_model": "activation",
    }
    for place, (name, kind) in enumerate(names.items()):
        score = value if name == best else value - 0.05 - 0.04 * place
        yield {
            "model": model,
            "target": target,
            "floor": name,
            "kind": kind,
            "metric": metric,
            "score": score,
            "score_low": score - 0.02,
            "score_high": score + 0.02,
            "n_train": 1128,
            "n_test": 376,
        }


def prediction_rows(model, layer, rng, *, n=90):
    """Held-out scores of D and R at the site chosen for D: two directions, four cells."""
    cells = (
        ("harmful", "refusal", 3),
        ("harmless", "compliance", 3),
        ("harmful", "compliance", 1),
        ("harmless", "refusal", 1),
    )
    for harm, answer, share in cells:
        for i in range(n * share // 3):
            key = f"{harm}-{answer}-{i}"
            for target, truth, up in (("D", harm, harm == "harmful"), ("R", answer, answer == "refusal")):
                yield {
                    "model": model,
                    "target": target,
                    "family": "logistic",
                    "layer": layer,
                    "position": "template_end",
                    "id": key,
                    "group": key,
                    "truth": truth,
                    "class": "harmful" if target == "D" else "refusal",
                    "score": float((6 if up else -6) + rng.normal(scale=2)),
                }


def transfer_rows(model, layer, rng):
    for kind, names in (("category", CATEGORIES), ("wording", WORDINGS)):
        for trained in names:
            for tested in names:
                base = 0.97 if trained == tested else 0.9
                auroc, words = min(1.0, base + rng.normal(scale=0.03)), base - 0.15 + rng.normal(scale=0.04)
                shared = {
                    "model": model,
                    "kind": kind,
                    "trained_on": trained,
                    "tested_on": tested,
                    "selected": True,
                    "normalised": 0.9,
                    "n_train_positive": 40,
                    "n_train_negative": 200,
                    "n_test_positive": 25,
                    "n_test_negative": 150,
                }
                yield shared | {
                    "reader": "probe",
                    "layer": layer,
                    "position": "template_end",
                    "auroc": auroc,
                    "low": auroc - 0.05,
                    "high": min(1, auroc + 0.03),
                    "gain": auroc - words,
                    "gain_low": auroc - words - 0.1,
                    "gain_high": auroc - words + 0.1,
                }
                yield shared | {
                    "reader": "words",
                    "layer": -1,
                    "position": "",
                    "auroc": words,
                    "low": words - 0.06,
                    "high": words + 0.05,
                    "gain": NAN,
                    "gain_low": NAN,
                    "gain_high": NAN,
                }


def held_out_rows(model, rng):
    for kind, names in (("source", ("forum questions", "benchmark A", HOSTILE)), ("category", CATEGORIES)):
        for name in names:
            auroc, words = 0.93 + rng.normal(scale=0.02), 0.85 + rng.normal(scale=0.05)
            yield {
                "model": model,
                "kind": kind,
                "held_out": name,
                "layer": 5,
                "position": "template_end",
                "penalty": 0.01,
                "inner_score": 0.99,
                "auroc": auroc,
                "low": auroc - 0.05,
                "high": auroc + 0.03,
                "words": words,
                "gain": auroc - words,
                "gain_low": auroc - words - 0.06,
                "gain_high": auroc - words + 0.06,
                "negatives": "own",
                "n_train": 900,
                "n_test_positive": 60,
                "n_test_negative": 60,
                "split_digest": "5" * 16,
            }


def trial_rows(model, target, rng, *, n=40):
    for number in range(n):
        state = "failed" if number == 7 else "pruned" if rng.random() < 0.35 else "complete"
        value = NAN if state == "failed" else float(0.8 + 0.15 * rng.beta(3 + number / 10, 2))
        yield {
            "model": model,
            "target": target,
            "number": number,
            "state": state,
            "value": value,
            "family": "mlp",
            "layer": int(rng.integers(0, 7)),
            "position": "template_end",
            "seconds": 0.4,
            "params": json.dumps({"width": int(rng.integers(8, 256)), "lr": float(rng.random() / 100)}),
        }


def cross_rows():
    for target, score in (("D", 0.981), ("R", 0.902)):
        yield {
            "target": target,
            "from_model": "detached",
            "from_layer": 5,
            "from_position": "template_end",
            "to_model": "sintered",
            "to_layer": 6,
            "to_position": "template_end",
            "auroc": score,
            "low": score - 0.02,
            "high": score + 0.01,
            "native": 0.99,
            "r2": 0.61,
            "penalty": 1.0,
            "n_train": 1128,
            "n_test": 376,
        }


def difference_rows():
    for target, metric, difference, half in (("D", "auroc", 0.002, 0.004), ("W", "macro_f1", -0.244, 0.06)):
        for sites in ("chosen", "same"):
            yield {
                "target": target,
                "sites": sites,
                "first_model": "detached",
                "first_layer": 5,
                "first_position": "template_end",
                "second_model": "sintered",
                "second_layer": 6 if sites == "chosen" else 5,
                "second_position": "template_end",
                "metric": metric,
                "first_score": 0.988,
                "second_score": 0.988 + difference,
                "difference": difference,
                "low": difference - half,
                "high": difference + half,
                "first_floor": 0.883,
                "second_floor": 0.745,
                "n": 168,
                "groups": 84,
            }


def model_summary(*, cells, wordings, not_studied=None):
    return {
        "identity": {"weights": "a" * 64, "template": "b" * 64},
        "extraction": {"dropped": [], "batch_deviation": {"max_relative": 1.3e-6}, "dtype": "float32"},
        "groups_per_cell": cells,
        "wording_by_category": wordings,
        "selected": [],
        "tuned": [],
        "not_studied": not_studied or {},
    }


def write_folder(folder, *, study, models, **tables):
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        pd.DataFrame(rows).to_parquet(folder / f"{name}.parquet", index=False)
    summary = {
        "schema_version": SEALED_FROM - 1,  # without digests, so that tests may change its files
        "study": study["name"],
        "seed": 0,
        "seconds": 92.4,
        "prompts": 1504,
        "groups": 745,
        "split_digest": "0123456789abcdef",
        "held_out_prompts": 376,
        "models": models,
        "machine": {"system": "Linux", "processor": "a processor", "cores": 2, "memory_bytes": 2**34},
        "versions": {"unsinter": "0.1.0", "torch": "2.13.0"},
    }
    (folder / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    (folder / "study.yaml").write_text(yaml.safe_dump(study, sort_keys=False), encoding="utf-8")
    return folder


def write_full_run(folder):
    """Two planted models, every table; seven of eight scores stand, wording in `sintered` does not."""
    rng = np.random.default_rng(0)
    models = ("detached", "sintered")
    even = {name: dict.fromkeys(WORDINGS, 15) for name in CATEGORIES}
    fused = {
        name: {wording: 44 if i % 4 == j else 5 for j, wording in enumerate(WORDINGS)}
        for i, name in enumerate(CATEGORIES)
    }
    cells = {
        "harmful/refusal": 502,
        "harmful/compliance": 198,
        "harmless/refusal": 12,
        "harmless/compliance": 526,
    }
    shown, scores = token_world.token_tables(models, np.random.default_rng(7))
    return write_folder(
        folder,
        shown_prompts=shown,
        token_scores=scores,
        study={"name": "planted", "seed": 0, "models": [{"name": m, "path": f"planted:{m}"} for m in models]},
        models={
            "detached": model_summary(cells=cells | {"harmless/refusal": 200}, wordings=even),
            "sintered": model_summary(cells=cells, wordings=fused),
        },
        results=[row for key, planted in PLANTED.items() for row in result_rows(*key, planted, rng)],
        floors=[row for key, planted in PLANTED.items() for row in floor_rows(*key, planted)],
        predictions=[row for m in models for layer in (3, 5, 6) for row in prediction_rows(m, layer, rng)],
        transfer=[row for m in models for row in transfer_rows(m, 5, rng)],
        held_out=[row for m in models for row in held_out_rows(m, rng)],
        cross_model=list(cross_rows()),
        model_differences=list(difference_rows()),
        trials=[row for m in models for t in ("D", "W") for row in trial_rows(m, t, rng)],
    )


def write_bare_run(folder):
    """One model, one question, and the words of the prompt do as well; nothing else was studied."""
    rng = np.random.default_rng(1)
    planted = ("auroc", 2, (0.970, 0.962, 0.978), 0.967, "words", (0.003, -0.005, 0.011), 0.487, 4)
    silent = model_summary(cells={}, wordings={}, not_studied={"R": "R needs two classes; no class has"})
    return write_folder(
        folder,
        study={"name": "bare", "seed": 0, "models": [{"name": "encoder", "path": "some/encoder"}]},
        models={"encoder": silent},
        results=[row for row in result_rows("encoder", "D", planted, rng) if not row["tuned"]],
        floors=list(floor_rows("encoder", "D", planted)),
    )


@pytest.fixture(scope="session")
def full_run(tmp_path_factory, verdict_world, verdicts):
    run = write_full_run(tmp_path_factory.mktemp("report") / "planted")
    verdicts.to_parquet(run / "verdicts.parquet", index=False)
    verdict_world.across_table().to_parquet(run / "across_categories.parquet", index=False)
    return run


@pytest.fixture(scope="session")
def full_page(full_run):
    """Written once for all tests that read it."""
    return write_report(full_run).read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def bare_run(tmp_path_factory):
    return write_bare_run(tmp_path_factory.mktemp("report") / "bare")


@pytest.fixture(scope="session")
def bare_page(bare_run):
    return write_report(bare_run).read_text(encoding="utf-8")


@pytest.fixture(name="write_bare_run", scope="session")
def _write_bare_run():
    return write_bare_run
