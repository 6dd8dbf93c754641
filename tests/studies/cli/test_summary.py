from unsinter.studies.cli.tables.summary import HEADER, summary_tables


def row(**changes):
    fields = {
        "target": "W", "metric": "auroc", "classes": 2, "score": 0.9, "score_low": 0.8, "score_high": 0.95,
        "floor": 0.7, "floor_name": "words", "gain": 0.2, "gain_low": 0.1, "gain_high": 0.3,
        "control": 0.55, "shuffled": 0.49, "p_value": 0.01, "layer": 3, "position": "template_end",
        "tuned": False, "family": "logistic", "beats_floor": True,
    }  # fmt: skip
    return fields | changes


def tables_of(**changes):
    model = {"selected": [row()], "tuned": [], "groups_per_cell": {}, "not_studied": {}} | changes
    return summary_tables(
        {
            "study": "s",
            "prompts": 9,
            "groups": 8,
            "held_out_prompts": 2,
            "seed": 0,
            "models": {"m": model},
        }
    )


def shown(**changes):
    _, header, rows = tables_of(selected=[row(**changes)])[0]
    assert header is HEADER
    return dict(zip(header, rows[0], strict=True))


def test_a_score_stands_beside_its_control_task():
    assert shown()["control"] == "0.550 task"


def test_where_no_control_task_can_be_built_shuffled_labels_stand_in_and_are_named():
    assert shown(control=None)["control"] == "0.490 shuffled"
    assert shown(control=None, shuffled=None)["control"] == "-"


def test_a_causal_check_that_could_not_be_made_stands_with_what_was_not_studied():
    tables = {title: rows for title, _, rows in tables_of(not_caused="m: too few refusals.")}
    assert tables["not studied"] == [["m", "m: too few refusals."]]
    assert "not studied" not in {title for title, *_ in tables_of()}
