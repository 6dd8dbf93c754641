"""The columns of the tables on single prompts, read token by token: names are a contract."""

from unsinter.studies.tables.column import Columns, flag, number, text, whole
from unsinter.studies.tables.shared_columns import MODEL

SHOWN_PROMPTS: Columns = {
    "model": MODEL,
    "id": text("of the prompt", needed=True),
    "target": text("D, R, W, or the name of a target of two classes of the study's own", needed=True),
    "why": text(
        "what the prompt was chosen for, by this target or another; parts divided by `; `", needed=True
    ),
    "cell": text(
        "harm and refusal, as `harmful/refusal`; of a study without answers harm alone", needed=True
    ),
    "truth": text("the target's class of the prompt; empty where it has none", needed=True),
    "negative": text("class that a score up to the threshold speaks for", needed=True),
    "positive": text("class that a score above it speaks for", needed=True),
    "family": text("as in results", needed=True),
    "layer": whole("site chosen for the target inside the training rows", needed=True),
    "position": text("as layer; all probes of the maps were fitted at this position", needed=True),
    "score": number("held-out score at that site; empty where the prompt is not held out for the target"),
    "threshold": number("as in results, of that site", needed=True),
    "refusal": text("R of the model's answer, as in rows"),
    "wording": text("W of the model's answer, as in rows"),
    "opening_characters": whole("characters of the answer's opening, as in rows"),
    "tokens": whole("tokens of the prompt with its chat template", needed=True),
}

TOKEN_SCORES: Columns = {
    "model": MODEL,
    "id": text("of the prompt", needed=True),
    "target": text("as in shown_prompts", needed=True),
    "layer": whole("of the probe and of the activation that it reads", needed=True),
    "position": text(
        "where that probe was fitted; the tokens are read by it, wherever they stand", needed=True
    ),
    "token": whole("its number in the prompt with its chat template, from 0", needed=True),
    "text": text(
        "the characters that it adds to those before it; empty for a further piece of one character",
        needed=True,
    ),
    "part": text(
        "before, prompt or after: the template before the user's text, it, the template after", needed=True
    ),
    "fitted_here": flag(
        "the token that the probe was fitted on; elsewhere it reads what it was never fitted on", needed=True
    ),
    "score": number(
        "the probe's score of the token, in its own unit; empty where the activation is no finite number",
        needed=True,
    ),
    "threshold": number("the probe's threshold at this layer, as in results", needed=True),
}
