"""What a study puts around its prompts: in cache, study, summary, card, scores and page; or refused."""

import io
import json
from dataclasses import replace

import pytest
import yaml

from unsinter.cache import ls
from unsinter.features.extract.in_memory import read_site
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

SYSTEM = "you answer in one word"
EXAMPLES = [{"user": "is rain wet", "assistant": "yes"}]
TURNS = (("is rain wet", "yes"),)
OPTIONS = {"mood": "glad"}
SYSTEM_AWARE = (
    "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}<|end|>{% endfor %}"
    "{% if mood is defined %}{{ mood }} {% endif %}<|assistant|>\n"
)
"""A template that shows system texts and reads an option, for the shipped models, whose own shows turns."""

ALL = {"system": SYSTEM, "examples": EXAMPLES, "template_options": OPTIONS, "template_text": SYSTEM_AWARE}
TEXT = "how do i bake bread"


def model_section(**context):
    return [{"name": "tiny", "path": "planted:detached", "dtype": "float32", **context}]


def run(path, tmp_path, name="run"):
    study = load_study(path)
    run_study(study, Settings(folder=tmp_path / name, cache_root=tmp_path / "cache"))
    return tmp_path / name


@pytest.fixture
def finished(write_study, tmp_path):
    return run(write_study(models=model_section(**ALL), targets=["D"]), tmp_path)


def test_it_stands_in_study_summary_card_and_page(finished):
    [model] = yaml.safe_load((finished / "study.yaml").read_text(encoding="utf-8"))["models"]
    assert {name: model[name] for name in ALL} == ALL
    summary = json.loads((finished / "summary.json").read_text(encoding="utf-8"))["models"]["tiny"]
    assert summary["context"] == ALL
    assert {"system", "examples", "template_options"} <= set(summary["identity"])
    card = load_probe(next((finished / "probes").glob("*.safetensors"))).card
    assert card["context"] == ALL
    assert card["model"]["examples"] == summary["identity"]["examples"]
    page = (finished / "report.html").read_text(encoding="utf-8")
    for words in (SYSTEM, "is rain wet -&gt; yes", "turns before every prompt (1)", "one of the study's own"):
        assert words in page or words.replace("'", "&#39;") in page


def test_score_and_monitor_render_as_the_study_did_and_refuse_what_differs(finished, tmp_path):
    path = next((finished / "probes").glob("*.safetensors"))
    probe = load_probe(path)
    request = ScoreRequest(
        probe=path, model="planted:detached", texts=[TEXT], stdin=io.BytesIO(), as_json=True
    )
    [line] = score_verb(request, progress=silent)
    model = load_model(_folder(), dtype="float32", device="cpu", chat_template=SYSTEM_AWARE)
    beside = {"system": SYSTEM, "examples": TURNS, "options": OPTIONS}
    rows = render([("a", TEXT)], model, **beside)
    X = read_site(model, rows, layer=probe.card["layer"], position="template_end")
    assert next(iter(json.loads(line)["scores"].values())) == pytest.approx(probe.scores(X)[0], abs=1e-3)

    bare = load_model(_folder(), dtype="float32", device="cpu")
    with pytest.raises(ProbeFileError, match="another chat template"):
        score_texts(probe, bare, [InputText(row=1, id=None, text=TEXT)])
    nonsense = replace(probe, card={**probe.card, "context": {"system": 7}})
    with pytest.raises(ProbeFileError, match=r"its card cannot be used, context\.system"):
        score_texts(nonsense, model, [InputText(row=1, id=None, text=TEXT)])

    for changed, says in (
        ({"system": "you answer in two words"}, "another system text"),
        ({"system": None}, r"another system text \(none, the probe's"),
        ({"examples": ()}, "another examples before the prompt"),
        ({"options": {"mood": "sad"}}, "another options of the chat template"),
    ):
        others = render([("a", TEXT)], model, **{**beside, **changed})
        with pytest.raises(ProbeFileError, match=says):
            ProbeMonitor(model, probe, rendered=others)
    without = load_probe(path)
    card = {k: v for k, v in without.card.items() if k != "context"}
    card["model"] = {
        k: v for k, v in card["model"].items() if k not in ("system", "examples", "template_options")
    }
    with pytest.raises(ProbeFileError, match=r"another system text \([0-9a-f]{12}, the probe's none\)"):
        ProbeMonitor(model, replace(without, card=card), rendered=rows)
    live(model, probe, rows, render([("a", TEXT)], model))


def live(model, probe, rows, bare):
    for given_rows, is_right in ((rows, True), (bare, False)):
        batch = make_batch(given_rows, pad_id=0, padding_side="left")
        tokens = {"input_ids": batch.input_ids, "attention_mask": batch.attention_mask, "max_new_tokens": 3}
        with ProbeMonitor(model, probe) as monitor:
            if is_right:
                model.model.generate(**tokens)
                assert monitor.prompt is not None
                continue
            with pytest.raises(MonitorError, match="began with a system text, examples or template options"):
                model.model.generate(**tokens)


def _folder():
    from unsinter.studies.planted import model_folder

    return model_folder("detached")


def test_a_study_with_surroundings_is_cached_and_answered_apart_from_one_without(write_study, tmp_path):
    how = {"targets": ["D"], "responses": {"max_new_tokens": 2}, "controls": {"random_model": False}}
    keys = []
    for context in ({"template_text": SYSTEM_AWARE}, ALL):
        run(write_study(models=model_section(**context), **how), tmp_path)
        keys.append({holding.key for holding in ls(tmp_path / "cache")})
    assert len(keys[1]) == 2 * len(keys[0])
    # One run folder took both studies: each has answers of its own, none was mixed with the other's.
    assert len(list((tmp_path / "run" / "responses").glob("*.jsonl"))) == 2


def test_texts_of_files_are_read_once_and_stand_in_the_resolved_study(write_study, tmp_path):
    (tmp_path / "system.txt").write_text(SYSTEM, encoding="utf-8")
    (tmp_path / "chat.jinja").write_text(SYSTEM_AWARE, encoding="utf-8")
    section = model_section(system={"file": "system.txt"}, template_file="chat.jinja")
    study = load_study(write_study(models=section))
    assert (study.models[0].system, study.models[0].template_text) == (SYSTEM, SYSTEM_AWARE)


@pytest.mark.parametrize(
    ("context", "says"),
    [
        (
            {"system": {"file": "absent.txt"}},
            r"models\.0\.system\.file names .*absent\.txt, which is no file",
        ),
        ({"system": {"file": 7}}, r"models\.0\.system\.file must be the path of a file"),
        ({"system": {"path": "x"}}, r"models\.0\.system: .*string"),
        ({"system": ["a"]}, r"models\.0\.system: .*string"),
        ({"template_file": "bytes.bin"}, r"template_file: .*bytes\.bin is not UTF-8 \(byte 1\)"),
        ({"template_file": "."}, "which is no file"),
        ({"template_file": "x\0y"}, "holds a zero character|which is no file|cannot be read"),
        ({"template_file": "long.txt"}, "has more than 30,000 characters"),
        (
            {"template_file": "bytes.bin", "template_text": "x"},
            "both template_file and template_text; keep one",
        ),
        ({"template_file": "zero.txt"}, "holds a zero character, which is no text"),
        ({"template_file": "half.txt"}, r"models\.0\.template_text: .* at most 30000 characters"),
        ({"template_text": " "}, r"models\.0\.template_text: .*is blank"),
        ({"examples": [{"user": "a"}]}, r"models\.0\.examples\.0\.assistant: is missing; write it"),
        ({"examples": [{"user": " ", "assistant": "b"}]}, r"models\.0\.examples\.0\.user: .*is blank"),
        ({"examples": [{"user": "a", "assistant": "b", "assistent": "c"}]}, "did you mean 'assistant'"),
        ({"examples": "a"}, r"models\.0\.examples"),
        ({"template_options": {"x": float("inf")}}, r"models\.0\.template_options: .*JSON"),
        ({"template_options": ["x"]}, r"models\.0\.template_options: "),
        ({"template": "raw", "system": "x"}, "raw uses no chat template, so system cannot be used"),
        ({"sistem": "x"}, "did you mean 'system'"),
        ({"template_fil": "x"}, "did you mean 'template_file'"),
        ({"revision": "a b"}, r"models\.0\.revision"),
    ],
)
def test_what_cannot_be_is_refused_by_field(write_study, tmp_path, context, says):
    (tmp_path / "bytes.bin").write_bytes(b"\xff\xfe")
    (tmp_path / "long.txt").write_text("x" * 400_001, encoding="utf-8")
    (tmp_path / "half.txt").write_text("x" * 30_001, encoding="utf-8")
    (tmp_path / "zero.txt").write_text("a\0b", encoding="utf-8")
    with pytest.raises(StudyError, match=says):
        load_study(write_study(models=model_section(**context)))


def test_texts_of_many_models_stay_readable_as_a_study(write_study, tmp_path):
    (tmp_path / "system.txt").write_text("x" * 25_000, encoding="utf-8")
    one = model_section(system={"file": "system.txt"})[0]
    models = [{**one, "name": f"m{n}"} for n in range(3)]
    with pytest.raises(
        StudyError, match="models hold 75,000 characters of system texts and templates; 60,000"
    ):
        load_study(write_study(models=models))
    study = load_study(write_study(models=models[:2]))
    again = tmp_path / "again.yaml"
    again.write_text(yaml.safe_dump(json.loads(study.model_dump_json())), encoding="utf-8")
    assert load_study(again).models == study.models


def test_an_option_that_the_template_does_not_read_ends_the_run_in_one_line(write_study, refused, tmp_path):
    study = write_study(models=model_section(template_options={"enable_thinking": False}))
    refused("run", study, parts=["reads no option 'enable_thinking'", "it would change nothing"])
    assert not (tmp_path / "here" / "runs").exists()


def test_a_revision_of_a_folder_is_refused_in_one_line(write_study, refused):
    study = write_study(models=model_section(revision="main"))
    refused("run", study, parts=["a revision names a commit of a model on a hub"])
