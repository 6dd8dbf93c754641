"""Sampled answers as rows: a prompt counts once for each of its labelled samples, in the group it has."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unsinter.features.records.record import PromptRecord
from unsinter.probes.arrays import FloatArray
from unsinter.studies.data.dataset import Dataset
from unsinter.studies.data.site_readers import ReadSite, StoredReader
from unsinter.studies.data.splits import Split
from unsinter.studies.data.targets import Response, SampleLabel


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledRows:
    """The samples of a model's answers, one below the other.

    Attributes
    ----------
    places : (n_samples,) which prompt each sample answers.
    labels : (n_samples,) what each is labelled.
    """

    places: NDArray[np.intp]
    labels: Sequence[SampleLabel]

    @classmethod
    def of(cls, responses: Sequence[Response | None]) -> "SampledRows":
        """Return the samples of the answers to all prompts (n_prompts,)."""
        pairs = [
            (place, label)
            for place, response in enumerate(responses)
            if response is not None
            for label in response.samples
        ]
        places = np.array([place for place, _ in pairs], dtype=np.intp)
        return cls(places=places, labels=[label for _, label in pairs])

    def dataset(self, dataset: Dataset) -> Dataset:
        """Return the prompts of these rows, in their groups and on their sides; ids name the sample too.

        Both sides of the split must have samples.
        """
        prompts = [dataset.prompts[place] for place in self.places]
        groups, folds = dataset.groups[self.places], (~dataset.is_test[self.places]).astype(int)
        ids = self._ids(prompts)
        split = Split(ids=tuple(ids), groups=tuple(groups.tolist()), folds=tuple(folds.tolist()))
        return Dataset(prompts=tuple(prompts), ids=np.array(ids, dtype=object), groups=groups, split=split)

    def reader(self, read: ReadSite) -> ReadSite:
        """Return a reader of the activations of these rows."""
        if isinstance(read, StoredReader):
            return RepeatedRows(read=read, places=self.places)
        return lambda layer, position: read(layer, position)[self.places]

    def _ids(self, prompts: Sequence[PromptRecord]) -> list[str]:
        # The number comes first and has one width: no id of another prompt can make the same name.
        number = np.arange(len(self.places)) - np.searchsorted(self.places, self.places)
        return [f"{n:06d} {prompt.id}" for n, prompt in zip(number, prompts, strict=True)]


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatedRows:
    """Reads the activations of a prompt, stored once, for every row of it."""

    read: ReadSite
    places: NDArray[np.intp]

    def __call__(self, layer: int, position: str) -> FloatArray:
        """Return (n_rows, d_model) of the site."""
        return self.read(layer, position)[self.places]

    def to_send(self) -> ReadSite:
        """Return the reader that another process takes: pickled, it holds no activation."""
        inner = self.read.to_send() if isinstance(self.read, StoredReader) else self.read
        return RepeatedRows(read=inner, places=self.places)
