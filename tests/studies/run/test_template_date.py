"""The day a template is shown: an option of the study, kept in the card, asked of every text."""

import io
import json
from dataclasses import replace

import pytest
import torch
import yaml

from unsinter.features.model.model import load_model
from unsinter.features.rendering.batches import make_batch
from unsinter.features.rendering.rendering import render
from unsinter.probes.files.export import load_probe
from unsinter.probes.files.exported import ProbeFileError
from unsinter.studies.run.run import run_study
from unsinter.studies.scoring.generation import MonitorError
from unsinter.studies.scoring.inputs import InputText
from unsinter.studies.scoring.monitor import ProbeMonitor
from unsinter.studies.scoring.score import ScoreRequest, score_texts, score_verb
from unsinter.studies.study.file import StudyError, load_study
from unsinter.studies.study.run_options import Settings, silent

DAY, OTHER_DAY = "2031-05-04", "2031-05-05"
HEAD = "{{ 'on ' + strftime_now('%d %m') + ' ' }}"


@pytest.fixture
def dated_folder(model_copy):
    """A shipped model whose template says the day first."""
    template = model_copy / "chat_template.jinja"
    template.write_text(HEAD + template.read_text(encoding="utf-8"), encoding="utf-8")
    return model_copy


@pytest.fixture
def dated(dated_folder):
    return load_model(dated_folder, dtype="float32", device="cpu")


@pytest.fixture
def finished(dated_folder, write_study, tmp_path):
    """The probe's file of a study on one day."""
    models = [{"name": "tiny", "path": str(dated_folder), "dtype": "float32", "date": DAY}]
    study = load_study(write_study(models=models, targets=["D"]))
    run_study(study, Settings(folder=tmp_path / "run", cache_root=tmp_path / "cache"))
    return next((tmp_path / "run" / "probes").glob("*.safetensors"))


def tokens_of(text="how do i bake bread"):
    return [InputText(row=1, id=None, text=text)]


def test_the_day_stands_in_study_summary_card_and_scores(finished, dated, dated_folder, tmp_path):
    study = yaml.safe_load((tmp_path / "run/study.yaml").read_text(encoding="utf-8"))
    assert study["models"][0]["date"] == DAY
    summary = json.loads((tmp_path / "run/summary.json").read_text(encoding="utf-8"))
    assert summary["models"]["tiny"]["identity"]["date"] == DAY
    probe = load_probe(finished)
    assert probe.card["model"]["date"] == DAY
    request = ScoreRequest(
        probe=finished, model=str(dated_folder), texts=["how do i bake bread"], stdin=io.BytesIO(),
        as_json=True,
    )  # fmt: skip
    [line] = score_verb(request, progress=silent)
    [row] = render([("a", "how do i bake bread")], dated, date=DAY)
    with torch.inference_mode():
        out = dated.model(input_ids=torch.tensor([row.token_ids]), output_hidden_states=True)
    own = out.hidden_states[probe.card["layer"]][0, -1:].numpy()
    if probe.card["layer"] < dated.n_layers:
        assert next(iter(json.loads(line)["scores"].values())) == pytest.approx(
            probe.scores(own)[0], abs=1e-3
        )

    # Another day, and a card from before days were pinned.
    for card_day, says in ((OTHER_DAY, None), (None, "was shown an unknown day")):
        model = {k: v for k, v in probe.card["model"].items() if k != "date"}
        changed = replace(
            probe, card={**probe.card, "model": {**model, **({"date": card_day} if card_day else {})}}
        )
        if says is None:
            assert (
                score_texts(changed, dated, tokens_of())[0].scores
                != score_texts(probe, dated, tokens_of())[0].scores
            )
            continue
        with pytest.raises(ProbeFileError, match=says):
            score_texts(changed, dated, tokens_of())
        with pytest.raises(ProbeFileError, match=says):
            ProbeMonitor(dated, changed)

    live(dated, probe)


def live(dated, probe):
    """Score while answering, with prompts of the probe's day and of another."""
    for day, is_right in ((DAY, True), (OTHER_DAY, False)):
        rows = render([("a", "how do i bake bread"), ("b", "bread")], dated, date=day)
        batch = make_batch(rows, pad_id=0, padding_side="left")
        if is_right:
            with ProbeMonitor(dated, probe, rendered=rows) as monitor:
                dated.model.generate(
                    input_ids=batch.input_ids, attention_mask=batch.attention_mask, max_new_tokens=3
                )
            assert monitor.tokens.shape[0] == 2
            continue
        with pytest.raises(ProbeFileError, match=f"shown {OTHER_DAY}, the probe's was shown {DAY}"):
            ProbeMonitor(dated, probe, rendered=rows)
        with ProbeMonitor(dated, probe), pytest.raises(MonitorError, match="showed '04 05' and these do not"):
            dated.model.generate(
                input_ids=batch.input_ids, attention_mask=batch.attention_mask, max_new_tokens=3
            )


@pytest.mark.parametrize("day", ["yesterday", 20240726, "26.7.2024", True])
def test_a_study_with_no_day_there_is_refused_by_field(write_study, day):
    models = [{"name": "tiny", "path": "planted:detached", "date": day}]
    with pytest.raises(StudyError, match=r"models\.0\.date.*date must be a day, as 2024-07-26"):
        load_study(write_study(models=models))


def test_yaml_may_write_the_day_bare_or_as_text(write_study):
    path = write_study()
    text = path.read_text(encoding="utf-8").replace("dtype: float32", "dtype: float32\n  date: 2031-05-04")
    path.write_text(text, encoding="utf-8")
    assert load_study(path).models[0].date == DAY
