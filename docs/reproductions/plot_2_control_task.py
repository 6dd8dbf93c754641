"""
Control tasks and selectivity
=============================

**Paper.** Hewitt & Liang (2019), *Designing and Interpreting Probes with Control Tasks*, EMNLP,
`arXiv:1909.03368 <https://arxiv.org/abs/1909.03368>`_. A control task gives every word type a random label. Only a probe
that memorises word types learns it. *Selectivity* is accuracy on the task less accuracy on its control task.

**Figures.** Part-of-speech tags from the first layer of ELMo, accuracy / control accuracy / selectivity: linear probe 97.2 /
71.2 / 26.0, MLP with one hidden layer 97.3 / 92.8 / 4.5. So two probes of one accuracy differ in selectivity. A hidden
layer of 10 units makes an MLP selective at little cost; dropout does not do so reliably.

**What stands in.** Neither ELMo nor the Penn Treebank can be had here. A synthetic language takes their place: 1,000 word
types with Zipf-like frequencies, twelve tags, a vector of 64 numbers for each token that holds its type, its tag and noise,
3 % of tags at odds with their type. Its size was chosen so that the task is about as easy as in the paper. The control
labels of types come from the distribution of the tags, as in the paper.

**Command**, in ``docs/reproductions``: ``python plot_2_control_task.py``
"""

from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np

from unsinter.probes import LogisticProbe, MLPProbe, group_draws, percentile_interval

N_TRAIN, N_TEST = 6000, 3000


class Tokens(NamedTuple):
    """Vectors (n, 64), and of each token: word type, tag, control label."""

    X: np.ndarray
    word: np.ndarray
    tag: np.ndarray
    control: np.ndarray


def synthetic_tokens(n, *, seed, n_types=1000, n_tags=12, d=64):
    """Draw tokens of the synthetic language."""
    rng, noise, odd = np.random.default_rng(seed), 0.3, 0.03
    tag_of_type = rng.integers(0, n_tags, n_types)
    type_vectors = rng.normal(size=(n_types, d)) + 0.8 * rng.normal(size=(n_tags, d))[tag_of_type]
    frequency = 1 / (np.arange(n_types) + 10)
    word = rng.choice(n_types, n, p=frequency / frequency.sum())
    tag = np.where(rng.random(n) < odd, rng.integers(0, n_tags, n), tag_of_type[word])
    control_of_type = rng.choice(tag_of_type[word], n_types)
    X = type_vectors[word] + noise * rng.normal(size=(n, d))
    return Tokens(X, word, tag, control_of_type[word])


def hits(probe, tokens, labels, train):
    """Whether each test token gets its own label (n_test,)."""
    fitted = probe.fit(tokens.X[train], labels[train])
    return (fitted.predict(tokens.X[~train]) == labels[~train]).astype(float)


def shares(hit, weights):
    """Accuracy for each weighting of the test tokens: all once, then word types drawn with replacement."""
    return weights @ hit / weights.sum(axis=1)


def shown(values):
    low, high = percentile_interval(values[1:])
    return f"{100 * values[0]:.1f} [{100 * low:.1f}, {100 * high:.1f}]"


tokens = synthetic_tokens(N_TRAIN + N_TEST, seed=0)
train = np.arange(N_TRAIN + N_TEST) < N_TRAIN
weights = np.concatenate(
    [np.ones((1, N_TEST)), group_draws(tokens.word[~train], n_draws=500, seed=0)]
)  # intervals draw whole word types
print(
    f"n = {N_TRAIN} tokens for training, {N_TEST} of {len(set(tokens.word[~train]))} word types for the test"
)

# %%
# Four probes, each fitted to the tags and to the control labels of the same tokens. In per cent, with 95 % intervals:

mlp = {"n_components": None, "weight_decay": 0.01, "max_epochs": 60}
probes = {
    "linear": LogisticProbe(penalty=1e-4),
    "MLP, 256 units": MLPProbe(width=256, **mlp),
    "MLP, 10 units": MLPProbe(width=10, **mlp),
    "MLP, 256 units, dropout .4": MLPProbe(width=256, dropout=0.4, **mlp),
}
task, control, selectivity = {}, {}, {}
for name, probe in probes.items():
    task[name] = shares(hits(probe, tokens, tokens.tag, train), weights)
    control[name] = shares(hits(probe, tokens, tokens.control, train), weights)
    selectivity[name] = task[name] - control[name]
    print(
        f"{name}: accuracy {shown(task[name])}, control {shown(control[name])}, selectivity {shown(selectivity[name])}"
    )

figure, axis = plt.subplots(figsize=(7, 3.2))
for offset, (label, values) in enumerate({"task": task, "control task": control}.items()):
    accuracy = np.array([values[name][0] for name in probes])
    ends = np.array([percentile_interval(values[name][1:]) for name in probes])
    axis.barh(
        np.arange(len(probes)) + 0.35 * offset,
        accuracy,
        height=0.33,
        label=label,
        xerr=np.abs(ends.T - accuracy),
        color=("C0", "0.7")[offset],
    )
axis.set_yticks(np.arange(len(probes)) + 0.17, list(probes))
axis.invert_yaxis()
axis.set(xlabel="accuracy", xlim=(0, 1))
axis.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
figure.tight_layout()

# %%
# Verdict
# -------
# A claim counts as reproduced if the whole 95 % interval of the difference has its sign, as not reproduced if the whole
# interval has the other; an interval that holds zero leaves it open. The accuracies of the probe and of the wide MLP must
# differ by less than 2 points each time, or selectivities cannot be compared. Dropout counts as no remedy if it brings less
# than half of the selectivity that the linear probe has over the MLP.


def judged(low, high):
    """What an interval of a difference says of a claim that it lies above zero."""
    if low > 0:
        return "reproduced"
    return "not reproduced" if high < 0 else "cannot be told here"


def verdicts(task, selectivity):
    """One sentence for each claim."""
    names = list(task)
    linear, wide, narrow, dropped = (selectivity[name] for name in names)
    gain = linear - wide
    more_selective = judged(*percentile_interval(gain[1:]))
    apart = {name: 100 * abs(task[name][0] - task[names[1]][0]) for name in names}
    unlike = {
        name: f"cannot be told here: accuracies differ by {x:.1f} points."
        for name, x in apart.items()
        if x >= 2
    }
    yield unlike.get(
        names[0],
        f"{more_selective}: at accuracies {apart[names[0]]:.1f} points apart the linear probe is more selective by "
        f"{shown(gain)} points (paper: 21.5).",
    )
    yield unlike.get(
        names[2],
        f"{judged(*percentile_interval((narrow - wide)[1:]))}: at accuracies {apart[names[2]]:.1f} points apart 10 units in "
        f"place of 256 bring {shown(narrow - wide)} points of selectivity.",
    )
    if names[0] in unlike or more_selective != "reproduced":
        yield "cannot be told here: no gain of the linear probe is seen of which dropout could bring half."
        return
    short = gain / 2 - (dropped - wide)
    yield unlike.get(
        names[3],
        f"{judged(*percentile_interval(short[1:]))}: at accuracies {apart[names[3]]:.1f} points apart dropout brings "
        f"{shown(dropped - wide)} points, which falls short of half of the gain, {50 * gain[0]:.1f}, by {shown(short)}.",
    )


for claim, sentence in zip(
    ("linear against MLP", "few units", "dropout is no remedy"), verdicts(task, selectivity), strict=True
):
    print(f"{claim}: {sentence}")
print("The paper's own figures are of ELMo and cannot be told here.")
