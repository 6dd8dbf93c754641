"""Prompts with turns, a system text or the answer's beginning of their own, from a file to the tables."""

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from run_hash import digests
from typer.testing import CliRunner

from unsinter.cache import ActivationStore
from unsinter.cache.lookup import find_store
from unsinter.features.records.record import PromptRecord
from unsinter.studies import Settings, load_study, run_study
from unsinter.studies.activations.model_reading import load_source
from unsinter.studies.activations.rendered_prompts import behind_prompts
from unsinter.studies.cli import app
from unsinter.studies.data.load import read_study_prompts
from unsinter.studies.data.targets import Response
from unsinter.studies.planted import demo_prompts
from unsinter.studies.separation.inputs.record_covariates import record_covariates

TEMPLATE = (
    "{% for m in messages %}<|{{ m['role'] }}|>\n{{ m['content'] }}<|end|>\n{% endfor %}<|assistant|>\n"
)
"""The shipped models' own, with the role of a system text too."""

SYSTEMS = {True: "you answer in one word", False: "you answer in full"}
"""Of harmful and harmless prompts: the words of a system text alone give the label away."""

OWN = ({"earlier_turns": [["is rain wet", "yes it is"]]}, {"prefill": "sure , here"})
"""What every fourth prompt brings beside, in turn."""

POSITIONS = ["template_end", "response_mean", "response_max_4"]


def as_messages(record):
    """The same record with its turns as a list of messages, as files of chats have them."""
    turns = [("system", record["system"])] if "system" in record else []
    for user, assistant in record.get("earlier_turns", ()):
        turns += [("user", user), ("assistant", assistant)]
    turns.append(("user", record["prompt"]))
    spread = ("prompt", "system", "earlier_turns")
    others = {name: value for name, value in record.items() if name not in spread}
    return {**others, "messages": [{"role": role, "content": content} for role, content in turns]}


@pytest.fixture(scope="module")
def records():
    prompts = demo_prompts(pairs=6, wrapped=2, wrapped_twins=2, over_refused=2)
    own = [OWN[n // 4 % 2] if n % 4 == 0 else {} for n in range(len(prompts))]
    return [
        {**prompt, "system": SYSTEMS[prompt["harmful"]], **brought}
        for prompt, brought in zip(prompts, own, strict=True)
    ]


@pytest.fixture(scope="module")
def finished(records, tmp_path_factory):
    """The run of a study of them: its folder and the folder of its study."""
    folder = tmp_path_factory.mktemp("conversations")
    lines = [json.dumps(as_messages(record) if n % 2 else record) for n, record in enumerate(records)]
    (folder / "prompts.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    model = {"name": "tiny", "path": "planted:detached", "dtype": "float32", "template_text": TEMPLATE}
    study = {
        "name": "chats", "models": [model], "prompts": {"path": ["prompts.jsonl"]},
        "responses": {"max_new_tokens": 6}, "targets": ["D"], "positions": POSITIONS, "layers": [4],
        "allow_response_positions": True, "penalties": [0.01], "bootstrap_draws": 100, "min_groups": 5,
        "transfer": [], "separation": {"pairs": []}, "show": {"prompts": 0},
        "controls": {"permutations": 0, "random_model": False, "layer0_mean": False, "code_length": False},
    }  # fmt: skip
    (folder / "study.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")
    settings = Settings(folder=folder / "run", cache_root=folder / "cache")
    summary = run_study(load_study(folder / "study.yaml"), settings)
    return folder, summary


def read(finished, table):
    return pd.read_parquet(finished[0] / "run" / f"{table}.parquet").set_index("id")


@pytest.fixture(scope="module")
def model(finished):
    study = load_study(finished[0] / "study.yaml")
    return load_source(study.models[0])


def own_ids(model, record):
    """What transformers' own call of the template feeds the model of a record."""
    text = model.tokenizer.apply_chat_template(
        as_messages(record)["messages"], add_generation_prompt=True, tokenize=False
    )
    return model.tokenizer(text + record.get("prefill", ""), add_special_tokens=False)["input_ids"]


def test_every_prompt_is_read_with_what_it_brings_and_so_is_its_answer(finished, records, model):
    rows, answers = read(finished, "rows"), finished[1]["models"]["tiny"]["answers"]
    assert answers["made"].startswith("greedy, 6 tokens")
    store = find_store(finished[0] / "cache", finished[1]["models"]["tiny"]["extraction"]["cache_key"])
    assert isinstance(store, ActivationStore)
    texts = {
        json.loads(line)["prompt_id"]: json.loads(line)["response_opening"]
        for path in (finished[0] / "run" / "responses").glob("*.jsonl")
        for line in path.read_text(encoding="utf-8").splitlines()
    }
    for record in [*records[:16:4], records[1], records[-1]]:
        ids = own_ids(model, record)
        with torch.inference_mode():
            grown = model.model.generate(
                torch.tensor([ids]), max_new_tokens=6, do_sample=False, pad_token_id=0
            )[0, len(ids) :]
        answer = model.tokenizer.decode(grown, skip_special_tokens=True).strip()
        assert texts[record["id"]].strip() == answer
        whole = [*ids, *model.tokenizer(texts[record["id"]], add_special_tokens=False)["input_ids"]]
        with torch.inference_mode():
            hidden = model.model(torch.tensor([whole]), output_hidden_states=True).hidden_states[4][0].numpy()
        row = [rows.loc[record["id"], "row"]]
        assert np.abs(store.read(4, "template_end", row)[0] - hidden[len(ids) - 1]).max() < 1e-4
        assert np.abs(store.read(4, "response_mean", row)[0] - hidden[len(ids) :].mean(axis=0)).max() < 1e-4


def test_the_runs_tables_keep_what_a_prompt_brings_and_show_reads_it_again(finished, records):
    prompts = read(finished, "prompts")
    for record in records[:16]:
        own = {name: record[name] for name in ("system", "earlier_turns", "prefill") if name in record}
        kept = prompts.loc[record["id"], "conversation"]
        assert (json.loads(kept) if kept else {}) == own
    name = records[0]["id"]
    request = ["show", finished[0] / "run", "--prompt", name, "--position", "template_end"]
    done = CliRunner().invoke(app, list(map(str, request)), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert records[0]["system"].split()[-1] in done.output


def test_a_system_text_of_single_prompts_is_held_fixed_by_a_verdict(finished, records):
    prompts = read_study_prompts(load_study(finished[0] / "study.yaml").prompts, seed=0)
    covariates = record_covariates(prompts)["system prompt"]
    assert covariates.tolist() == [record["system"] for record in records]
    assert record_covariates(prompts)["prefill"].tolist() == [record.get("prefill", "") for record in records]


def test_floors_read_what_a_prompt_brings(finished):
    """The system text gives the label away, so words alone know it; the prompts' own words do not."""
    floors = pd.read_parquet(finished[0] / "run" / "floors.parquet").set_index("floor")
    assert floors.loc["words", "score"] == 1.0


def test_prompts_whose_answers_lack_a_position_take_no_part_and_are_named(finished, model, records):
    prompts = [PromptRecord.parse(record) for record in records[:4]]
    openings = ["<think>rain</think> yes", "yes", None, "<think>rain"]
    answers = [
        text and Response(refusal="compliance", wording=None, label_source="rules", opening=text)
        for text in openings
    ]
    source = load_study(finished[0] / "study.yaml").models[0]
    dataset = SimpleNamespace(prompts=prompts)
    rows, left_out = behind_prompts(answers, dataset, ["thinking_end", "template_end"], model, source)
    assert [row.id for row in rows] == [prompts[0].id]
    assert left_out == [prompt.id for prompt in prompts[1:]]


@pytest.mark.parametrize("verb", ["check", "extract", "run"])
def test_turns_are_refused_before_anything_is_read_where_a_model_has_no_place_for_them(
    finished, tmp_path, verb
):
    study = yaml.safe_load((finished[0] / "study.yaml").read_text(encoding="utf-8"))
    study["models"] = [{"name": "tiny", "path": "planted:detached", "template": "raw"}]
    study["prompts"]["path"] = [str(finished[0] / "prompts.jsonl")]
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")
    out = ["--out", str(tmp_path / "out")] if verb == "run" else []
    result = CliRunner().invoke(app, [verb, str(tmp_path / "study.yaml"), *out])
    assert result.exit_code == 2
    assert "has system, and model 'tiny' is read with template: raw, which has no" in " ".join(
        result.output.split()
    )
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_two_processes_leave_the_same_bytes_of_prompts_with_turns(finished, unsinter, tmp_path):
    # The report says how its folder is called.
    folders = [tmp_path / "place1" / "run", tmp_path / "place2" / "run"]
    for number, folder in enumerate(folders):
        done = unsinter(
            "run", finished[0] / "study.yaml", "--out", folder,
            UNSINTER_CACHE=str(tmp_path / f"cache{number}"), PYTHONHASHSEED=str(number), OMP_NUM_THREADS="1",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    first, second = map(digests, folders)
    assert {name for name in first.keys() | second.keys() if first.get(name) != second.get(name)} == set()
    assert any(name.startswith("responses/") for name in first)
