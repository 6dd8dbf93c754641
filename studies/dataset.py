"""Old path of `unsinter.studies.data.dataset`, kept for code written before 0.2."""

from unsinter.studies.data.dataset import (
    Dataset,
    make_dataset,
    prompt_target,
    recorded_labels,
    refusal_to_score,
    target_rows,
)

__all__ = ["Dataset", "make_dataset", "prompt_target", "recorded_labels", "refusal_to_score", "target_rows"]
