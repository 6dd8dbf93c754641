import itertools

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from unsinter.studies.figures.transfer_matrix import ordered_names, transfer_maps
from unsinter.studies.tables.transfer_columns import MATRIX


def table(matrix, names, *, kind="category", trained=None, gain_low=0.1):
    """One probe site with this matrix, a second site that is not selected, and the words at 0.6."""
    rows = []
    readers = [
        ("probe", 2, True, matrix),
        ("probe", 1, False, matrix * 0 + 0.99),
        ("words", -1, False, matrix * 0 + 0.6),
    ]
    for reader, layer, selected, values in readers:
        for i, j in itertools.product(range(len(values)), range(len(names))):
            value = values[i, j]
            rows.append(
                {
                    "model": "m", "kind": kind, "reader": reader, "layer": layer, "position": "end",
                    "trained_on": (trained or names)[i], "tested_on": names[j], "auroc": value,
                    "low": value - 0.05, "high": value + 0.05, "normalised": (value - 0.5) / 0.5,
                    "gain": value - 0.6, "gain_low": gain_low if reader == "probe" else np.nan,
                    "gain_high": 0.5, "n_train_positive": 10, "n_train_negative": 20,
                    "n_test_positive": 5, "n_test_negative": 6, "train_borrows": "", "test_borrows": "",
                    "selected": selected,
                }
            )  # fmt: skip
    return pd.DataFrame(rows)[list(MATRIX)]


def texts(figure):
    return [[text.get_text() for text in axis.texts] for axis in figure.axes]


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_the_selected_site_stands_beside_the_words_with_values_and_intervals():
    values = np.array([[0.95, 0.71], [0.62, 0.9]])
    probe, words = texts(transfer_maps(table(values, ["a", "b"])))
    assert probe == ["0.95\n0.90-1.00", "0.71\n0.66-0.76", "0.62\n0.57-0.67", "0.90\n0.85-0.95"]
    assert set(words) == {"0.60\n0.55-0.65"}


def test_a_cell_that_does_not_beat_the_words_stands_in_brackets():
    values = np.array([[0.95, 0.71], [0.62, 0.9]])
    rows = table(values, ["a", "b"])
    rows.loc[
        (rows["reader"] == "probe") & (rows["trained_on"] == "b") & (rows["tested_on"] == "a"), "gain_low"
    ] = -0.01
    probe, words = texts(transfer_maps(rows))
    assert [text.startswith("(") for text in probe] == [False, False, True, False]
    assert not any(text.startswith("(") for text in words)


def test_a_row_of_all_others_is_drawn_over_that_of_the_words():
    rows = table(
        np.array([[0.9, 0.8, 0.7]]), ["a", "b", "c"], kind="category_held_out", trained=["all others"]
    )
    probe, words = texts(transfer_maps(rows))
    assert [text[:4] for text in probe] == ["0.90", "0.80", "0.70"]
    assert len(words) == 3


def test_clustered_order_puts_together_what_transfers():
    names = ["a1", "b1", "a2", "b2", "a3"]
    same = np.array([[x[0] == y[0] for y in names] for x in names])
    rows = table(np.where(same, 0.95, 0.5), names)
    order = ordered_names(rows[(rows["layer"] != 1)], "clustered")
    assert sorted(order) == sorted(names)
    letters = "".join(name[0] for name in order)
    assert letters in ("aaabb", "bbaaa")
    drawn = transfer_maps(rows, order="clustered").axes[0]
    assert [label.get_text() for label in drawn.get_xticklabels()] == order
    assert [label.get_text() for label in drawn.get_yticklabels()] == order


def test_the_other_orders_are_as_given_and_alphabetical():
    rows = table(np.full((3, 3), 0.9), ["b", "c", "a"])
    assert ordered_names(rows, "given") == ["b", "c", "a"]
    assert ordered_names(rows, "alphabetical") == ["a", "b", "c"]
