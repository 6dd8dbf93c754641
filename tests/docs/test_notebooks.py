"""Notebooks are kept without outputs, and objects of ours show themselves in them."""

import importlib.util
import json
import re
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from unsinter.cache.notebook_html import fact_table, line_list
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
            lines = [line for line in cell["source"] if not line.lstrip().startswith("%")]
            compile("".join(lines), path.name, "exec")


@pytest.mark.parametrize("there", [(), ("google.colab",), ("google.colab", "unsinter")], ids=" ".join)
def test_in_colab_a_notebook_installs_the_wheel_that_is_uploaded_and_elsewhere_nothing(there, monkeypatch):
    wheel = "unsinter-0.2.0-py3-none-any.whl"
    colab = SimpleNamespace(files=SimpleNamespace(upload=lambda: {wheel: b""}))
    if "google.colab" in there:
        monkeypatch.setitem(sys.modules, "google", SimpleNamespace(colab=colab))
        monkeypatch.setitem(sys.modules, "google.colab", colab)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: "unsinter" in there or None)
    for path in NOTEBOOKS:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        install = "".join(next(cell for cell in cells if cell["cell_type"] == "code")["source"])
        names = {}
        assert install.count("%pip install -q {wheel}") == 1, path.name
        exec(install.replace("%pip install -q {wheel}", "installed = wheel"), names)
        assert names.get("installed") == (wheel if there == ("google.colab",) else None), path.name


def test_notebooks_are_linked_in_colab_where_the_hosted_check_says_whose_commit_it_is(monkeypatch):
    monkeypatch.syspath_prepend(str(NOTEBOOKS[0].parents[1] / "_ext"))
    links = importlib.import_module("colab").colab_links
    text = links(["verdict"], repository="owner/name", commit="0f" * 20)
    place = f"colab.research.google.com/github/owner/name/blob/{'0f' * 20}/docs/notebooks/verdict.ipynb"
    assert text == f"Open [verdict](https://{place})."
    for by_hand in (
        links(["verdict"], repository="", commit="0f"),
        links(["verdict"], repository="a/b", commit=""),
    ):
        assert "Upload notebook" in by_hand
    sys.modules.pop("colab")


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
    assert shown[0].endswith(f"D-R: {verdict.verdict}")  # arrays have no layer and no position
    assert replace(verdict, layer=3)._repr_html_().count("layer 3, ") == 1
    assert str(verdict.reason) in " ".join(shown)
    assert re.search(r"color:#[0-9a-f]{6}", html)


def test_what_an_object_shows_is_escaped_is_no_formula_and_what_it_lacks_is_left_out():
    html = fact_table("<b>name", {"a&b": "<script>", "none": None, "empty": "", "zero": 0}, below="x < y")
    assert "<script>" not in html
    assert "&lt;b&gt;name" in html
    assert "a&amp;b" in html
    assert "x &lt; y" in html
    assert html.count("<tr>") == 2
    shown = line_list("$x$ <b>", ["a < b"], beside="(&)", below="runs/<i>")
    assert "<strong>$x$ &lt;b&gt;</strong> (&amp;)" in shown
    assert "<li>a &lt; b</li>" in shown
    assert "<i>" not in shown
    assert all(text.startswith('<div class="tex2jax_ignore mathjax_ignore">') for text in (html, shown))


def test_a_probe_shows_what_it_reads_and_prints_no_weights(tmp_path):
    from unsinter.probes.files.exported import ProbeWeights

    card = {"target": "D", "layer": 4, "position": "template_end", "model": {"name": "<tiny>"}}
    layers = [(np.ones((1, 3)), np.zeros(1))]
    probe = ProbeWeights(layers=layers, classes=("harmless", "harmful"), card=card)
    html = probe._repr_html_()
    assert "3 numbers, layer 4 at template_end" in html
    assert "harmless, harmful" in html
    assert "<tiny>" not in html
    assert repr(probe).startswith("ProbeWeights(classes=('harmless', 'harmful'), family=")
    assert "array" not in repr(probe)
