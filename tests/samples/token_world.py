"""Tables on single prompts, as a run would write them, with tokens that try to be more than text."""

import numpy as np

HOSTILE_TOKENS = (
    "<s>", "<|user|>", "\n", "How", " <script>", "alert(1)", "</script>", " \x1b[31m", "\u202e", "W" * 30,
    " \u0643\u064a\u0641", " \u0623\u062e\u0628\u0632", " \u5982\u4f55\u70e4\u9762\u5305", "\U0001f35e", "",
    "", " &amp; \"quoted\" <b>", "?", "<|end|>", "\n", "<|assistant|>", "\n",
)  # fmt: skip
"""Tokens with markup, an escape, a sign of direction, wide and right-to-left letters, pieces of one sign."""


def token_tables(models, rng, *, layers=range(1, 8)):
    """Rows of both tables on single prompts: two prompts of each model; one token has no score."""
    shown, scores = [], []
    tokens = HOSTILE_TOKENS
    parts = ["before"] * 3 + ["prompt"] * (len(tokens) - 7) + ["after"] * 4
    for model in models:
        for number, cell in enumerate(("harmful/refusal", "harmless/compliance")):
            name = f"prompt {number} <i>"
            for target, classes in {"D": ("harmless", "harmful"), "R": ("compliance", "refusal")}.items():
                shown.append({
                    "model": model, "id": name, "target": target, "why": "most typical of <b>, by D",
                    "cell": cell,
                    "truth": classes[1 - number], "negative": classes[0], "positive": classes[1],
                    "family": "logistic", "layer": 5, "position": "template_end",
                    "score": 3.0 - 5 * number, "threshold": 0.25, "refusal": cell.split("/")[1],
                    "wording": "apology" if number == 0 else "", "opening_characters": 70,
                    "tokens": len(tokens),
                })  # fmt: skip
                for layer in layers:
                    values = rng.normal(layer / 2 * (1 - 2 * number), 2.0, len(tokens))
                    values[1] = np.nan
                    scores += [
                        {
                            "model": model, "id": name, "target": target, "layer": layer,
                            "position": "template_end", "token": token, "text": text,
                            "part": parts[token],
                            "fitted_here": token == len(tokens) - 1, "score": value, "threshold": 0.25,
                        }
                        for token, (text, value) in enumerate(zip(tokens, values, strict=True))
                    ]  # fmt: skip
    return shown, scores
