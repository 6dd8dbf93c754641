"""The causal check of one model as a step of a run."""

from types import SimpleNamespace

from unsinter.studies.run.causal_step import check_causes
from unsinter.studies.study.causal import Causal


def test_a_model_of_which_neither_harm_nor_refusals_could_be_studied_ends_no_run_but_is_named():
    outcome = SimpleNamespace(name="m", targets={"C": None}, not_caused=None)
    check_causes(outcome, SimpleNamespace(causal=Causal()), None, None, None)
    assert "m: neither D nor R could be studied" in str(outcome.not_caused)
