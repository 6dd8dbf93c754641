"""A probe as a plain scikit-learn estimator in a skops file, which holds no code and is never a pickle."""

import io
import json
import zipfile
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from unsinter.probes.arrays import FloatArray
from unsinter.probes.files.exported import ProbeFileError, ProbeWeights

_TOLERANCE = 1e-6
"""Largest difference of a probability after reading the file back."""

_SCHEMA = "schema.json"
_NO_TIME = (1980, 1, 1, 0, 0, 0)


def as_estimator(probe: ProbeWeights) -> Any:
    """Return a fitted ``LogisticRegression`` or ``MLPClassifier`` with the calibrated probabilities.

    The calibration is folded into the last weights, so ``predict_proba`` equals ``probabilities``,
    ``decision_function`` of a linear probe is the calibrated log-odds (nats), and ``predict`` takes the
    likelier class: it cuts at probability one half and knows no ``threshold``. A calibrated ridge or
    mass-mean probe is a logistic one by its numbers. ``classes_`` keeps the probe's order, in which the
    second of two classes is the positive one, even where that is not the sorted order.

    Raises
    ------
    ProbeFileError : a ridge or mass-mean probe without calibration has no probabilities to give.
    """
    slope, intercept = probe.slope_and_intercept
    layers = [(w.astype(np.float64), b.astype(np.float64)) for w, b in probe.layers]
    weight, bias = layers[-1]
    layers[-1] = (slope * weight, slope * bias + intercept)
    return _linear(probe, *layers[0]) if len(layers) == 1 else _network(probe, layers)


def skops_bytes(probe: ProbeWeights, examples: FloatArray) -> bytes:
    """Return a file that ``skops.io.load(path, trusted=[])`` reads, compared with the probe on ``examples``.

    Raises
    ------
    ProbeFileError : the extra is not installed, the probe has no probabilities, or the file read back does
        not give them.
    """
    try:
        import skops.io
    except ImportError as error:
        raise ProbeFileError(
            f"the format sklearn needs {error.name}; run: pip install '.[skops]' in unsinter's repository."
        ) from error
    data = same_bytes(skops.io.dumps(as_estimator(probe)))
    X = np.asarray(examples, np.float64)
    read_back = skops.io.loads(data, trusted=[]).predict_proba(X)
    if not np.allclose(read_back, probe.probabilities(X), rtol=0, atol=_TOLERANCE):
        raise ProbeFileError(
            f"the scikit-learn file of {probe.name} does not give its probabilities; "
            "use the safetensors file."
        )
    return data


def same_bytes(data: bytes) -> bytes:
    """Return a skops file that is the same for equal estimators.

    skops names parts by their place in memory, and its archive says when it was made.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(parts.pop(_SCHEMA))
    numbers: dict[int, int] = {}
    names: dict[str, str] = {}
    _number(schema, numbers, names)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, written in names.items():
            archive.writestr(zipfile.ZipInfo(written, date_time=_NO_TIME), parts.pop(name))
        for name in sorted(parts):
            archive.writestr(zipfile.ZipInfo(name, date_time=_NO_TIME), parts[name])
        archive.writestr(zipfile.ZipInfo(_SCHEMA, date_time=_NO_TIME), json.dumps(schema, indent=2))
    return stream.getvalue()


def _number(node: Any, numbers: dict[int, int], names: dict[str, str]) -> None:
    """Number the parts of a schema, and the files that hold them, in their order."""
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        _number(child, numbers, names)
    if isinstance(node, dict) and isinstance(node.get("__id__"), int):
        node["__id__"] = numbers.setdefault(node["__id__"], len(numbers))
        if isinstance(file := node.get("file"), str):
            node["file"] = names.setdefault(file, f"{node['__id__']}{PurePosixPath(file).suffix}")


def _linear(probe: ProbeWeights, weight: FloatArray, bias: FloatArray) -> Any:
    from sklearn.linear_model import LogisticRegression

    estimator = LogisticRegression()
    estimator.coef_, estimator.intercept_ = weight, bias
    estimator.classes_ = np.array(probe.classes)
    estimator.n_features_in_ = probe.d_model
    estimator.n_iter_ = np.zeros(1, np.int32)
    return estimator


def _network(probe: ProbeWeights, layers: Sequence[tuple[FloatArray, FloatArray]]) -> Any:
    from sklearn.neural_network import MLPClassifier
    from sklearn.preprocessing import LabelBinarizer

    estimator = MLPClassifier(hidden_layer_sizes=tuple(len(bias) for _, bias in layers[:-1]))
    estimator.coefs_ = [np.ascontiguousarray(weight.T) for weight, _ in layers]
    estimator.intercepts_ = [bias for _, bias in layers]
    estimator.classes_ = np.array(probe.classes)
    estimator.n_features_in_ = probe.d_model
    estimator.n_layers_ = len(layers) + 1
    estimator.n_outputs_ = len(layers[-1][1])
    estimator.out_activation_ = "logistic" if probe.is_binary else "softmax"
    # `predict` asks it for names; set rather than fitted, as fitting would sort the classes.
    names = LabelBinarizer()
    names.classes_, names.sparse_input_ = estimator.classes_, False
    names.y_type_ = "binary" if probe.is_binary else "multiclass"
    estimator._label_binarizer = names
    return estimator
