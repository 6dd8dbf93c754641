"""Cosines in the direction tensors that two papers released: what position alone does to a direction."""

import argparse
import hashlib
import json
import subprocess
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from unsinter.probes.geometry.geometry import cosine

RESULTS = Path(__file__).parent / "results" / "released_directions.json"

REFUSAL_DIRECTION = {"gemma-2b-it": (9, 12), "qwen-1_8b-chat": (9, 21)}
"""Models of andyrdt/refusal_direction whose tensors are in the snapshot, with the layers that are quoted."""

CENTRES = {
    "harmful": "qwen-hf-cls-all-layer",
    "harmless": "qwen-hl-cls-all-layer",
    "refused": "qwen-refuse-cls-all-layer",
    "accepted": "qwen-accept-cls-all-layer",
}
REFUSED_HARMLESS = "qwen-hl-refuse5-all-layer-2pos"


class Clone:
    """A git clone whose files are read at its head commit."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        head = self._git("rev-parse", "HEAD").decode().strip()
        self.source: dict[str, Any] = {"repository": name, "commit": head, "files": {}}

    def tensor(self, path: str) -> NDArray[np.float64]:
        """Return a tensor file as an array and note its digest."""
        content = self._git("show", f"HEAD:{path}")
        self.source["files"][path] = hashlib.sha256(content).hexdigest()
        loaded = torch.load(BytesIO(content), map_location="cpu", weights_only=True)
        return loaded.double().numpy()

    def _git(self, *arguments: str) -> bytes:
        return subprocess.run(
            ["git", "-C", str(self.folder), *arguments], check=True, stdout=subprocess.PIPE
        ).stdout


def position_cosines(differences: NDArray[np.float64]) -> dict[str, list[float]]:
    """Return, per position but the last, the cosine with the last at each layer of (positions, layers, d)."""
    last = differences[-1]
    names = range(-len(differences), -1)
    return {str(name): _rounded(cosine(own, last)) for name, own in zip(names, differences[:-1], strict=True)}


def harmfulness(clone: Clone) -> dict[str, Any]:
    """Return cosines of the harm with the refusal direction, and where refused harmless prompts lie."""
    centre = {name: clone.tensor(f"src/run/{file}.pt") for name, file in CENTRES.items()}
    prompts = clone.tensor(f"src/run/{REFUSED_HARMLESS}.pt")  # (layers, prompts, positions, d)
    harm, refusal = centre["harmful"] - centre["harmless"], centre["refused"] - centre["accepted"]
    return {
        "cosine_harm_refusal": _rounded(cosine(harm, refusal)),
        "n_prompts": prompts.shape[1],
        "harm_score_at_instruction_end": _scores(prompts[:, :, 0], centre["harmful"], centre["harmless"]),
        "refusal_score_at_template_end": _scores(prompts[:, :, 1], centre["refused"], centre["accepted"]),
    }


def _scores(
    rows: NDArray[np.float64], towards: NDArray[np.float64], away: NDArray[np.float64]
) -> list[float]:
    """Return each prompt's cosine with one centre less that with the other, averaged over layers."""
    per_prompt = [cosine(own, towards) - cosine(own, away) for own in np.moveaxis(rows, 1, 0)]
    return _rounded(np.nanmean(per_prompt, axis=1))


def _rounded(values: NDArray[np.float64]) -> list[float]:
    return [round(float(value), 6) if np.isfinite(value) else None for value in values]  # type: ignore[misc]


def main() -> None:
    """Write the results of two clones."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--refusal-direction", type=Path, required=True, help="clone of its repository")
    parser.add_argument("--harmfulness", type=Path, required=True, help="clone of its repository")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    arditi = Clone(options.refusal_direction, "andyrdt/refusal_direction")
    zhao = Clone(options.harmfulness, "CHATS-lab/LLMs_Encode_Harmfulness_Refusal_Separately")
    runs = "pipeline/runs/{}/generate_directions/mean_diffs.pt"
    results = {
        "refusal_direction": {
            name: {
                "layers": layers,
                "cosine_with_last": position_cosines(arditi.tensor(runs.format(name))),
            }
            for name, layers in REFUSAL_DIRECTION.items()
        },
        "harmfulness": harmfulness(zhao),
        "sources": [arditi.source, zhao.source],
    }
    options.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
