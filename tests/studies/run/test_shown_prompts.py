"""Prompts of a run read token by token: their scores against another source, and what is kept of answers."""

import html
import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors import safe_open
from transformers import AutoModelForCausalLM, AutoTokenizer

from unsinter.studies import Run
from unsinter.studies.report.evidence.run_data import read_evidence
from unsinter.studies.report.sections.blocks import Drawn
from unsinter.studies.report.sections.layer_sections import prompt_blocks
from unsinter.studies.report.write import write_report
from unsinter.studies.study.file import StudyError, load_study
from unsinter.studies.token_maps.reading import MOST_TOKENS, kept_tokens

KEYS = ["model", "target", "layer", "position", "id"]


@pytest.fixture(scope="module")
def tables(shown_run):
    names = ("shown_prompts", "token_scores", "predictions", "results", "prompts", "rows", "split")
    return {name: pd.read_parquet(shown_run / f"{name}.parquet") for name in names}


def raw_weights(path):
    """Weight and bias by (layer, position), read from the file itself."""
    with safe_open(path, framework="np") as file:
        sites = json.loads(file.metadata()["sites"])
        return {
            (site["layer"], site["position"]): (
                file.get_tensor(f"{n}.weight.0"),
                file.get_tensor(f"{n}.bias.0"),
            )
            for n, site in enumerate(sites)
        }


def test_a_tokens_score_is_what_the_kept_weights_make_of_the_models_own_hidden_states(shown_run, tables):
    folder = shown_run.parent / "model"
    tokenizer, model = (
        AutoTokenizer.from_pretrained(folder),
        AutoModelForCausalLM.from_pretrained(folder, dtype="float32"),
    )
    prompts, compared = tables["prompts"].set_index("id")["prompt"], 0
    for row in tables["shown_prompts"].groupby("target").head(2).to_dict("records"):
        weights = raw_weights(shown_run / "weights" / f"tiny-{row['target']}.safetensors")
        turn = [{"role": "user", "content": prompts[row["id"]]}]
        text = tokenizer.apply_chat_template(turn, tokenize=False, add_generation_prompt=True)
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        with torch.inference_mode():
            hidden = model(torch.tensor([ids]), output_hidden_states=True).hidden_states
        scores = tables["token_scores"]
        scores = scores[(scores["id"] == row["id"]) & (scores["target"] == row["target"])]
        assert set(scores["layer"]) == {2, 4, 6}
        for layer in (2, 4):  # of the last layer the library's own list has the normed state
            weight, bias = weights[layer, row["position"]]
            expected = hidden[layer][0].double().numpy() @ weight[0].astype(float) + bias[0]
            own = scores[scores["layer"] == layer].sort_values("token")
            assert own["token"].tolist() == list(range(len(ids)))
            np.testing.assert_allclose(own["score"], expected, atol=2e-4)
            compared += 1
    assert compared == 8


def test_where_the_probe_was_fitted_the_score_is_the_held_out_score(tables):
    fitted = tables["token_scores"].query("fitted_here")
    both = fitted.merge(tables["predictions"], on=KEYS, suffixes=("", "_held_out"))
    assert set(both["layer"]) == {2, 4, 6}
    assert len(fitted) >= len(both) > 20  # a prompt whose answer has no label is not scored for R
    np.testing.assert_allclose(both["score"], both["score_held_out"], atol=1e-4)
    limits = both.merge(tables["results"], on=KEYS[:-1], suffixes=("", "_of_results"))
    np.testing.assert_array_equal(limits["threshold"], limits["threshold_of_results"])


def test_the_texts_of_the_tokens_are_the_prompt_in_its_template(tables):
    prompts = tables["prompts"].set_index("id")["prompt"]
    scores = tables["token_scores"].query("layer == 4 and target == 'D'")
    for name, own in scores.groupby("id"):
        own = own.sort_values("token")
        assert "".join(own.loc[own["part"] == "prompt", "text"]) == prompts[name]
        text = "".join(own["text"])
        assert text.startswith("<|begin|>")
        assert text.count(prompts[name]) == 1


def test_the_chosen_prompts_are_held_out_and_the_farthest_of_their_cells(tables):
    shown, rows = tables["shown_prompts"], tables["rows"].set_index("id")
    held_out = set(tables["split"].query("held_out")["id"])
    assert set(shown["id"]) <= held_out
    assert shown["id"].nunique() <= 20
    assert set(shown["target"]) == {"D", "R"}
    best = shown[
        shown["why"].str.contains("most typical of harmful, refused, by D") & (shown["target"] == "D")
    ]
    harmful = set(tables["prompts"].query("harmful")["id"])
    refused = set(rows.index[rows["refusal"] == "refusal"])
    site = best.iloc[0]
    scores = tables["predictions"]
    scores = scores[(scores["target"] == "D") & (scores["layer"] == site["layer"])]
    scores = scores[scores["position"] == site["position"]]
    cell = scores[scores["id"].isin(harmful & refused)]
    assert best["id"].tolist() == [cell.loc[cell["score"].idxmax(), "id"]]
    for row in shown[
        shown["why"].str.contains("called wrongly by D") & (shown["target"] == "D")
    ].itertuples():
        assert (row.score > row.threshold) != (row.truth == row.positive)


def section_of(report):
    page = report.read_text(encoding="utf-8")
    return page[page.index('id="prompts"') : page.index('id="silent"')]


def answers_of(run):
    lines = [line for path in (run / "responses").glob("*.jsonl") for line in path.read_text().splitlines()]
    return {r["prompt_id"]: r["response_opening"] for r in map(json.loads, lines) if "response_opening" in r}


def test_of_answers_there_is_the_length_and_no_text(shown_run, tables):
    answers = answers_of(shown_run)
    shown = tables["shown_prompts"]
    assert len(answers) > 100
    assert [len(answers[name]) for name in shown["id"]] == shown["opening_characters"].tolist()
    section = html.unescape(section_of(shown_run / "report.html"))
    texts = [*tables["token_scores"]["text"].unique(), *shown["why"], section]
    for name in set(shown["id"]):
        assert not any(answers[name].strip() in text for text in texts if len(answers[name].strip()) > 12)


def test_the_report_is_written_again_without_the_model(shown_run, tmp_path, monkeypatch):
    copy = shutil.copytree(shown_run, tmp_path / shown_run.name)
    before = section_of(copy / "report.html")
    (copy / "report.html").unlink()
    monkeypatch.setattr("unsinter.features.model.model.load_model", None)
    write_report(copy)
    assert section_of(copy / "report.html") == before
    assert before.count('class="token-map"') == 2 * len(set(Run.open(copy).table("shown_prompts")["id"]))


def test_a_page_without_room_names_the_command_for_the_others(shown_run, monkeypatch):
    monkeypatch.setattr("unsinter.studies.report.sections.layer_sections.MOST_CELLS", 900)
    section = prompt_blocks(read_evidence(shown_run))
    n_drawn = sum(isinstance(block, Drawn) for block in section)
    n = Run.open(shown_run).table("shown_prompts")["id"].nunique()
    assert 1 <= n_drawn < n
    assert section[-1].text.startswith(f"{n - n_drawn} more prompts were read; unsinter show run")


def test_tables_that_do_not_go_together_end_in_one_sentence(shown_run):
    evidence = read_evidence(shown_run)
    scores = evidence["token_scores"]
    layer = evidence["shown_prompts"]["layer"].iloc[0]
    torn = replace(evidence, tables={**evidence.tables, "token_scores": scores[scores["layer"] != layer]})
    with pytest.raises(StudyError, match=r"do not go together \(prompt .* lacks scores at the chosen layer"):
        prompt_blocks(torn)


def test_a_study_says_how_many_prompts_and_an_unknown_key_is_named(write_study):
    assert load_study(write_study()).show.prompts == 20
    assert load_study(write_study(show={"prompts": 0})).show.prompts == 0
    with pytest.raises(StudyError, match=r"unknown key 'show\.prompt'; did you mean 'prompts'"):
        load_study(write_study(show={"prompt": 3}))
    with pytest.raises(StudyError, match=r"show\.prompts"):
        load_study(write_study(show={"prompts": -1}))


@pytest.mark.parametrize(("n", "expected"), [(3, [0, 1, 2]), (512, list(range(512)))])
def test_short_prompts_are_read_whole(n, expected):
    assert kept_tokens(n) == expected


def test_of_a_long_prompt_the_beginning_and_the_end_are_read():
    tokens = kept_tokens(1000)
    assert len(tokens) == MOST_TOKENS
    assert tokens[:64] == list(range(64))
    assert tokens[64:] == list(range(552, 1000))
