"""What a study would take on devices that are not here: arithmetic by hand, and devices by name."""

from dataclasses import replace

import pytest
import yaml
from transformers import Gemma2Config

from unsinter.features.model.memory import MemoryEstimate
from unsinter.studies.cli.commands.doctor import doctor_verb
from unsinter.studies.cli.commands.run import demo_study_file
from unsinter.studies.machine.accelerators import KNOWN, REACHED, read_fleet
from unsinter.studies.machine.device_speed import Device
from unsinter.studies.machine.fleet_forecast import fleet_lines
from unsinter.studies.machine.forecast import PromptSize, forecast, shape_of
from unsinter.studies.study.file import StudyError, load_study
from unsinter.studies.study.sections import ResponseSource

GEMMA_2_9B = Gemma2Config(
    hidden_size=3584, intermediate_size=14336, num_hidden_layers=42, num_attention_heads=16,
    num_key_value_heads=8, head_dim=256, vocab_size=256000,
)  # fmt: skip
CPU = Device(name="cpu", flops=1e11, bytes_per_second=1e10)


def predict(devices, *, n_prompts=10_000_000, weights=None, **overrides):
    settings = {"controls.random_model": "false"} | overrides
    study = load_study(demo_study_file(), overrides=[f"{key}={value}" for key, value in settings.items()])
    shape, fleet = shape_of(GEMMA_2_9B), read_fleet(devices)
    weights = weights or 2 * shape.n_parameters
    memory = MemoryEstimate(n_parameters=shape.n_parameters, weights=weights, batch=0)
    size = PromptSize(n_prompts=n_prompts, n_characters=400 * n_prompts)
    prediction = forecast(study, shape, memory, device=fleet.device, cpu=CPU, size=size)
    lines = fleet_lines(study, shape, memory, prediction, fleet=fleet, n_prompts=n_prompts)
    return prediction, lines, study


def test_ten_million_prompts_of_a_nine_billion_model_take_the_bytes_that_the_format_gives():
    prediction, lines, study = predict("64xH100")
    assert prediction.cache == 43 * len(study.positions) * 10_000_000 * 3584 * 2
    assert dict(lines)["cache"] == f"{prediction.cache / 1024**4:.1f} TiB"
    assert dict(lines)["one site in memory"] == f"{10_000_000 * 3584 * 4 / 1024**3:.1f} GiB"
    advice = [state for what, state in lines if what == "to change"]
    few = 4 * 10_000_000 * 3584 * 2 / 1024**3
    assert f"four layers at one position take {few:.1f} GiB" in advice[0]


def test_copies_read_beside_each_other_and_devices_of_one_copy_do_not():
    prediction, lines, _ = predict("64xH100")
    tokens = 10_000_000 * (100 + 12)
    shape = shape_of(GEMMA_2_9B)
    assert prediction.reading_seconds == pytest.approx(
        2 * shape.n_block_parameters * tokens / (0.7 * REACHED * 989e12)
    )
    assert dict(lines)["copies of the model"] == "64"
    spread, lines, _ = predict("64xH100", weights=140e9)
    assert spread.reading_seconds == prediction.reading_seconds
    assert dict(lines)["copies of the model"] == "32, each on 2 devices"
    one = dict(predict("H100")[1])["reading the prompts"]
    four = dict(predict("4xH100")[1])["reading the prompts"]
    assert float(one.split()[1]) == pytest.approx(4 * float(four.split()[1]), rel=0.1)


def test_a_model_that_no_copy_of_fits_is_said_to_not_fit():
    _, lines, _ = predict("1xT4")
    assert lines == [("the model", "does not fit: 17.2 GiB needed, 13.4 GiB free on 1xT4")]


def test_verdicts_and_transfer_are_counted_where_the_study_has_them():
    with_both, _, _ = predict("H100", n_prompts=2000)
    without, _, _ = predict("H100", n_prompts=2000, **{"separation.pairs": "[]"})
    assert with_both.judging_seconds > 0 == without.judging_seconds
    assert with_both.transfer_seconds > 0
    # Matrices are of D, by the categories of the prompts: a study without C has them too.
    bare = {"targets": "[D]", "separation.pairs": "[]"}
    assert predict("H100", n_prompts=2000, **bare)[0].transfer_seconds > 0
    alone, _, _ = predict("H100", n_prompts=2000, transfer="[]", **bare)
    assert alone.transfer_seconds == 0
    assert not {"verdicts", "transfer"} & {what for what, _ in alone.lines()}


@pytest.mark.parametrize(
    ("responses", "state"),
    [
        ("{endpoint: 'http://127.0.0.1:9/v1', model: m}", "by the server, whose time is not counted"),
        ("{path: [r.jsonl], model: m}", "recorded"),
        ("null", None),
    ],
)
def test_answers_that_the_model_does_not_give_are_called_what_they_are(responses, state, tmp_path):
    study = load_study(demo_study_file(), overrides=["targets=[D]", "separation.pairs=[]"])
    section = yaml.safe_load(responses)
    study = study.model_copy(update={"responses": section and ResponseSource.model_validate(section)})
    shape, fleet = shape_of(GEMMA_2_9B), read_fleet("H100")
    memory = MemoryEstimate(n_parameters=shape.n_parameters, weights=2 * shape.n_parameters, batch=0)
    size = PromptSize(n_prompts=1000, n_characters=400_000)
    prediction = forecast(study, shape, memory, device=fleet.device, cpu=CPU, size=size)
    there = fleet_lines(study, shape, memory, prediction, fleet=fleet, n_prompts=1000)
    assert dict(prediction.lines()).get("answering them") == dict(there).get("answering them") == state


def test_what_the_processor_does_before_the_fits_is_said_for_other_devices_too():
    prediction, lines, _ = predict("64xH100")
    hours = f"{prediction.record_seconds / 3600:.1f} h"
    assert dict(lines)["records and labels"] == f"about {hours} of a machine like this one"


def test_prompts_beyond_those_of_the_study_are_as_long_as_its_own():
    size = PromptSize(n_prompts=10, n_characters=1000, n_text_tokens=70, n_template_tokens=5)
    scaled = size.scaled_to(1_000_000)
    assert (scaled.n_prompts, scaled.n_tokens) == (1_000_000, 12_000_000)
    assert replace(scaled, n_text_tokens=None).n_tokens == 1_000_000 * (100 / 4 + 5)


@pytest.mark.parametrize(
    "text", ["8xFOO", "x8", "", "eight H100", "-1xH100", "8xH100;4xA100", "8" * 30 + "xH100"]
)
def test_devices_of_another_form_are_refused_with_the_kinds_that_are_known(text):
    with pytest.raises(StudyError, match=r"number of devices of one kind, as 8xH100, got .*T4, L4"):
        read_fleet(text)


def test_devices_are_read_by_name_whatever_the_case_and_none_is_no_fleet():
    assert read_fleet(" 8 x h100 ").kind == KNOWN["H100"]
    assert read_fleet("MI300X").n_devices == 1
    with pytest.raises(StudyError, match="must name 1 to 1,000,000 devices, got 0"):
        read_fleet("0xH100")


def test_doctor_shows_them_beside_this_machine_and_needs_a_study():
    shown = doctor_verb(
        None, dtype="auto", study_file=demo_study_file(), n_prompts=1_000_000, devices="8xA100"
    )
    titles = [title for title, _, _ in shown.tables]
    assert sum("1,000,000 prompts" in title for title in titles) == 2
    assert sum("8xA100: 312 TFLOP/s stated, 60% of it taken" in title for title in titles) == 2
    for options in ({"devices": "8xA100"}, {"n_prompts": 5}):
        with pytest.raises(StudyError, match=r"says how large a study is; name it with --study"):
            doctor_verb(None, dtype="auto", **options)
    with pytest.raises(StudyError, match="--prompts must be from 1 to"):
        doctor_verb(None, dtype="auto", study_file=demo_study_file(), n_prompts=0)
