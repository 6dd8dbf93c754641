"""`unsinter view`: a page in the run or elsewhere, nothing of anyone's written over, no run spoiled by it."""

import json
import os
import shutil

import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from unsinter.cache.inventory import Inventory
from unsinter.studies import Settings, load_study, run_study
from unsinter.studies.cli import app
from unsinter.studies.cli.commands.report import report_verb
from unsinter.studies.store.damage import amiss


def view(*arguments):
    return CliRunner().invoke(app, ["view", *map(str, arguments)], catch_exceptions=False)


@pytest.fixture
def run(shown_run, tmp_path):
    """A copy of a run that a test may write into."""
    return shutil.copytree(shown_run, tmp_path / "run", ignore=shutil.ignore_patterns("shown"))


def files(folder):
    return {
        path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock"
    }


def again(shown_run, run, **changes):
    study = yaml.safe_load((shown_run.parent / "study.yaml").read_text(encoding="utf-8")) | changes
    file = shown_run.parent / "again.yaml"
    file.write_text(yaml.safe_dump(study), encoding="utf-8")
    return run_study(load_study(file), Settings(folder=run, cache_root=shown_run.parent / "cache"))


def test_the_page_stands_in_the_run_and_every_other_file_stays_as_it_was(run):
    before = files(run)
    done = view(run)
    assert done.exit_code == 0, done.output
    assert f"Page: {run / 'explorer.html'}" in done.output.replace("\n", "")
    after = files(run)
    assert set(after) - set(before) == {run / "explorer.html"}
    assert {path: after[path] for path in before} == before


def test_only_prompts_held_out_from_the_probes_are_in_the_page(run):
    view(run)
    page = (run / "explorer.html").read_text(encoding="utf-8")
    table = json.loads(page.split('id="model-0">')[1].split("</script>")[0])
    split = pd.read_parquet(run / "split.parquet").set_index("id")
    assert len(table["ids"]) > 20
    assert split.loc[table["ids"], "held_out"].all()
    scores = pd.read_parquet(run / "predictions.parquet")
    assert set(table["ids"]) == set(scores["id"])
    training = split.index[~split["held_out"]]
    assert not [name for name in training if f'"{name}"' in page]


def test_no_text_of_an_answer_or_a_prompt_is_in_the_page(run):
    view(run)
    page = (run / "explorer.html").read_text(encoding="utf-8")
    lines = [line for path in (run / "responses").glob("*.jsonl") for line in path.read_text().splitlines()]
    answers = [row["response_opening"] for row in map(json.loads, lines) if "response_opening" in row]
    prompts = pd.read_parquet(run / "prompts.parquet")["prompt"].tolist()
    assert min(map(len, answers)) > 8
    assert len(answers) > 100
    for text in [*answers, *prompts]:
        assert text not in page
        assert json.dumps(text)[1:-1] not in page


def test_a_run_with_its_page_is_finished_and_sound(shown_run, run):
    view(run)
    page = (run / "explorer.html").read_bytes()
    inventory = Inventory.read(run)
    assert "explorer.html" not in inventory.files
    assert amiss(inventory) == {}
    log = (run / "log.jsonl").read_bytes()
    again(shown_run, run)
    assert (run / "explorer.html").read_bytes() == page
    assert (run / "log.jsonl").read_bytes().count(b'"step"') == log.count(b'"step"')
    assert not (run / "damaged").exists()
    assert not (run / "earlier").exists()


def test_a_run_that_is_sealed_again_does_not_miss_the_page_when_it_is_gone(shown_run, run):
    view(run)
    again(shown_run, run, report={"question": "Is it?"})
    assert "explorer.html" not in Inventory.read(run).files
    (run / "explorer.html").unlink()
    assert amiss(Inventory.read(run)) == {}
    report_verb(run)
    assert amiss(Inventory.read(run)) == {}


def test_the_page_of_other_settings_goes_aside_with_its_run(shown_run, run):
    view(run)
    page = (run / "explorer.html").read_bytes()
    again(shown_run, run, bootstrap_draws=101)
    assert not (run / "explorer.html").exists()
    assert (run / "earlier" / "1" / "explorer.html").read_bytes() == page


def test_a_second_call_writes_over_its_own_page_and_over_no_other_file(run, tmp_path):
    assert view(run).exit_code == 0
    assert view(run).exit_code == 0
    mine = tmp_path / "mine.html"
    mine.write_text("<p>mine</p>", encoding="utf-8")
    done = view(run, "--out", mine)
    assert done.exit_code == 2
    assert "is there and no page of this command; name another file with --out" in done.stderr.replace(
        "\n", " "
    )
    assert mine.read_text(encoding="utf-8") == "<p>mine</p>"
    (run / "explorer.html").write_text("my notes", encoding="utf-8")
    assert view(run).exit_code == 2
    assert (run / "explorer.html").read_text(encoding="utf-8") == "my notes"


def test_no_pipe_link_or_folder_is_written_over(run, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    before = sorted(tmp_path.iterdir())
    for name, words in (
        ("pipe", "no page of this command"),
        ("link", "no page of this command"),
        ("run", "is a folder"),
    ):
        done = view(run, "--out", tmp_path / name)
        assert done.exit_code == 2
        (line,) = done.stderr.strip().splitlines()
        assert words in line
    assert sorted(tmp_path.iterdir()) == before


def test_out_names_a_page_in_a_folder_that_is_made(run, tmp_path):
    done = view(run, "--out", tmp_path / "new" / "page.html")
    assert done.exit_code == 0
    assert (tmp_path / "new" / "page.html").is_file()
    assert not (run / "explorer.html").exists()


@pytest.mark.parametrize("name", ["mine.html", "figures/mine.html", "../run/mine.html"])
def test_a_page_among_the_sealed_files_of_the_run_is_refused(run, name):
    done = view(run, "--out", run / name)
    assert done.exit_code == 2
    assert "whose files are sealed; name one outside" in done.stderr.replace("\n", " ")
    assert not list(run.rglob("mine.html"))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda run: shutil.rmtree(run), ["is no run folder"]),
        (lambda run: (run / "study.yaml").unlink(), ["is no run folder"]),
        (lambda run: (run / "summary.json").unlink(), ["unfinished run", "it goes on"]),
        (lambda run: (run / "unsinter-inventory.json").unlink(), ["unfinished run", "no inventory"]),
        (
            lambda run: (run / "predictions.parquet").write_bytes(b"PAR1"),
            ["predictions.parquet", "run the study again"],
        ),
        (
            lambda run: (run / "prompts.parquet").write_bytes(b"PAR1"),
            ["prompts.parquet", "run the study again"],
        ),
        (lambda run: (run / "rows.parquet").unlink(), ["rows.parquet", "run the study again"]),
    ],
)
def test_what_is_no_finished_sound_run_is_refused_in_one_sentence(run, spoil, words):
    spoil(run)
    done = view(run)
    assert done.exit_code == 2
    (line,) = done.stderr.strip().splitlines()
    for part in words:
        assert part in line
    assert not (run / "explorer.html").exists()


def unsealed(run, **changes):
    (run / "unsinter-inventory.json").unlink()
    summary = json.loads((run / "summary.json").read_text(encoding="utf-8")) | {"schema_version": 3} | changes
    (run / "summary.json").write_text(json.dumps(summary), encoding="utf-8")


def test_a_run_of_another_schema_and_one_with_nothing_to_explore_are_refused(run, refused):
    unsealed(run)
    for name in ("predictions", "verdicts", "transfer"):
        (run / f"{name}.parquet").unlink(missing_ok=True)
    refused("view", run, parts=["nothing to explore", "no held-out scores"])
    summary = json.loads((run / "summary.json").read_text(encoding="utf-8")) | {"schema_version": 1}
    (run / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    refused("view", run, parts=["schema_version 1", "this unsinter reads"])


def test_a_study_name_that_no_file_can_hold_is_written_all_the_same(run):
    unsealed(run, study="a \ud800 b")
    assert view(run).exit_code == 0
    assert "a ? b" in (run / "explorer.html").read_text(encoding="utf-8")
