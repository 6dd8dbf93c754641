"""Notebooks are kept without outputs, and objects of ours show themselves in them."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from unsinter.cache.notebook_html import fact_table
from unsinter.features import InMemoryStore, load_model, make_world, render
from unsinter.features.extract import extract
from unsinter.studies import Pair, Rule, judge_arrays, model_folder

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "docs" / "notebooks").glob("*.ipynb"))


def test_there_are_three_and_the_page_lists_them():
    page = (NOTEBOOKS[0].parent / "index.md").read_text(encoding="utf-8")
    assert {path.stem for path in NOTEBOOKS} == {"tutorial", "verdict", "own-activations"}
    assert all(f"\n{path.stem}\n" in page for path in NOTEBOOKS)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_holds_no_outputs_and_its_cells_are_python(path):
    book = json.loads(path.read_text(encoding="utf-8"))
    assert book["nbformat"] == 4
    assert book["metadata"]["kernelspec"]["name"] == "python3"
    first, *cells = book["cells"]
    assert first["cell_type"] == "markdown"
    assert first["source"][0].startswith("# ")
    for cell in cells:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            assert cell["execution_count"] is None
            lines = [line for line in cell["source"] if not line.startswith("%")]
            compile("".join(lines), path.name, "exec")


def cells_of(html):
    parts = re.findall(r"<(?:th|td|p)\b.*?</(?:th|td|p)>", html)
    return [re.sub(r"<[^>]+>", "", part) for part in parts]


def test_an_extraction_shows_sites_and_how_far_batches_move_the_numbers():
    model = load_model(model_folder("detached"), dtype="float32")
    rendered = render([("a", "How do I bake bread?"), ("b", "Name a river.")], model)
    extraction = extract(model, rendered, InMemoryStore(), layers=[0, 4], positions=["template_end"])
    shown = cells_of(extraction._repr_html_())
    assert "Activations of 2 prompts" in shown[0]
    assert {"0, 4", "template_end"} <= set(shown)
    assert any(text.endswith(" relative") for text in shown)


def test_a_verdict_shows_its_reason_its_numbers_and_its_colour():
    world = make_world("orthogonal", n=60, d=16)
    pair = Pair(name="D-R", z=world.z, w=world.w, groups=world.groups)
    verdict = judge_arrays(world.X, pair, Rule(n_draws=100, n_splits=1))
    html = verdict._repr_html_()
    shown = cells_of(html)
    assert f"D-R: {verdict.verdict}" in shown[0]
    assert str(verdict.reason) in " ".join(shown)
    assert re.search(r"color:#[0-9a-f]{6}", html)


def test_what_an_object_shows_is_escaped_and_what_it_lacks_is_left_out():
    html = fact_table("<b>name", {"a&b": "<script>", "none": None, "empty": "", "zero": 0}, below="x < y")
    assert "<script>" not in html
    assert "&lt;b&gt;name" in html
    assert "a&amp;b" in html
    assert "x &lt; y" in html
    assert html.count("<tr>") == 2


def test_a_probe_shows_what_it_reads(tmp_path):
    from unsinter.probes.files.exported import ProbeWeights

    card = {"target": "D", "layer": 4, "position": "template_end", "model": {"name": "<tiny>"}}
    layers = [(np.ones((1, 3)), np.zeros(1))]
    probe = ProbeWeights(layers=layers, classes=("harmless", "harmful"), card=card)
    html = probe._repr_html_()
    assert "3 numbers, layer 4 at template_end" in html
    assert "harmless, harmful" in html
    assert "<tiny>" not in html
