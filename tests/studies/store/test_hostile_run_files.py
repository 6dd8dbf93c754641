"""Study, summary and weights of a run folder that somebody else wrote: one sentence each, at once."""

import json
import os

import numpy as np
import pytest

from unsinter.cache.inventory import INVENTORY, Inventory, files_below
from unsinter.probes.files.tensor_bytes import tensor_bytes
from unsinter.studies.cli.commands.run import demo_study_file
from unsinter.studies.export.probe_facts import ProbeChoice, read_facts
from unsinter.studies.store import site_weights
from unsinter.studies.store.run_folder import RunFolder
from unsinter.studies.store.site_weights import SiteWeights, read_weights, write_weights
from unsinter.studies.study.file import StudyError, load_study
from unsinter.studies.tables.read import RunReader

pytestmark = pytest.mark.timeout(60)  # an open pipe waits for ever

STUDIES = {
    "a date that is none": b"name: small\nx: 2001-99-99\n",
    "a number of 6,000 digits": b"name: small\nx: " + b"9" * 6000 + b"\n",
    "an empty number": b"name: small\nx: !!int ''\n",
    "a text for a number": b"name: small\nx: !!float abc\n",
    "no time": b"name: small\nx: !!timestamp foo\n",
    "deep nesting": b"name: small\nx: " + b"[" * 100_000 + b"\n",
    "a billion values": b"name: small\na0: &a0 [x, x, x, x, x, x, x, x]\n"
    + b"".join(b"a%d: &a%d [%s]\n" % (n, n, b", ".join([b"*a%d" % (n - 1)] * 8)) for n in range(1, 12)),
    "half of a pair": b'name: "\\ud800"\nmodels: []\n',
}


@pytest.fixture
def study():
    """The embedded study."""
    return load_study(demo_study_file())


@pytest.mark.parametrize("text", STUDIES.values(), ids=STUDIES)
def test_a_folder_whose_study_cannot_be_read_is_no_run_and_stays_as_it_is(tmp_path, study, text):
    (tmp_path / "study.yaml").write_bytes(text)
    with pytest.raises(StudyError, match=r"study\.yaml is no study file, so this is no run"):
        RunFolder.claim(tmp_path, study)
    assert (tmp_path / "study.yaml").read_bytes() == text


@pytest.mark.parametrize("text", STUDIES.values(), ids=STUDIES)
def test_a_study_of_a_run_that_is_sealed_anew_is_read_by_type_as_well(tmp_path, text):
    (tmp_path / "study.yaml").write_bytes(text)
    (tmp_path / "summary.json").write_text('{"schema_version": 4, "models": {}}', encoding="utf-8")
    Inventory.of(tmp_path, files_below(tmp_path)).write()
    with pytest.raises(StudyError, match=r"study\.yaml") as refusal:
        RunReader.open(tmp_path, error=StudyError).study()
    assert len(str(refusal.value)) < 1000


@pytest.mark.parametrize("what", ["pipe", "device", "nested", "digits"])
def test_a_summary_that_cannot_be_read_ends_no_run(tmp_path, study, what):
    run = RunFolder.claim(tmp_path, study, fingerprint="one")
    run.write_study()
    path = tmp_path / "summary.json"
    if what == "pipe":
        os.mkfifo(path)
    elif what == "device":
        path.symlink_to("/dev/zero")
    else:
        path.write_bytes(b"[" * 200_000 if what == "nested" else b'{"seed": ' + b"9" * 6000 + b"}")
    assert RunFolder.claim(tmp_path, study, fingerprint="one").finished_summary() is None


@pytest.mark.parametrize("version", ["99", "NaN", "null", '"4"'])
def test_a_probe_of_a_run_of_an_unknown_version_is_refused_before_its_fields_are_read(tmp_path, version):
    (tmp_path / "summary.json").write_text(f'{{"schema_version": {version}, "models": 5}}', encoding="utf-8")
    for name in ("study.yaml", "results.parquet"):
        (tmp_path / name).write_bytes(b"")
    Inventory.of(tmp_path, files_below(tmp_path)).write()
    with pytest.raises(StudyError, match=r"summary\.json"):
        read_facts(tmp_path, ProbeChoice(target="D"))
    assert (tmp_path / INVENTORY).is_file()


ENTRIES = {
    "n_maps": (10**12, -1, "2", None, True),
    "classes": (5, None, [1, 2], "ab"),
    "calibration": (5, {"slope": "x", "intercept": 0}, {"slope": 1.0}, {"other": 1}),
    "threshold": ("0.5", [1], float("nan")),
    "layer": ("1", None),
    "is_tuned": (0, "no"),
}


@pytest.mark.parametrize(("field", "value"), [(name, value) for name in ENTRIES for value in ENTRIES[name]])
def test_weights_that_are_sealed_anew_with_another_type_are_refused_in_one_sentence(
    tmp_path, monkeypatch, field, value
):
    path = tmp_path / "tiny-D.safetensors"
    site = SiteWeights(
        layer=1, position="last", family="logistic", classes=("no", "yes"),
        layers=((np.ones((1, 4), np.float32), np.zeros(1, np.float32)),),
        examples=np.ones((2, 4), np.float32),
    )  # fmt: skip
    write_weights(path, [site], about={"weights": "ab"})
    assert read_weights(path, layer=1, position="last").classes == ("no", "yes")
    arrays = site_weights._arrays(site)
    entry = site_weights._entry(site) | {field: value}
    metadata = {
        "schema_version": site_weights.SCHEMA_VERSION,
        "about": "{}",
        "sites": json.dumps([{**entry, "sha256": site_weights._digest(entry, arrays)}]),
    }
    tensors = {f"0.{name}": array for name, array in arrays.items()}
    path.write_bytes(tensor_bytes(tensors, metadata=metadata))
    with pytest.raises(StudyError, match=r"tiny-D\.safetensors: damaged") as refusal:
        read_weights(path, layer=1, position="last")
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("sites", ["[1]", '{"a": 1}', "5", "[" * 5000, "[[]]", "null"])
def test_weights_whose_list_of_sites_is_none_are_refused_in_one_sentence(tmp_path, sites):
    path = tmp_path / "tiny-D.safetensors"
    metadata = {"schema_version": site_weights.SCHEMA_VERSION, "about": "{}", "sites": sites}
    path.write_bytes(tensor_bytes({"0.examples": np.ones((2, 4), np.float32)}, metadata=metadata))
    with pytest.raises(StudyError, match=r"tiny-D\.safetensors: damaged"):
        read_weights(path, layer=1, position="last")
