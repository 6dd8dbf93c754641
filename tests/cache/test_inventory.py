"""A folder's sealed list of files: every changed bit is noticed, no name leads out of the folder."""

import hashlib
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unsinter.cache.inventory import INVENTORY, DamagedFileError, Inventory, check_listed, files_below

FILES = {"results.bin": b"0123456789", "steps/one/facts.json": b'{"layer": 1}', "empty": b""}


@pytest.fixture
def folder(tmp_path):
    run = tmp_path / "run"
    for name, data in FILES.items():
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        (run / name).write_bytes(data)
    Inventory.of(run, FILES, about={"study": "small"}).write()
    return run


def resealed(table):
    body = {name: table[name] for name in ("schema_version", "about")}
    body["files"] = dict(sorted(table["files"].items()))
    seal = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    return (json.dumps({**body, "seal": seal}, indent=1) + "\n").encode()


def test_digests_are_those_of_the_standard_library(folder):
    inventory = Inventory.read(folder)
    assert inventory.about == {"study": "small"}
    for name, data in FILES.items():
        assert inventory.files[name].sha256 == hashlib.sha256(data).hexdigest()
        assert inventory.read_bytes(name) == data
    assert inventory.refusals() == {}


def test_every_flipped_bit_of_every_file_and_of_the_inventory_is_noticed(folder):
    for name in [*FILES, INVENTORY]:
        path = folder / name
        data = path.read_bytes()
        for place in range(8 * len(data)):
            flipped = bytearray(data)
            flipped[place // 8] ^= 1 << place % 8
            path.write_bytes(flipped)
            with pytest.raises(DamagedFileError, match=f"{path.name} is damaged") as error:
                Inventory.read(folder).read_bytes(name)
            assert error.value.path == path
        path.write_bytes(data)
    assert Inventory.read(folder).refusals() == {}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.binary(max_size=40))
def test_any_other_content_is_noticed(folder, data):
    (folder / "results.bin").write_bytes(data)
    assert (Inventory.read(folder).refusal("results.bin") is None) == (data == FILES["results.bin"])


def test_a_missing_file_and_one_that_was_never_written_are_named(folder):
    (folder / "empty").unlink()
    inventory = Inventory.read(folder)
    assert inventory.refusals() == {"empty": "is missing"}
    with pytest.raises(DamagedFileError, match="empty is missing"):
        inventory.read_bytes("empty")
    (folder / "more").write_bytes(b"x")
    with pytest.raises(DamagedFileError, match="more is not among the files"):
        inventory.read_bytes("more")


def test_a_file_that_grows_may_be_longer_and_its_beginning_may_not_change(folder):
    inventory = Inventory.read(folder)
    entry = inventory.files["results.bin"]
    grown = Inventory(
        folder=folder, files={"results.bin": type(entry)(sha256=entry.sha256, size=10, grows=True)}
    )
    grown.write()
    path = folder / "results.bin"
    path.write_bytes(FILES["results.bin"] + b"more")
    assert Inventory.read(folder).read_bytes("results.bin") == FILES["results.bin"] + b"more"
    for data in (b"0123456788more", b"012345678"):
        path.write_bytes(data)
        assert "is damaged" in Inventory.read(folder).refusal("results.bin")
        with pytest.raises(DamagedFileError, match="is damaged"):
            Inventory.read(folder).read_bytes("results.bin")


@pytest.mark.parametrize(
    "name", ["../x", "/etc/passwd", "a/../../x", "a//b", "./a", "", "a\\..\\x", "a\0b", "c:/x", "a/.."]
)
def test_no_name_leads_out_of_the_folder_even_under_a_good_seal(folder, name):
    table = json.loads((folder / INVENTORY).read_bytes())
    table["files"][name] = table["files"]["empty"]
    (folder / INVENTORY).write_bytes(resealed(table))
    with pytest.raises(DamagedFileError, match="is damaged"):
        Inventory.read(folder)


@pytest.mark.parametrize(
    "entry",
    [None, [], "x", {}, {"sha256": "0" * 64}, {"sha256": "0" * 63, "size": 1},
     {"sha256": "0" * 64, "size": -1},
     {"sha256": "0" * 64, "size": True}, {"sha256": "0" * 64, "size": 1.0}, {"sha256": 5, "size": 1},
     {"sha256": "0" * 64, "size": 1, "grows": 1}],
)  # fmt: skip
def test_an_entry_of_another_type_is_refused_even_under_a_good_seal(folder, entry):
    table = json.loads((folder / INVENTORY).read_bytes())
    table["files"]["empty"] = entry
    (folder / INVENTORY).write_bytes(resealed(table))
    with pytest.raises(DamagedFileError, match="is damaged"):
        Inventory.read(folder)


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"null", b"{", b"\xff", b"[" * 100_000, b'{"files": [], "about": {}}']
)
def test_what_is_no_inventory_is_refused(folder, data):
    (folder / INVENTORY).write_bytes(data)
    with pytest.raises(DamagedFileError, match="is damaged"):
        Inventory.read(folder)


def test_a_folder_without_one_has_none(tmp_path):
    assert Inventory.read(tmp_path) is None
    assert Inventory.read(tmp_path / "no" / "folder") is None


def test_a_file_read_by_its_own_path_is_compared_with_the_inventory_above_it(folder, tmp_path):
    path = folder / "steps" / "one" / "facts.json"
    check_listed(path)
    check_listed(folder / "not-listed")
    check_listed(tmp_path / "elsewhere")
    path.write_bytes(b'{"layer": 2}')
    with pytest.raises(DamagedFileError, match=r"facts\.json is damaged"):
        check_listed(path)


def test_files_that_stay_are_listed_and_locks_and_unfinished_ones_are_not(folder):
    for name in ("trials.journal.guard", "answers.jsonl.lock", ".results.bin.17.part"):
        (folder / name).write_bytes(b"")
    (folder / "earlier" / "1").mkdir(parents=True)
    (folder / "earlier" / "1" / "x").write_bytes(b"")
    assert files_below(folder, skip=("earlier",)) == sorted(FILES)
