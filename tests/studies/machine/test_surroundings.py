"""What `doctor --study` says of the prompts as a model reads them: no weights are read for it."""

import pytest

from unsinter.features.model.model import load_model
from unsinter.features.rendering.description import marked_tokens
from unsinter.features.rendering.rendering import render
from unsinter.studies.machine.surroundings import TRIAL, examine_surroundings
from unsinter.studies.planted import model_folder
from unsinter.studies.study.sections import ModelSource

GIVEN = {"system": "Be brief. \u4f60\u597d", "examples": [{"user": "Is rain wet?", "assistant": "Yes."}]}


def source(**changes):
    return ModelSource.model_validate({"name": "tiny", "path": "planted:detached", **changes})


def test_the_studys_system_text_and_examples_are_in_the_prompt_with_positions_under_their_tokens():
    around = examine_surroundings("mine", source(**GIVEN), ["instruction_end", "template_end", "response_2"])
    model = load_model(model_folder("detached"))
    [row] = render([("a", TRIAL)], model, beside=source(**GIVEN).beside)
    facts = dict(around.table[2])
    assert facts["system"] == "Be brief. \u4f60\u597d"
    assert facts["examples"] == "1: Is rain wet? -> Yes."
    start, end = row.instruction
    assert facts["tokens before and after the text"] == f"{start} and {row.prompt_end - end}"
    assert facts["position instruction_end"] == f"token {end - 1} of {row.prompt_end}, from 0"
    assert facts["position template_end"] == f"token {row.prompt_end - 1} of {row.prompt_end}, from 0"
    assert facts["position response_2"] == "tokens of the answer, after the prompt"
    text = "".join(line for line in around.lines if line.startswith("|")).replace("|", "")
    assert "\u4f60" in text
    assert "\ufffd" not in text
    assert sum(line.count("^") for line in around.lines) == sum(
        line.count("^") for line in marked_tokens(model, row)
    )
    assert around.problems == []


def test_what_would_end_a_run_is_a_problem():
    around = examine_surroundings("mine", source(), ["template_9"])
    assert dict(around.table[2])["position template_9"] == "not there"
    (problem,) = around.problems
    assert problem.startswith("tiny: position 'template_9': prompt 'example' has 4 template tokens")
    around = examine_surroundings(
        "mine", source(template_options={"enable_thinking": False}), ["template_end"]
    )
    assert "reads no option 'enable_thinking'" in around.problems[0]
    assert around.lines == ()


def test_of_a_tokenizer_that_is_not_here_this_is_said_and_no_more(tmp_path):
    around = examine_surroundings("mine", source(path=str(tmp_path)), ["template_end"])
    assert dict(around.table[2])["tokenizer"].startswith("cannot be read")
    assert around.problems == ()


@pytest.mark.parametrize("n", [3, 60])
def test_of_a_long_beginning_the_middle_is_counted(n):
    model = load_model(model_folder("detached"))
    [row] = render([("a", "Hi")], model, system="one two three " * n)
    text = "\n".join(marked_tokens(model, row))
    left = row.instruction[0] - 120
    assert ("tokens ..." in text) == (left > 0)
    assert left <= 0 or f"... {left} tokens ..." in text
