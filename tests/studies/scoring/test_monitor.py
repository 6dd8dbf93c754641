"""Scores while a model writes, against activations that extraction reads for the same tokens."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from random_probe import random_probe

from unsinter.features.extract.in_memory import read_site
from unsinter.features.model.model import load_model
from unsinter.features.rendering.batches import make_batch
from unsinter.features.rendering.rendering import render
from unsinter.probes.files.exported import ProbeFileError
from unsinter.studies.planted import demo_prompts, model_folder
from unsinter.studies.scoring.generation import MonitorError, TokenSteps
from unsinter.studies.scoring.monitor import ProbeMonitor

N_NEW = 14


@pytest.fixture(scope="module")
def model():
    return load_model(model_folder("detached"), dtype="float32")


@pytest.fixture(scope="module")
def rendered(model):
    prompts = demo_prompts(seed=0)[::97][:6]
    rows = render([(p["id"], p["prompt"]) for p in prompts], model)
    assert len({len(row.token_ids) for row in rows}) > 2  # so that the batch needs padding
    return rows


def probe_of(model, *, layer=2, position="template_end", n_classes=2, **model_changes):
    card = {"target": "D", "layer": layer, "position": position}
    return random_probe(
        widths=(model.d_model, 1 if n_classes == 2 else n_classes),
        classes=tuple("abcdef"[:n_classes]),
        seed=layer,
        threshold=0.0 if n_classes == 2 else None,
        card=card | {"model": {"name": "tiny", **model.identity, **model_changes}},
    )


def generate(model, rows, *, side="left", **options):
    batch = make_batch(rows, pad_id=model.tokenizer.pad_token_id, padding_side=side)
    settings = {"max_new_tokens": N_NEW, "do_sample": False, "pad_token_id": model.tokenizer.pad_token_id}
    torch.manual_seed(0)
    output = model.model.generate(
        input_ids=batch.input_ids, attention_mask=batch.attention_mask, **settings | options
    )
    return output[:, batch.input_ids.shape[1] :]


def new_tokens(model, output):
    """Return the ids of each sequence up to and with its end."""
    result = []
    for ids in output.tolist():
        ends = [k for k, token in enumerate(ids) if token == model.tokenizer.eos_token_id]
        result.append(ids[: ends[0] + 1] if ends else ids)
    return result


def expected_scores(model, probe, rows, answers, n_columns):
    """Score every generated token that was read, by extracting it from the finished text."""
    scores = np.full((len(rows), n_columns), np.nan)
    for column in range(n_columns):
        known = [i for i, ids in enumerate(answers) if len(ids) > column]
        grown = []
        for i in known:
            ids = rows[i].token_ids + tuple(answers[i][: column + 1])
            grown.append(replace(rows[i], id=f"{i}", token_ids=ids, key=f"{i}-{column}"))
        X = read_site(model, grown, layer=probe.card["layer"], position=f"response_{column + 1}")
        scores[known, column] = probe.scores(X)
    return scores


@pytest.mark.parametrize("layer", [0, 2, -1, "last"])
def test_every_generated_token_gets_the_score_of_its_own_activation(model, rendered, layer):
    number = {"last": model.n_layers, -1: model.n_layers - 1}.get(layer, layer)
    probe = probe_of(model, layer=number)
    with ProbeMonitor(model, probe) as monitor:
        output = generate(model, rendered)
    answers = new_tokens(model, output)
    assert len({len(ids) for ids in answers}) > 1  # some sequences end before others
    assert monitor.tokens.shape == (len(rendered), output.shape[1] - 1)
    expected = expected_scores(model, probe, rendered, answers, output.shape[1] - 1)
    np.testing.assert_allclose(monitor.tokens, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("padding", ["pad", "end"])
def test_padding_after_a_sequence_has_ended_gets_no_score(model, rendered, padding):
    tokens = {"pad": model.tokenizer.pad_token_id, "end": model.tokenizer.eos_token_id}
    with ProbeMonitor(model, probe_of(model)) as monitor:
        output = generate(model, rendered, pad_token_id=tokens[padding])
    for ids, scores in zip(new_tokens(model, output), monitor.tokens, strict=True):
        n_read = min(len(ids), output.shape[1] - 1)
        assert np.isfinite(scores[:n_read]).all()
        assert np.isnan(scores[n_read:]).all()


@pytest.mark.parametrize("position", ["template_end", "template_1", "instruction_end", "instruction_mean"])
def test_the_prompts_score_is_that_of_the_probes_own_position(model, rendered, position):
    probe = probe_of(model, position=position)
    with ProbeMonitor(model, probe, rendered=rendered) as monitor:
        generate(model, rendered, max_new_tokens=2)
    expected = probe.scores(read_site(model, rendered, layer=2, position=position))
    np.testing.assert_allclose(monitor.prompt, expected, rtol=1e-4, atol=1e-4)


def test_without_rendered_prompts_only_the_last_token_of_the_prompt_is_known(model, rendered):
    for position, is_known in [("template_end", True), ("instruction_end", False)]:
        probe = probe_of(model, position=position)
        with ProbeMonitor(model, probe) as monitor:
            generate(model, rendered, max_new_tokens=2)
        assert (monitor.prompt is not None) == is_known
        if is_known:
            expected = probe.scores(read_site(model, rendered, layer=2, position=position))
            np.testing.assert_allclose(monitor.prompt, expected, rtol=1e-4, atol=1e-4)


def test_without_a_cache_the_scores_are_the_same(model, rendered):
    with ProbeMonitor(model, probe_of(model)) as cached:
        generate(model, rendered)
    with ProbeMonitor(model, probe_of(model)) as uncached:
        generate(model, rendered, use_cache=False)
    np.testing.assert_allclose(uncached.tokens, cached.tokens, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(uncached.prompt, cached.prompt, rtol=1e-4, atol=1e-4)


def test_sampled_sequences_of_one_prompt_are_scored_each_for_itself(model, rendered):
    probe = probe_of(model, position="instruction_end")
    sampling = {"do_sample": True, "temperature": 3.0, "num_return_sequences": 2}
    with ProbeMonitor(model, probe, rendered=rendered) as monitor:
        output = generate(model, rendered, **sampling)
    twice = [row for row in rendered for _ in range(2)]
    expected = expected_scores(model, probe, twice, new_tokens(model, output), output.shape[1] - 1)
    np.testing.assert_allclose(monitor.tokens, expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(monitor.prompt[::2], monitor.prompt[1::2], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("options", [{}, {"do_sample": True, "temperature": 1.5}])
def test_the_monitor_changes_no_token(model, rendered, options):
    alone = generate(model, rendered, **options)
    with ProbeMonitor(model, probe_of(model)):
        watched = generate(model, rendered, **options)
    assert torch.equal(alone, watched)


@pytest.mark.parametrize(
    ("pad", "expected"),
    [(0, [False, False, True, True]), (9, [False, False, True, True]), (5, [False, True, True, True])],
)
def test_a_sequence_is_over_after_its_end_or_at_its_first_padding(pad, expected):
    """Read 3, 9 (the end), then padding; where the end pads too, the first is a token, the rest is not."""
    steps = TokenSteps(ends=frozenset({9}), pad=pad)
    assert steps.begin(torch.tensor([[1, 2]]), mask=None, n_cached=0)
    result = []
    for n_read, token in enumerate([3, 5 if pad == 5 else 9, pad, pad]):
        assert not steps.begin(torch.tensor([[token]]), mask=None, n_cached=2 + n_read)
        result.append(bool(steps.ended[0]))
    assert result == expected


def n_hooks(model):
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.model.modules())


@pytest.mark.parametrize("layer", [2, "last"])
def test_the_hooks_are_gone_afterwards_also_after_an_error(model, rendered, layer):
    before = n_hooks(model)
    probe = probe_of(model, layer=model.n_layers if layer == "last" else layer)
    with ProbeMonitor(model, probe):
        assert n_hooks(model) == before + 2
    assert n_hooks(model) == before

    def stop(number, scores):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), ProbeMonitor(model, probe, on_scores=stop):
        generate(model, rendered)
    assert n_hooks(model) == before


def test_scores_are_told_as_they_come(model, rendered):
    calls = []
    with ProbeMonitor(
        model, probe_of(model), on_scores=lambda k, scores: calls.append((k, scores))
    ) as monitor:
        generate(model, rendered)
    assert [k for k, _ in calls] == list(range(monitor.tokens.shape[1]))
    np.testing.assert_array_equal(np.stack([s for _, s in calls], axis=1), monitor.tokens)


def test_a_probe_of_many_classes_gives_a_score_per_class(model, rendered):
    with ProbeMonitor(model, probe_of(model, n_classes=3)) as monitor:
        output = generate(model, rendered)
    assert monitor.tokens.shape == (len(rendered), output.shape[1] - 1, 3)
    assert monitor.prompt.shape == (len(rendered), 3)


def test_each_generation_inside_one_monitor_has_its_own_scores(model, rendered):
    alone = []
    for rows in (rendered[:3], rendered[3:]):
        with ProbeMonitor(model, probe_of(model)) as monitor:
            generate(model, rows)
        alone.append(monitor.tokens)
    with ProbeMonitor(model, probe_of(model)) as monitor:
        generate(model, rendered[:3])
        generate(model, rendered[3:])
        generate(model, rendered[:1], max_new_tokens=1)
    assert len(monitor.generations) == 3
    assert monitor.tokens.shape == (1, 0)
    for result, expected in zip(monitor.generations, alone, strict=False):
        np.testing.assert_array_equal(result.tokens, expected)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"weights": "other"}, "another weights"),
        ({"chat_template": "other"}, "another chat template"),
        ({"layer": 99}, "reads layer 99; detached has layers 0 to"),
    ],
)
def test_a_probe_of_another_model_or_layer_is_refused(model, changes, match):
    with pytest.raises((ProbeFileError, MonitorError), match=match):
        ProbeMonitor(model, probe_of(model, **changes))


def test_a_probe_of_another_width_is_refused(model):
    narrow = replace(probe_of(model), layers=((np.ones((1, 7)), np.ones(1)),))
    with pytest.raises(ProbeFileError, match=f"width {model.d_model} where the probe has 7"):
        ProbeMonitor(model, narrow)


@pytest.mark.filterwarnings("ignore")
def test_what_cannot_be_scored_token_by_token_is_refused(model, rendered):
    probe = probe_of(model)
    with pytest.raises(MonitorError, match="padded on the right"), ProbeMonitor(model, probe):
        generate(model, rendered, side="right")
    with pytest.raises(MonitorError, match="tokens were read at once"), ProbeMonitor(model, probe):
        generate(model, rendered[:1], prompt_lookup_num_tokens=3)
    with pytest.raises(MonitorError, match="does not end in the tokens of prompt"):  # noqa: SIM117
        with ProbeMonitor(model, probe, rendered=rendered[::-1]):
            generate(model, rendered)
    with pytest.raises(MonitorError, match="6 sequences are generated from 4"):  # noqa: SIM117
        with ProbeMonitor(model, probe, rendered=rendered[:4]):
            generate(model, rendered)
    with ProbeMonitor(model, probe) as monitor, pytest.raises(MonitorError, match="nothing was generated"):
        _ = monitor.tokens
