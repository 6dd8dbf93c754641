import numpy as np
import torch

from unsinter.probes.relu_layers import relu_scores


def test_scores_are_those_of_torchs_linear_and_relu_modules():
    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Linear(5, 7), torch.nn.ReLU(), torch.nn.Linear(7, 4), torch.nn.ReLU(), torch.nn.Linear(4, 3)
    )
    layers = [
        (layer.weight.detach().numpy(), layer.bias.detach().numpy())
        for layer in network
        if isinstance(layer, torch.nn.Linear)
    ]
    X = np.random.default_rng(0).normal(size=(20, 5))
    expected = network.double()(torch.as_tensor(X)).detach().numpy()
    np.testing.assert_allclose(relu_scores(X, layers), expected, rtol=1e-12)


def test_one_map_has_no_relu_and_one_output_gives_a_vector():
    X = np.array([[1.0, -2.0], [-3.0, 4.0]])
    scores = relu_scores(X, [(np.array([[1.0, 1.0]], dtype=np.float32), np.array([0.5]))])
    np.testing.assert_array_equal(scores, [-0.5, 1.5])
    assert scores.dtype == np.float64
