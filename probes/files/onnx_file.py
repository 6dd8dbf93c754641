"""A probe as an ONNX graph, built node by node and compared with the numpy probe before it is handed out."""

import json
from typing import Any

import numpy as np

from unsinter.probes.arrays import FloatArray
from unsinter.probes.files.exported import ProbeFileError, ProbeWeights

OPSET = 18
_IR_VERSION = 10
"""Old enough for runtimes of 2024, whatever the installed onnx would write."""

TOLERANCE = 1e-5
"""Largest difference: of a probability, and of a score in parts of max(1, |score|)."""

_CARD_FIELDS = (
    "target",
    "family",
    "layer",
    "position",
    "threshold",
    "score_unit",
    "weights_sha256",
    "card_sha256",
)


def onnx_bytes(probe: ProbeWeights, examples: FloatArray) -> bytes:
    """Return the graph ``activations`` (batch, d_model) float32 -> ``scores``, ``probabilities`` float32.

    ``scores`` is (batch,) for two classes, else (batch, n_classes); ``probabilities`` is (batch, n_classes),
    calibrated as ``ProbeWeights.probabilities``. Inside the graph numbers are float64: activations of open
    models reach thousands, and float32 sums over them miss the tolerance. ``metadata_props`` hold the
    classes and the card's key fields.

    Raises
    ------
    ProbeFileError : the extra is not installed, the probe has no probabilities, or onnxruntime does not give
        the numpy probe's numbers on ``examples`` (n, d_model).
    """
    try:
        import onnx
        import onnxruntime
    except ImportError as error:
        raise ProbeFileError(
            f"the format onnx needs {error.name}; run: pip install '.[onnx]' in unsinter's repository."
        ) from error
    data = _model(probe, onnx).SerializeToString()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    X = np.asarray(examples, np.float32)
    scores, probabilities = session.run(["scores", "probabilities"], {"activations": X})
    _compare(probe, X, scores, probabilities)
    return bytes(data)


def _compare(probe: ProbeWeights, X: FloatArray, scores: FloatArray, probabilities: FloatArray) -> None:
    expected = probe.scores(X)
    near = np.allclose(scores, expected, rtol=TOLERANCE, atol=TOLERANCE)
    if not near or not np.allclose(probabilities, probe.probabilities(X), rtol=0, atol=TOLERANCE):
        raise ProbeFileError(
            f"the ONNX graph of {probe.name} does not give its scores to {TOLERANCE}; "
            "use the safetensors file."
        )


def _model(probe: ProbeWeights, onnx: Any) -> Any:
    slope, intercept = probe.slope_and_intercept
    arrays = {
        "slope": np.array(slope),
        "intercept": np.array(intercept),
        "last_axis": np.array([1], np.int64),
        **{f"weight.{i}": w.T.astype(np.float64) for i, (w, _) in enumerate(probe.layers)},
        **{f"bias.{i}": b.astype(np.float64) for i, (_, b) in enumerate(probe.layers)},
    }
    many = None if probe.is_binary else len(probe.classes)
    shapes = {
        "scores": ["batch"] if many is None else ["batch", many],
        "probabilities": ["batch", len(probe.classes)],
    }
    float32 = onnx.TensorProto.FLOAT
    described = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        _nodes(probe, onnx),
        "probe",
        [described("activations", float32, ["batch", probe.d_model])],
        [described(name, float32, shape) for name, shape in shapes.items()],
        [onnx.numpy_helper.from_array(np.ascontiguousarray(a), name) for name, a in arrays.items()],
    )
    model = onnx.helper.make_model(
        graph,
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        ir_version=_IR_VERSION,
        producer_name="unsinter",
    )
    onnx.helper.set_model_props(model, _properties(probe))
    onnx.checker.check_model(model)
    return model


def _nodes(probe: ProbeWeights, onnx: Any) -> list[Any]:
    node = onnx.helper.make_node
    nodes = [node("Cast", ["activations"], ["x.0"], to=onnx.TensorProto.DOUBLE)]
    last = len(probe.layers) - 1
    for i in range(last + 1):
        nodes += [
            node("MatMul", [f"x.{i}", f"weight.{i}"], [f"product.{i}"]),
            node("Add", [f"product.{i}", f"bias.{i}"], [f"affine.{i}"]),
        ]
        if i < last:
            nodes.append(node("Relu", [f"affine.{i}"], [f"x.{i + 1}"]))
    nodes += [
        node("Mul", [f"affine.{last}", "slope"], ["scaled"]),
        node("Add", ["scaled", "intercept"], ["logits"]),
    ]
    if probe.is_binary:
        nodes += [
            node("Squeeze", [f"affine.{last}", "last_axis"], ["raw"]),
            node("Neg", ["logits"], ["against"]),
            node("Concat", ["against", "logits"], ["both"], axis=1),
            node("Sigmoid", ["both"], ["odds"]),
        ]
    else:
        nodes += [
            node("Identity", [f"affine.{last}"], ["raw"]),
            node("Softmax", ["logits"], ["odds"], axis=1),
        ]
    return [
        *nodes,
        node("Cast", ["raw"], ["scores"], to=onnx.TensorProto.FLOAT),
        node("Cast", ["odds"], ["probabilities"], to=onnx.TensorProto.FLOAT),
    ]


def _properties(probe: ProbeWeights) -> dict[str, str]:
    model = probe.card.get("model") or {}
    properties = {name: probe.card[name] for name in _CARD_FIELDS if probe.card.get(name) is not None}
    properties |= {f"model.{name}": value for name, value in model.items()}
    return {
        "classes": json.dumps(list(probe.classes)),
        **{name: str(value) for name, value in properties.items()},
    }
