"""The thresholds of the verdict as they are where a study names none; error rates are published for these."""

CHANCE = 0.5
"""AUROC of scores that know nothing."""

EFFECT_FLOOR = 0.10
"""AUROC above chance that a whole band must clear before a factor counts as read."""

MARGIN = 0.13
"""AUROC above chance that a whole band must stay below before a factor counts as not there, at a site."""

MARGIN_OVER_CATEGORIES = 0.15
"""The same over categories: half-width around chance."""

NOTICED = 0.70
"""AUROC of a planted code that must have been noticed before a factor counts as not there."""

LEAST_BITS = 0.01
"""Usable bits per row beyond the text that a whole band must exceed, where text is given."""

LEVEL = 0.95
"""Confidence of each limit of a band, for all sites at once."""

N_FOLDS, N_SPLITS, N_DRAWS = 5, 4, 1000
"""Folds of cross-fitting, partitions into folds that are averaged, and draws of the bootstrap."""
