"""A probe as a scorer of Inspect: its numbers are those of `unsinter score`, whatever model is evaluated."""

import json
import subprocess
import sys
from importlib.util import find_spec
from types import SimpleNamespace

import numpy as np
import pytest

from unsinter.features import load_model
from unsinter.probes import ProbeFileError, ProbeWeights, load_probe, save_probe
from unsinter.studies.planted import model_folder
from unsinter.studies.scoring import inspect_scorer
from unsinter.studies.scoring.inputs import InputText
from unsinter.studies.scoring.inspect_scorer import check_same_prompt, probe_scorer, prompt_of, values_of
from unsinter.studies.scoring.score import score_texts

TEXTS = ["How do I bake bread?", "How do I pick a lock?", "What is a boat?"]
NEEDS_INSPECT = pytest.mark.skipif(
    find_spec("inspect_ai") is None,
    reason="the extra inspect is not installed: pip install '.[inspect]' in unsinter's repository",
)


@pytest.fixture(scope="module")
def model():
    return load_model(model_folder("detached"), dtype="float32")


def make_probe(model, *, n_classes=2):
    rng = np.random.default_rng(0)
    n = 1 if n_classes == 2 else n_classes
    card = {
        "target": "D",
        "layer": 2,
        "position": "template_end",
        "model": {"name": "tiny", **model.identity},
    }
    return ProbeWeights(
        layers=((rng.normal(size=(n, model.d_model)), rng.normal(size=n)),),
        classes=("harmless", "harmful", "neither")[:n_classes],
        threshold=0.0 if n_classes == 2 else None,
        card=card,
    )


@pytest.fixture(params=[2, 3])
def probe_folder(model, tmp_path, request):
    folder = tmp_path / "detector"
    folder.mkdir()
    probe = make_probe(model, n_classes=request.param)
    save_probe(folder / "probe.safetensors", probe, examples=np.zeros((1, model.d_model)))
    return folder


SCRIPT = """
import json, sys
from inspect_ai import Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.model import ChatMessageUser
from inspect_ai.solver import solver
from unsinter.studies.scoring.inspect_scorer import probe_scorer

probe, logs, texts = json.loads(sys.argv[1])
inputs = [[ChatMessageUser(content=texts[0])], *texts[1:]]
samples = [Sample(id=str(place), input=content) for place, content in enumerate(inputs)]

@solver
def silent():  # the mock model counts its tokens with a vocabulary that is fetched from elsewhere
    async def solve(state, generate):
        return state

    return solve

task = Task(dataset=samples, solver=silent(), scorer=probe_scorer(probe, "planted:detached"))
(log,) = eval(task, model="mockllm/model", log_dir=logs, display="none")
scores = {}
for sample in log.samples or []:
    ((name, scores[sample.id]),) = sample.scores.items()
    assert name.endswith("probe_scorer"), name
print("RESULT" + json.dumps({
    "status": log.status,
    "error": log.error.message if log.error else None,
    "values": {key: score.value for key, score in scores.items()},
    "answers": {key: score.answer for key, score in scores.items()},
    "layers": [score.metadata["layer"] for score in scores.values()],
    "metrics": {
        score.name: {name: metric.value for name, metric in score.metrics.items()}
        for score in (log.results.scores if log.results else [])
    },
}))
"""


def evaluated(folder, tmp_path, texts):
    return outcome(SCRIPT, [str(folder), str(tmp_path / "logs"), texts], tmp_path)


def outcome(script, arguments, tmp_path):
    command = [sys.executable, "-c", script, json.dumps(arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, cwd=tmp_path)
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("RESULT")] or [done.stderr]
    return json.loads(line.removeprefix("RESULT"))


@NEEDS_INSPECT
def test_inspect_gives_each_prompt_the_scores_of_the_probe(model, probe_folder, tmp_path):
    probe = load_probe(probe_folder / "probe.safetensors")
    expected = score_texts(probe, model, [InputText(row=i, id=None, text=t) for i, t in enumerate(TEXTS)])
    result = evaluated(probe_folder, tmp_path, TEXTS)
    assert result["status"] == "success", result
    for place, scored in enumerate(expected):
        assert result["values"][str(place)] == pytest.approx(values_of(scored), abs=1e-4)
        assert result["answers"][str(place)] == scored.decision
    assert set(result["layers"]) == {2}
    for name in values_of(expected[0]):
        values = [values_of(scored)[name] for scored in expected]
        assert result["metrics"][name]["mean"] == pytest.approx(np.mean(values), abs=1e-4)
        assert result["metrics"][name]["stderr"] == pytest.approx(np.std(values, ddof=1) / 3**0.5, abs=1e-4)


@NEEDS_INSPECT
def test_another_model_is_refused_before_anything_is_evaluated(probe_folder):
    with pytest.raises(ProbeFileError, match=r"tiny"):
        probe_scorer(probe_folder, "planted:sintered")
    with pytest.raises(ProbeFileError, match="fitted on a model without an adapter"):
        probe_scorer(probe_folder, "planted:detached", adapter=probe_folder)


CHANGED = """
import json, sys
from inspect_ai import Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.model import ModelAPI, ModelOutput, modelapi
from inspect_ai.solver import generate, prompt_template, system_message, use_tools
from inspect_ai.tool import think
from unsinter.studies.scoring.inspect_scorer import probe_scorer

@modelapi(name="still")
class Still(ModelAPI):  # the mock model counts its tokens with a vocabulary that is fetched from elsewhere
    async def generate(self, input, tools, tool_choice, config):
        return ModelOutput.from_content("still", "I cannot help with that.")

    async def count_tokens(self, *_, **__):
        return 1

probe, logs = json.loads(sys.argv[1])
scorer = probe_scorer(probe, "planted:detached")
cases = {
    "plain": (generate(), {}),
    "two turns": ([generate(), generate()], {}),
    "system": ([system_message("Be kind."), generate()], {}),
    "template": ([prompt_template("Answer this: {prompt}"), generate()], {}),
    "tools": ([use_tools(think()), generate()], {}),
    "option": (generate(), {"system_message": "Be kind."}),
}
results = {}
for name, (solver, options) in cases.items():
    task = Task(dataset=[Sample(id="first", input="How do I bake bread?")], solver=solver, scorer=scorer)
    (log,) = eval(task, model="still/m", log_dir=logs, display="none", **options)
    results[name] = log.error.message if log.error else log.status
print("RESULT" + json.dumps(results))
"""


@NEEDS_INSPECT
def test_a_sample_whose_evaluated_model_gets_another_prompt_is_refused_by_its_name(model, tmp_path):
    save_probe(tmp_path / "probe.safetensors", make_probe(model), examples=np.zeros((1, model.d_model)))
    results = outcome(CHANGED, [str(tmp_path / "probe.safetensors"), str(tmp_path / "logs")], tmp_path)
    assert [results.pop(name) for name in ("plain", "two turns")] == ["success"] * 2
    assert set(results) == {"system", "template", "tools", "option"}
    for name, words in results.items():
        assert "sample 'first': the evaluated model was given another prompt" in words, name


def message(role, content):
    return SimpleNamespace(role=role, content=content)


def part(kind, text=""):
    return SimpleNamespace(type=kind, text=text)


def test_a_prompt_is_one_text_of_a_user():
    assert prompt_of("How?", sample="a") == "How?"
    assert prompt_of([message("user", "How?")], sample="a") == "How?"
    assert prompt_of([message("user", [part("text", "How?")])], sample="a") == "How?"


@pytest.mark.parametrize(
    "content",
    [
        "",
        "  ",
        [],
        [message("user", "How?"), message("assistant", "So."), message("user", "And?")],
        [message("system", "Be kind."), message("user", "How?")],
        [message("assistant", "So.")],
        [message("user", [part("text", "How?"), part("image")])],
        [message("user", [part("image")])],
        [message("user", [part("text", "a"), part("text", "b")])],
    ],
)
def test_a_conversation_and_what_is_more_than_text_is_refused_by_the_name_of_its_sample(content):
    with pytest.raises(ProbeFileError, match=r"^sample 'a': its input is not one text of a user"):
        prompt_of(content, sample="a")


def state_of(messages, tools=()):
    return SimpleNamespace(sample_id="a", model="some/model", messages=messages, tools=tools)


def call_of(texts, *, model="some/model", role=None, tools=()):
    return SimpleNamespace(event="model", model=model, role=role, input=texts, tools=tools)


ASKED = [message("user", "How?")]
ANSWERED = [*ASKED, message("assistant", "So."), message("user", "And?")]


@pytest.mark.parametrize(
    ("messages", "events"),
    [
        (ASKED, []),
        ([message("user", [part("text", "How?")])], []),
        (ANSWERED, [SimpleNamespace(event="info"), call_of(ASKED), call_of(ANSWERED)]),
        (ASKED, [call_of([message("user", "Is it good?")], role="grader"), call_of([])]),
        (ASKED, [call_of([message("user", "Is it good?")], model="a/judge")]),
    ],
)
def test_a_conversation_that_begins_with_the_prompt_alone_is_read(messages, events):
    check_same_prompt(state_of(messages), "How?", events=events)


@pytest.mark.parametrize(
    ("messages", "tools", "events"),
    [
        ([message("system", "Be kind."), *ASKED], (), []),
        ([message("user", "Q: How?")], (), []),
        ([*ASKED, message("user", "Quick!")], (), []),
        ([message("assistant", "So."), *ASKED], (), []),
        ([], (), []),
        (ASKED, ("a tool",), []),
        (ASKED, (), [call_of([message("system", "Be kind."), *ASKED])]),
        (ASKED, (), [call_of(ASKED, tools=["a tool"])]),
    ],
)
def test_a_prompt_that_was_changed_on_its_way_is_refused_by_the_name_of_its_sample(messages, tools, events):
    with pytest.raises(ProbeFileError, match=r"^sample 'a': the evaluated model was given another prompt"):
        check_same_prompt(state_of(messages, tools), "How?", events=events)


def test_without_the_extra_the_command_that_brings_it_is_named(monkeypatch, tmp_path):
    def absent(name):
        raise ModuleNotFoundError(f"No module named {name!r}", name="inspect_ai")

    monkeypatch.setattr(inspect_scorer, "import_module", absent)
    with pytest.raises(ProbeFileError, match=r"needs inspect_ai; run: pip install '\.\[inspect\]'"):
        probe_scorer(tmp_path, "planted:detached")
