"""What kills, and `gc` beside fillers, cost: the figures behind "nothing lost".

    python benchmarks/kills.py [--rounds N] [--events N,N,...] [--out FILE]

`rounds`: three processes fill one cache, one of them is killed, while two more loop over `gc` and `verify`; a
round fails where a filler ends with an error, a loop raises, or the cache is not sound at the end. `run`: a
run is killed with SIGKILL just before each of the file events named, in a fresh folder and in one with other
settings before, run again, and compared with an unbroken one, table by table and byte by byte.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml
from machine import describe

from unsinter.cache import verify

TESTS = Path(__file__).resolve().parent.parent / "tests"
USER, RUNS = TESTS / "samples" / "using_process.py", TESTS / "samples" / "killed_runs.py"


def start(*arguments: object) -> subprocess.Popen[bytes]:
    """Start a process that uses a cache."""
    command = [sys.executable, str(USER), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.PIPE)


def fill_rounds(folder: Path, n: int) -> dict[str, str]:
    """Return what failed over n caches, by what it was; empty where nothing did.

    Three processes fill each cache, one of them is killed, and two more loop over `gc` and `verify`.
    """
    folder.mkdir()
    stop = folder / "stop"
    loops = {f"{verb} loop": start(f"{verb}-loop", folder, stop) for verb in ("gc", "verify")}
    fillers = {f"filler {place}": start("fill", folder, place) for place in (1, 2)}
    victim = start("fill", folder, 0)
    failed = {}
    for number in range(n):
        root, (killed, victim) = folder / f"cache{number:03d}", (victim, start("fill", folder, 0))
        for filler in (killed, *fillers.values()):
            filler.stdin.write(f"{root}\n".encode())  # type: ignore[union-attr]
            filler.stdin.flush()  # type: ignore[union-attr]
        killed.stdout.readline()  # type: ignore[union-attr]
        time.sleep(0.01 * (number % 10))
        killed.kill()
        killed.communicate()
        for name, filler in fillers.items():
            words = [filler.stdout.readline().strip() for _ in range(2)]  # type: ignore[union-attr]
            if words != [b"filling", b"done"]:
                failed[f"round {number}, {name}"] = f"said {words}"
    stop.touch()
    for name, process in {**loops, **fillers, "the last one": victim}.items():
        error = process.communicate()[1].decode()
        if process.returncode:
            failed[name] = error[-1500:]
    unsound = [root.name for root in sorted(folder.glob("cache*")) if not verify(root).is_sound]
    return failed | ({"unsound": ", ".join(unsound)} if unsound else {})


def killed_runs(folder: Path, events: list[int], *, is_changed: bool) -> dict[str, Any]:
    """Return at which events a run was killed and what failed afterwards."""
    folder.mkdir()
    prompts = [
        {
            "id": f"{kind}{n}", "prompt": f"{words} number {n}, please", "harmful": kind == "bad",
            "category": f"c{n % 2}" if kind == "bad" else None, "source": "benchmark", "group": f"{kind}{n}",
            "licence": "CC0-1.0",
        }
        for kind, words in (("bad", "How is a lock picked"), ("good", "How is a cake made"))
        for n in range(60)
    ]  # fmt: skip
    (folder / "prompts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in prompts))
    study = {
        "name": "kills", "models": [{"name": "tiny", "path": "planted:detached", "dtype": "float32"}],
        "prompts": {"path": ["prompts.jsonl"], "near_copies": {"threshold": 1, "word_threshold": 1}},
        "targets": ["D"], "positions": ["template_end"], "layers": [0, 2], "penalties": [0.01],
        "bootstrap_draws": 100, "controls": {"permutations": 100}, "min_groups": 10,
        "separation": {"pairs": []},
    }  # fmt: skip
    request = {"folder": str(folder), "cache": str(folder / "cache"), "events": events}
    for name, seed in (("study", 0), ("changed", 1)):
        (folder / f"{name}.yaml").write_text(yaml.safe_dump({**study, "seed": seed}))
    request["study"] = str(folder / "study.yaml")
    if is_changed:
        request["changed"] = str(folder / "changed.yaml")
    done = subprocess.run([sys.executable, str(RUNS), json.dumps(request)], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    outcome: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return outcome


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--events", default=",".join(map(str, range(1, 60))))
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "kills.json")
    options = parser.parse_args()
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    events = [int(number) for number in options.events.split(",")]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        failed = fill_rounds(folder / "rounds", options.rounds)
        runs = {
            "fresh folder": killed_runs(folder / "fresh", events, is_changed=False),
            "other settings before": killed_runs(folder / "changed", events, is_changed=True),
        }
    result = {
        "machine": describe(),
        "rounds": {"n": options.rounds, "failed": failed},
        "run": {kind: {"n": len(outcome["killed"]), **outcome} for kind, outcome in runs.items()},
    }
    options.out.write_text(json.dumps(result, indent=1) + "\n")
    print(f"{options.rounds} rounds, {len(failed)} failed")
    for kind, outcome in runs.items():
        print(f"{kind}: {len(outcome['killed'])} kills, {len(outcome['failed'])} failed")


if __name__ == "__main__":
    main()
