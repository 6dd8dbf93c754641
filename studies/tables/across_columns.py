"""The columns of ``across_categories.parquet``: names are a contract, each with its type and meaning."""

from unsinter.studies.tables.column import Columns, flag, number, text, whole
from unsinter.studies.tables.shared_columns import MODEL, REASON_DATA

_LOW = "interval of the rule's level, over groups"

ACROSS: Columns = {
    "model": MODEL,
    "layer": whole("as in results", needed=True),
    "position": text("as in results", needed=True),
    "selected": flag("the site that the training rows chose for wording", needed=True),
    "decision": text("detached, sintered or cannot tell", needed=True),
    "reason": text("what the decision rests on, in words"),
    **REASON_DATA,
    "pooled": number(
        "AUROC of one style of refusal against the rest, mean over styles, pairs of any category", needed=True
    ),
    "pooled_low": number(_LOW, needed=True),
    "pooled_high": number("", needed=True),
    "category_alone": number(
        "the most that a score which knows the category and nothing else could reach", needed=True
    ),
    "category_alone_low": number(_LOW),
    "category_alone_high": number(""),
    "within": number(
        "the same over pairs of one category, probes trained with the category held fixed", needed=True
    ),
    "within_low": number(_LOW, needed=True),
    "within_high": number("", needed=True),
    "wording_transfer": number("the same pairs, scored by probes that never saw their category", needed=True),
    "wording_transfer_low": number(_LOW, needed=True),
    "wording_transfer_high": number("", needed=True),
    "pooled_gap": number("pooled - within, paired"),
    "pooled_gap_low": number(_LOW),
    "pooled_gap_high": number(""),
    "within_least": number("style read worst within a category: its AUROC"),
    "within_least_low": number("band that holds for all styles at once"),
    "within_least_high": number(""),
    "within_most": number("style read best within a category: its AUROC"),
    "within_most_low": number("band that holds for all styles at once"),
    "within_most_high": number(""),
    "cramers_v": number("of category and style over refusals, bias-corrected; 0 none, 1 one tells the other"),
    "n_refusals": whole("answers that refused in a known style"),
    "n_off_style": whole(
        "groups of a style's rarer side summed over categories, in the style with the fewest"
    ),
    "n_categories": whole("categories compared for detection"),
    "is_matched": flag("harmless rows were of the same topic as the harmful ones they stand against"),
    "own": number("AUROC of harm by a category's own probe, held-out groups, mean over categories"),
    "own_low": number(_LOW),
    "own_high": number(""),
    "normalised_transfer": number("median over pairs of categories of (T_ij - 0.5) / (T_jj - 0.5)"),
    "normalised_transfer_low": number(_LOW),
    "normalised_transfer_high": number(""),
    "global_gain": number("AUROC of one global probe minus that of the category's own, equal training size"),
    "global_gain_low": number(_LOW),
    "global_gain_high": number(""),
    "rank": number("effective rank of the directions of the categories, as measured", needed=True),
    "rank_one_axis": number("the same if all shared one axis, with their sampling noise: median"),
    "rank_one_axis_low": number(_LOW, needed=True),
    "rank_one_axis_high": number("", needed=True),
    "rank_no_axis": number("the same with harm permuted inside categories: median"),
    "rank_no_axis_low": number(_LOW),
    "rank_no_axis_high": number(""),
    "p_one_axis": number("share of one-axis draws with at least this rank"),
    "rank_corrected": number("effective rank without the noise; missing where a category has no direction"),
    "rank_corrected_low": number(_LOW),
    "rank_corrected_high": number(""),
    "common_share": number(
        "share of variance of a category's direction on the common axis, noise taken off", needed=True
    ),
    "common_share_low": number(_LOW, needed=True),
    "common_share_high": number("", needed=True),
    "reliability": number("median share of a squared direction that is not noise"),
    "detection_reason": text("why detection was not compared across categories; or empty"),
    "headline": text("the answer about wording, in one sentence", needed=True),
    "statement": text("the whole answer, in sentences", needed=True),
}
