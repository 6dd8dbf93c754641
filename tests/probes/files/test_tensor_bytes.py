"""Safetensors bytes: equal for equal content, and read by the library as what they hold."""

import numpy as np
from safetensors import safe_open
from safetensors.numpy import load, save

from unsinter.probes.files.tensor_bytes import tensor_bytes

TENSORS = {"b": np.arange(6, dtype=np.float32).reshape(2, 3), "a": np.zeros(5, np.float64)}
METADATA = {"sites": '[{"name": "é"}]', "about": "{}", "schema_version": "2", "z": "", "y": "1"}


def test_equal_content_is_equal_bytes_and_the_library_alone_does_not_see_to_it():
    assert len({tensor_bytes(TENSORS, metadata=METADATA) for _ in range(50)}) == 1
    assert len({save(TENSORS, metadata=METADATA) for _ in range(50)}) > 1


def test_what_was_written_is_what_is_read(tmp_path):
    data = tensor_bytes(TENSORS, metadata=METADATA)
    assert {name: array.tolist() for name, array in load(data).items()} == {
        name: array.tolist() for name, array in TENSORS.items()
    }
    (tmp_path / "a.safetensors").write_bytes(data)
    with safe_open(tmp_path / "a.safetensors", framework="np") as file:
        assert file.metadata() == METADATA
