"""What a run cannot say, and why: gathered from what is missing as much as from what is there."""

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from unsinter.studies.figures.verdict_text import VOID, factors_of, reasons_of, summary_rows
from unsinter.studies.report.answers.answer import Claim
from unsinter.studies.report.evidence.numbers import floor_phrase, is_number, score_text
from unsinter.studies.report.evidence.run_data import RunEvidence
from unsinter.studies.report.evidence.served import difference_words, n_differing
from unsinter.studies.report.evidence.verdict_numbers import is_void
from unsinter.studies.study.cells import OFF_DIAGONAL

ABSENT = {
    "transfer": "Whether a probe carries over from one category to another: no transfer matrix was made.",
    "held_out": "How detection does on a source of prompts it never saw: none was left out.",
    "cross_model": "Whether a probe carries over from one model to another: no pair of models was compared.",
    "causal": "Whether the model uses what probes read: no causal check was made (`unsinter cause RUN`).",
    "trials": "Whether a tuned or non-linear probe would do better: nothing was tuned.",
}

LISTED = 6
"""Reasons that are listed; the commonest come first."""

Gap = tuple[str, str]
"""What it concerns, and what cannot be said."""


def find_gaps(evidence: RunEvidence, claims: Sequence[Claim]) -> list[Gap]:
    """Return every gap of a run, the gravest first."""
    noted = {"causal" for part in evidence.models.values() if part.get("not_caused")}
    return [
        *_undecided(evidence),
        *_undetermined(evidence),
        *_planted(evidence),
        *_sampled(evidence),
        *_served(evidence),
        *_claims(claims),
        *_not_studied(evidence),
        *_small_cells(evidence),
        *_unlabelled(evidence),
        *_doubts(evidence),
        *_dropped(evidence),
        *_not_had(evidence),
        *_without_floor(evidence),
        *(("the run", why) for name, why in ABSENT.items() if evidence[name].empty and name not in noted),
    ]


def undecided_line(evidence: RunEvidence) -> str | None:
    """Return the line that says that separation is not judged; None where verdicts were made."""
    if evidence.has_verdicts:
        return None
    return (
        "This report does not decide whether the two are separate: it shows what can be read from the "
        "activations, and two things that can both be read may still be one."
    )


def _undecided(evidence: RunEvidence) -> Iterator[Gap]:
    if undecided_line(evidence) is not None:
        yield "every model", "Separate or fused: no separation verdict is part of this run."


def _undetermined(evidence: RunEvidence) -> Iterator[Gap]:
    """Yield why sites stay undetermined, counted, and which erasures say nothing."""
    if not evidence.has_verdicts:
        return
    for model in evidence.models:
        void = []
        for pair, rows in summary_rows(evidence.of("verdicts", model=model)).groupby("pair", sort=False):
            if reasons := reasons_of(rows):
                yield model, _open_sites(str(pair), rows, reasons)
            if any(is_void(row) for row in rows.to_dict("records")):
                void.append(str(pair))
        if void:
            yield (
                model,
                (
                    f"What each factor keeps when the other is erased ({', '.join(void)}): a factor could "
                    f"still be read after its own erasure (above {score_text(VOID)}), so that this test says "
                    f"nothing."
                ),
            )


def _open_sites(pair: str, rows: pd.DataFrame, reasons: Sequence[tuple[str, int]]) -> str:
    first, second = factors_of(rows)
    n = sum(count for _, count in reasons)
    is_one = len(reasons) == 1
    counted = "; ".join(reason if is_one else f"{reason} ({count})" for reason, count in reasons)
    return f"Whether {first} and {second} are apart ({pair}), at {n} of {len(rows)} sites: {counted}."


def _planted(evidence: RunEvidence) -> Iterator[Gap]:
    for model in evidence.study.get("models", ()):
        if str(model.get("path", "")).startswith("planted:"):
            yield (
                str(model.get("name")),
                (
                    "How trained models refuse: this one was planted, its true answer is known, and it "
                    "serves to check the tool."
                ),
            )


def _sampled(evidence: RunEvidence) -> Iterator[Gap]:
    """Yield that single sampled answers are noisy labels, which hide a code as its absence would."""
    source = evidence.study.get("responses")
    source = source if isinstance(source, dict) else {}
    heat, samples = source.get("temperature"), source.get("samples", 1)
    if source.get("path") or not is_number(heat) or not heat or samples != 1:
        return
    yield (
        "every model",
        (
            "What is coded and not read of refusal and wording: each prompt was answered once, at a "
            f"temperature of {heat:g}, so its label is a draw, and a low score may be noise of the draw. "
            "Greedy answers (temperature: 0), or responses.samples, would tell."
        ),
    )


def _served(evidence: RunEvidence) -> Iterator[Gap]:
    """Yield that a server's answers are not all those of the model whose activations were read."""
    for model, part in evidence.models.items():
        if n_differing(part):
            yield (
                model,
                (
                    "What the model that was read would itself have answered: its answers came from a "
                    f"server, and {difference_words(part)}."
                ),
            )


def _claims(claims: Sequence[Claim]) -> Iterator[Gap]:
    for claim in claims:
        phrase = claim.asks
        if not claim.shown:
            yield claim.model, f"{_upper(phrase)}: {claim.against[0]}, so no score is shown."
        elif not claim.stands:
            yield (
                claim.model,
                f"That the activations tell {phrase} beyond the floor: {', '.join(claim.against)}.",
            )
        else:
            yield from _caveats(claim)


def _caveats(claim: Claim) -> Iterator[Gap]:
    row = claim.row
    for name in ("layer0_mean", "random_model"):
        if is_number(row.get(name)) and row[name] >= row["score_low"]:
            yield (
                claim.model,
                (
                    f"That the model computes {claim.asks}: {floor_phrase(name)} reaches "
                    f"{score_text(row[name])}, within the interval of the probe."
                ),
            )


def _not_studied(evidence: RunEvidence) -> Iterator[Gap]:
    for model, part in evidence.models.items():
        for target, reason in (part.get("not_studied") or {}).items():
            yield model, f"{_upper(evidence.target(target).asks)} ({target}) was not studied: {reason}."


def _small_cells(evidence: RunEvidence) -> Iterator[Gap]:
    needed = evidence.min_groups
    for model, part in evidence.models.items():
        cells = part.get("groups_per_cell") or {}
        if not cells:
            yield model, "Anything about refusals: it has no labelled responses."
            continue
        small = [
            f"{name}: {cells.get('/'.join(cell), 0)}"
            for cell, name in OFF_DIAGONAL.items()
            if cells.get("/".join(cell), 0) < needed
        ]
        if small:
            yield (
                model,
                (
                    "Whether detection and refusal differ: too few groups where they disagree "
                    f"({', '.join(small)}; {needed} are needed)."
                ),
            )


def _unlabelled(evidence: RunEvidence) -> Iterator[Gap]:
    for model, part in evidence.models.items():
        if reasons := part.get("unlabelled"):
            listed = "; ".join(f"{reason}: {n:,}" for reason, n in list(reasons.items())[:LISTED])
            more = "; …" if len(reasons) > LISTED else ""
            yield model, f"What {sum(reasons.values()):,} answers do, which have no label ({listed}{more})."
        if part.get("cut_answers"):
            yield model, f"What the cut answers would have said: {part['cut_answers']}"
        if part.get("not_caused"):
            yield model, f"Whether the model uses what probes read: {part['not_caused']}"


def _doubts(evidence: RunEvidence) -> Iterator[Gap]:
    results = evidence["results"]
    if results.empty:
        yield "the run", "Anything: no probe was fitted."
        return
    for (model, target), rows in results.groupby(["model", "target"], sort=False):
        name = str(target)
        if stuck := int((~rows["converged"].astype(bool)).sum()):
            yield (
                str(model),
                f"{name}: {stuck} of {len(rows)} fits did not converge; their scores are lower bounds.",
            )
        picked: list[dict[str, Any]] = rows[rows["selected"]].to_dict("records")
        if picked and not is_number(picked[0].get("p_value")):
            yield str(model), f"{name}: how often shuffled labels score as high; no permutation was run."


def _without_floor(evidence: RunEvidence) -> Iterator[Gap]:
    for row in evidence["held_out"].to_dict("records"):
        if not is_number(row["words"]):
            what = "Detection" if row["target"] == "D" else row["target"]
            yield row["model"], f"{what} on {row['held_out']}, left out: the words have no score there."


def _dropped(evidence: RunEvidence) -> Iterator[Gap]:
    for model, part in evidence.models.items():
        facts = part.get("extraction") or {}
        is_saved = facts.get("device") == "saved activations"
        why = "have no saved activations" if is_saved else "were dropped as too long"
        unanswered = "have no answer, or one without all of the positions that are read"
        for words, ids in ((why, facts.get("dropped")), (unanswered, facts.get("unanswered"))):
            if ids:
                listed = ", ".join(map(str, ids[:5])) + (", …" if len(ids) > 5 else "")
                yield model, f"The {len(ids)} prompts that {words}: {listed}."


def _not_had(evidence: RunEvidence) -> Iterator[Gap]:
    for model, part in evidence.models.items():
        for words in ((part.get("extraction") or {}).get("not_had") or {}).values():
            yield model, _upper(str(words))


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
