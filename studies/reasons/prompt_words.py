"""The words of reasons why a prompt is shown token by token."""

from unsinter.studies.reasons.template import words

SHOWN = {
    "only-one-of-cell": words("the only held-out one of {cell}, by {target}"),
    "most-typical": words("most typical of {cell}, by {target}"),
    "least-typical": words("least typical of {cell}, by {target}"),
    "called-wrongly": words("called wrongly by {target}"),
}
"""What a prompt was chosen for."""
