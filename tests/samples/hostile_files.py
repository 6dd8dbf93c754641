"""Files that nobody would write by hand: sound samples with a few things changed, and sealed again.

Everything is decided by `draw(n)`, a whole number from 0 to n - 1: a seeded generator, hypothesis or atheris.
"""

import copy
import csv
import hashlib
import io
import json
import os
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from safetensors.numpy import save

from unsinter.cache import gc, ls, verify
from unsinter.cache.entries import IndexFile, encode_earlier
from unsinter.cache.folding import write_index
from unsinter.cache.key import canonical
from unsinter.cache.manifest import Folder
from unsinter.cache.places.ranges import open_ranges
from unsinter.cache.references import read_references
from unsinter.cache.shard import read_header
from unsinter.features.records.readers import detect_kind, read_openings, read_prompts, read_responses
from unsinter.probes.files.card_seal import card_text, digest_of, sealed
from unsinter.probes.files.export import load_probe, pack_probe
from unsinter.probes.files.exported import ProbeFileError, ProbeWeights
from unsinter.studies.report.answers.answer_lines import answer_lines
from unsinter.studies.report.evidence.run_data import read_evidence
from unsinter.studies.study.file import load_study

ODD = [
    *(None, True, False, 0, 1, -1, 2**31, 2**63, 10**400, -0.0, 1.5, 1e308, float("nan"), float("inf")),
    *(
        "",
        " ",
        "x",
        "0",
        "nan",
        "true",
        "\x00",
        "\ud800",
        "\u202e\x1b[31m",
        "é" * 300,
        "a" * 5000,
        "../../x",
        "~",
    ),
    *([], {}, [[]], [None], ["x"] * 50, {"": None}, {"a": {"a": {"a": {}}}}, [1, "x", None, {}]),
]


def places(value, path=()):
    """Return the path of every part of a nested value."""
    result = [path]
    if isinstance(value, dict):
        for key in value:
            result += places(value[key], (*path, key))
    elif isinstance(value, list):
        for index, part in enumerate(value):
            result += places(part, (*path, index))
    return result


def changed(value, draw):
    """Return a copy of a nested value in which one part is replaced, taken out, or given a sibling."""
    value = copy.deepcopy(value)
    path = (result := places(value))[draw(len(result))]
    if not path:
        return copy.deepcopy(ODD[draw(len(ODD))]) if draw(8) == 0 else value
    owner = value
    for step in path[:-1]:
        owner = owner[step]
    what = draw(6)
    if what == 0:
        del owner[path[-1]]
    elif what == 1 and isinstance(owner, dict):
        owner[str(ODD[draw(len(ODD))])] = copy.deepcopy(ODD[draw(len(ODD))])
    elif what == 2 and isinstance(owner, list):
        owner += [owner[path[-1]]] * (1 + draw(3))
    elif what == 3:
        owner[path[-1]] = [owner[path[-1]]]
    else:
        owner[path[-1]] = copy.deepcopy(ODD[draw(len(ODD))])
    return value


def some_changes(value, draw):
    for _ in range(1 + draw(3)):
        value = changed(value, draw)
    return value


def damaged(raw, draw):
    """Return bytes with one changed, cut off, doubled, or put in."""
    at = draw(len(raw) + 1)
    what = draw(5)
    if what == 0:
        return raw[:at]
    if what == 1:
        return raw[:at] + bytes([draw(256)]) + raw[at + 1 :]
    if what == 2:
        return raw[:at] + raw[draw(len(raw) + 1) :]
    if what == 3:
        return (
            raw[:at]
            + [b"[", b"{", b'"', b"\\", b"\x00", b"\xff\xfe", b"\n", b": ", b"&a *a", b"!!int ''"][draw(10)]
            * (1 + draw(200))
            + raw[at:]
        )
    return raw


def json_bytes(value, draw):
    """Write JSON, numbers that are none and halves of surrogate pairs among it."""
    text = json.dumps(value, ensure_ascii=draw(2) == 0)
    return text.encode("utf-8", "surrogatepass")


def yaml_bytes(value):
    """Write YAML with the fast writer, which knows no halves of surrogate pairs."""
    try:
        text = yaml.dump(value, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper), allow_unicode=True)
    except UnicodeEncodeError:
        text = yaml.safe_dump(value, allow_unicode=True)
    return text.encode("utf-8", "surrogatepass")


def fast_folder():
    """Return a new folder in memory where the system has one, since thousands of files are written."""
    memory = Path("/dev/shm")
    return Path(tempfile.mkdtemp(dir=memory if os.access(memory, os.W_OK) else None))


PROMPTS = [
    {
        "id": "a",
        "prompt": "How do I bake bread?",
        "harmful": False,
        "category": "food",
        "group": 1,
        "pair_id": "p",
    },
    {
        "id": "b",
        "prompt": "How do I bake a cake?",
        "harmful": True,
        "category": {"x": True},
        "meta": {"k": [1]},
    },
]
RESPONSES = [
    {
        "id": "r",
        "prompt_id": "a",
        "model": "m",
        "response_opening": "Sure.",
        "label": "compliance",
        "wording": None,
    },
    {
        "id": "s",
        "prompt_id": "b",
        "model": "m",
        "response_opening": None,
        "truncated": True,
        "moves_gold": ["x"],
    },
]


def read_records(path):
    reader = {"prompts": read_prompts, "responses": read_responses, "openings": read_openings}
    reader[detect_kind(path)](path)


class Jsonl:
    """Records in JSON Lines."""

    def __init__(self, folder):
        self.path = folder / "records.jsonl"

    def run(self, draw):
        rows = some_changes([PROMPTS, RESPONSES][draw(2)], draw)
        rows = rows if isinstance(rows, list) else [rows]
        raw = b"\n".join(json_bytes(row, draw) for row in rows)
        self.path.write_bytes(damaged(raw, draw) if draw(3) == 0 else raw)
        read_records(self.path)


class Csv(Jsonl):
    """Records in CSV."""

    def __init__(self, folder):
        self.path = folder / "records.csv"

    def run(self, draw):
        rows = [PROMPTS, RESPONSES][draw(2)]
        stream = io.StringIO()
        writer = csv.writer(stream)
        names = [*rows[0], str(ODD[draw(len(ODD))])][: 1 + draw(len(rows[0]) + 1)]
        writer.writerow(names)
        for row in rows:
            cells = [row.get(name, "") for name in names]
            cells[draw(len(cells))] = ODD[draw(len(ODD))]
            writer.writerow([str(cell)[:200] for cell in cells])
        raw = stream.getvalue().encode("utf-8", "surrogatepass")
        self.path.write_bytes(damaged(raw, draw) if draw(2) == 0 else raw)
        read_records(self.path)


class Parquet(Jsonl):
    """Records in Parquet: columns of other types, texts that are no UTF-8, damaged bytes."""

    COLUMNS = (
        pa.array(["a", "b"]),
        pa.array([1, None]),
        pa.array([1.5, float("nan")]),
        pa.array([b"\xff", b"\x80"]),
        pa.StringArray.from_buffers(2, pa.py_buffer(np.array([0, 1, 2], "<i4")), pa.py_buffer(b"\xff\xfe")),
        pa.array([[1], None], pa.list_(pa.int64())),
        pa.array([{"x": True}, {"x": None}]),
        pa.array([2**62, -(2**62)], pa.timestamp("us", tz="Nowhere/Land")),
        pa.array([2**62, 0], pa.duration("us")),
        pa.array([["x" * 1000] * 20, ["y"]]),
        pa.array(["x" * 200_000, ""]),
        pa.nulls(2),
        pa.DictionaryArray.from_arrays(pa.array([0, 0], pa.int32()), pa.array(["same"])),
    )

    def __init__(self, folder):
        self.path = folder / "records.parquet"

    def run(self, draw):
        columns = {name: pa.array([str(row.get(name)) for row in PROMPTS]) for name in ("id", "prompt")}
        for name in ("id", "prompt", "harmful", "category", "group", "extra")[: draw(7)]:
            columns[name] = self.COLUMNS[draw(len(self.COLUMNS))]
        table = pa.table(columns)
        if draw(3) == 0:
            features = {"info": {"features": {"category": {"_type": "ClassLabel", "names": ["x", "y"]}}}}
            note = json.dumps(some_changes(features, draw)).encode()
            table = table.replace_schema_metadata({b"huggingface": note})
        pq.write_table(table, self.path)
        if draw(3) == 0:
            self.path.write_bytes(damaged(self.path.read_bytes(), draw))
        read_records(self.path)


STUDY = {
    "name": "mine",
    "seed": 1,
    "models": [{"name": "tiny", "path": "planted:detached", "date": "2024-07-26"}],
    "prompts": {
        "path": ["p.jsonl"],
        "columns": {"harmful": {"field": "x", "true": [1], "false": [0]}},
        "where": {"a": ["b"]},
    },
    "responses": {"temperature": 0.5},
    "targets": ["D", "R"],
    "layers": [0, 1],
    "positions": ["template_end"],
    "penalties": [0.1, 1.0],
    "controls": {"permutations": 10},
    "tuning": {"widths": [8]},
    "separation": {"pairs": ["D-R"], "sure": {"R": [0.9, 0.9]}},
    "report": {"question": "x"},
}


NEEDED = ("name", "models", "prompts")


class StudyFile:
    """Study files, as written and as bytes."""

    def __init__(self, folder):
        self.path = folder / "study.yaml"
        (folder / "p.jsonl").write_text("{}\n")

    def run(self, draw):
        # Of what may be left out, half: short files are read sooner.
        study = {name: part for name, part in STUDY.items() if name in NEEDED or draw(2)}
        raw = yaml_bytes(some_changes(study, draw))
        self.path.write_bytes(damaged(raw, draw) if draw(2) == 0 else raw)
        load_study(self.path)


class ProbeFile:
    """Probe files whose card and digests are made anew, so that types are read and not only sums."""

    def __init__(self, folder):
        self.path = folder / "probe.safetensors"
        draw = np.random.default_rng(0)
        probe = ProbeWeights(
            layers=((draw.normal(size=(1, 4)), draw.normal(size=1)),),
            classes=("a", "b"),
            threshold=0.5,
            card={
                "layer": 1,
                "position": "template_end",
                "target": "D",
                "model": {"name": "t", "weights": "ab"},
            },
        )
        self.examples = draw.normal(size=(3, 4)).astype(np.float32)
        packed, self.data = pack_probe(probe, examples=self.examples)
        self.card = dict(packed.card)

    def run(self, draw):
        data = self.data
        if draw(3) == 0:
            shapes = [(1, 4), (2, 4), (0, 4), (1, 0), (4,), (1, 4, 1)]
            kinds = [np.float32, np.float64, np.int8, np.float16, np.bool_]
            tensors = {
                name: np.zeros(shapes[draw(len(shapes))], kinds[draw(len(kinds))])
                for name in ("weight.0", "bias.0", "weight.1", "self_test.activations", "self_test.scores")
                if draw(5)
            }
            data = save(tensors, metadata={"schema_version": ["2", "1", "x"][draw(3)]})
        elif draw(3) == 0:
            data = damaged(data, draw)
        self.path.write_bytes(data)
        card = some_changes(self.card, draw)
        if isinstance(card, dict) and draw(8):
            card["weights_sha256"] = digest_of(data) if draw(8) else card.get("weights_sha256")
            try:
                text = card_text(sealed({k: v for k, v in card.items() if k != "card_sha256"}))
            except ProbeFileError:
                text = json.dumps(card)
        else:
            text = json.dumps(card)
        self.path.with_suffix(".json").write_bytes(text.encode("utf-8", "surrogatepass"))
        load_probe(self.path)


class CacheFolder:
    """A cache whose index, notes, identity and shard headers are changed and sealed again."""

    def __init__(self, folder, store):
        self.root, self.folder = store.path.parent, Folder(store.path)
        entries = {name: entry for name, entry in self.folder.load().items()}
        name = min(entries)
        alone = IndexFile(entries={name: entries.pop(name)}).encoded(store.key)
        earlier = encode_earlier({name: entries.pop(name) for name in sorted(entries)[:1]}, store.key)
        write_index(self.folder, IndexFile(entries=entries, next=7, has_earlier=True))
        self.folder.entry(7).write_bytes(b"".join(alone))
        self.folder.manifest.write_bytes(b"".join(earlier))
        files = [self.folder.index, self.folder.entry(7), self.folder.manifest, self.folder.identity]
        files += [self.folder.about, self.folder.shard_files()[0]]
        note = self.folder.references / f"{'a' * 40}.json"
        note.parent.mkdir(exist_ok=True)
        note.write_bytes(canonical({"study": str(folder), "rows": [], "layers": [0], "positions": ["x"]}))
        self.sound = {file: file.read_bytes() for file in [*files, note] if file.exists()}

    def run(self, draw):
        file = list(self.sound)[draw(len(self.sound))]
        for other, raw in self.sound.items():
            other.write_bytes(raw)
        file.write_bytes(self._changed(file, draw))
        calls = (self.folder.load, lambda: read_references(self.folder), lambda: ls(self.root))
        calls += (lambda: verify(self.root, quarantine=False), lambda: gc(self.root, dry_run=True))
        faults = []
        for call in calls:
            try:
                call()
            except Exception as error:
                faults.append(error)
        for fault in faults:
            if not is_named(fault):
                raise fault

    def _changed(self, file, draw):
        raw = self.sound[file]
        if draw(4) == 0:
            return damaged(raw, draw)
        if file.suffix == ".safetensors":
            with open_ranges(file) as opened:
                start = read_header(file, opened, len(raw)).start
            header = json.loads(raw[8:start])
            text = json.dumps(some_changes(header, draw)).encode()
            return len(text).to_bytes(8, "little") + text + raw[start:]
        if file.suffix in (".bin", ".entry"):
            first, _, rest = raw[:-32].partition(b"\n")
            line, _, rows = rest.partition(b"\n")
            text = json.dumps(some_changes(json.loads(line), draw)).encode()
            body = first + b"\n" + text + b"\n" + (rows if draw(4) else damaged(rows, draw))
            return body + hashlib.sha256(body).digest()
        table = json.loads(raw)
        if file == self.folder.manifest:
            body = json.dumps(some_changes(table["manifest"], draw)).encode()
            return b'{"manifest":%b,"sha256":"%b"}\n' % (body, hashlib.sha256(body).hexdigest().encode())
        return json.dumps(some_changes(table, draw)).encode()


class RunFolder:
    """A finished run whose summary or study file is changed."""

    def __init__(self, run):
        self.run_folder = run
        self.files = {run / name: (run / name).read_bytes() for name in ("summary.json", "study.yaml")}
        self.tables = {file: yaml.safe_load(raw) for file, raw in self.files.items()}

    def run(self, draw):
        for file, raw in self.files.items():
            file.write_bytes(raw)
        file = list(self.files)[draw(2)]
        if draw(3) == 0:
            file.write_bytes(damaged(self.files[file], draw))
        else:
            table = some_changes(self.tables[file], draw)
            file.write_bytes(json_bytes(table, draw) if file.suffix == ".json" else yaml_bytes(table))
        answer_lines(read_evidence(self.run_folder))


def is_named(error):
    """Tell whether an error is one of ours, or of a missing file: the command line gives it one line."""
    ours = type(error).__module__.startswith("unsinter.")
    return (ours and len(" ".join(str(error).split())) < 20_000) or isinstance(error, FileNotFoundError)
