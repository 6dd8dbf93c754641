"""Is detection represented apart from wording, or from the decision to refuse: verdict and evidence."""

from unsinter.studies.data.estimate import Estimate
from unsinter.studies.separation.inputs.pair import Pair
from unsinter.studies.separation.inputs.thresholds import Rule
from unsinter.studies.separation.judge import judge, judge_arrays
from unsinter.studies.separation.verdict.site_verdict import SiteVerdict

__all__ = ["Estimate", "Pair", "Rule", "SiteVerdict", "judge", "judge_arrays"]
