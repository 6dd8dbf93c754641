"""A model's log-odds of beginning a refusal, as it is and with directions taken out of its stream."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from unsinter.features.extract.changed_passes import Spot, StreamChange
from unsinter.features.extract.next_tokens import NextTokens
from unsinter.probes.arrays import FloatArray
from unsinter.studies.causal.inputs import CausalInput
from unsinter.studies.causal.openings import OpeningOdds, Openings, Tokens, opening_odds
from unsinter.studies.causal.places import Places
from unsinter.studies.causal.stream_changes import Addition, ChangePlace, Removal
from unsinter.studies.data.sites import Site

MEAN_PROMPTS = 100
"""Training prompts, at most, behind the mean stream of each place."""


@dataclass(slots=True, kw_only=True)
class OddsReader:
    """Reads log-odds of openings behind prompts.

    Attributes
    ----------
    means : (layers, tokens behind the prompt) -> mean stream of each place, as far as it was needed.
    """

    inputs: CausalInput
    openings: Openings
    step: str = ""
    means: dict[tuple[tuple[int, ...], Tokens], Mapping[int, NDArray[np.float64]]] = field(
        default_factory=dict
    )

    def plain(self, places: NDArray[np.intp]) -> OpeningOdds:
        """Return the log-odds of the model as it is; arrays are (1, n)."""
        return self._read(places, None, ())

    def changed(self, places: NDArray[np.intp], directions: Sequence[FloatArray], site: Site) -> OpeningOdds:
        """Return log-odds (1 + n_directions, n): as the model is, then under each direction's change."""
        return self._read(places, site, directions)

    def _read(
        self, places: NDArray[np.intp], site: Site | None, directions: Sequence[FloatArray]
    ) -> OpeningOdds:
        all_openings = self.openings.openings
        values = np.empty((1 + len(directions), len(places), len(all_openings)))
        done: set[int] = set()
        chains = self.openings.chains
        for number, chain in enumerate(chains):
            own = [
                n
                for n, opening in enumerate(all_openings)
                if n not in done and opening.tokens[:-1] == chain[: len(opening.tokens) - 1]
            ]
            done |= set(own)
            spots: list[Spot] = list(enumerate(chain))
            spots += [(len(all_openings[n].tokens) - 1, all_openings[n].tokens[-1]) for n in own]
            changes: list[StreamChange | None] = [None]
            if site is not None:
                changes += self._changes(chain, directions, site)
            read = self._reader(number, len(chains), len(places)).log_probs(
                self.inputs.rows(places), spots, behind=chain, changes=changes
            )
            path = np.cumsum(read[..., : len(chain)], axis=-1)
            before = np.concatenate([np.zeros((*read.shape[:2], 1)), path], axis=-1)
            for column, n in enumerate(own):
                values[..., n] = before[..., len(all_openings[n].tokens) - 1] + read[..., len(chain) + column]
        return opening_odds(self.openings, values)

    def _reader(self, number: int, n_chains: int, n_rows: int) -> NextTokens:
        def progress(done: int, _total: int) -> None:
            if self.step:
                self.inputs.progress(self.step, number * n_rows + done, n_chains * n_rows)

        return NextTokens(model=self.inputs.model, progress=progress)

    def _changes(self, chain: Tokens, directions: Sequence[FloatArray], site: Site) -> list[StreamChange]:
        layer, position = site
        settings, model = self.inputs.settings, self.inputs.model
        layers = (layer,) if settings.span == "at" else tuple(range(layer, model.n_layers + 1))
        where = ChangePlace(layers=layers, position=position if settings.tokens == "site" else None)
        if settings.operation == "add":
            return [Addition(vector=direction, where=where) for direction in directions]
        places = Places.of(self.inputs.rendered, n_behind=len(chain))
        means = None if settings.reference == "zero" else self._means(layers, chain, places)
        return [
            Removal(direction=direction, where=where, places=places, means=means) for direction in directions
        ]

    def _means(
        self, layers: tuple[int, ...], chain: Tokens, places: Places
    ) -> Mapping[int, NDArray[np.float64]]:
        if (layers, chain) not in self.means:
            sums, counts = NextTokens(model=self.inputs.model).mean_stream(
                self.inputs.rows(training_sample(self.inputs)),
                places.index,
                places.n,
                layers=layers,
                behind=chain,
            )
            # A place that no training prompt has, as the inside of instructions of one token, takes the mean
            # of all: zero would be no reference at all.
            self.means[layers, chain] = {
                layer: np.where(
                    counts[:, None] > 0,
                    total / np.maximum(counts, 1)[:, None],
                    total.sum(axis=0) / max(counts.sum(), 1),
                )
                for layer, total in sums.items()
            }
        return self.means[layers, chain]


def training_sample(inputs: CausalInput) -> NDArray[np.intp]:
    """Return places of training prompts with a labelled answer, so many as means and scales are made of."""
    pool = np.flatnonzero(inputs.train & (inputs.kinds != ""))
    drawn = np.random.default_rng(inputs.bootstrap.seed).permutation(pool)[:MEAN_PROMPTS]
    return np.sort(drawn)
