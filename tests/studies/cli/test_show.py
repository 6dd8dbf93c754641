"""`unsinter show`: a prompt on the terminal and as a page, and what it refuses."""

import json
import re
import shutil
from io import StringIO

import pandas as pd
import pytest
from kill_at_events import leave_unfinished
from rich.console import Console
from typer.testing import CliRunner

from unsinter.studies.cli import app, show_app
from unsinter.studies.cli.commands import shown_prompt
from unsinter.studies.cli.commands.prompt_sites import PromptChoice, chosen_sites
from unsinter.studies.study.file import StudyError


def show(*arguments):
    return CliRunner().invoke(app, ["show", *map(str, arguments)], catch_exceptions=False)


@pytest.fixture
def run(shown_run, tmp_path):
    """A copy of the run that a test may write into."""
    return shutil.copytree(shown_run, tmp_path / "run", ignore=shutil.ignore_patterns("shown"))


@pytest.fixture(scope="module")
def ids(shown_run):
    """A prompt that the run has read token by token, and a training prompt."""
    read = pd.read_parquet(shown_run / "shown_prompts.parquet")["id"].iloc[0]
    split = pd.read_parquet(shown_run / "split.parquet")
    return read, split.loc[~split["held_out"], "id"].iloc[0]


def test_without_a_prompt_those_that_the_run_has_read_are_listed(shown_run, ids):
    done = show(shown_run)
    assert done.exit_code == 0
    assert ids[0] in done.output
    assert "most typical of harmful, refused, by D" in " ".join(done.output.split())


def test_a_prompt_of_the_run_is_shown_from_its_tables_alone(run, ids, monkeypatch):
    monkeypatch.setattr("unsinter.studies.cli.commands.shown_prompt.load_source", None)
    done = show(run, "--prompt", ids[0])
    assert done.exit_code == 0, done.output
    scores = pd.read_parquet(run / "token_scores.parquet").query("id == @ids[0] and target == 'D'")
    layer = pd.read_parquet(run / "shown_prompts.parquet").query("target == 'D'")["layer"].iloc[0]
    own = scores[scores["layer"] == layer].sort_values("token")
    for margin in own["score"] - own["threshold"]:
        assert f"{margin:+.2f}".replace("-", "\u2212") in done.output
    assert "outside of its training distribution" in " ".join(done.output.split())
    assert f"{ids[0]} of tiny: harmful, refused, {len(own)} tokens" in done.output
    page = (run / "shown" / f"tiny-{ids[0]}.html").read_text(encoding="utf-8")
    assert page.count('class="token-map"') == 2
    assert "outside of its training distribution" in page


def test_what_a_killed_show_left_of_its_page_goes_with_the_next_one(run, ids):
    page = run / "shown" / f"tiny-{ids[0]}.html"
    page.parent.mkdir()
    leave_unfinished(page)
    assert show(run, "--prompt", ids[0]).exit_code == 0
    assert [path.name for path in page.parent.iterdir()] == [page.name]


def test_any_other_prompt_is_read_with_its_model_and_training_prompts_are_said_to_be_such(run, ids, tmp_path):
    done = show(run, "--prompt", ids[1], "--target", "D", "--layer", 4, "--out", tmp_path / "page.html")
    assert done.exit_code == 0, done.output
    assert "the prompt is not held out, so the probe may have been fitted on it" in " ".join(
        done.output.split()
    )
    assert (tmp_path / "page.html").is_file()
    assert not (run / "shown").exists()


def test_the_fresh_scores_of_a_prompt_are_those_of_the_run(run, ids, monkeypatch):
    kept = show(run, "--prompt", ids[0]).output
    monkeypatch.setattr(shown_prompt, "_kept_scores", lambda *_: None)
    fresh = show(run, "--prompt", ids[0]).output
    assert numbers_in(fresh) == pytest.approx(numbers_in(kept), abs=0.011)
    assert len(numbers_in(kept)) > 20


def numbers_in(output):
    return [float(text.replace("\u2212", "-")) for text in re.findall(r"[+\u2212]\d+\.\d\d", output)]


def test_no_text_of_an_answer_is_in_any_output(run, ids):
    lines = [line for path in (run / "responses").glob("*.jsonl") for line in path.read_text().splitlines()]
    answers = {r["prompt_id"]: r["response_opening"] for r in map(json.loads, lines) if "prompt_id" in r}
    for name in ids:
        output = show(run, "--prompt", name).output
        page = (run / "shown" / f"tiny-{name}.html").read_text(encoding="utf-8")
        assert len(answers[name]) > 12
        assert answers[name] not in output
        assert answers[name] not in page
        assert f"{len(answers[name])} characters, not shown" in output
        assert f"{len(answers[name])} characters, not shown" in page


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--prompt", "planted-9999x"], ["read no prompt 'planted-9999x'", "did you mean"]),
        (["--prompt", "{id}", "--target", "W"], ["has no probe for target 'W'", "there are D, R"]),
        (["--prompt", "{id}", "--layer", "3"], ["D was not read at layer 3 of", "it was at 2, 4, 6"]),
        (["--prompt", "{id}", "--position", "middle"], ["D was not read at 'middle'", "instruction_end"]),
        (["--prompt", "{id}", "--position", "response_1"], ["a token of the answer", "no answer is printed"]),
        (["--prompt", "{id}", "--model", "other"], ["no model 'other'", "tiny"]),
        (["--model", "other"], ["no model 'other'", "tiny"]),
        (["--layer", "2"], ["--layer says how one prompt is shown", "--prompt ID"]),
        (["--prompt", "{id}", "--out", "{run}"], ["is a folder", "--out"]),
        (
            ["--prompt", "{id}", "--out", "{run}/study.yaml"],
            ["is there and no page of this command", "--out"],
        ),
    ],
)
def test_what_cannot_be_shown_is_said_in_one_sentence(run, ids, arguments, words):
    before = sorted(run.rglob("*"))
    done = show(run, *(part.format(id=ids[0], run=run) for part in arguments))
    assert done.exit_code == 2
    (line,) = done.stderr.strip().splitlines()
    for part in words:
        assert part in line
    assert sorted(run.rglob("*")) == before


def test_a_model_that_is_gone_or_another_is_said(shown_run, run, ids, tmp_path):
    study = (run / "study.yaml").read_text(encoding="utf-8")
    model = shown_run.parent / "model"
    for inventory in run.glob("*inventory.json"):
        inventory.unlink()
    summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    (run / "summary.json").write_text(json.dumps(summary | {"schema_version": 3}), encoding="utf-8")
    (run / "study.yaml").write_text(study.replace(str(model), str(tmp_path / "gone")), encoding="utf-8")
    done = show(run, "--prompt", ids[1])
    assert done.exit_code == 2
    assert "gone" in done.stderr
    other = shutil.copytree(model, tmp_path / "gone")
    template = other / "chat_template.jinja"
    template.write_text(template.read_text(encoding="utf-8").replace("'<|' +", "'<| ' +"), encoding="utf-8")
    done = show(run, "--prompt", ids[1])
    assert done.exit_code == 2
    assert "does not fit: another chat template" in done.stderr
    assert not (run / "shown").exists()


def results(**changes):
    row = {
        "model": "m", "target": "D", "classes": 2, "layer": 2, "position": "template_end", "tuned": False,
        "selected": True, "inner_score": 0.9,
    }  # fmt: skip
    return pd.DataFrame([row | changes])


class Reader:
    folder = "run"


@pytest.mark.parametrize(
    ("table", "choice", "words"),
    [
        (results(target="C", classes=7), {"target": "C"}, "'C' has 7 classes; show reads targets of two"),
        (results(target="C", classes=7), {}, "has no target of two classes"),
        (results(position="response_2"), {}, "the chosen probes read 'response_2', a token of the answer"),
    ],
)
def test_targets_whose_colours_would_mean_nothing_are_refused(table, choice, words):
    with pytest.raises(StudyError, match=words):
        chosen_sites(Reader(), table, PromptChoice(id="a", **choice))


def test_a_target_that_reads_the_answer_is_left_out_beside_others_and_read_at_a_named_place():
    table = pd.concat([
        results(), results(target="R", position="response_1"),
        results(target="R", selected=False, inner_score=0.6), results(target="R", selected=False, layer=4),
    ], ignore_index=True)  # fmt: skip
    assert [site["target"] for site in chosen_sites(Reader(), table, PromptChoice(id="a"))] == ["D"]
    named = PromptChoice(id="a", target="R", position="template_end")
    assert [site["layer"] for site in chosen_sites(Reader(), table, named)] == [4]


def test_a_terminal_shows_colours_and_one_without_them_none(monkeypatch):
    spans = [("up", 4), (" down\x1b[2J", -2), ("\n", 0), ("[red]", 0)]
    for environment, has_colours in (({"COLORTERM": "truecolor"}, True), ({"NO_COLOR": "1"}, False)):
        environment |= {"TERM": "xterm"}
        console = Console(file=StringIO(), force_terminal=True, width=80, _environ=environment)
        monkeypatch.setattr(show_app, "console", console)
        show_app.show_coloured(spans)
        text = console.file.getvalue()
        assert ("48;2;196;78;0" in text) == has_colours
        assert "\x1b[2J" not in text
        assert "\\x1b[2J" in text
        assert "[red]" in text


def test_off_a_terminal_nothing_is_coloured(shown_run, ids, tmp_path):
    assert "\x1b" not in show(shown_run, "--prompt", ids[0], "--out", tmp_path / "a.html").output
