"""The bytes of a run folder, times aside: what two runs of one study are compared by."""

import hashlib
import io
import json
import re

import pyarrow.parquet as pq

from unsinter.cache.inventory import INVENTORY

TIMED = re.compile(
    rb'("(?:seconds|time|datetime_start|datetime_complete|worker_id|worker)": ?)(?:[-+0-9.e]+|"[^"]*")'
    rb'|(the run took |<td data-name="time">)[0-9]+ (?:s|min|h)'
)
"""Where a file says when something happened, how long it took, and in tuning which process did it."""

WITH_TIMES = {"log.jsonl", "report.html", "summary.json", "trials.journal", "trials.parquet", INVENTORY}
"""Files that hold times: an inventory's digests and sizes of these differ, and so does its seal."""


def without_times(path):
    """Return the bytes of a file with each time replaced by a word; of trials, without their seconds."""
    raw = path.read_bytes()
    if path.name == INVENTORY:
        table = json.loads(raw)
        del table["seal"]
        for name, entry in table["files"].items():
            if name.rpartition("/")[2] in WITH_TIMES:
                del entry["sha256"], entry["size"]
        return json.dumps(table).encode()
    if path.name == "trials.parquet":
        stream = io.BytesIO()
        pq.write_table(pq.read_table(io.BytesIO(raw)).drop_columns("seconds"), stream)
        return stream.getvalue()
    return raw if path.suffix == ".parquet" else TIMED.sub(rb"\1\2TIME", raw)


def digests(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(without_times(path)).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".lock"
    }


def hash_of(folder):
    """Return one digest of a whole folder: names and bytes."""
    return hashlib.sha256(json.dumps(digests(folder), sort_keys=True).encode()).hexdigest()
