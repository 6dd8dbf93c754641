"""The page as text: the same bytes each time, nothing that a name could break out of, no prompt."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from explored_run import write_explored_run
from hypothesis import given, settings
from hypothesis import strategies as st

from unsinter.studies.cli.commands.view import view_verb
from unsinter.studies.explorer.labels import prompt_labels
from unsinter.studies.explorer.page import MARK, make_explorer
from unsinter.studies.explorer.payload import KeptPrompts, as_json
from unsinter.studies.report.evidence.run_data import read_evidence
from unsinter.studies.tables.columns import VERDICTS


class Parts(HTMLParser):
    """Elements of a page, and what its scripts hold."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.scripts, self.policy, self.title = [], [], "", ""
        self.inside = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.inside = tag
        attrs = dict(attrs)
        if tag == "script":
            self.scripts.append([attrs, ""])
        if attrs.get("http-equiv") == "Content-Security-Policy":
            self.policy = attrs["content"]

    def handle_endtag(self, tag):
        self.inside = ""

    def handle_data(self, data):
        if self.inside == "script":
            self.scripts[-1][1] += data
        if self.inside == "title":
            self.title += data

    def data(self, name):
        return next(json.loads(text) for attrs, text in self.scripts if attrs.get("id") == name)


@pytest.fixture(scope="module")
def text(explorer_page):
    return explorer_page.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def parts(text):
    return Parts(text)


def test_two_calls_write_the_same_bytes(explored_run, explorer_page, tmp_path):
    again = view_verb(explored_run, out=tmp_path / "again.html")
    assert again.read_bytes() == explorer_page.read_bytes()
    assert view_verb(explored_run, out=again).read_bytes() == explorer_page.read_bytes()


def test_hostile_names_stay_names(parts, explored_run):
    plain = Parts(
        re.sub(r'(<script type="application/json"[^>]*>)[^<]*', r"\1{}", explored_run_page(explored_run))
    )
    assert parts.tags == plain.tags
    assert [attrs.get("type") for attrs, _ in parts.scripts] == ["application/json"] * 3 + [None]
    hostile = pd.read_parquet(explored_run / "prompts.parquet")["id"].iloc[-1]
    assert "</script>" in hostile
    assert parts.data("model-0")["ids"][-1] == hostile
    assert parts.data("model-0")["sheets"]["transfer"][0]["rows"][1] == hostile
    assert parts.title == f"{hostile}: explorer"


def explored_run_page(run):
    return make_explorer(read_evidence(run), KeptPrompts())


NAMES = st.text(st.characters(codec=None), max_size=40) | st.sampled_from(
    ["</script>", "<!--", "<script", "]]>", "&lt;", "\u2028", "\ud800", "\x00", '"', "\\u003c", "-->"]
)


@settings(deadline=None)
@given(
    table=st.recursive(
        NAMES | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(NAMES, inner)
    )
)
def test_json_in_a_page_is_read_back_as_it_was_and_holds_no_sign_of_html(table):
    text = as_json([table])
    assert json.loads(text) == [table]
    assert not set(text) & set("<>&\u2028\u2029")
    assert text.isascii()
    pieces = Parts(f'<script type="application/json" id="x">{text}</script><p>')
    assert pieces.tags == ["script", "p"]
    assert pieces.data("x") == [table]


@settings(deadline=None)
@given(values=st.lists(st.none() | st.text(max_size=8), min_size=1, max_size=6))
def test_a_label_is_the_one_of_the_table(values):
    ids = [str(place) for place in range(len(values))]
    prompts = pd.DataFrame({"id": ids, "category": pd.Series(values, dtype=object), "prompt": "never read"})
    labels = {label.name: label for label in prompt_labels(ids[::-1], prompts, None)}
    expected = [value or None for value in values[::-1]]
    if any(expected):
        label = labels.pop("category")
        assert [label.values[code] if code >= 0 else None for code in label.codes] == expected
    assert not labels


def test_nothing_but_the_page_itself_may_run_and_nothing_may_be_fetched(parts, text):
    assert parts.policy.startswith("default-src 'none'; ")
    assert "unsafe" not in parts.policy
    assert "http" not in parts.policy
    script = parts.scripts[-1][1]
    style = text.split("<style>")[1].split("</style>")[0]
    for content in (script, style):
        assert (
            f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'" in parts.policy
        )
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text)
    assert not re.search(r"innerHTML|insertAdjacent|document\.write|eval\(|fetch\(|XMLHttp|import\(", script)


def test_no_text_of_a_prompt_stands_in_the_page(text):
    assert "THE TEXT OF" not in text


def test_labels_and_scores_of_each_model_are_its_own(parts, explored_run):
    rows = pd.read_parquet(explored_run / "rows.parquet").query("model == 'sintered'").set_index("id")
    table = parts.data("model-1")
    assert table["name"] == "sintered"
    labels = {label["name"]: label for label in table["labels"]}
    assert set(labels) == {"harm", "category", "source", "group", "answer", "wording", "answer labelled by"}
    own = [labels["answer"]["values"][code] for code in labels["answer"]["codes"]]
    assert own == rows["refusal"].reindex(table["ids"]).tolist()


def test_every_score_stands_beside_its_floor_and_control_or_is_not_shown(explored_run, tmp_path):
    evidence = read_evidence(explored_run)
    results = evidence["results"].copy()
    results.loc[(results["target"] == "D") & (results["layer"] == 3), "control"] = np.nan
    evidence.tables["results"] = results
    table = Parts(make_explorer(evidence, KeptPrompts())).data("model-0")
    ((kind, _, _, *lines),) = table["scores"]["3 template_end"]
    rows = {row[0][0]: row for row in ([table["texts"][place] for place in line] for line in lines)}
    assert kind == "table"
    assert rows["D"][1:] == ["\u2013"] * 4 + ["not shown: no control"]
    assert rows["R"][1] == "AUROC .700 [.670, .730]"
    assert rows["R"][2] == ".550, the words of the prompt"
    assert rows["R"][4] == ".512 [.450, .570], 90 groups"


def opened_terms(cell, texts):
    """What is said of each term in the evidence that a cell opens."""
    pairs = [pair for kind, *parts in cell["blocks"] if kind == "terms" for pair in parts]
    return {texts[term]: texts[text] for term, text in pairs}


def test_a_verdict_cell_opens_the_row_of_the_table(parts, verdicts):
    table = parts.data("model-0")
    maps = {own["title"].split(":")[0]: own for own in table["sheets"]["verdicts"]}
    assert list(maps) == ["D-R", "D-W", "C-W"]
    own = verdicts[(verdicts["model"] == "detached") & (verdicts["pair"] == "D-W")]
    summary = own[own["is_summary"]].set_index(["layer", "position"])
    (layout,) = maps["D-W"]["layouts"]
    assert len(layout["cells"]) == len(summary) == 14
    n_contrasts = 0
    for cell in layout["cells"]:
        row = summary.loc[tuple(cell["site"])]
        assert (maps["D-W"]["columns"][cell["column"]], maps["D-W"]["rows"][cell["row"]]) == (
            str(cell["site"][0]),
            cell["site"][1],
        )
        assert row["verdict"] in cell["look"].split()
        terms = opened_terms(cell, table["texts"])
        assert terms["reason"] == row["reason"]
        assert terms.get("what would settle it", "") == row["settles"]
        assert terms["A: first, second held fixed"].startswith(f"{row['a']:.3f}".removeprefix("0"))
        assert terms["groups: both, first, second, neither"] == "402, 98, 140, 426"
        n_contrasts += sum(
            len(block) - 3
            for block in cell["blocks"]
            if block[0] == "table" and table["texts"][block[1]] == "class by class"
        )
    assert n_contrasts == (~own["is_summary"]).sum()


def test_numbers_of_the_second_factor_are_called_as_those_of_the_first(parts):
    table = parts.data("model-0")
    texts = {text for text in table["texts"] if text.startswith("of the second factor as of the first: ")}
    like = [name for name, column in VERDICTS.items() if column.like]
    assert like == [f"{name}_second" for name in ("distance", "bound", "nonlinear", "hidden", "o")]
    assert texts <= {
        f"of the second factor as of the first: {VERDICTS[VERDICTS[name].like].meaning}" for name in like
    }
    assert f"of the second factor as of the first: {VERDICTS['distance_first'].meaning}" in texts


def test_a_transfer_cell_has_its_floor_and_its_gain(parts, explored_run):
    table = parts.data("model-1")
    matrix, texts = table["sheets"]["transfer"][0], table["texts"]
    rows = pd.read_parquet(explored_run / "transfer.parquet").query("model == 'sintered'")
    assert [(own["site"], own["chosen"]) for own in matrix["layouts"]] == [
        ([5, "template_end"], True), ([3, "instruction_end"], False),
    ]  # fmt: skip
    for layout in matrix["layouts"]:
        assert len(layout["cells"]) == 9
        for cell in layout["cells"]:
            names = (matrix["rows"][cell["row"]], matrix["columns"][cell["column"]])
            own = rows[(rows["trained_on"] == names[0]) & (rows["tested_on"] == names[1])]
            probe = own[(own["reader"] == "probe") & (own["layer"] == layout["site"][0])].iloc[0]
            floor = own[own["reader"] == "words"].iloc[0]
            assert float(cell["sign"]) == pytest.approx(probe["auroc"], abs=0.0051)
            assert float(cell["small"]) == pytest.approx(floor["auroc"], abs=0.0051)
            assert cell["share"] == pytest.approx(2 * probe["auroc"] - 1, abs=1e-4)
            assert (cell["look"] == "above") == (probe["gain_low"] > 0)
            terms = opened_terms(cell, texts)
            assert terms["AUROC of the probe"].startswith(f"{probe['auroc']:.3f}".removeprefix("0"))
            assert terms["floor: AUROC of the words"].startswith(f"{floor['auroc']:.3f}".removeprefix("0"))


def test_an_auroc_of_transfer_without_a_floor_is_not_shown(explored_run):
    evidence = read_evidence(explored_run)
    transfer = evidence["transfer"]
    evidence.tables["transfer"] = transfer[transfer["reader"] == "probe"]
    table = Parts(make_explorer(evidence, KeptPrompts())).data("model-0")
    cells = [cell for own in table["sheets"]["transfer"][0]["layouts"] for cell in own["cells"]]
    assert {(cell["sign"], cell["small"], cell.get("share")) for cell in cells} == {
        ("\u2013", "\u2013", None)
    }
    assert {tuple(opened_terms(cell, table["texts"])) for cell in cells} == {("AUROC",)}
    assert "not shown: the run has no floor for it" in table["texts"]


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("verdicts", "Verdicts: no separation verdict is part of this run."),
        ("transfer", "Transfer: none is part of this run"),
        ("predictions", "Picture: the run holds no held-out scores of prompts in two classes."),
        ("prompts", "Labels: an earlier version wrote this run"),
    ],
)
def test_what_a_run_lacks_is_said_and_the_rest_is_shown(verdicts, tmp_path, table, words):
    run = write_explored_run(tmp_path / "run", models=("one",), tables={"verdicts": verdicts, table: None})
    (run / f"{table}.parquet").unlink(missing_ok=True)
    text = view_verb(run, out=None).read_text(encoding="utf-8")
    assert any(line.startswith(words) for line in Parts(text).data("model-0")["missing"])


def test_a_run_of_one_target_says_that_nothing_goes_up(tmp_path):
    run = write_explored_run(tmp_path / "run", models=("one",))
    scores = pd.read_parquet(run / "predictions.parquet").query("target == 'D'")
    scores.to_parquet(run / "predictions.parquet", index=False)
    lines = Parts(view_verb(run, out=None).read_text(encoding="utf-8")).data("model-0")["missing"]
    assert any("its score goes across and nothing goes up" in line for line in lines)


@pytest.mark.parametrize("version", [2, 3])
def test_runs_of_earlier_versions_are_read(explored_run, verdicts, tmp_path, version):
    run = write_explored_run(tmp_path / "run", tables={"verdicts": verdicts})
    summary = json.loads((run / "summary.json").read_text(encoding="utf-8")) | {"schema_version": version}
    (run / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    if version == 2:
        results = pd.read_parquet(run / "results.parquet").drop(columns=["control_low", "control_groups"])
        results.to_parquet(run / "results.parquet", index=False)
    table = Parts(view_verb(run, out=None).read_text(encoding="utf-8")).data("model-0")
    assert len(table["axes"]) == 2
    assert len(table["sheets"]["verdicts"]) == 3


def test_the_mark_by_which_a_page_is_known_stands_at_its_beginning(text):
    assert MARK in text[:200]


def cells_of(table, kind):
    """Names of row and column -> cell, of the only layout of a section's first sheet."""
    sheet = table["sheets"][kind][0]
    (layout,) = sheet["layouts"]
    return {(sheet["rows"][cell["row"]], sheet["columns"][cell["column"]]): cell for cell in layout["cells"]}


def test_a_left_out_cell_has_its_floor_and_its_gain(parts, explored_run):
    table = parts.data("model-1")
    rows = pd.read_parquet(explored_run / "held_out.parquet").query("model == 'sintered'")
    cells = cells_of(table, "left-out")
    assert len(cells) == len(rows) == 3
    for row in rows.to_dict("records"):
        cell = cells[row["target"], row["held_out"]]
        terms = opened_terms(cell, table["texts"])
        assert (cell["site"], cell["look"] == "above") == ([4, "template_end"], row["gain_low"] > 0)
        assert terms["AUROC of the probe"].startswith(f"{row['auroc']:.3f}".removeprefix("0"))
        assert terms["floor: AUROC of the words, on the same rows"] == f"{row['words']:.3f}".removeprefix("0")
        assert terms["negatives"] == "held-out rows of the others"
        assert terms["tested on, positive"] == "25"


def test_a_carried_probe_stands_in_the_model_whose_probe_it_is_beside_floor_and_control(parts):
    for place, other in ((0, "sintered"), (1, "detached")):
        table = parts.data(f"model-{place}")
        cells = cells_of(table, "carried")
        assert list(cells) == [("D", other), ("W", other)]
        terms = opened_terms(cells["D", other], table["texts"])
        assert terms["AUROC on the mapped activations"] == ".800 [.750, .850]"
        assert terms["best floor there"] == ".550, the words of the prompt"
        assert terms["control there"] == ".512 [.450, .570], 90 groups"
        assert terms["maps of rows paired at random"] == ".500 [.400, .600]"
        assert cells["D", other]["look"] == "above"
        assert cells["D", other]["share"] == pytest.approx(0.6)
        assert cells["W", other]["share"] == pytest.approx(0.3)
        assert (cells["W", other]["sign"], cells["W", other]["look"]) == (".30", "")


def test_a_carried_probe_without_floor_or_control_is_not_shown(explored_run):
    evidence = read_evidence(explored_run)
    evidence.tables["results"] = evidence["results"].assign(control=np.nan)
    table = Parts(make_explorer(evidence, KeptPrompts())).data("model-0")
    for cell in cells_of(table, "carried").values():
        assert (cell["sign"], cell["small"]) == ("\u2013", "\u2013")
        assert ".800" not in str(opened_terms(cell, table["texts"]))


def test_a_cell_over_all_categories_opens_the_sentence_and_every_number_of_its_row(parts, explored_run):
    table = parts.data("model-0")
    rows = pd.read_parquet(explored_run / "across_categories.parquet").query("model == 'detached'")
    cells = cells_of(table, "categories")
    assert len(cells) == len(rows) == 2
    for row in rows.to_dict("records"):
        cell = cells[row["position"], str(row["layer"])]
        terms = opened_terms(cell, table["texts"])
        assert row["statement"] in [table["texts"][block[1]] for block in cell["blocks"] if block[0] == "p"]
        assert terms["reason"] == row["reason"]
        assert {"separable": "detached", "undetermined": "cannot tell"}[cell["look"].split()[1]] == (
            row["decision"]
        )
        assert ("chosen" in cell["look"]) == row["selected"]
        numbers = {term.split(":")[0]: text for term, text in terms.items()}
        assert numbers["pooled"] == ".900 [.850, .950]"
        assert numbers["n_refusals"] == "300"
