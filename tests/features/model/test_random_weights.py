import numpy as np
import pytest
import torch

from unsinter.features.model.identity import model_identity
from unsinter.features.model.model import load_model
from unsinter.features.model.random_weights import randomise_weights
from unsinter.studies.planted import model_folder


def stream(model, text="how do I water a plant"):
    """The last block's output at the last token (d_model,)."""
    ids = model.tokenizer(text, return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        out = model.backbone(ids, output_hidden_states=True, **model.options)
    return out.hidden_states[-2][0, -1].float().numpy()


def test_only_the_weights_are_others_so_the_cache_holds_them_apart(planted):
    control = randomise_weights(planted, seed=0)
    changed = {name for name in planted.identity if planted.identity[name] != control.identity[name]}
    assert changed == {"weights"}
    assert (control.n_layers, control.d_model, control.dtype) == (
        planted.n_layers, planted.d_model, planted.dtype
    )  # fmt: skip
    assert control.name == f"{planted.name}-random-0"
    assert not np.allclose(stream(control), stream(planted), atol=0.1)


def test_one_seed_is_one_model_and_another_seed_another(planted):
    one, same, other = (randomise_weights(planted, seed=seed) for seed in (3, 3, 4))
    assert one.identity == same.identity
    np.testing.assert_array_equal(stream(one), stream(same))
    assert one.identity["weights"] != other.identity["weights"]


def test_the_given_model_and_the_global_generator_are_left_as_they_were(planted):
    before, state = stream(planted), torch.random.get_rng_state()
    randomise_weights(planted, seed=5)
    assert torch.equal(torch.random.get_rng_state(), state)
    np.testing.assert_array_equal(stream(planted), before)
    again = model_identity(planted.model, planted.tokenizer, loading={"device": "cpu"})
    assert again == dict(planted.identity)


def test_every_matrix_is_drawn_anew_and_as_wide_as_the_config_says(planted):
    control = randomise_weights(planted, seed=0)
    fresh, trained = control.model.state_dict(), planted.model.state_dict()
    matrices = [name for name, value in fresh.items() if value.ndim == 2]
    assert len(matrices) > 10
    assert not any(torch.equal(fresh[name], trained[name]) for name in matrices)
    spread = [float(fresh[name].std()) for name in matrices]
    assert spread == pytest.approx([control.model.config.initializer_range] * len(spread), rel=0.1)


def test_half_precision_stays_half_precision():
    stored = load_model(model_folder("sintered"), device="cpu")
    control = randomise_weights(stored, seed=0)
    assert control.dtype == stored.dtype == "float16"
    assert np.isfinite(stream(control)).all()
