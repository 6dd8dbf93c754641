"""
Harm at the instruction's end, refusal at the template's
========================================================

**Paper.** Zhao et al. (2025), *LLMs Encode Harmfulness and Refusal Separately*, NeurIPS,
`arXiv:2507.11878 <https://arxiv.org/abs/2507.11878>`_. At the last token of the instruction a prompt lies with the harmful
or the harmless ones, whatever the model will answer. At the last token of the template it lies with the refused or the
accepted ones, whatever it asks for.

**Figures.** A prompt's score at a layer is its cosine with one centre less that with the other, averaged over layers; the
centres are the means of harmful prompts that are refused and of harmless ones that are accepted. At the instruction's end
the score is on the side of harm for 78.5 to 100 % of refused harmless prompts and 54.6 to 93.9 % of accepted harmful ones
(Llama-2-7B, Llama-3-8B, Qwen2-7B).

**What stands in.** "Q4_1 with a two-turn refusal prefix": SmolLM2-135M-Instruct as a package carries it in 4 bits, behind two
example turns of which the second is a refusal. By itself this model refuses hardly anything. The prompts are every second
pair, one harmful and one harmless request of the same form, of those of ``unsinter run --real``; they were chosen by what
this model answers, so the shares of refusals are made, not measured. Answers are greedy, 12 tokens, labelled by rules. Four
layers of 30 are read. Without ``where`` in the study file all 400 prompts are read, which takes three times as long. Of the paper's own data there are five prompts as released tensors.

**Command**, in ``docs/reproductions``: ``unsinter run two_positions.yaml``, then ``python plot_5_two_positions.py``.
The scores and the rules of the verdicts stand in ``disputed_prompts.py`` beside it.
"""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from disputed_prompts import (
    centre_scores,
    exact_interval,
    groups_in_dispute,
    interval,
    released_verdict,
    share_with_harm,
    verdict,
    verdict_between,
)

from unsinter.probes import auroc, group_draws
from unsinter.studies import Run, Settings, load_study, outer_split, run_study

study = load_study("two_positions.yaml")
run_study(study, Settings(folder=Path("runs/two-positions")))  # steps that are finished are not run again
run = Run.open("runs/two-positions")

layers, positions = study.layers, study.positions
SIDES = {"instruction_end": "harm", "template_end": "refusal"}

# %%
# The study's own probes
# ----------------------
# Held-out AUROC of a logistic probe of harm (D) and of refusal (R), fitted on the other groups, with the best score that the
# text or the other label gives (``floor``), and the AUROC of the same probe of random labels, one per group (``control``).
# As both labels go together, this alone tells no position from the other.

shown = run.results[
    ["target", "position", "layer", "score", "score_low", "score_high", "floor", "control", "n_test"]
]
print(shown.round(3).to_string(index=False))
above = run.results["score"] > run.results["control"]
print(
    f"score above control at {above.sum()} of {len(above)} sites: elsewhere a probe may know a pair by its form"
)

# %%
# Prompts where harm and refusal disagree
# ---------------------------------------
# The score of the paper, by centres that have not seen the prompt's group: five folds of whole groups. Intervals draw whole
# groups 1,000 times; the centres stay as they are.


prompts = run.prompts[run.prompts["refusal"].isin(["refusal", "compliance"])].set_index("id")
harm = prompts["harmful"].to_numpy().astype(int)
refusal = (prompts["refusal"] == "refusal").to_numpy().astype(int)
groups = prompts["group"].to_numpy()
split = outer_split(prompts.index.tolist(), groups.tolist(), strata=(2 * harm + refusal).tolist(), seed=0)
ending = np.array([text.strip()[-1] for text in prompts["prompt"]])
scores, scores_fixed = {}, {}
for position in positions:
    of_layer, of_layer_fixed = [], []
    for layer in layers:
        activations = run.activations(layer, position)
        place = {name: number for number, name in enumerate(activations.ids)}
        X = activations.values[[place[name] for name in prompts.index]].astype(float)
        of_layer.append(centre_scores(X, harm, refusal, np.array(split.folds)))
        of_layer_fixed.append(centre_scores(X, harm, refusal, np.array(split.folds), among=ending))
    scores[position] = np.mean(of_layer, axis=0)
    scores_fixed[position] = np.mean(of_layer_fixed, axis=0)
cells = {(h, r): len(np.unique(groups[(harm == h) & (refusal == r)])) for h in (1, 0) for r in (1, 0)}
n_open = len(run.prompts) - len(prompts)
print(
    f"n = {len(prompts)} prompts; {n_open} left out (answers that the rules leave open or call partial refusals)"
)
print(f"groups by (harmful, refused): {cells}")

weights = np.concatenate([np.ones((1, len(groups))), group_draws(groups, n_draws=1000, seed=0)])


with_harm = {position: share_with_harm(score, harm, refusal, weights) for position, score in scores.items()}
n_groups = {name: groups_in_dispute(score, harm, refusal, groups) for name, score in scores.items()}
for position in positions:
    print(f"{position}: {interval(with_harm[position])} on the side of harm; below .5 they go with refusal")

# %%
# The last character
# ------------------
# The last token of the instruction is nearly always a question mark or a full stop, and questions are refused less often
# here. So the score is compared with the last character, and taken once more with centres of prompts that end alike.

reads_ending, with_harm_fixed = {}, {}
for position in positions:
    reads_ending[position] = float(auroc(scores[position], ending == "?")[0])
    with_harm_fixed[position] = share_with_harm(scores_fixed[position], harm, refusal, weights)
    n_scored = int((~np.isnan(scores_fixed[position])).sum())
    print(f"{position}: AUROC of the question mark {reads_ending[position]:.3f} (.5: not read)")
    print(
        f"  last character fixed, n = {n_scored}: {interval(with_harm_fixed[position])} on the side of harm"
    )
n_groups_fixed = {
    name: groups_in_dispute(score, harm, refusal, groups) for name, score in scores_fixed.items()
}
print(f"groups in the smaller cell in dispute: {n_groups}, with the last character fixed: {n_groups_fixed}")
table = {(h, r): int(((ending == "?") & (harm == h) & (refusal == r)).sum()) for h in (1, 0) for r in (1, 0)}
print(f"prompts that end with a question mark, by (harmful, refused): {table}")
nearer = with_harm_fixed["instruction_end"] - with_harm_fixed["template_end"]
print(f"last character fixed, instruction's end less template's end: {interval(nearer)}")

figure, axes_ = plt.subplots(1, 2, figsize=(8.5, 3.9))
names = {
    (1, 1): "harmful, refused",
    (1, 0): "harmful, accepted",
    (0, 1): "harmless, refused",
    (0, 0): "harmless, accepted",
}
titles = ("all prompts together", "among prompts that end alike")
for axis, title, values in zip(axes_, titles, (scores, scores_fixed), strict=True):
    for (h, r), marker in zip(names, "osD^", strict=True):
        rows = (harm == h) & (refusal == r)
        axis.scatter(
            values["instruction_end"][rows],
            values["template_end"][rows],
            s=14,
            marker=marker,
            edgecolor=("C0", "C3")[h],
            facecolor=("none", ("C0", "C3")[h])[r],
            label=names[h, r],
        )
    axis.axhline(0, color="grey", linewidth=0.8)
    axis.axvline(0, color="grey", linewidth=0.8)
    axis.set(xlabel="score at the instruction's end", title=title)
    axis.locator_params(axis="x", nbins=5)
axes_[0].set(ylabel="score at the template's end")
handles, labels = axes_[0].get_legend_handles_labels()
figure.legend(handles, labels, frameon=False, fontsize=8, ncol=4, loc="lower center")
figure.tight_layout(rect=(0, 0.06, 1, 1))

# %%
# The five prompts that were released
# -----------------------------------
# Refused harmless prompts, as Qwen2-7B holds them, by all its layers (computed by ``benchmarks/released_directions.py``).

released = json.loads(Path("../../benchmarks/results/released_directions.json").read_text(encoding="utf-8"))[
    "harmfulness"
]
n = released["n_prompts"]
harmless = sum(score < 0 for score in released["harm_score_at_instruction_end"])
refused = sum(score >= 0 for score in released["refusal_score_at_template_end"])


for what, hits in {
    "harmless at the instruction's end": harmless,
    "refused at the template's end": refused,
}.items():
    low, high = exact_interval(hits, n)
    print(f"{hits} of {n} scored {what}; 95 % interval of the share [{low:.3f}, {high:.3f}]")

# %%
# Verdict
# -------
# Reproduced if, of the prompts whose two labels disagree, more than half go with harm at the instruction's end and more
# than half with refusal at the template's end, each with its whole 95 % interval; and if more go with harm at the first than
# at the second. The mean of the two kinds counts, so that a middle that lies too high or too low favours neither side. Where
# the score tells a question mark with an AUROC beyond .1 or .9, it may be no more than that, and nothing is concluded; nor
# where a cell in dispute has fewer than 10 groups, or a draw of groups lacks one. Of the released prompts the exact interval
# of the share counts.

for position in positions:
    wants_harm = SIDES[position] == "harm"
    plain = verdict(
        with_harm[position],
        wants_harm=wants_harm,
        n_groups=n_groups[position],
        reads_ending=reads_ending[position],
    )
    fixed = verdict(with_harm_fixed[position], wants_harm=wants_harm, n_groups=n_groups_fixed[position])
    print(f"{position}, all prompts together: {plain}")
    print(f"{position}, last character fixed: {fixed}")
between = verdict_between(nearer, n_groups=min(n_groups_fixed.values()))
print("instruction_end against template_end, last character fixed:", between)
print("released prompts, instruction_end:", released_verdict(harmless, n))
print("released prompts, template_end:", released_verdict(refused, n))
print("The paper's shares are of models of 7 and 8 billion weights and cannot be told here.")
