"""Generated responses: the same text however often the run is interrupted, and never mixed."""

import hashlib
import json
import sys
from dataclasses import replace

import pytest
import torch

from unsinter.features.generate import generate as generate_module
from unsinter.features.generate.generate import GenerationError, GenerationSettings, generate_responses
from unsinter.features.generate.response_file import ResponseFile, ResponseFileError
from unsinter.features.rendering.rendering import TemplateInput, render

PROMPTS = [(f"p{n}", "tell me a story about bread and rain " + "more " * n) for n in range(7)]
SAMPLED = GenerationSettings(max_new_tokens=6, samples=2, temperature=1.0, seed=3, token_budget=80)
GREEDY = GenerationSettings(max_new_tokens=8)


@pytest.fixture(scope="module")
def llama(zoo):
    return zoo("llama")


@pytest.fixture(scope="module")
def rows(llama):
    return render(PROMPTS, llama)


def greedy_by_hand(model, row, n, ends):
    ids = list(row.token_ids)
    for _ in range(n):
        with torch.inference_mode():
            ids.append(int(model.model(input_ids=torch.tensor([ids])).logits[0, -1].argmax()))
        if ids[-1] in ends:
            break
    return ids[row.prompt_end :]


def test_greedy_batches_equal_the_likeliest_token_one_prompt_at_a_time(llama, rows, tmp_path):
    records = generate_responses(llama, rows, tmp_path / "r.jsonl", settings=GREEDY)
    assert [record["prompt_id"] for record in records] == [name for name, _ in PROMPTS]
    for row, record in zip(rows, records, strict=True):
        ids = greedy_by_hand(llama, row, 8, ends={2})
        assert record["response_opening"] == llama.tokenizer.decode(ids, skip_special_tokens=True)
        assert record["n_tokens"] == len([token for token in ids if token != 2])
        assert record["truncated"] == (2 not in ids)


def test_a_record_says_where_it_comes_from(llama, rows, tmp_path):
    [record] = generate_responses(llama, rows[:1], tmp_path / "r.jsonl", settings=GREEDY)
    assert set(record) == {
        "id",
        "prompt_id",
        "model",
        "response_opening",
        "n_tokens",
        "truncated",
        "sample",
        "prompt_key",
        "settings",
    }
    assert record["model"] == f"{llama.name}@{llama.identity['weights'][:12]}"
    stored = json.loads((tmp_path / "r.jsonl").read_text(encoding="utf-8"))
    assert stored.pop("sha256") == hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()
    assert stored == record


def test_generation_stops_at_any_end_token_and_strips_specials(llama, rows, tmp_path):
    first = greedy_by_hand(llama, rows[0], 8, ends=set())
    llama.model.generation_config.eos_token_id = [2, first[3]]
    try:
        [record] = generate_responses(llama, rows[:1], tmp_path / "r.jsonl", settings=GREEDY)
    finally:
        llama.model.generation_config.eos_token_id = 2
    n = first.index(first[3])
    assert (record["n_tokens"], record["truncated"]) == (n, False)
    assert record["response_opening"] == llama.tokenizer.decode(first[:n], skip_special_tokens=True)


def test_the_models_own_sampling_defaults_are_not_inherited(llama, rows, tmp_path):
    plain = generate_responses(llama, rows, tmp_path / "a.jsonl", settings=SAMPLED)
    config = llama.model.generation_config
    config.top_k, config.repetition_penalty, config.do_sample, config.temperature = 1, 5.0, True, 0.1
    try:
        greedy = generate_responses(llama, rows, tmp_path / "g.jsonl", settings=GREEDY)
        sampled = generate_responses(llama, rows, tmp_path / "b.jsonl", settings=SAMPLED)
    finally:
        config.top_k, config.repetition_penalty, config.do_sample, config.temperature = 50, 1.0, False, 1.0
    assert sampled == plain
    assert greedy == generate_responses(llama, rows, tmp_path / "h.jsonl", settings=GREEDY)


def test_samples_differ_and_depend_on_the_seed_alone(llama, rows, tmp_path):
    torch.manual_seed(1)
    one = generate_responses(llama, rows, tmp_path / "1.jsonl", settings=SAMPLED)
    state = torch.random.get_rng_state()
    torch.manual_seed(2)
    two = generate_responses(llama, rows, tmp_path / "2.jsonl", settings=SAMPLED)
    other = generate_responses(llama, rows, tmp_path / "3.jsonl", settings=replace(SAMPLED, seed=4))
    assert [r["id"] for r in one[:3]] == ["p0#0", "p0#1", "p1#0"]
    assert one == two
    assert [r["response_opening"] for r in one] != [r["response_opening"] for r in other]
    assert one[0]["response_opening"] != one[1]["response_opening"]
    torch.manual_seed(1)
    assert torch.equal(state, torch.random.get_rng_state()), "the global generator was moved"


@pytest.mark.parametrize("settings", [GREEDY, SAMPLED])
def test_a_run_cut_at_any_byte_resumes_to_the_same_file_content(llama, rows, tmp_path, settings):
    whole = tmp_path / "whole.jsonl"
    expected = generate_responses(llama, rows, whole, settings=settings)
    raw = whole.read_bytes()
    for share in (0.0, 0.1, 0.37, 0.5, 0.93, 0.999):
        cut = tmp_path / f"cut{share}.jsonl"
        cut.write_bytes(raw[: int(len(raw) * share)])
        assert generate_responses(llama, rows, cut, settings=settings) == expected
        assert sorted(cut.read_bytes().splitlines()) == sorted(raw.splitlines())


def test_a_finished_file_is_read_without_generating(llama, rows, tmp_path, monkeypatch):
    expected = generate_responses(llama, rows, tmp_path / "r.jsonl", settings=GREEDY)
    monkeypatch.setattr(generate_module, "_generate_batch", lambda *_: pytest.fail("generated again"))
    before = (tmp_path / "r.jsonl").read_bytes()
    assert generate_responses(llama, rows, tmp_path / "r.jsonl", settings=GREEDY) == expected
    assert (tmp_path / "r.jsonl").read_bytes() == before


def test_each_batch_is_on_disk_before_the_next_begins(llama, rows, tmp_path):
    path = tmp_path / "r.jsonl"
    lines = []
    generate_responses(
        llama,
        rows,
        path,
        settings=SAMPLED,
        progress=lambda *_: lines.append(len(path.read_bytes().splitlines())),
    )
    assert lines == sorted(set(lines))
    assert lines[-1] == 14
    assert len(lines) > 2


def test_rows_of_other_settings_model_or_template_are_refused(zoo, llama, rows, tmp_path):
    path = tmp_path / "r.jsonl"
    generate_responses(llama, rows, path, settings=GREEDY)
    before = path.read_bytes()
    with pytest.raises(ResponseFileError, match=r"r.jsonl, row 1, field 'settings': .* another model"):
        generate_responses(llama, rows, path, settings=replace(GREEDY, max_new_tokens=9))
    other = zoo("mistral")
    with pytest.raises(ResponseFileError, match="another model or settings"):
        generate_responses(other, render(PROMPTS, other), path, settings=GREEDY)
    with pytest.raises(ResponseFileError, match="record 'p0' answers another text or template"):
        generate_responses(
            llama, render(PROMPTS, llama, beside=TemplateInput(system="Be kind.")), path, settings=GREEDY
        )
    assert path.read_bytes() == before


def test_every_kind_of_damage_is_named_by_row_and_made_anew_to_the_same_bytes(llama, rows, tmp_path, caplog):
    path = tmp_path / "r.jsonl"
    expected = generate_responses(llama, rows[:3], path, settings=GREEDY)
    raw = path.read_bytes()
    lines = raw.splitlines(keepends=True)
    changed = json.loads(lines[1]) | {"response_opening": "Another answer."}
    for bad in (
        b"{broken\n",
        b"[]\n",
        b"\xff\n",
        json.dumps(changed).encode() + b"\n",
        lines[1][:40] + b"\n",
    ):
        path.write_bytes(lines[0] + bad + lines[2])
        caplog.clear()
        assert generate_responses(llama, rows[:3], path, settings=GREEDY) == expected
        assert "r.jsonl, row 2: " in caplog.text
        assert sorted(path.read_bytes().splitlines()) == sorted(raw.splitlines())
        newest = max(tmp_path.glob("r.jsonl.damaged-*"), key=lambda kept: int(kept.name.rpartition("-")[2]))
        assert newest.read_bytes() == lines[0] + bad + lines[2]


def test_no_flipped_bit_of_a_file_of_responses_is_read_as_another_answer(llama, rows, tmp_path):
    path = tmp_path / "r.jsonl"
    generate_responses(llama, rows[:2], path, settings=GREEDY)
    settings = json.loads(path.read_bytes().splitlines()[0])["settings"]
    true, raw = ResponseFile.open(path, settings=settings).records, path.read_bytes()
    for place in range(0, 8 * len(raw), 3):
        flipped = bytearray(raw)
        flipped[place // 8] ^= 1 << place % 8
        path.write_bytes(flipped)
        result = ResponseFile.open(path, settings=settings).records
        assert all(true.get(name) == record for name, record in result.items()), (place, result)
        for kept in tmp_path.glob("r.jsonl.damaged-*"):
            kept.unlink()


def test_a_file_of_an_earlier_version_is_read_with_one_line_that_says_it_has_no_digests(
    llama, rows, tmp_path, caplog
):
    path = tmp_path / "r.jsonl"
    expected = generate_responses(llama, rows[:3], path, settings=GREEDY)
    plain = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for record in plain:
        del record["sha256"]
    path.write_text("".join(json.dumps(record) + "\n" for record in plain), encoding="utf-8")
    assert generate_responses(llama, rows[:3], path, settings=GREEDY) == expected
    assert caplog.text.count("carry no digest") == 1
    assert "3 of its answers" in caplog.text


def test_a_file_of_something_else_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "r.jsonl"
    for text in ('{"settings": "x"}\n', "some\nnotes\n"):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(ResponseFileError, match=r"row 1: no.* no file of generated responses"):
            ResponseFile.open(path, settings="x")
        assert path.read_text(encoding="utf-8") == text
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "text",
    [
        '{"my": "own data, one line, no line end"}', "notes", '[{"id": "a"}]', "1", '{"id": 3, "a": 1}',
        '{"id": "a", "prompt_id": "p", "text": "No."}', '{"id": "a", "prompt": "', "{'id': 'a", "\x00\x00",
    ],
)  # fmt: skip
def test_a_line_of_something_else_without_a_line_end_is_refused_and_left_alone(tmp_path, text):
    path = tmp_path / "r.jsonl"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ResponseFileError, match=r"row 1: no record.* no file of generated responses"):
        ResponseFile.open(path, settings="x")
    assert path.read_text(encoding="utf-8") == text


def test_every_beginning_of_a_record_is_cut_and_nothing_else_goes_without_a_copy(tmp_path):
    path = tmp_path / "r.jsonl"
    record = {"id": 'a"\\ü', "prompt_id": "p", "response_opening": "No.", "settings": "x"}
    ResponseFile(path=path, records={}).append([record])
    line = path.read_bytes()
    for n in range(1, len(line)):
        path.write_bytes(line[:n])
        assert ResponseFile.open(path, settings="x").records == {}, line[:n]
        assert path.read_bytes() == b""
    assert list(tmp_path.iterdir()) == [path]
    path.write_bytes(line + b"a note of mine")
    assert ResponseFile.open(path, settings="x").records == {record["id"]: record}
    assert (tmp_path / "r.jsonl.damaged-1").read_bytes() == line + b"a note of mine"
    assert path.read_bytes() == line


def test_what_cannot_be_generated_is_refused_before_anything_is_written(zoo, llama, rows, tmp_path):
    path = tmp_path / "r.jsonl"
    encoder = zoo("bert")
    with pytest.raises(GenerationError, match="bert0 has no language-model head"):
        generate_responses(encoder, render(PROMPTS, encoder), path, settings=GREEDY)
    with pytest.raises(GenerationError, match=r"prompt 'p0' .* exceeds the 128"):
        generate_responses(llama, rows, path, settings=GenerationSettings(max_new_tokens=120))
    with pytest.raises(GenerationError, match="'p0' occurs twice"):
        generate_responses(llama, [rows[0], rows[0]], path, settings=GREEDY)
    answered = render(PROMPTS[:1], llama, responses={"p0": "Yes."})
    with pytest.raises(GenerationError, match="already holds a response"):
        generate_responses(llama, answered, path, settings=GREEDY)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"max_new_tokens": 0}, "must be at least 1"),
        ({"samples": 2}, "samples=2 with temperature 0"),
        ({"temperature": -1.0}, "temperature must be 0 or above"),
        ({"temperature": float("nan")}, "temperature must be 0 or above"),
    ],
)
def test_settings_that_make_no_sense_are_refused(changes, message):
    with pytest.raises(GenerationError, match=message):
        GenerationSettings(**changes)


def test_the_count_of_what_is_stored_costs_each_answer_once(llama, rows, tmp_path):
    """Steps of the interpreter on a whole file, in which every prompt is a batch of its own."""
    alone = replace(GREEDY, token_budget=1)
    (made,) = generate_responses(llama, rows[:1], tmp_path / "one.jsonl", settings=alone)

    def steps(n):
        path = tmp_path / f"{n}.jsonl"
        same = [replace(rows[0], id=f"p{k}") for k in range(n)]
        records = [made | {"id": row.id, "prompt_id": row.id} for row in same]
        ResponseFile(path=path, records={}).append(records)
        seen, taken = [], [0]

        def count(frame, event, argument):
            taken[0] += frame.f_code.co_filename == generate_module.__file__ and event == "call"

        sys.setprofile(count)
        try:
            done = generate_responses(
                llama, same, path, settings=alone, progress=lambda *report: seen.append(report)
            )
        finally:
            sys.setprofile(None)
        assert (len(done), set(seen)) == (n, {(n, n)})
        return taken[0]

    assert steps(200) < 3 * steps(100)
