"""A server that is not what it was: other weights, another engine or build, under the same name."""

import copy
import json
from dataclasses import replace

import pytest
import torch
from completions_server import CompletionsServer

from unsinter.features.endpoint.attempts import Patience
from unsinter.features.generate.generate import GenerationSettings
from unsinter.features.generate.response_file import ResponseFileError
from unsinter.features.generate.server import AnswerServer, AnswerServerError
from unsinter.features.generate.server_answers import ask_responses
from unsinter.studies.activations.served import answers_of_server

SAMPLED = GenerationSettings(max_new_tokens=3, temperature=1.0, samples=2, seed=1)
GREEDY = GenerationSettings(max_new_tokens=3)


@pytest.fixture(scope="module")
def memory():
    return {}


@pytest.fixture
def served(planted, memory):
    with CompletionsServer(planted.model, planted.tokenizer, memory=memory) as running:
        yield running


def at(server, **changes):
    patience = Patience(timeout=20.0, attempts=1, wait=0.01)
    return AnswerServer(
        **{"url": server.url, "model": "planted", "workers": 3, "patience": patience} | changes
    )


def go(model, rows, served, folder, settings=SAMPLED):
    return answers_of_server(
        model,
        rows,
        lambda how: folder / f"{how.max_new_tokens}-{how.temperature:g}.jsonl",
        settings=settings,
        server=at(served),
        progress=lambda done, total: None,
    )


def begin(model, rows, served, folder, settings=SAMPLED, n=7):
    """Let a server fail after some answers beside those that are compared."""
    served.trouble = lambda k, body: (400, {}) if k >= len(rows) + n else None
    with pytest.raises(AnswerServerError, match="status 400"):
        go(model, rows, served, folder, settings)
    served.trouble = lambda k, body: None


def saying(text, places):
    """Return the trouble of a server that says something else at some prompts."""
    wrong = [list(row.token_ids) for row in places]
    return lambda k, body: (
        (lambda own: own | {"choices": [own["choices"][0] | {"token_ids": None, "text": text}]})
        if body["prompt"][0] in wrong
        else None
    )


def test_answers_that_stood_for_one_model_are_not_given_to_another_of_the_same_tokenizer(
    planted, rows, served, tmp_path
):
    records, _ = go(planted, rows, served, tmp_path)
    other = replace(planted, identity={**planted.identity, "weights": "0" * 64})
    kept = {path: path.read_bytes() for path in tmp_path.glob("*.jsonl")}
    with pytest.raises(ResponseFileError, match="another model or settings"):
        go(other, rows, served, tmp_path)
    with pytest.raises(ResponseFileError, match="another model or settings"):
        ask_responses(other, rows, tmp_path / "3-1.jsonl", settings=SAMPLED, server=at(served))
    assert kept == {path: path.read_bytes() for path in tmp_path.glob("*.jsonl")}
    assert go(planted, rows, served, tmp_path)[0] == records


@pytest.mark.parametrize("settings", [SAMPLED, GREEDY])
def test_a_run_that_goes_on_refuses_a_server_that_answers_otherwise_than_when_it_began(
    planted, rows, served, tmp_path, settings
):
    n = 7 if settings is SAMPLED else 4
    begin(planted, rows, served, tmp_path, settings, n)
    answers = tmp_path / f"3-{settings.temperature:g}.jsonl"
    before = answers.read_bytes()
    assert before
    served.trouble = saying("Bread.", rows[:2])
    with pytest.raises(AnswerServerError, match=r"on 2 of 10 prompts .*it serves other weights") as error:
        go(planted, rows, served, tmp_path, settings)
    assert "\n" not in str(error.value)
    assert answers.read_bytes() == before
    served.trouble, n_before = (lambda k, body: None), len(served.questions)
    records, _ = go(planted, rows, served, tmp_path, settings)
    n_wanted = 10 * settings.samples
    assert len(records) == n_wanted
    assert len(served.questions) - n_before == 10 + n_wanted - len(before.splitlines())


def test_one_changed_answer_of_ten_is_said_and_no_reason_to_stop(planted, rows, served, tmp_path, caplog):
    begin(planted, rows, served, tmp_path)
    served.trouble = saying("Bread.", rows[:1])
    assert len(go(planted, rows, served, tmp_path)[0]) == 20
    assert "1 of 10 greedy answers are no longer those that the server gave when 3-1.jsonl was begun" in (
        caplog.text
    )


def test_whole_answers_ask_nobody_and_those_without_their_comparison_are_refused(
    planted, rows, served, tmp_path
):
    first = go(planted, rows, served, tmp_path)
    counts = len(served.questions), served.lists
    assert go(planted, rows, served, tmp_path) == first
    assert (len(served.questions), served.lists) == counts
    (tmp_path / "3-1-check.jsonl").unlink()
    with pytest.raises(AnswerServerError, match="still serves the same cannot be told"):
        go(planted, rows, served, tmp_path)


def test_a_comparison_without_answers_is_made_anew_and_the_earlier_one_is_kept(
    planted, rows, served, tmp_path
):
    served.trouble = lambda k, body: (400, {}) if k >= 10 else saying("Bread.", rows[:4])(k, body)
    with pytest.raises(AnswerServerError, match="0 of 20 answers are kept"):
        go(planted, rows, served, tmp_path)
    served.trouble = lambda k, body: None
    assert go(planted, rows, served, tmp_path)[1]["differ"] == 0
    assert "Bread." in (tmp_path / "3-1-check.jsonl.other-1").read_text(encoding="utf-8")


def test_prompts_that_join_a_study_are_compared_beside_those_that_were(planted, rows, served, tmp_path):
    go(planted, rows[:6], served, tmp_path)
    records, facts = go(planted, rows, served, tmp_path)
    assert (len(records), facts["compared"], facts["differ"]) == (20, 10, 0)


def test_an_engine_that_changes_between_comparison_and_answers_gives_none(planted, rows, served, tmp_path):
    def changes(k, body):
        served.version = "9.9.2"

    served.trouble = changes
    with pytest.raises(AnswerServerError, match=r"vllm 9\.9\.1, and the server is now vllm 9\.9\.2"):
        go(planted, rows, served, tmp_path)
    assert not (tmp_path / "3-1.jsonl").exists()


@pytest.mark.parametrize("build", ["b2", None])
def test_another_build_adds_nothing_to_the_answers_of_the_first(planted, rows, served, tmp_path, build):
    path = tmp_path / "r.jsonl"

    def of(name):
        return lambda k, body: lambda own: own | {"system_fingerprint": name}

    served.trouble = of("b1")
    ask_responses(planted, rows[:4], path, settings=GREEDY, server=at(served))
    served.trouble = of(build)
    words = r"answers with (the build b2|a build that it does not name), and gave .* with the build b1"
    with pytest.raises(AnswerServerError, match=words):
        ask_responses(planted, rows, path, settings=GREEDY, server=at(served))
    kept = [json.loads(line)["build"] for line in path.read_text(encoding="utf-8").splitlines()]
    assert kept == ["b1"] * 4
    served.trouble = of("b1")
    assert len(ask_responses(planted, rows, path, settings=GREEDY, server=at(served))) == 10


def test_two_builds_behind_one_address_are_not_mixed_from_the_beginning(planted, rows, served, tmp_path):
    path = tmp_path / "r.jsonl"
    served.trouble = lambda k, body: lambda own: own | {"system_fingerprint": f"b{k % 2}"}
    with pytest.raises(AnswerServerError, match="with the build b"):
        ask_responses(planted, rows, path, settings=GREEDY, server=at(served))
    kept = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    assert len({json.loads(line)["build"] for line in kept}) <= 1


@pytest.mark.slow
def test_a_server_that_now_serves_other_weights_under_the_same_name_is_noticed(
    planted, rows, served, tmp_path
):
    begin(planted, rows, served, tmp_path)
    other, noise = copy.deepcopy(planted.model), torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in other.parameters():
            if weight.ndim > 1:
                weight += 0.6 * weight.std() * torch.randn(weight.shape, generator=noise)
    with (
        CompletionsServer(other, planted.tokenizer) as changed,
        pytest.raises(AnswerServerError, match=r"are not those that it gave|differ from those of"),
    ):
        go(planted, rows, changed, tmp_path)
