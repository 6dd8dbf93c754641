"""Refusals and answers in eleven languages, by the author of the phrase tables; others are missing."""

# ruff: noqa: RUF001

import importlib.util
from pathlib import Path

import pytest

from unsinter.features.labelling import label_response, label_responses
from unsinter.features.labelling.language import read_language
from unsinter.features.labelling.phrase_tables import phrase_tables

FOLDER = Path(__file__).parent / "languages"
SPEC = importlib.util.spec_from_file_location(
    "labels_benchmark", Path(__file__).parents[3] / "benchmarks/labels.py"
)
benchmark = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(benchmark)
CODES = sorted(path.stem for path in FOLDER.glob("*.txt"))


@pytest.fixture(scope="module")
def counts():
    return benchmark.languages(FOLDER)


def test_every_table_of_phrases_has_its_texts():
    assert sorted(phrase_tables()) == CODES
    assert len(CODES) == 11


@pytest.mark.parametrize("code", CODES)
def test_refusals_and_answers_of_each_language_are_read(counts, code):
    found = counts[code]
    n_refusals, n_answers = (
        sum(n for name, n in found.items() if name.startswith(kind)) for kind in ("refusal", "compliance")
    )
    assert min(n_refusals, n_answers) >= 40
    assert found["refusal wrong"] == found["compliance wrong"] == 0
    assert found["refusal right"] >= 0.9 * n_refusals
    assert found["compliance right"] >= 0.8 * n_answers


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Ik kan je daar helaas niet mee helpen.", "nl"),
        ("Maaf, saya tidak bisa membantu dengan permintaan itu.", "id"),
        ("\uc8c4\uc1a1\ud558\uc9c0\ub9cc \ub3c4\uc640\ub4dc\ub9b4 \uc218 \uc5c6\uc2b5\ub2c8\ub2e4.", "ko"),
        ("Jag kan tyvärr inte hjälpa dig med det här.", "sv"),
        ("Üzgünüm, bu konuda yardımcı olamam.", "tr"),
        ("Λυπάμαι, δεν μπορώ να βοηθήσω με αυτό.", "el"),
        ("Xin lỗi, tôi không thể giúp bạn việc này.", "vi"),
    ],
)
def test_a_language_that_is_not_read_is_a_missing_label_with_that_reason(text, code):
    label = label_response(text)
    assert (label.refusal, label.wording, label.moves) == (None, None, ())
    assert label.provenance["missing"] == f"language not read: {code}"


@pytest.mark.parametrize("text", ["Canberra.", "Zebra fjord mulch quip.", "Nah."])
def test_words_of_no_language_are_missing(text):
    assert label_response(text).provenance["missing"] == "language cannot be told"


@pytest.mark.parametrize(
    "text",
    [
        "Ich kann den Aufsatz nicht schreiben, aber hier ist eine Gliederung: Einleitung, Hauptteil.",
        "Lo siento, no puedo copiar la letra, pero puedo resumir la canción: habla de dejar el hogar.",
        "我不能提供法律意见，但我可以介绍租约通常怎样结束。",
    ],
)
def test_a_refusal_that_gives_something_is_partial(text):
    assert label_response(text).refusal == "partial_refusal"


def test_english_texts_are_not_taken_for_another_language(shared_data):
    openings = [
        row
        for name in ("responses.jsonl", "responses_noncommercial.jsonl")
        for row in benchmark_openings(shared_data / name)
    ]
    missing = [label.provenance.get("missing", "") for label in label_responses(openings[::10])]
    assert sum(reason.startswith("language") for reason in missing) == 0


def benchmark_openings(path):
    import json

    with path.open(encoding="utf-8") as stream:
        return [row["response_opening"] for line in stream if (row := json.loads(line))["response_opening"]]


def test_words_wear_their_marks_or_not():
    for text in ("عذرًا، لا أستطيعُ المساعدة في ذلك.", "عذرا، لا استطيع المساعدة في ذلك."):
        assert label_response(text).refusal == "refusal"
    assert label_response("Я всё ещё не могу с этим помочь.").refusal == "refusal"


def test_code_and_numbers_have_no_language():
    assert read_language("```\nfür x in y\n```\n42").code == ""


def test_a_quoted_refusal_in_another_language_is_none():
    text = "In der Szene sagt der Wächter: „Ich kann dich nicht hineinlassen.“ Dann schließt er das Tor."
    assert label_response(text).refusal == "compliance"
