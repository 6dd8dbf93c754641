"""Activations read without a cache are those that the cache holds."""

import numpy as np
import pytest

from unsinter.cache import ActivationStore
from unsinter.features.extract.extraction import extract
from unsinter.features.extract.in_memory import read_site
from unsinter.features.model.model import load_model
from unsinter.features.rendering.rendering import render
from unsinter.studies.planted import model_folder

TEXTS = ["a longer text of several words", "one", "two words", "one"]


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_a_site_read_in_memory_equals_the_cached_one_in_the_order_asked(tmp_path, dtype):
    model = load_model(model_folder("detached"), dtype=dtype)
    rendered = render([(str(i), text) for i, text in enumerate(TEXTS)], model)
    store = ActivationStore.open(tmp_path / "cache", model.identity)
    cached = extract(model, rendered, store, layers=[0, 2], positions=["instruction_end", "template_end"])
    for layer, position in [(0, "instruction_end"), (2, "template_end")]:
        result = read_site(model, rendered, layer=layer, position=position)
        assert result.dtype == np.float32
        expected = cached.activations(layer, position)
        # Other layers and positions are read with it there; only the last bit may differ.
        np.testing.assert_allclose(result, expected, rtol=1e-2, atol=1e-3)
    assert np.array_equal(result[1], result[3])


def test_an_extraction_is_printed_in_a_line_however_many_prompts_it_holds(zoo, tiny):
    model = zoo("llama")
    rows = render([(f"prompt number {n}", "hello " * (n % 5 + 1) + str(n)) for n in range(60)], model)
    for layers, words in (("all", "layers 0 to 3"), ([1], "layer 1"), ([0, 3], "layers 0, 3")):
        extraction = extract(model, rows, tiny.store(), layers=layers, positions=["template_end"])
        assert str(extraction) == (
            f"Extraction(60 prompts, {words}, positions template_end; 60 rows computed, 0 from the cache)"
        )
