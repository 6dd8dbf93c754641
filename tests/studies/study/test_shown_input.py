"""No message on a study file repeats what may be a key or a password, wherever it was written by mistake."""

import pytest

from unsinter.studies.study.file import StudyError, load_study

WHOLE = "name: x\nprompts: {path: [p.jsonl]}\nmodels: [{name: a, path: 'planted:detached'}]\ntargets: [D]\n"


def refusal(tmp_path, text, *overrides):
    path = tmp_path / "study.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(StudyError) as error:
        load_study(path, overrides=overrides)
    assert "\n" not in str(error.value)
    return str(error.value).removeprefix(f"{path}: ")


@pytest.mark.parametrize(
    ("responses", "words"),
    [
        ("{endpoint: 'HTTPS://me:hunter2@host/v1', model: m}", "got 26 characters"),
        ("{endpoint: 'me:hunter2@host:8000/v1', model: m}", "got 23 characters"),
        ("{endpoint: 'https://me:hun/ter2@host/v1', model: m}", "got 27 characters"),
        ("{endpoint: 'ftp://me:hunter2@host/v1', model: m}", "got 24 characters"),
        ("{endpoint: 'hunter2', model: m}", "got 7 characters"),
        ("{endpoint: 'https://host/v1', model: m, key: sk-hunter2}", "unknown key 'responses.key'"),
        (
            "{endpoint: 'https://host/v1', model: m, 'sk-hunter2': }",
            "unknown key 'responses.(10 characters)'",
        ),
        ("{endpoint: 'https://host/v1', model: m, 'https://me:hun/ter2@h': 1}", "(21 characters)"),
        ("{endpoint: 'https://host/v1', model: m, key_variable: sk-hunter2}", "got 10 characters"),
        ("{endpoint: 'https://host/v1', model: m, key_variable: [sk-hunter2]}", "got 1 entry"),
        ("{endpoint: 'https://me:hunter2@host/v1', modle: m}", "got 26 characters"),
        ("{endpoint: ['me:hunter2@host'], model: m}", "got 1 entry"),
        ("{endpoint: {me: hunter2}, model: m}", "got 1 entry"),
        ("'HTTPS://me:hunter2@host/v1'", "got 26 characters"),
        ("['HTTPS://me:hunter2@host/v1']", "got 1 entry"),
        ("{path: [a.jsonl], until: hunter2}", "got 7 characters"),
        ("{endpoint: 'https://host/v1', key_variable: HUNTER2}", "endpoint needs model"),
        ("{parallel: 0}", "got '0'"),
        ("{until: yes}", "got 'True'"),
        ("{until: none}", "got 'none'"),
    ],
)
def test_nothing_of_a_wrong_section_on_responses_is_repeated(tmp_path, responses, words):
    message = refusal(tmp_path, f"{WHOLE}responses: {responses}\n")
    assert words in message
    assert "hunter" not in message.lower()
    assert "ter2" not in message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "responses: {key: sk-hunter2, endpoint: 'http://h/v1'}\nname: x\n",
            "is missing; write it",
        ),
        (f"{WHOLE}layers: {{key: sk-hunter2}}\n", "whole numbers from 0, got 1 entry"),
        (f"{WHOLE}positions: [{{key: sk-hunter2}}]\n", "got 1 entry"),
        (f"{WHOLE}family: https://me:hunter2@host/a\n", "got 'https://...'"),
        (f"{WHOLE}family: PostgreSQL://me:hun/ter2@host\n", "got 'PostgreSQL://...'"),
    ],
)
def test_nothing_of_a_mapping_or_behind_a_scheme_is_repeated(tmp_path, text, words):
    message = refusal(tmp_path, text)
    assert words in message
    assert "ter2" not in message


def test_what_is_set_on_the_command_line_is_not_repeated_either(tmp_path):
    for override in (
        "responses.endpoint.key=sk-hunter2",
        "responses.key=sk-hunter2",
        "responses.key=[sk-hunter2",
        "=sk-hunter2",
    ):
        message = refusal(tmp_path, f"{WHOLE}responses: {{endpoint: 'http://h/v1', model: m}}\n", override)
        assert "hunter2" not in message


@pytest.mark.parametrize(
    ("responses", "words"),
    [
        (
            "{endpoint: 'https://me:hunter2@h/v1, model: m}",
            "(line 5), found unexpected end of stream",
        ),
        ("{endpoint: me:hunter2@h: x}", "expected ',' or '}', but got ':' (line 5)"),
    ],
)
def test_where_a_file_is_no_yaml_its_lines_are_named_and_not_shown(tmp_path, responses, words):
    message = refusal(tmp_path, f"{WHOLE}responses: {responses}\n")
    assert words in message
    assert "hunter2" not in message


def test_a_wrong_word_elsewhere_is_shown_as_it_is(tmp_path):
    assert refusal(tmp_path, f"{WHOLE}weighting: al\n").endswith("got 'al'.")
    assert refusal(tmp_path, f"{WHOLE}test_fraction: 7\n").endswith("got '7'.")
