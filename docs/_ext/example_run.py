"""The small run that the gallery draws from: made before its scripts, once, with the package's own models."""

import json
import shutil
from pathlib import Path

from sphinx.application import Sphinx

STUDY = {
    "name": "example",
    "models": [
        {"name": "planted-cue", "path": "planted:detached"},
        {"name": "planted-category", "path": "planted:sintered"},
    ],
    "responses": {"temperature": 1.0},
    "targets": ["D", "R", "W"],
    "layers": [0, 2, 4, 6],
    "positions": ["template_end"],
    "penalties": [0.01],
    "min_groups": 10,
    "bootstrap_draws": 200,
    "controls": {"permutations": 100, "code_length": False},
    "separation": {"pairs": ["D-R"], "draws": 200, "splits": 2},
}


def make_example(folder: Path) -> None:
    """Write prompts and run the study in ``folder/runs/example``; a run of the same is used again."""
    from unsinter.studies import Settings, demo_prompts, run_study
    from unsinter.studies.study.file import parse_study

    place = folder / "runs" / "example"
    prompts = folder / "runs" / "prompts.jsonl"
    text = "\n".join(map(json.dumps, demo_prompts(pairs=16, wrapped=8, wrapped_twins=4, over_refused=12)))
    if not prompts.is_file() or prompts.read_text(encoding="utf-8") != text:
        shutil.rmtree(place, ignore_errors=True)
        prompts.parent.mkdir(parents=True, exist_ok=True)
        prompts.write_text(text, encoding="utf-8")
    study = parse_study(STUDY | {"prompts": {"path": [str(prompts)]}}, origin=folder / "example.yaml")
    run_study(study, Settings(folder=place))


def setup(app: Sphinx) -> dict[str, bool]:
    """Make the run before the gallery, which listens to the same event, is built."""
    app.connect("builder-inited", lambda app: make_example(Path(app.srcdir) / "gallery"), priority=100)
    return {"parallel_read_safe": True}
