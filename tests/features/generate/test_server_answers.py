"""Answers of a real HTTP server on loopback that runs the planted model: right, kept, counted once."""

import json
import logging
import time
from dataclasses import replace

import pytest
import torch
from completions_server import CompletionsServer

from unsinter.features.endpoint.attempts import Patience
from unsinter.features.generate.generate import GenerationSettings, generate_responses
from unsinter.features.generate.response_file import ResponseFileError
from unsinter.features.generate.server import AnswerServer, AnswerServerError
from unsinter.features.generate.server_answers import ask_responses
from unsinter.features.generate.server_check import compare_with_model
from unsinter.features.generate.settings import GenerationError
from unsinter.features.model.model import load_model
from unsinter.features.rendering.rendering import render
from unsinter.studies.planted import demo_prompts, model_folder

KEY = "secret-key-of-the-test"
QUICK = Patience(timeout=20.0, attempts=3, wait=0.01)
GREEDY = GenerationSettings(max_new_tokens=12)
SAMPLED = GenerationSettings(max_new_tokens=8, temperature=1.5, samples=3, seed=5)


@pytest.fixture
def served(planted, monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with CompletionsServer(planted.model, planted.tokenizer) as running:
        yield running


def at(server, **changes):
    return AnswerServer(**{"url": server.url, "model": "planted", "workers": 3, "patience": QUICK} | changes)


def answers(records):
    return [(r["id"], r["response_opening"], r["n_tokens"], r["truncated"]) for r in records]


@pytest.mark.parametrize("gives", ["ids", "text", "text with signs", "text with its end"])
def test_greedy_answers_of_a_server_of_the_same_model_are_the_models_own(
    planted, rows, served, tmp_path, gives
):
    served.gives = gives
    own = generate_responses(planted, rows, tmp_path / "own.jsonl", settings=GREEDY)
    records = ask_responses(planted, rows, tmp_path / "r.jsonl", settings=GREEDY, server=at(served))
    assert answers(records) == answers(own)
    assert len({record["response_opening"] for record in records}) > 1
    assert {(record["model"], record["engine"]) for record in records} == {("planted", "vllm 9.9.1")}


@pytest.mark.parametrize("gives", ["ids", "text"])
def test_stop_texts_end_answers_of_a_server_where_they_end_the_models_own(
    planted, rows, served, tmp_path, gives
):
    served.gives, how = gives, replace(GREEDY, stop=("help", " can"))
    own = generate_responses(planted, rows, tmp_path / "own.jsonl", settings=how)
    records = ask_responses(planted, rows, tmp_path / "r.jsonl", settings=how, server=at(served))
    assert answers(records) == answers(own)
    assert {tuple(question["stop"]) for question in served.questions} == {("help", " can")}


def test_a_question_holds_the_token_ids_of_the_own_template_and_says_every_setting(
    planted, rows, served, tmp_path
):
    ask_responses(planted, rows, tmp_path / "r.jsonl", settings=GREEDY, server=at(served))
    sent = [question["prompt"] for question in served.questions]
    assert sorted(sent) == sorted([list(row.token_ids)] for row in rows)
    sent_settings = {
        name: value for name, value in served.questions[0].items() if name not in ("prompt", "seed")
    }
    assert sent_settings.pop("stop_token_ids")
    assert sent_settings == {
        "model": "planted", "max_tokens": 12, "temperature": 0.0, "top_p": 1.0, "top_k": -1, "min_p": 0.0,
        "repetition_penalty": 1.0, "presence_penalty": 0.0, "frequency_penalty": 0.0, "n": 1,
        "stream": False, "echo": False, "return_token_ids": True,
        "ignore_eos": False,
        "repeat_penalty": 1.0, "typical_p": 1.0, "dry_multiplier": 0.0, "xtc_probability": 0.0, "mirostat": 0,
        "dynatemp_range": 0.0, "top_n_sigma": -1.0,  # as llama.cpp calls its own
        "skip_special_tokens": False,  # its template has signs that reasoning is marked with, too
    }  # fmt: skip


def test_samples_differ_and_each_has_a_seed_that_depends_on_study_prompt_and_place_alone(
    planted, rows, served, tmp_path
):
    one = ask_responses(planted, rows[:4], tmp_path / "1.jsonl", settings=SAMPLED, server=at(served))
    turned = ask_responses(planted, rows[3::-1], tmp_path / "2.jsonl", settings=SAMPLED, server=at(served))
    other = replace(SAMPLED, seed=6)
    moved = ask_responses(planted, rows[:4], tmp_path / "3.jsonl", settings=other, server=at(served))
    assert [record["id"] for record in one[:4]] == [f"{rows[0].id}#{k}" for k in range(3)] + [
        f"{rows[1].id}#0"
    ]
    assert sorted(answers(one)) == sorted(answers(turned))
    assert answers(one) != answers(moved)
    assert len({record["response_opening"] for record in one}) > 4
    seeds = [question["seed"] for question in served.questions[:12]]
    assert len(set(seeds)) == 12
    assert all(0 <= seed < 2**31 for seed in seeds)


def test_a_file_is_the_same_byte_for_byte_however_many_questions_are_asked_at_a_time(
    planted, rows, served, tmp_path
):
    served.trouble = lambda n, body: time.sleep(0.05 if n % 3 == 0 else 0)
    files = []
    for workers in (1, 7):
        path = tmp_path / f"{workers}.jsonl"
        ask_responses(planted, rows, path, settings=GREEDY, server=at(served, workers=workers))
        files.append(path.read_bytes())
    assert files[0] == files[1]


def test_a_file_that_holds_everything_is_read_without_the_server(planted, rows, tmp_path, served):
    path, server = tmp_path / "r.jsonl", at(served)
    first = ask_responses(planted, rows, path, settings=GREEDY, server=server)
    n = len(served.questions), served.lists
    gone = replace(server, url="http://127.0.0.1:9/v1", workers=1)
    assert ask_responses(planted, rows, path, settings=GREEDY, server=gone) == first
    assert (len(served.questions), served.lists) == n


TROUBLE = {
    "dies": ("close", r"gave no answer in 3 attempts \(last: \w+Error\)"),
    "500": ((500, {}), r"gave no answer in 3 attempts \(last: status 500\)"),
    "429": ((429, {}, [("Retry-After", "0")]), r"gave no answer in 3 attempts \(last: status 429\)"),
    "hangs": (0.7, r"gave no answer in 3 attempts \(last: TimeoutError\)"),
    "expired": ((401, {"error": KEY}), r"refused the key \(status 401\); renew the one .* ANSWER_KEY"),
    "model": ((404, {}), r"knows no model 'planted', or no such address \(status 404\)"),
    "not taken": ((400, {}), r"does not take the question \(status 400\)"),
    "redirect": ((302, {}, [("Location", "http://127.0.0.1:9/")]), r"answered status 302"),
    "endless": ((200, b"[" + b" " * 1_000_001), r"answer that is longer than 1,000,000 bytes"),
    "nested": ((200, b"[" * 900_000), r"is no completion: it is nested too deeply"),
    "html": ((200, b"<html>"), r"is no completion: it is not JSON"),
    "null": ((200, b"null"), r"is no completion: it has no choices"),
    "object": ((200, b'{"choices": {"a": 1}}'), r"is no completion: it has no choices"),
    "none": ((200, {"choices": []}), r"has 0 choices where one was asked for"),
    "two": (lambda own: own | {"choices": own["choices"] * 2}, r"has 2 choices where one was asked for"),
    "abort": (lambda own: with_choice(own, finish_reason="abort"), r"neither stop nor length"),
    "no reason": (lambda own: with_choice(own, finish_reason=None), r"neither stop nor length"),
    "strange reason": (lambda own: with_choice(own, finish_reason=["stop"]), r"neither stop nor length"),
    "no text": (lambda own: with_choice(own, token_ids=None, text=None), r"holds no text, got NoneType"),
    "half": (lambda own: with_choice(own, token_ids=None, text="\ud83d"), r"holds half of a character"),
    "ids": (lambda own: with_choice(own, token_ids=["1"]), r"token_ids that are no list of whole numbers"),
    "foreign": (lambda own: with_choice(own, token_ids=[10**7]), r"tokens that the loaded model's tokenizer"),
    "huge": (lambda own: with_choice(own, token_ids=[10**300]), r"tokens that the loaded model's tokenizer"),
    "negative": (lambda own: with_choice(own, token_ids=[-1]), r"tokens that the loaded model's tokenizer"),
    "long": (lambda own: with_choice(own, token_ids=[5] * 13), r"13 tokens where 12 at most were asked for"),
    "retokenised": (
        lambda own: own | {"usage": {"prompt_tokens": own["usage"]["prompt_tokens"] + 1}},
        r"prompt tokens where \d+ were sent",
    ),
}


def with_choice(own, **changes):
    return own | {"choices": [own["choices"][0] | changes]}


@pytest.mark.parametrize("trouble", TROUBLE)
def test_trouble_in_the_middle_is_one_line_and_a_second_run_goes_on_by_row(
    planted, rows, served, tmp_path, trouble, monkeypatch, caplog
):
    monkeypatch.setenv("ANSWER_KEY", KEY)
    path, (fault, words) = tmp_path / "r.jsonl", TROUBLE[trouble]
    patience = replace(QUICK, timeout=0.5) if trouble == "hangs" else QUICK
    server = at(served, key_variable="ANSWER_KEY", patience=patience)
    bad = list(rows[6].token_ids)
    served.trouble = lambda n, body: fault if body["prompt"] == [bad] else None
    with caplog.at_level(logging.DEBUG), pytest.raises(AnswerServerError, match=words) as error:
        ask_responses(planted, rows, path, settings=GREEDY, server=server)
    line = str(error.value)
    assert line.startswith(f"Prompt {rows[6].id!r}: ")
    assert "\n" not in line
    assert len(line) < 400
    assert KEY not in line + caplog.text
    kept = [json.loads(text)["id"] for text in path.read_text(encoding="utf-8").splitlines()]
    assert f"; {len(kept)} of 10 answers are kept, run again to go on." in line
    assert {row.id for row in rows[:6]} <= set(kept)
    served.trouble, n = (lambda n, body: None), len(served.questions)
    records = ask_responses(planted, rows, path, settings=GREEDY, server=server)
    again = [question["prompt"] for question in served.questions[n:]]
    assert not [row.id for row in rows if row.id in kept and [list(row.token_ids)] in again]
    assert answers(records) == answers(
        generate_responses(planted, rows, tmp_path / "own.jsonl", settings=GREEDY)
    )
    ids = [json.loads(text)["id"] for text in path.read_text(encoding="utf-8").splitlines()]
    assert sorted(ids) == sorted(row.id for row in rows)


def test_answers_behind_a_failure_are_kept_too(planted, rows, served, tmp_path):
    path, first = tmp_path / "r.jsonl", list(rows[0].token_ids)

    def slow_then_broken(n, body):
        if body["prompt"] != [first]:
            return None
        while len(served.answers) < 9:  # until all others have their answer
            time.sleep(0.05)
        time.sleep(0.5)
        return (400, {})

    served.trouble = slow_then_broken
    with pytest.raises(AnswerServerError, match=r"status 400.*; 9 of 10 answers are kept"):
        ask_responses(planted, rows, path, settings=GREEDY, server=at(served))
    assert len(path.read_text(encoding="utf-8").splitlines()) == 9


def test_passing_trouble_costs_a_second_question_and_no_answer(planted, rows, served, tmp_path):
    served.trouble = lambda n, body: {0: (503, {}), 4: "close", 7: (429, {})}.get(n)
    records = ask_responses(planted, rows, tmp_path / "r.jsonl", settings=GREEDY, server=at(served))
    assert len(served.questions) == 13
    own = generate_responses(planted, rows, tmp_path / "own.jsonl", settings=GREEDY)
    assert answers(records) == answers(own)


def test_a_server_that_is_not_there_or_serves_another_model_is_one_line_before_any_question(
    planted, rows, served, tmp_path
):
    path = tmp_path / "r.jsonl"
    for server, words in [
        (at(served, model="llama"), r"serves no model 'llama' \(1 others\).*0 of 10 answers are kept"),
        (at(served, url="http://127.0.0.1:9/v1"), r"127.0.0.1:9/v1 gave no answer in 3 attempts"),
    ]:
        with pytest.raises(AnswerServerError, match=words):
            ask_responses(planted, rows, path, settings=GREEDY, server=server)
    assert served.questions == []
    assert not path.exists()


def test_a_key_is_sent_from_its_variable_and_stands_nowhere_else(
    planted, rows, served, tmp_path, monkeypatch, caplog
):
    served.keys, server = {f"Bearer {KEY}"}, at(served, key_variable="ANSWER_KEY")
    with pytest.raises(AnswerServerError, match=r"asks for a key \(status 401\).*responses.key_variable"):
        ask_responses(planted, rows, tmp_path / "r.jsonl", settings=GREEDY, server=at(served))
    monkeypatch.delenv("ANSWER_KEY", raising=False)
    with pytest.raises(AnswerServerError, match=r"variable ANSWER_KEY.* is not set"):
        ask_responses(planted, rows, tmp_path / "r.jsonl", settings=GREEDY, server=server)
    monkeypatch.setenv("ANSWER_KEY", "expired")
    with pytest.raises(AnswerServerError, match=r"refused the key \(status 401\).*ANSWER_KEY"):
        ask_responses(planted, rows, tmp_path / "r.jsonl", settings=GREEDY, server=server)
    monkeypatch.setenv("ANSWER_KEY", KEY)
    served.owner = f"owner {KEY}"  # a server that repeats what it was sent
    served.trouble = lambda n, body: lambda own: own | {"system_fingerprint": KEY}
    with caplog.at_level(logging.DEBUG):
        records = ask_responses(planted, rows, tmp_path / "r.jsonl", settings=GREEDY, server=server)
    assert {headers["Authorization"] for headers in served.headers} == {f"Bearer {KEY}"}
    kept = "".join(path.read_text(encoding="utf-8") for path in tmp_path.iterdir())
    assert KEY not in kept + caplog.text + repr(records) + repr(server)
    assert {record["engine"] for record in records} == {"uvicorn"}


@pytest.mark.parametrize("url", ["http://node7:8000/v1", "http://10.0.0.8/v1", "http://[fe80::1]/v1"])
def test_no_key_goes_in_the_clear_to_another_machine(planted, rows, tmp_path, monkeypatch, url):
    monkeypatch.setenv("ANSWER_KEY", KEY)
    server = AnswerServer(url=url, model="planted", key_variable="ANSWER_KEY", patience=QUICK)
    with pytest.raises(AnswerServerError, match=r"ANSWER_KEY would go to http://\S+ in the clear") as error:
        ask_responses(planted, rows, tmp_path / "r.jsonl", settings=GREEDY, server=server)
    assert KEY not in str(error.value)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("localhost:8000", "must start with http"),
        ("http://user:word@localhost/v1", "holds a user name"),
        ("http://localhost/v1?key=1", "holds a user name, a password, a query"),
    ],
)
def test_an_address_that_is_none_or_holds_a_secret_is_refused(url, words):
    with pytest.raises(AnswerServerError, match=words) as error:
        AnswerServer(url=url, model="m")
    assert "word@" not in str(error.value)
    assert "key=1" not in str(error.value)


def test_two_engines_are_never_mixed_and_the_place_of_the_server_does_not_matter(
    planted, rows, served, tmp_path
):
    path = tmp_path / "r.jsonl"
    ask_responses(planted, rows[:4], path, settings=GREEDY, server=at(served))
    before = path.read_bytes()
    served.version = "9.9.2"
    with pytest.raises(AnswerServerError, match=r"answers of vllm 9.9.1, and the server is now vllm 9.9.2"):
        ask_responses(planted, rows, path, settings=GREEDY, server=at(served))
    assert path.read_bytes() == before
    served.version = "9.9.1"
    with CompletionsServer(planted.model, planted.tokenizer) as moved:
        ask_responses(planted, rows, path, settings=GREEDY, server=at(moved))
        assert len(moved.questions) == 6
    with pytest.raises(ResponseFileError, match="another model or settings"):
        ask_responses(planted, rows, path, settings=replace(GREEDY, max_new_tokens=9), server=at(served))


@pytest.mark.parametrize(
    ("owner", "engine"), [("llamacpp", "llamacpp"), (None, "uvicorn"), ("a\nb", "uvicorn")]
)
def test_the_engine_is_named_by_owner_else_by_header(planted, rows, served, tmp_path, owner, engine):
    served.owner = owner
    [record] = ask_responses(planted, rows[:1], tmp_path / "r.jsonl", settings=GREEDY, server=at(served))
    assert record["engine"] == engine


def test_a_stop_at_a_decided_answer_is_no_setting_of_a_server(planted, rows, served, tmp_path):
    with pytest.raises(GenerationError, match="until: answer"):
        ask_responses(
            planted, rows, tmp_path / "r.jsonl", settings=replace(GREEDY, until="answer"), server=at(served)
        )


def compare(planted, rows, served, folder, settings=GREEDY):
    def path_of(how):
        return folder / f"{how.max_new_tokens}-{how.temperature:g}.jsonl"

    return compare_with_model(planted, rows, path_of, settings=settings, server=at(served))


def test_a_server_of_the_same_model_differs_on_no_prompt(planted, rows, served, tmp_path):
    first = compare(planted, rows, served, tmp_path, SAMPLED)
    assert (first.n_prompts, first.n_differ, first.max_new_tokens) == (10, 0, 8)
    assert {question["temperature"] for question in served.questions} == {0.0}
    assert len(served.questions) == 10


def test_answers_that_differ_are_counted_and_said(planted, rows, served, tmp_path, caplog):
    others = [list(row.token_ids) for row in rows[:3]]
    served.trouble = lambda n, body: (
        (lambda own: with_choice(own, token_ids=None, text="Bread.")) if body["prompt"][0] in others else None
    )
    compared = compare(planted, rows, served, tmp_path)
    assert (compared.n_prompts, compared.n_differ) == (10, 3)
    assert (
        "of 10 prompts, the greedy answers of the server and of the loaded model differ on 3 (30 %)"
        in caplog.text
    )


def test_a_server_that_agrees_on_no_prompt_is_an_error_and_its_answers_are_moved_aside(
    planted, rows, served, tmp_path
):
    other = load_model(model_folder("detached"), dtype="float32", device="cpu")
    with torch.no_grad():
        for parameter in other.model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0)))
    right, served.model = served.model, other.model
    with pytest.raises(
        AnswerServerError, match=r"differ from those of .* on all 10 prompts compared"
    ) as error:
        compare(planted, rows, served, tmp_path)
    assert "12-0-check.jsonl.other-1" in str(error.value)
    assert (tmp_path / "12-0-check.jsonl.other-1").is_file()
    served.model = right
    served.memory.clear()
    assert compare(planted, rows, served, tmp_path).n_differ == 0


def test_only_so_many_prompts_are_compared(planted, served, tmp_path):
    prompts = demo_prompts(pairs=40, wrapped=2, wrapped_twins=2, over_refused=2)[:50]
    rows = render([(p["id"], p["prompt"]) for p in prompts], planted)
    assert compare(planted, rows, served, tmp_path, replace(GREEDY, max_new_tokens=3)).n_prompts == 32
    assert len(served.questions) == 32
