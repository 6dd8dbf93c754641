from unsinter.studies.cli.tables.summary import HEADER, summary_tables


def row(**changes):
    fields = {
        "target": "W", "metric": "auroc", "classes": 2, "score": 0.9, "score_low": 0.8, "score_high": 0.95,
        "floor": 0.7, "floor_name": "words", "gain": 0.2, "gain_low": 0.1, "gain_high": 0.3,
        "control": 0.55, "shuffled": 0.49, "p_value": 0.01, "layer": 3, "position": "template_end",
        "tuned": False, "family": "logistic", "beats_floor": True,
    }  # fmt: skip
    return fields | changes


def shown(**changes):
    model = {"selected": [row(**changes)], "tuned": [], "groups_per_cell": {}, "not_studied": {}}
    summary = {
        "study": "s",
        "prompts": 9,
        "groups": 8,
        "held_out_prompts": 2,
        "seed": 0,
        "models": {"m": model},
    }
    _, header, rows = summary_tables(summary)[0]
    assert header is HEADER
    return dict(zip(header, rows[0], strict=True))


def test_a_score_stands_beside_its_control_task():
    assert shown()["control"] == "0.550 task"


def test_where_no_control_task_can_be_built_shuffled_labels_stand_in_and_are_named():
    assert shown(control=None)["control"] == "0.490 shuffled"
    assert shown(control=None, shuffled=None)["control"] == "-"
