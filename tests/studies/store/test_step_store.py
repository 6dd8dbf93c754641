import json

import numpy as np
import pandas as pd
import pytest

from unsinter.cache.inventory import INVENTORY
from unsinter.studies.store.step_store import StepStore, digest_of
from unsinter.studies.study.file import StudyError


def keep(store, key="k" * 64, **options):
    table = pd.DataFrame({"layer": [1, 2], "score": [0.5, 0.75]})
    return store.keep(
        "tiny-D", key, tables={"results": table}, facts={"best": [1, "template_end"]}, **options
    )


def test_a_kept_step_is_found_again_with_its_tables_facts_and_files(tmp_path):
    store = StepStore(folder=tmp_path)
    made = keep(store, write_more=lambda folder: (folder / "weights.bin").write_bytes(b"w"))
    result = store.find("tiny-D", "k" * 64)
    pd.testing.assert_frame_equal(result.tables["results"], made.tables["results"])
    assert result.facts == {"best": [1, "template_end"]}
    assert (result.folder / "weights.bin").read_bytes() == b"w"


def test_a_step_of_another_key_or_name_is_not_found(tmp_path):
    store = StepStore(folder=tmp_path)
    keep(store)
    assert store.find("tiny-D", "j" * 64) is None
    assert store.find("tiny-C", "k" * 64) is None


def test_a_step_that_fails_while_it_is_written_leaves_nothing(tmp_path):
    def full(folder):
        (folder / "weights.bin").write_bytes(b"half")
        raise OSError(28, "No space left on device")

    store = StepStore(folder=tmp_path)
    with pytest.raises(StudyError, match=r"cannot be written .*No space left"):
        keep(store, write_more=full)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["facts.json", "results.parquet", "weights.bin", INVENTORY])
def test_a_damaged_step_is_named_and_moved_aside_and_made_anew(tmp_path, name, caplog):
    store = StepStore(folder=tmp_path / "steps")
    weights = {"write_more": lambda folder: (folder / "weights.bin").write_bytes(b"weights")}
    made = keep(store, **weights)
    whole = (made.folder / name).read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 4
    (made.folder / name).write_bytes(flipped)
    assert store.find("tiny-D", "k" * 64) is None
    assert f"is damaged ({name} is damaged" in caplog.text
    aside = tmp_path / "damaged" / "1" / "steps" / made.folder.name
    assert (aside / name).read_bytes() == flipped
    again = keep(store, **weights)
    assert (again.folder / name).read_bytes() == whole


def test_a_step_of_an_earlier_version_is_read_with_a_line_that_says_it_has_no_digests(tmp_path, caplog):
    store = StepStore(folder=tmp_path / "steps")
    made = keep(store)
    (made.folder / INVENTORY).unlink()
    assert store.find("tiny-D", "k" * 64).facts == made.facts
    assert caplog.text.count("carries no digests") == 1
    (made.folder / "results.parquet").write_bytes(b"PAR1")
    assert store.find("tiny-D", "k" * 64) is None
    assert "is damaged" in caplog.text


PARTS = {
    "seed": 0,
    "labels": np.array(["harmful", "harmless"]),
    "train": np.array([0, 1]),
    "penalties": (0.1, 1.0),
    "nested": {"identity": {"weights": "abc"}},
}


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"labels": np.array(["harmful", "harmful"])},
        {"train": np.array([0, 2])},
        {"train": np.array([[0, 1]])},
        {"train": np.array([0.0, 1.0])},
        {"penalties": (0.1, 1.5)},
        {"nested": {"identity": {"weights": "abd"}}},
        {"more": None},
    ],
)
def test_every_part_is_in_the_key(change):
    assert digest_of(PARTS | change) != digest_of(PARTS)


def test_the_key_depends_on_content_and_not_on_order_or_text_width():
    again = {name: PARTS[name] for name in reversed(PARTS)}
    again["labels"] = np.array(["harmful", "harmless"], dtype="<U40")
    assert digest_of(again) == digest_of(PARTS)


def test_what_cannot_stand_in_a_key_is_a_fault_of_ours():
    with pytest.raises(TypeError, match="cannot hold object"):
        digest_of({"x": object()})


def test_facts_are_plain_json(tmp_path):
    facts = json.loads((keep(StepStore(folder=tmp_path)).folder / "facts.json").read_text())
    assert facts == {"best": [1, "template_end"]}
