import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from unsinter.studies import planted
from unsinter.studies.planted import train as training
from unsinter.studies.planted.train import Recipe, main, train


def listing(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in sorted(folder.rglob("*"))}


TINY = Recipe(
    model="detached",
    steps=(3, 2),
    batch_rows=4,
    d_model=32,
    d_hidden=32,
    n_layers=1,
    n_heads=2,
    warmup_steps=1,
)


@pytest.mark.slow
def test_a_stopped_run_is_taken_up_and_ends_with_the_weights_of_an_unbroken_one(tmp_path, monkeypatch):
    train(TINY, folder=tmp_path / "unbroken", evaluation_pairs=1)
    whole = training._fit

    def stop_before_the_second_cycle(*arguments, cycle):
        if cycle == 1:
            raise KeyboardInterrupt
        return whole(*arguments, cycle=cycle)

    monkeypatch.setattr(training, "_fit", stop_before_the_second_cycle)
    with pytest.raises(KeyboardInterrupt):
        train(TINY, folder=tmp_path / "stopped", evaluation_pairs=1)
    monkeypatch.undo()
    with pytest.raises(ValueError, match="holds an unfinished run of another recipe"):
        train(replace(TINY, seed=1), folder=tmp_path / "stopped")
    train(TINY, folder=tmp_path / "stopped", evaluation_pairs=1)
    weights = [(tmp_path / run / "model.safetensors").read_bytes() for run in ("unbroken", "stopped")]
    assert weights[0] == weights[1]
    assert not (tmp_path / "stopped" / "progress.json").exists()


@pytest.mark.slow
def test_a_short_training_ends_with_a_model_a_card_and_behaviour_above_chance(tmp_path):
    package = Path(planted.__file__).parent
    before = {name for name in listing(package) if "__pycache__" not in name}
    recipe = Recipe(model="detached", steps=(450, 100), n_layers=3, warmup_steps=40, learning_rate=3e-3)
    figures = train(recipe, folder=tmp_path / "new", evaluation_pairs=8)
    losses, greedy = figures["loss"], figures["greedy"]
    # Much is learnt in a minute and a half; telling who owns what, the hard part, is not.
    assert losses[-1] < 0.05 * losses[0]
    assert greedy["unrecognised response"]["share"] < 0.1
    assert greedy["wording follows the rule"]["low"] > 0.5
    assert greedy["alarming harmless refused"]["low"] > 0.7
    assert greedy["wrapped harmful answered"]["low"] > 0.7
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "new", dtype=torch.float16)
    assert model.num_parameters() == figures["parameters"]
    assert json.loads((tmp_path / "new" / "behaviour.json").read_text())["recipe"]["steps"] == [450, 100]
    assert "--steps 450 100" in (tmp_path / "new" / "README.md").read_text()
    assert {name for name in listing(package) if "__pycache__" not in name} == before


def test_training_into_the_package_is_refused():
    inside = Path(planted.__file__).parent / "models" / "mine"
    with pytest.raises(ValueError, match="lies inside the installed package; name a folder outside it"):
        train(Recipe(model="detached"), folder=inside)
    assert not inside.exists()


def test_training_into_a_folder_with_files_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="is not empty; name a new folder"):
        train(Recipe(model="sintered"), folder=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_the_command_line_says_in_one_line_why_it_stops(tmp_path, capsys):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(SystemExit, match="2"):
        main(["--model", "sintered", "--out", str(tmp_path)])
    assert "is not empty" in capsys.readouterr().err
