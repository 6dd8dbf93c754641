"""Is detection represented apart from wording, or from the decision to refuse: verdict and evidence."""

from unsinter.studies.estimate import Estimate
from unsinter.studies.separation.judge import judge, judge_arrays
from unsinter.studies.separation.pair import Pair
from unsinter.studies.separation.site_verdict import SiteVerdict
from unsinter.studies.separation.thresholds import Rule

__all__ = ["Estimate", "Pair", "Rule", "SiteVerdict", "judge", "judge_arrays"]
