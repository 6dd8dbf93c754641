"""A study whose answers a real HTTP server on loopback gives, with the planted model behind it."""

import json

import pandas as pd
import pytest
import yaml
from completions_server import CompletionsServer

from unsinter.features.generate.server import AnswerServerError
from unsinter.studies import Settings, load_study, run_study
from unsinter.studies.planted import demo_prompts
from unsinter.studies.study.file import StudyError

KEY = "secret-key-of-the-test"


@pytest.fixture(scope="module")
def memory():
    """What the servers of this module have computed."""
    return {}


@pytest.fixture
def served(planted, memory, monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with CompletionsServer(planted.model, planted.tokenizer, memory=memory) as running:
        yield running


@pytest.fixture
def study_of(tmp_path):
    """Write a small study; keyword arguments are its section of responses, None for the model's own."""
    records = demo_prompts(pairs=6, wrapped=2, wrapped_twins=2, over_refused=2)
    text = "".join(json.dumps(record) + "\n" for record in records)
    (tmp_path / "prompts.jsonl").write_text(text, encoding="utf-8")

    def write(**responses):
        study = {
            "name": "served", "models": [{"name": "tiny", "path": "planted:detached", "dtype": "float32"}],
            "prompts": {"path": ["prompts.jsonl"]}, "responses": {"max_new_tokens": 8} | responses,
            "targets": ["R"], "positions": ["template_end"], "layers": [4], "penalties": [0.01],
            "bootstrap_draws": 100, "min_groups": 5, "transfer": [], "separation": {"pairs": []},
            "controls": {
                "permutations": 100, "random_model": False, "layer0_mean": False, "code_length": False,
            },
        }  # fmt: skip
        path = tmp_path / "study.yaml"
        path.write_text(yaml.safe_dump(study), encoding="utf-8")
        return path

    return write


def run(path, name):
    folder = path.parent / name
    return run_study(load_study(path), Settings(folder=folder, cache_root=path.parent / "cache")), folder


def test_a_run_whose_answers_come_from_a_server_is_the_run_of_the_models_own(study_of, served, capsys):
    own, own_folder = run(study_of(), "own")
    summary, folder = run(study_of(endpoint=served.url, model="planted"), "served")
    rows = [pd.read_parquet(place / "rows.parquet") for place in (own_folder, folder)]
    pd.testing.assert_frame_equal(*rows)
    results = [pd.read_parquet(place / "results.parquet") for place in (own_folder, folder)]
    pd.testing.assert_frame_equal(*results)
    facts = summary["models"]["tiny"]["answers"]
    assert facts["counts"] == own["models"]["tiny"]["answers"]["counts"]
    assert facts["made"] == "greedy, 8 tokens at most, by a server that serves planted"
    assert facts["server"] == {
        "model": "planted", "address": served.url, "engines": ["vllm 9.9.1"], "builds": [],
        "compared": 32, "differ": 0, "compared_tokens": 8,
    }  # fmt: skip
    [line] = [
        record
        for text in (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()
        if (record := json.loads(text))["event"] == "answers of a server"
    ]
    assert (line["compared"], line["differ"], line["engines"]) == (32, 0, ["vllm 9.9.1"])
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert f"from a server at {served.url} that serves planted (vllm 9.9.1)" in page
    assert "their greedy answers differ on 0 of 32 prompts compared (0 %), within 8 tokens" in page
    assert "would itself have answered" not in page
    assert len(served.questions) == 32 + len(rows[0]), "32 are compared, then each is asked once"


def test_answers_that_differ_are_counted_in_summary_log_and_report(study_of, served):
    served.trouble = lambda n, body: (
        (lambda own: own | {"choices": [own["choices"][0] | {"token_ids": None, "text": "Bread."}]})
        if n % 4 == 0
        else None
    )
    summary, folder = run(study_of(endpoint=served.url, model="planted"), "served")
    facts = summary["models"]["tiny"]["answers"]["server"]
    assert facts["compared"] == 32
    assert 0 < facts["differ"] <= 8
    page = (folder / "report.html").read_text(encoding="utf-8")
    words = f"greedy answers differ on {facts['differ']} of 32 prompts compared"
    assert page.count(words) == 2, "with what is not said, and with how to reproduce"
    assert "What the model that was read would itself have answered" in page


def test_a_finished_run_needs_no_server_and_does_not_ask_where_it_was(study_of, served):
    first, folder = run(study_of(endpoint=served.url, model="planted"), "served")
    n = len(served.questions)
    again, _ = run(
        study_of(endpoint="http://127.0.0.1:9/v1", model="planted", parallel=2, attempts=1), "served"
    )
    assert again["fingerprint"] == first["fingerprint"]
    assert again["seconds"] == first["seconds"], "it was run again"
    assert len(served.questions) == n
    assert "127.0.0.1:9" in (folder / "study.yaml").read_text(encoding="utf-8")


def test_a_server_that_dies_ends_a_run_and_the_next_one_goes_on_by_row(study_of, served):
    served.trouble = lambda n, body: "close" if n >= 100 else None
    study = study_of(endpoint=served.url, model="planted", attempts=1)
    with pytest.raises(AnswerServerError, match=r"Prompt '.*gave no answer.*of \d+ answers are kept"):
        run(study, "served")
    served.trouble = lambda n, body: None
    [path] = (study.parent / "served" / "responses").glob("*server*-8tokens-t0-seed0.jsonl")
    n, n_kept = len(served.questions), len(path.read_text(encoding="utf-8").splitlines())
    assert 50 < n_kept <= 100 - 32
    summary, folder = run(study, "served")
    n_prompts = summary["prompts"]
    assert len(served.questions) - n == 32 + n_prompts - n_kept, "32 are compared each time"
    kept = [
        json.loads(line)["prompt_id"]
        for path in (folder / "responses").glob("*server*-8tokens-t0-seed0.jsonl")
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    assert len(kept) == len(set(kept)) == n_prompts


@pytest.mark.slow
def test_sampled_answers_of_a_server_are_labelled_by_most_and_their_share_is_kept(study_of, served):
    study = study_of(endpoint=served.url, model="planted", samples=3, temperature=1.5)
    summary, folder = run(study, "served")
    shares = pd.read_parquet(folder / "rows.parquet")["refused_share"]
    assert {round(share, 2) for share in shares.dropna()} > {0.0, 0.33, 1.0}
    assert summary["models"]["tiny"]["answers"]["made"] == (
        "sampled at temperature 1.5, 3 a prompt, labelled by most, 8 tokens at most, by a server that serves "
        "planted"
    )
    assert summary["models"]["tiny"]["answers"]["server"]["compared"] == 32


@pytest.mark.parametrize(
    ("trouble", "keys", "parts"),
    [
        ((401, {}), None, ["refused the key (status 401)", "ANSWER_KEY", "are kept"]),
        ((200, b"[" * 5000), None, ["nested too deeply", "Prompt '"]),
        (None, set(), ["refused the key (status 401)"]),
    ],
)
def test_on_the_command_line_trouble_is_one_line_without_the_key(
    study_of, served, refused, trouble, keys, parts, private_cache
):
    served.trouble, served.keys = (lambda n, body: trouble if n > 40 else None), keys
    study = study_of(endpoint=served.url, model="planted", key_variable="ANSWER_KEY")
    refused("run", study, "--out", study.parent / "out", parts=parts, ANSWER_KEY=KEY)
    texts = [path.read_bytes() for path in (study.parent / "out").rglob("*") if path.is_file()]
    assert texts
    assert KEY.encode() not in b"".join(texts)


@pytest.mark.parametrize(
    ("responses", "words"),
    [
        ({"endpoint": "localhost:8000", "model": "m"}, r"responses\.endpoint: .*must start with http"),
        ({"endpoint": "http://a/v1"}, "endpoint needs model"),
        ({"endpoint": "http://a/v1", "model": "m", "path": ["prompts.jsonl"]}, "exclude one another"),
        ({"endpoint": "http://a/v1", "model": "m", "until": "answer"}, "a server cannot, so drop it"),
        ({"endpoint": "http://a/v1", "model": "m", "samples": 2}, "at temperature 0"),
        ({"endpoint": "http://a/v1", "model": "m", "parallel": 0}, r"responses\.parallel"),
        ({"endpoint": "http://a/v1", "model": "m", "timeout": 0}, r"responses\.timeout"),
        ({"endpoint": "http://u:hidden@a/v1", "model": "m"}, r"holds a user name.*got 20 characters"),
        ({"endpoint": "http://a/v1?k=hidden", "model": "m"}, r"a query or.*got 20 characters"),
        (
            {"endpoint": "http://a/v1", "model": "m", "key_variable": "sk-hidden"},
            "should match pattern .*got 9 characters",
        ),
        ({"key_variable": "KEY"}, "key_variable are of a server's answers"),
        ({"parallel": 3}, "parallel are of a server's answers"),
    ],
)
def test_a_section_that_makes_no_sense_is_refused_in_one_line_without_secrets(study_of, responses, words):
    with pytest.raises(StudyError, match=words) as error:
        load_study(study_of(**responses))
    assert "hidden" not in str(error.value)
    assert "\n" not in str(error.value)


def test_a_server_answers_as_one_model_of_a_study_only(study_of):
    path = study_of(endpoint="http://a/v1", model="m")
    study = yaml.safe_load(path.read_text(encoding="utf-8"))
    study["models"].append({"name": "other", "path": "planted:sintered"})
    path.write_text(yaml.safe_dump(study), encoding="utf-8")
    with pytest.raises(StudyError, match="answers as one model, and the study has 2: tiny, other"):
        load_study(path)


def test_the_study_of_a_run_is_a_study_again(study_of, served):
    _, folder = run(study_of(endpoint=served.url, model="planted"), "served")
    assert load_study(folder / "study.yaml").responses == load_study(study_of(
        endpoint=served.url, model="planted")).responses  # fmt: skip
    _, own = run(study_of(), "own")
    assert load_study(own / "study.yaml").responses.endpoint is None
