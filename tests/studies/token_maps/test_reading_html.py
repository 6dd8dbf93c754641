"""A prompt read token by token, as HTML and SVG: every sign escaped, every number reachable."""

import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
import token_world
from hypothesis import given
from hypothesis import strategies as st

from unsinter.studies.study.file import StudyError
from unsinter.studies.token_maps.cells import cut, n_columns
from unsinter.studies.token_maps.colour_limits import colour_limits
from unsinter.studies.token_maps.map_svg import map_width, token_map
from unsinter.studies.token_maps.reading_html import reading_html, reading_page
from unsinter.studies.token_maps.readings import answer_words, make_readings, margin_text


@pytest.fixture(scope="module")
def tables():
    shown, scores = token_world.token_tables(["m"], np.random.default_rng(0))
    return pd.DataFrame(shown), pd.DataFrame(scores)


@pytest.fixture(scope="module")
def reading(tables):
    return make_readings(*tables, {})[0]


class Seen(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.text = [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text.append(data)


def parsed(markup):
    seen = Seen()
    seen.feed(str(markup))
    return seen


def test_markup_of_a_prompt_and_of_names_is_shown_and_never_becomes_an_element(reading):
    seen = parsed(reading_page([reading], study="<u>study", style=""))
    tags = {tag for tag, _ in seen.tags}
    assert not tags & {"script", "i", "b", "u"}
    text = "".join(seen.text)
    for part in ("<script>", "alert(1)", "prompt 0 <i>", "most typical of <b>, by D", "<u>study"):
        assert part in text


def test_escapes_and_signs_of_direction_are_written_out(reading):
    page = reading_page([reading], study="s", style="")
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", page)
    assert "\\x1b[31m" in page
    assert "\\u202e" in page
    assert "\u5982\u4f55\u70e4\u9762\u5305" in page
    assert "\u0643\u064a\u0641" in page


def test_every_number_stands_in_a_table_and_in_a_tooltip(reading):
    page = str(reading_html(reading))
    tables = re.findall(r"<table>.*?</table>", page, re.DOTALL)
    titles = re.findall(r"<title>(.*?)</title>", page)
    assert len(tables) == len(reading.targets) == 2
    assert len(titles) == 2 * len(reading.tokens)
    for target, table in zip(reading.targets, tables, strict=True):
        numbers = re.findall(r"<td>([+\u2212]\d+\.\d\d|no score)</td>", table)
        assert numbers == [margin_text(m) for m in target.margins.T.ravel()]
        assert "no score" in numbers
    assert ", 5: " in titles[0]


def test_scores_are_relative_to_the_threshold_and_the_colour_says_on_which_side(tables, reading):
    _, scores = tables
    target = reading.targets[0]
    own = scores[(scores["id"] == reading.id) & (scores["target"] == "D") & (scores["layer"] == 5)]
    np.testing.assert_allclose(target.chosen, own["score"] - own["threshold"])
    levels = target.levels(target.margins)
    finite = np.isfinite(target.margins)
    assert (np.sign(levels) == np.sign(np.nan_to_num(target.margins))).all()
    assert np.abs(levels).max() == 4
    assert (np.abs(levels)[finite & (np.abs(target.margins) >= target.limit)] == 4).all()
    spans = re.findall(
        r'<span class="([a-z0-9-]+)(?: template)?" title="[^"]*: ([^" ]+)', str(reading_html(reading))
    )
    for name, number in spans:
        assert name.startswith({"+": "above", "\u2212": "below"}.get(number[0], "none")), number
    assert {name for name, _ in spans} >= {"above-4", "none"}


def test_the_map_has_a_cell_for_every_score_in_its_row_and_column(reading):
    target = reading.targets[0]
    svg = str(token_map(reading, target))
    cells = {}
    for name, path in re.findall(r'<path class="((?:above|below)-\d|at|none)" d="([^"]+)"', svg):
        for x, y in re.findall(r"M([\d.]+) ([\d.]+)h", path):
            assert (x, y) not in cells
            cells[x, y] = name
    assert len(cells) == target.margins.size
    columns = sorted({float(x) for x, _ in cells})
    rows = sorted({float(y) for _, y in cells})
    by_place = {(columns.index(float(x)), rows.index(float(y))): name for (x, y), name in cells.items()}
    for (layer, token), margin in np.ndenumerate(target.margins):
        expected = "none" if np.isnan(margin) else "above" if margin > 0 else "below"
        assert by_place[layer, token].startswith(expected)
    assert svg.count('class="mark"') == 1


@pytest.mark.parametrize("n", [1, 7, 33, 81])
def test_a_map_is_as_wide_as_a_phone_unless_the_model_is_very_deep(n):
    assert map_width(n) <= (358 if n <= 28 else 138 + 7 * n + 18)


def test_tokens_that_are_left_out_are_counted(tables):
    shown, scores = tables
    kept = scores[(scores["token"] < 4) | (scores["token"] > 9)]
    (first, _) = make_readings(shown, kept, {})
    page = str(reading_html(first))
    assert "6 tokens" in page
    assert first.n_tokens == 22


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (
            {"refusal": "refusal", "wording": "apology", "opening_characters": 7},
            "a refusal (apology), 7 characters",
        ),
        (
            {"refusal": "compliance", "wording": "", "opening_characters": pd.NA},
            "an answer, no refusal, not shown",
        ),
        ({"refusal": "", "opening_characters": 4}, "without a label, 4 characters, not shown"),
        ({"refusal": None}, "none"),
    ],
)
def test_of_an_answer_the_label_and_the_length_are_said(row, words):
    assert answer_words(row).startswith(words)


def test_the_strongest_colour_is_of_the_held_out_scores_at_the_chosen_site(tables):
    shown, _ = tables
    rows = pd.DataFrame({"score": np.arange(11.0) + 0.25, "id": list("abcdefghijk")})
    site = {"model": "m", "target": "D", "layer": 5, "position": "template_end", "family": "logistic"}
    other = rows.assign(**site | {"layer": 1, "score": 99.0})
    limits = colour_limits(shown, pd.concat([rows.assign(**site), other]))
    assert limits == {("m", "D"): pytest.approx(9.0)}


@given(st.text(max_size=60), st.integers(1, 20))
def test_a_cut_text_never_takes_more_columns_than_there_are(text, most):
    assert n_columns(cut(text, most)) <= max(most, 1)
    assert cut(text, most) == text or cut(text, most).endswith("\u2026")


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [("shown", "layer", np.nan), ("shown", "layer", np.inf), ("shown", "id", None),
     ("scores", "token", np.nan), ("scores", "target", None), ("scores", "layer", 99.0),
     ("scores", None, None)],
)  # fmt: skip
def test_tables_from_anywhere_that_do_not_say_of_what_they_are_end_in_one_sentence(
    tables, table, column, value
):
    shown, scores = (part.copy() for part in tables)
    if column is None:
        scores = pd.DataFrame()
    else:
        part = {"shown": shown, "scores": scores}[table]
        part[column] = part[column].astype(object if value is None else float)
        part.loc[part.index, column] = value
    with pytest.raises(
        StudyError, match=r"shown_prompts and token_scores do not go together \(.*; run the study"
    ):
        make_readings(shown, scores, {})


def test_missing_numbers_have_no_score_and_no_colour(tables):
    shown, scores = (part.copy() for part in tables)
    for part in (shown, scores):
        part[["score", "threshold"]] = part[["score", "threshold"]].astype("Float64")
        part.loc[part.index, "threshold"] = pd.NA
    page = str(reading_html(make_readings(shown, scores, {})[0]))
    assert "no score" in page
    assert "above-4" not in page.split("</ul>")[1].split("</svg>")[0]
