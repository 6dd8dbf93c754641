"""The picture that a report opens with, held against the verdicts that it was drawn from."""

import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle

from unsinter.studies.figures.answer_map import MOST_MODELS, MappedAnswer, answer_map
from unsinter.studies.figures.verdict_text import LOOKS, summary_rows
from unsinter.studies.report.evidence.run_data import read_evidence
from unsinter.studies.report.picture import first_picture


def rows_of(*verdicts, position="template_end"):
    return pd.DataFrame(
        [{"layer": n, "position": position, "verdict": verdict} for n, verdict in enumerate(verdicts)]
    )


def cells(figure):
    """(colour, mark) of each cell from the upper left on, by what is drawn."""
    (axis,) = figure.axes
    marks = {(round(t.get_position()[0], 3), round(t.get_position()[1], 3)): t.get_text() for t in axis.texts}
    result = []
    for box in axis.patches:
        if isinstance(box, Rectangle) and box.get_linewidth() < 1:
            middle = (
                round(box.get_x() + box.get_width() / 2, 3),
                round(box.get_y() + box.get_height() / 2, 3),
            )
            colour = "none" if box.get_facecolor()[3] == 0 else to_hex(box.get_facecolor())
            result.append((middle[::-1], colour, marks.get(middle)))
    return [(colour, mark) for _, colour, mark in sorted(result)]


def test_each_cell_has_the_colour_and_the_mark_of_its_verdict():
    verdicts = list(LOOKS)
    answer = MappedAnswer(verdict="shared", site=(1, "template_end"), rows=rows_of(*verdicts))
    figure = answer_map({"Is a apart from b?": {"m": answer}}, ["m"])
    wanted = [("none" if name == "undetermined" else look.colour, look.mark) for name, look in LOOKS.items()]
    assert cells(figure) == wanted
    outlined = [box for box in figure.axes[0].patches if box.get_linewidth() > 1]
    assert len(outlined) == 1
    column = [box for box in figure.axes[0].patches if box.get_linewidth() < 1][1]
    assert outlined[0].get_x() < column.get_x() < outlined[0].get_x() + outlined[0].get_width()


def test_a_model_that_was_not_judged_is_named_as_that():
    answers = {"a": MappedAnswer(verdict="neither", site=(0, "template_end"), rows=rows_of("neither"))}
    figure = answer_map({"q": answers | {"b": MappedAnswer(verdict="undetermined")}}, ["a", "b"])
    assert [text.get_text() for text in figure.axes[0].texts].count("not judged") == 1


def test_many_positions_leave_the_one_that_speaks_and_the_picture_stays_low():
    parts = [rows_of("neither", "shared", position=f"template_{n}") for n in range(12)]
    answer = MappedAnswer(verdict="shared", site=(1, "template_7"), rows=pd.concat(parts))
    questions = {f"q{n}": {"m": answer} for n in range(4)}
    figure = answer_map(questions, ["m"])
    assert len(cells(figure)) == 8
    assert figure.get_figheight() < 3
    assert "template_7" in [text.get_text() for text in figure.axes[0].texts]


def test_many_models_are_rows_of_the_verdicts_that_speak():
    models = [f"m{n}" for n in range(30)]
    verdicts = [name for name in LOOKS if name != "undetermined"]
    answers = {
        model: MappedAnswer(verdict=verdicts[n % 6], site=(0, "p"), rows=rows_of("neither"))
        for n, model in enumerate(models)
    }
    figure = answer_map({"q": answers}, models)
    shown = cells(figure)
    assert shown == [(LOOKS[verdicts[n % 6]].colour, LOOKS[verdicts[n % 6]].mark) for n in range(MOST_MODELS)]
    assert figure.get_figheight() < 3.2


def test_the_text_alternative_tells_every_answer_and_its_counts(full_run, full_page, verdicts):
    picture = first_picture(read_evidence(full_run))
    alt = str(picture.figure.svg).split('aria-label="', 1)[1].split('"', 1)[0]
    assert (
        "Is detection apart from the decision to refuse? detached: detached at layer 5, template_end" in alt
    )
    assert "(9 detached, 4 neither, 1 open of 14 sites)" in alt
    assert "sintered: open" in alt
    # Judged, though the lines tell the study over categories in its place.
    own = summary_rows(verdicts).query("model == 'sintered' and pair == 'C-W'")["verdict"].value_counts()
    assert f"sintered: sintered at layer 5, template_end ({own['shared']} sintered, 1 second only" in alt
    assert "not judged" not in str(picture.figure.svg)
    assert "Is the wording apart from the category?" in alt
    assert full_page.index('id="answer-') < full_page.index('<ul class="lines">') < full_page.index("<nav")
    assert [key.name for key in picture.legend] == [
        f"{LOOKS[name].mark} {LOOKS[name].plain}"
        for name in ("separable", "shared", "first-only", "second-only", "neither", "undetermined")
    ]


def test_a_run_without_verdicts_opens_with_a_curve_and_one_without_scores_with_no_picture(
    bare_run, tmp_path, write_bare_run
):
    assert "Held-out score of D by layer in encoder" in str(first_picture(read_evidence(bare_run)).figure.svg)
    empty = write_bare_run(tmp_path / "empty")
    (empty / "results.parquet").unlink()
    assert first_picture(read_evidence(empty)) is None


@pytest.mark.parametrize("n_models", [1, 2, 4, 5, 16])
def test_columns_and_rows_stay_inside_the_figure(n_models):
    models = [f"a-model-with-a-long-name-{n}" for n in range(n_models)]
    answers = {
        model: MappedAnswer(verdict="shared", site=(3, "template_end"), rows=rows_of(*["shared"] * 43))
        for model in models
    }
    (axis,) = answer_map({"q": answers}, models).axes
    right, bottom = axis.get_xlim()[1], axis.get_ylim()[0]
    for box in axis.patches:
        assert box.get_x() >= 0
        assert box.get_x() + box.get_width() <= right + 1e-9
        assert box.get_y() + box.get_height() <= bottom
