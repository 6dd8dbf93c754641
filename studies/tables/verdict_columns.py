"""The columns of ``verdicts.parquet``: names are a contract, each with its type and meaning."""

from unsinter.studies.tables.column import Columns, flag, number, of_second, text, whole
from unsinter.studies.tables.shared_columns import MODEL, REASON_DATA

NOT_TESTED = "not tested"
"""What the column ``used`` says where no direction was changed, as in every run that is older than it."""

VERDICTS: Columns = {
    "model": MODEL,
    "pair": text(
        "D-R (all rows), D-W and C-W (refused rows), D-topic (rows with a topic), or one of the study's own",
        needed=True,
    ),
    "first": text("the first factor: D, C or another target", needed=True),
    "second": text("the second factor: R, W, topic or another target", needed=True),
    "first_class": text("the class that is told from the rest; `all` in the summary of several contrasts"),
    "second_class": text("the same of the second factor"),
    "is_summary": flag(
        "True: the pair's verdict at this site; a pair with one contrast has only this row", needed=True
    ),
    "layer": whole("as in results", needed=True),
    "position": text("as in results", needed=True),
    "verdict": text(
        "separable, shared, first-only, second-only, neither, not-apart or undetermined", needed=True
    ),
    "reason": text("in words: why nothing can be said, or what was seen"),
    **REASON_DATA,
    "settles": text("of an undetermined verdict: how many more groups of which kind would settle it"),
    "groups_both": whole("independent groups in which both factors hold"),
    "groups_first_only": whole("independent groups in which only the first holds"),
    "groups_second_only": whole("independent groups in which only the second holds"),
    "groups_neither": whole("independent groups in which neither holds"),
    "phi": number("correlation of the two labels"),
    "cramers_v": number("of the second factor with the category, bias-corrected; empty without categories"),
    "stratified": flag("only rows of one category were compared with each other"),
    "distance_first": number(
        "squared length of the first's effect, second held fixed: 2 probit(a)^2 at AUROC a"
    ),
    "distance_first_low": number("each limit holds with 95 % for all sites; of a summary, the outermost"),
    "distance_first_high": number(""),
    "distance_second": of_second("distance_first"),
    "distance_second_low": number("each limit holds with 95 % for all sites; of a summary, the outermost"),
    "distance_second_high": number(""),
    "angle": number("squared sine between both effects: 0 on one axis, 1 at right angles"),
    "angle_low": number("each limit holds with 95 % for all sites; of a summary, the outermost"),
    "angle_high": number(""),
    "beyond_first": number("squared length of the first's effect off the axis of the second"),
    "beyond_first_low": number("each limit holds with 95 % for all sites; of a summary, the outermost"),
    "beyond_first_high": number(""),
    "beyond_second": number("squared length of the second's effect off the axis of the first"),
    "beyond_second_low": number("each limit holds with 95 % for all sites; of a summary, the outermost"),
    "beyond_second_high": number(""),
    "along_first": number("the first's effect along the axis of the second, in standard deviations"),
    "along_first_low": number("each limit holds with 95 % for all sites; of a summary, the outermost"),
    "along_first_high": number(""),
    "along_second": number("the second's effect along the axis of the first, in standard deviations"),
    "along_second_low": number("each limit holds with 95 % for all sites; of a summary, the outermost"),
    "along_second_high": number(""),
    "mixed": number("squared distance between the two cells where one label is 1"),
    "mixed_low": number("each limit holds with 95 % for all sites; of a summary, the outermost"),
    "mixed_high": number(""),
    "like": number("squared distance between the two cells of equal labels"),
    "like_low": number("each limit holds with 95 % for all sites; of a summary, the outermost"),
    "like_high": number(""),
    "interaction": number("squared length of what the cells hold beside the sum of both effects"),
    "interaction_low": number("each limit holds with 95 % for all sites; of a summary, the outermost"),
    "interaction_high": number(""),
    "clumps": number(
        "excess variance in the middle of one axis: 1 if the rows there are wrongly labelled ones"
    ),
    "clumps_low": number("95 % limit"),
    "clumps_high": number(""),
    "bound_first": number(
        "AUROC from which planted codes of the first were noticed; empty unless it is absent"
    ),
    "bound_first_low": number("always empty"),
    "bound_first_high": number("always empty"),
    "bound_second": of_second("bound_first"),
    "bound_second_low": number("always empty"),
    "bound_second_high": number("always empty"),
    "nonlinear_first": number(
        "AUROC of the first by a non-linear probe, second held fixed; empty unless absent"
    ),
    "nonlinear_first_low": number("95 % limit"),
    "nonlinear_first_high": number(""),
    "nonlinear_second": of_second("nonlinear_first"),
    "nonlinear_second_low": number("95 % limit"),
    "nonlinear_second_high": number(""),
    "hidden_first": number(
        "deviations of shuffled labels by which likeness follows the first; empty unless absent"
    ),
    "hidden_first_low": number("always empty"),
    "hidden_first_high": number("always empty"),
    "hidden_second": of_second("hidden_first"),
    "hidden_second_low": number("always empty"),
    "hidden_second_high": number("always empty"),
    "a": number("AUROC of the first factor with the second held fixed"),
    "a_low": number("each limit holds with 95 % for all sites; of a summary, the outermost"),
    "a_high": number(""),
    "b": number("AUROC of the second factor with the first held fixed"),
    "b_low": number("each limit holds with 95 % for all sites; of a summary, the outermost"),
    "b_high": number(""),
    "o_first": number(
        "AUROC of the first on the diagonal harder to tell apart: 1 it is read, .5 one quantity"
    ),
    "o_first_low": number("each limit holds with 95 % for all sites; of a summary, the outermost"),
    "o_first_high": number(""),
    "o_second": of_second("o_first"),
    "o_second_low": number("each limit holds with 95 % for all sites; of a summary, the outermost"),
    "o_second_high": number(""),
    "bits_first": number("usable bits per row on the first beyond text and second; empty without text"),
    "bits_first_low": number("each limit holds with 95 % for all sites; of a summary, the outermost"),
    "bits_first_high": number(""),
    "bits_second": number("the same on the second, beyond text and first"),
    "bits_second_low": number("each limit holds with 95 % for all sites; of a summary, the outermost"),
    "bits_second_high": number(""),
    "transfer_second": number(
        "AUROC of the first, trained at one value of the second and tested at the other"
    ),
    "transfer_second_low": number("95 % interval"),
    "transfer_second_high": number(""),
    "transfer_category": number("AUROC of the first factor on a category it was not trained on"),
    "transfer_category_low": number("95 % interval"),
    "transfer_category_high": number(""),
    "cosine": number("of the two double-difference directions, whitened within cells"),
    "cosine_low": number("95 % interval"),
    "cosine_high": number(""),
    "cosine_noise_free": number(
        "the cosine without sampling noise, beyond [-1, 1] too; empty where all is noise"
    ),
    "cosine_null_low": number("central 95 % of `cosine` under permuted labels"),
    "cosine_null_high": number(""),
    "reliability_first": number("cosine of the first direction with itself over split halves"),
    "reliability_second": number("the same of the second direction"),
    "cosine_position": number("cosine of one factor's directions at two positions; empty with one position"),
    "kept_first": number(
        "share of the first factor's AUROC above chance that is kept after erasing the second"
    ),
    "kept_second": number("share of the second factor's that is kept after erasing the first"),
    "kept_first_random": number("the share kept after erasing one random direction instead"),
    "kept_second_random": number(""),
    "kept_first_permuted": number("the share kept after erasing the second's permuted labels instead"),
    "kept_second_permuted": number("the same after erasing the first's"),
    "check_first": number(
        "AUROC of a fresh probe of the first after erasing it; above .6 kept_second is void"
    ),
    "check_second": number("the same of the second; above .6 kept_first is void"),
    "erased_site": flag("erasure was run at this site"),
    "style_invariant": flag("separable, and transfer_second_low is at least .7"),
    "category_general": flag("separable, and transfer_category_low is at least .7"),
    "used": text(
        "whether the model uses the first factor here: its direction, taken out, changes whether the answer "
        "begins as a refusal (second factor R) or in which wording (W): yes, no, open or not tested"
    ),
}
