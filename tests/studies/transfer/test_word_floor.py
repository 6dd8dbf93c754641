import numpy as np
import pytest

from unsinter.features.records.text_floor import floor_scores
from unsinter.studies.transfer.plans import Side
from unsinter.studies.transfer.word_floor import WordReader


@pytest.mark.parametrize("penalty", [0.01, 0.1])
def test_words_counted_once_give_the_scores_of_a_floor_fitted_on_the_training_texts(penalty):
    rng = np.random.default_rng(0)
    common, rare = ["lock", "Paint", "boat", "bird"], [f"word{i}" for i in range(60)]
    texts = [" ".join(rng.choice(common, size=4)) + f" {rng.choice(rare)}!" for _ in range(120)]
    train, test = np.arange(60), np.arange(60, 120)
    side = Side(positive=train[::3], negative=np.setdiff1d(train, train[::3]))
    y = np.isin(np.arange(120), side.positive).tolist()
    order = np.r_[side.positive, side.negative]
    expected = floor_scores(texts, y, train=order, test=test, penalty=penalty).decision
    result = WordReader(texts).scores(side, test, penalties=[1.0, penalty])
    np.testing.assert_allclose(result[1], expected, atol=1e-6)
    assert result.shape == (2, 60)
