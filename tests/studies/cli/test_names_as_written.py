"""Every name of the user's is shown as it is written: in figures, tables, pages and cards."""

import html
import itertools
import re
import warnings
from xml.etree import ElementTree

import matplotlib as mpl
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from unsinter.studies.cli import terminal as screen
from unsinter.studies.export.probe_card import code_span, plain_text
from unsinter.studies.figures.layers import save_figure
from unsinter.studies.figures.scores import DotRow, dot_rows
from unsinter.studies.figures.style import SERIES, as_drawn
from unsinter.studies.figures.transfer_compact import transfer_heat
from unsinter.studies.figures.transfer_matrix import transfer_maps
from unsinter.studies.figures.wordings import wording_bars
from unsinter.studies.report.sections.figures import page_figure

NAMES = [
    "theft of $5_to_$10_items",
    "ca$$h", "$x$", "$", "$5 or $6", r"\frac{1}{2}", r"$\alpha", "a_b^c", "_hidden", "[red]red[/red]",
    "<b>bold</b>", "a & b", "100 %", "{x}", "%s", "#1", "~", "`code`", "a|b", "*", "'q' \"q\"",
    "盗窃", "vol é",
]  # fmt: skip


def transfer(names, kind="category"):
    return pd.DataFrame(
        [
            {
                "model": "m", "kind": kind, "reader": reader, "layer": 3, "position": "template_end",
                "selected": reader == "probe", "trained_on": a, "tested_on": b, "auroc": 0.8, "low": 0.7,
                "high": 0.9, "normalised": 0.8, "gain": 0.1, "gain_low": 0.05, "gain_high": 0.2,
            }
            for reader, a, b in itertools.product(("probe", "words"), names, names)
        ]
    )  # fmt: skip


def texts_of(path):
    return ["".join(node.itertext()) for node in ElementTree.parse(path).iter() if node.tag.endswith("}text")]


@pytest.mark.parametrize("kind", ["category", "source", "wording", "category_held_out"])
def test_transfer_maps_draw_every_name_as_it_is(tmp_path, kind):
    svg, png = save_figure(transfer_maps(transfer(NAMES, kind)), tmp_path, "x")
    drawn = texts_of(svg)
    for name in NAMES:
        assert drawn.count(name) == 3, name  # a row and a column of the probe, a column of the words
    assert png.stat().st_size > 10_000


DOT = {
    "value": 0.8, "low": 0.7, "high": 0.9, "floor": 0.6, "control": 0.5, "colour": SERIES[0], "stands": True,
}  # fmt: skip
FIGURES = {
    "heat": lambda name: transfer_heat(transfer([name, "theft"]).query("reader == 'probe'"), "auroc"),
    "bars": lambda name: wording_bars({name: {"plain": 5}}, {"plain": SERIES[0]}),
    "dots": lambda name: dot_rows([DotRow(label=name, **DOT)], xlabel="AUROC"),
}  # fmt: skip


@pytest.mark.parametrize("figure", list(FIGURES))
@pytest.mark.parametrize("name", ["$5_to_$10_items", "ca$$h", "$x$", "_hidden", "<b>b</b>", "a & b"])
def test_figures_of_the_page_draw_every_name_as_it_is(figure, name):
    svg = str(page_figure(FIGURES[figure](name), name="x", alt=name).svg)
    drawn = [html.unescape(text).strip() for text in re.findall(r"<text[^>]*>([^<]*)</text>", svg)]
    assert any(text == name or text.startswith(f"{name}  ") for text in drawn), drawn
    assert f'aria-label="{html.escape(name).replace("&#x27;", "&#39;").replace("&quot;", "&#34;")}"' in svg


@settings(max_examples=8, deadline=None)
@given(name=st.text(min_size=1, max_size=12))
def test_no_name_whatever_breaks_a_figure(tmp_path_factory, name):
    figure = transfer_maps(transfer([name, f"{name}2"]))
    svg, _ = save_figure(figure, tmp_path_factory.mktemp("any"), "x")
    shown = [" ".join(text.split()) for text in texts_of(svg)]
    assert " ".join(as_drawn(name).split()) in [*shown, ""]


def test_the_callers_style_is_left_as_it_is():
    before = mpl.rcParams.copy()
    transfer_maps(transfer(["a", "b"]))
    assert mpl.rcParams == before


def test_glyphs_that_no_font_has_are_said_and_not_raised(tmp_path, caplog):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        save_figure(transfer_maps(transfer(["\U000130b8", "theft"])), tmp_path, "x")  # a hieroglyph
    assert "no installed font has 1 of its characters" in caplog.text
    assert "\U000130b8" in texts_of(tmp_path / "x.svg")


def test_tables_and_progress_of_the_terminal_read_no_markup(capsys, monkeypatch):
    monkeypatch.setattr(screen, "console", Console(width=200))
    screen.show_table("[red]title", ["[b]column"], [[name] for name in NAMES])
    shown = capsys.readouterr().out
    assert "[red]title" in shown
    assert "[b]column" in shown
    for name in NAMES:
        assert f" {name} " in shown


@pytest.mark.parametrize("name", [*NAMES, "`", "a``b", "`a"])
def test_a_card_shows_every_name_letter_by_letter(name):
    markdown = pytest.importorskip("markdown_it").MarkdownIt("commonmark")
    assert markdown.renderInline(code_span(name)) == f"<code>{html.escape(name, quote=False)}</code>".replace(
        '"', "&quot;"
    )
    shown = re.sub("<[^>]*>", "", markdown.renderInline(plain_text(name)))
    assert html.unescape(shown) == name
