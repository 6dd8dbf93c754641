"""
Double differences, and what position alone does
================================================

**Papers.** Wu et al. (2026), `arXiv:2603.05773 <https://arxiv.org/abs/2603.05773>`_: harm and refusal have an axis each,
found by a *double difference* (the effect of one with the other held fixed), entangled in early layers and independent in
deep ones. Zhao et al. (2025), `arXiv:2507.11878 <https://arxiv.org/abs/2507.11878>`_: harm is a dimension of its own, apart
from refusal; harm is read at the end of the instruction, refusal at the end of the template. Arditi et al. (2024),
`arXiv:2406.11717 <https://arxiv.org/abs/2406.11717>`_: one difference of means, harmful less harmless, mediates refusing.

**Figures.** Of Wu et al. only the abstract's claim, which has no figure, is tested. The tensors that the other two released
were measured before: harm and refusal directions of Qwen2-7B have a cosine of .14 at most, and one contrast, harmful less
harmless, taken at two positions of one layer has a cosine of only .22 to .36 (Gemma-2B, layers 9 to 12, positions -5 and -3
against -1) and .16 to .30 (Qwen-1.8B, layers 9 to 21).

**What stands in.** The authors' models are not at hand. Here are (1) the released tensors, as far as they can be had, and
(2) the package's model ``planted:detached``, with 448 of its prompts and its own greedy answers.

**Command**, from the root of the repository: ``make docs``, or in ``docs/reproductions``
``python plot_1_double_difference.py``; the released tensors: ``python benchmarks/released_directions.py``. The
directions and the rules of the verdicts stand in ``directions.py`` beside it.
"""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from directions import (
    FIRM,
    agreement,
    cell_offsets,
    cosine,
    double_difference,
    drawn_rows,
    half_masks,
    layers_verdict,
    mean_difference,
    position_verdict,
    released_verdict,
    shown,
    with_interval,
)

from unsinter.features import (
    GenerationSettings,
    InMemoryStore,
    generate_responses,
    label_responses,
    load_model,
    render,
)
from unsinter.features.extract import extract
from unsinter.studies import demo_prompts, model_folder

LAYERS = (1, 2, 3, 4, 5, 6)
POSITIONS = ("instruction_end", "template_1", "template_2", "template_3", "template_end")
DRAWS = 100
SPLITS = 20


# %%
# The released tensors
# --------------------
# The numbers below were computed by ``benchmarks/released_directions.py`` from the authors' files, which are not part of
# this repository; the file of results names repository, commit and digest of each.

released = json.loads(Path("../../benchmarks/results/released_directions.json").read_text(encoding="utf-8"))
for name, model in released["refusal_direction"].items():
    first, last = model["layers"]
    for position, cosines in model["cosine_with_last"].items():
        quoted = cosines[first : last + 1]
        print(f"{name}, layers {first} to {last}, {position} with -1: {min(quoted):.2f} to {max(quoted):.2f}")
by_layer = released["harmfulness"]["cosine_harm_refusal"]
peak = max(range(1, len(by_layer)), key=lambda layer: by_layer[layer])
print(f"Qwen2-7B, harm with refusal direction: at most {by_layer[peak]:.3f}, at layer {peak}")

# %%
# The planted model
# -----------------
# Prompts, the model's own answers, and activations at five positions: the last token of the instruction, and the template
# after it, which is ``<|end|>``, a line break, ``<|assistant|>`` and again a line break, its end. Rows whose answer refuses in
# part, or is left open by the rules, are left out.

records = demo_prompts(pairs=16, wrapped=8, wrapped_twins=4, over_refused=12)
model = load_model(model_folder("detached"), dtype="float32")
rendered = render([(record["id"], record["prompt"]) for record in records], model)
answers = generate_responses(
    model,
    rendered,
    Path("runs/planted-answers.jsonl"),
    settings=GenerationSettings(max_new_tokens=24),
)
labels = label_responses(
    [answer["response_opening"] for answer in answers], prompts=[record["prompt"] for record in records]
)
known = np.array([label.refusal in ("refusal", "compliance") for label in labels])
harm = np.array([record["harmful"] for record in records])[known].astype(int)
refusal = np.array([label.refusal == "refusal" for label in labels])[known].astype(int)
groups = np.array([record["group"] for record in records])[known]
extraction = extract(model, rendered, InMemoryStore(), layers=LAYERS, positions=POSITIONS)
X = {
    (layer, position): extraction.activations(layer, position)[known].astype(float)
    for layer in LAYERS
    for position in POSITIONS
}
cells = {(h, r): int(((harm == h) & (refusal == r)).sum()) for h in (1, 0) for r in (1, 0)}
print(f"n = {len(harm)} prompts in {len(np.unique(groups))} groups; (harmful, refused): {cells}")

# %%
# One contrast at two positions
# -----------------------------
# Harmful less harmless, at each position, against the same at the end of the template. Interval: whole groups drawn 100
# times. *Halves* is what noise alone costs at a position: the cosine of that contrast in one half of the groups with the
# same in the other half, median of 20 random halves. A low cosine of two positions says something of them only where the
# halves agree at both, by more than .9. ``template_2`` and the end are one token, the line break, each after another one.

rows = drawn_rows(groups, n=DRAWS, seed=0)
halves = half_masks(groups, n=SPLITS, seed=1)
position_only = {}
noise = {}
for layer in LAYERS:
    at_end = [mean_difference(X[layer, "template_end"][r], harm[r]) for r in rows]
    for position in POSITIONS:
        values = X[layer, position]
        noise[layer, position] = agreement(lambda r, v=values: mean_difference(v[r], harm[r]), halves)
    print(f"layer {layer}: halves at template_end {noise[layer, 'template_end']:.2f}")
    for position in POSITIONS[:-1]:
        elsewhere = [mean_difference(X[layer, position][r], harm[r]) for r in rows]
        position_only[layer, position] = with_interval(
            [cosine(u, v) for u, v in zip(elsewhere, at_end, strict=True)]
        )
        print(
            f"  {position}: halves {noise[layer, position]:.2f}, with template_end {shown(position_only[layer, position])}"
        )

# %%
# Two factors at one position
# ---------------------------
# Double-difference directions of harm and of refusal, both at the end of the template; and, as a study of two positions
# would have it, harm at the end of the instruction against refusal at the end of the template. Halves as above, of each
# direction: harm and refusal at the template's end, harm at the instruction's.

same, across, noise_factors, noise_across = {}, {}, {}, {}
for layer in LAYERS:
    at_end, before = X[layer, "template_end"], X[layer, "instruction_end"]
    of_harm = [double_difference(at_end[r], harm[r], refusal[r]) for r in rows]
    of_refusal = [double_difference(at_end[r], refusal[r], harm[r]) for r in rows]
    harm_before = [double_difference(before[r], harm[r], refusal[r]) for r in rows]
    same[layer] = with_interval([cosine(u, v) for u, v in zip(of_harm, of_refusal, strict=True)])
    across[layer] = with_interval([cosine(u, v) for u, v in zip(harm_before, of_refusal, strict=True)])
    own = [
        agreement(lambda r, v=v, y=y, fixed=fixed: double_difference(v[r], y[r], fixed[r]), halves)
        for v, y, fixed in ((at_end, harm, refusal), (at_end, refusal, harm), (before, harm, refusal))
    ]
    noise_factors[layer], noise_across[layer] = min(own[:2]), min(own[1:])
    print(
        f"layer {layer}: same position {shown(same[layer])}, instruction end with template end {shown(across[layer])}; "
        f"halves {own[0]:.2f}, {own[1]:.2f}, {own[2]:.2f}"
    )

# %%
# A caution. If only one of the four cells lies apart from the others, both double differences are its offset, once with
# each sign, and their cosine is -1 though the model need hold neither harm nor refusal there: a marker of one kind of
# prompt is enough. So the direction of harm is compared with the offset of each cell from the other three.


lone_cell = {}
for layer in LAYERS:
    at_end = X[layer, "template_end"]
    direction = double_difference(at_end, harm, refusal)
    alike = {cell: cosine(direction, offset) for cell, offset in cell_offsets(at_end, harm, refusal).items()}
    cell = max(alike, key=lambda name: abs(alike[name]))
    lone_cell[layer] = abs(alike[cell])
    print(f"layer {layer}: nearest is the offset of (harmful, refused) = {cell}, cosine {alike[cell]:+.2f}")

# %%
# The cosines by layer, with 95 % intervals; hollow where halves of the groups agree by .9 or less on one of the directions:

figure, axis = plt.subplots(figsize=(7, 4))
lines = {
    f"one contrast (harm), {position} and template_end": (
        [position_only[x, position] for x in LAYERS],
        [min(noise[x, position], noise[x, "template_end"]) for x in LAYERS],
    )
    for position in ("instruction_end", "template_1")
} | {
    "harm at instruction_end, refusal at template_end": (
        list(across.values()),
        list(noise_across.values()),
    ),
    "harm and refusal, both at template_end": (list(same.values()), list(noise_factors.values())),
}
for (name, (estimates, agreements)), (colour, marker) in zip(
    lines.items(), zip(("C0", "C1", "C2", "C3"), "o^sD", strict=True), strict=True
):
    value, low, high = np.array(estimates).T
    axis.plot(LAYERS, value, color=colour, label=name)
    faces = [colour if agreed > FIRM else "white" for agreed in agreements]
    axis.scatter(LAYERS, value, marker=marker, color=faces, edgecolor=colour, zorder=3)
    axis.fill_between(LAYERS, low, high, color=colour, alpha=0.2)
axis.axhline(0, color="grey", linewidth=0.8)
axis.set(xlabel="layer", ylabel="cosine of two directions", xticks=LAYERS, ylim=(-1.05, 1.05))
axis.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.16), fontsize=8)
figure.tight_layout()

# %%
# Verdict
# -------
# *Position alone*, released tensors: reproduced if all cosines lie within .01 of the range that was measured before.
# *Position alone*, planted model, for each position against the end of the template: reproduced if the cosine of one contrast
# lies within .5 of zero, whole interval, at a layer where its halves agree by more than .9 at both; not reproduced if the
# whole interval lies above .5 at all such layers. *Entangled early, independent late*: reproduced if the whole interval of
# the cosine of harm and refusal lies nearer to zero at the last layer than at the first, and within .3 of zero at the last;
# not reproduced if it lies nearer to zero at the first, beyond .3 at the last, or within .3 at both. Where the halves of a
# direction do not agree, or the offset of one cell is the same direction by more than .9, nothing is concluded.


for name, model in released["refusal_direction"].items():
    print(f"Position alone, {name}:", released_verdict(name, model))
for position in POSITIONS[:-1]:
    print(
        f"Position alone, planted model, {position} against template_end:",
        position_verdict(position_only, noise, position),
    )
print("Entangled early, independent late, planted model:", layers_verdict(same, lone_cell, noise_factors))
print("The models of Wu et al. and the harm they were shown are not at hand, so theirs cannot be told here.")
