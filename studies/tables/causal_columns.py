"""The columns of ``causal.parquet``: names are a contract, each with its type and meaning."""

from unsinter.studies.tables.column import Columns, number, text, whole
from unsinter.studies.tables.shared_columns import MODEL

CAUSAL: Columns = {
    "model": MODEL,
    "kind": text(
        "effect (a direction), null (one it must exceed), matrix (a category's direction on another's "
        "prompts) or correlation (of the matrix with the transfer matrix)",
        needed=True,
    ),
    "factor": text("D, R, C or W; of the matrix D", needed=True),
    "class": text(
        "class whose direction is changed, as harmful, refusal, a category, a wording", needed=True
    ),
    "outcome": text(
        "refusal: log-odds that the answer begins as a refusal; wording: that it begins in the prompt's own "
        "wording and not in another's",
        needed=True,
    ),
    "tested_on": text(
        "held-out prompts whose mean change this is: of this class or category, or `all others` than "
        "the row's",
        needed=True,
    ),
    "null": text(
        "random, permuted, other (the other factor's direction) or apart (the part at right angles to it)"
    ),
    "layer": whole("as in results", needed=True),
    "position": text("as in results", needed=True),
    "operation": text("remove or add", needed=True),
    "span": text("at (this layer alone) or from (this and all later layers)", needed=True),
    "tokens": text("all, or site (those of the position alone)", needed=True),
    "reference": text("mean (of training prompts, at each place of the template) or zero"),
    "held_fixed": text(
        "factor that the direction holds fixed; empty where it is a difference of class means"
    ),
    "before": number("mean log-odds of the model as it is, nats"),
    "effect": number("mean change of the log-odds, nats; of a correlation, Spearman's", needed=True),
    "low": number(
        "95 % interval over groups: of effects it holds for all directions of the model at once", needed=True
    ),
    "high": number("", needed=True),
    "nulls": number("largest size of the change under a random or permuted direction at the site"),
    "other": number("change under the other factor's direction; empty where there is none"),
    "apart": number("change under the part of this direction at right angles to the other factor's"),
    "margin": number("change that counts as none: a share of the difference between the classes' log-odds"),
    "turned": number("share of these prompts whose log-odds change sign; of effects only"),
    "covered": number("probability of all known openings together under the change"),
    "used": text("yes, no or open; of effects only", needed=True),
    "reason": text("what this rests on, in words"),
    "transfer": number("AUROC of the same cell of the transfer matrix, same site; of the matrix only"),
    "n_prompts": whole("held-out prompts in the mean"),
    "groups": whole("independent groups among them"),
}
