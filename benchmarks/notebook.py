"""What people write for a probe study: transformers' hidden states, scikit-learn in a loop; none of ours."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.metrics import f1_score, roc_auc_score
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from transformers import AutoModelForCausalLM, AutoTokenizer

DRAWS = 1000


def read(folder: str, prompts: Sequence[str], layers: Sequence[int]) -> dict[tuple[int, str], np.ndarray]:
    """Return (layer, position) -> (n_prompts, width), by all hidden states of batches of 8."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    parts: dict[tuple[int, str], list[np.ndarray]] = {}
    for first in range(0, len(prompts), 8):
        chosen = prompts[first : first + 8]
        texts = [
            tokenizer.apply_chat_template(
                [{"role": "user", "content": p}], tokenize=False, add_generation_prompt=True
            )
            for p in chosen
        ]
        batch = tokenizer(
            texts, padding=True, return_tensors="pt", return_offsets_mapping=True, add_special_tokens=False
        )
        offsets = batch.pop("offset_mapping")
        with torch.no_grad():
            states = model(**batch, output_hidden_states=True).hidden_states
        for row, (text, prompt) in enumerate(zip(texts, chosen, strict=True)):
            start = text.index(prompt)
            real = batch["attention_mask"][row].bool()
            inside = real & (offsets[row, :, 1] > start) & (offsets[row, :, 0] < start + len(prompt.rstrip()))
            tokens, last = torch.nonzero(inside).ravel(), int(torch.nonzero(real).max())
            for layer in layers:
                state = states[layer][row]
                parts.setdefault((layer, "instruction_mean"), []).append(state[tokens].mean(0).numpy())
                parts.setdefault((layer, "instruction_end"), []).append(state[tokens[-1]].numpy())
                parts.setdefault((layer, "template_end"), []).append(state[last].numpy())
    return {site: np.stack(rows) for site, rows in parts.items()}


def metric(y: np.ndarray, scores: np.ndarray, classes: np.ndarray) -> float:
    """Return AUROC of two classes, macro-F1 of more."""
    if len(classes) == 2:
        return roc_auc_score(y == classes[1], scores)
    return f1_score(y, classes[scores.argmax(axis=1)], average="macro")


def interval(
    y: np.ndarray, scores: np.ndarray, groups: np.ndarray, classes: np.ndarray
) -> tuple[float, float]:
    """Return the 95 % bootstrap interval over whole groups."""
    rng, members = np.random.default_rng(0), [np.flatnonzero(groups == g) for g in np.unique(groups)]
    values = []
    for _ in range(DRAWS):
        rows = np.concatenate([members[i] for i in rng.integers(len(members), size=len(members))])
        if len(np.unique(y[rows])) > 1:
            values.append(metric(y[rows], scores[rows], classes))
    return tuple(np.percentile(values, [2.5, 97.5]))


def site_rows(
    X: np.ndarray, y: np.ndarray, groups: np.ndarray, is_test: np.ndarray, penalties: Sequence[float]
) -> dict[str, float]:
    """Return score, interval and control task of one target at one site, on its labelled rows."""
    keep = y != ""
    X, y, groups, is_test = X[keep], y[keep], groups[keep], is_test[keep]
    scaler = StandardScaler().fit(X[~is_test])
    Z, Z_test, y_train = scaler.transform(X[~is_test]), scaler.transform(X[is_test]), y[~is_test]
    classes = np.unique(y_train)
    probe = LogisticRegressionCV(
        Cs=[1 / (penalty * len(Z)) for penalty in penalties],
        cv=list(GroupKFold(3).split(Z, y_train, groups[~is_test])),
        scoring="roc_auc" if len(classes) == 2 else "f1_macro",
        max_iter=5000,
        l1_ratios=(0,),
        use_legacy_attributes=False,
    ).fit(Z, y_train)
    scores = probe.decision_function(Z_test)
    low, high = interval(y[is_test], scores, groups[is_test], classes)
    return {
        "score": metric(y[is_test], scores, classes),
        "low": low,
        "high": high,
        "control": control(Z, y_train, groups[~is_test], probe.C_),
    }


def control(Z: np.ndarray, y: np.ndarray, groups: np.ndarray, C: float) -> float:
    """Return the score on a random label per group, half of each group's rows held out."""
    rng = np.random.default_rng(0)
    shares = np.unique(y, return_counts=True)
    random = {g: rng.choice(shares[0], p=shares[1] / len(y)) for g in np.unique(groups)}
    labels = np.array([random[g] for g in groups])
    order = rng.permutation(len(Z))
    half = np.zeros(len(Z), dtype=bool)
    for g in np.unique(groups):
        own = order[groups[order] == g]
        half[own[: (len(own) + 1) // 2]] = True
    if half.all():  # no group of two rows: nothing to score
        return float("nan")
    model = LogisticRegression(C=C, max_iter=5000).fit(Z[half], labels[half])
    return metric(labels[~half], model.decision_function(Z[~half]), model.classes_)


def word_floor(texts: np.ndarray, y: np.ndarray, groups: np.ndarray, is_test: np.ndarray) -> dict[str, float]:
    """Return score and interval of TF-IDF words with a chosen penalty."""
    keep = y != ""
    texts, y, groups, is_test = texts[keep], y[keep], groups[keep], is_test[keep]
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    Z, Z_test = words.fit_transform(texts[~is_test]), words.transform(texts[is_test])
    classes = np.unique(y)
    model = LogisticRegressionCV(
        Cs=[10, 33, 100],
        cv=list(GroupKFold(3).split(Z, y[~is_test], groups[~is_test])),
        scoring="roc_auc" if len(classes) == 2 else "f1_macro",
        max_iter=5000,
        l1_ratios=(0,),
        use_legacy_attributes=False,
    ).fit(Z, y[~is_test])
    scores = model.decision_function(Z_test)
    low, high = interval(y[is_test], scores, groups[is_test], classes)
    return {"score": metric(y[is_test], scores, classes), "low": low, "high": high}


def transfer(
    X: np.ndarray, category: np.ndarray, harmful: np.ndarray, groups: np.ndarray, is_test: np.ndarray
) -> Iterator[tuple[str, str, np.ndarray, np.ndarray, np.ndarray]]:
    """Yield (trained on, tested on, truth, scores, groups): one category against harmless, at one site."""
    for trained in np.unique(category[harmful]):
        train = ~is_test & (~harmful | (category == trained))
        probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=5000)).fit(
            X[train], harmful[train]
        )
        for tested in np.unique(category[harmful]):
            test = is_test & (~harmful | (category == tested))
            yield trained, tested, harmful[test], probe.decision_function(X[test]), groups[test]
