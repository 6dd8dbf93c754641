"""One prompt, model and template read alike on any day: the day a template is shown is pinned."""

import logging
import os
import time
from datetime import date, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unsinter.features.extract.in_memory import read_site
from unsinter.features.generate.generate import GenerationSettings, generate_responses
from unsinter.features.rendering.clock import DEFAULT_DATE, ClockError, checked_date, pinned_clock
from unsinter.features.rendering.framing import dates_around
from unsinter.features.rendering.rendering import TemplateInput, render, rendered_identity

TODAY = "<|user|>\nIt is {{ strftime_now('%d %B %Y') }}.<|end|>\n"
IF_DEFINED = (
    "{% if not date_string is defined %}{% if strftime_now is defined %}"
    "{% set date_string = strftime_now('%d %b %Y') %}{% else %}{% set date_string = '26 Jul 2024' %}"
    "{% endif %}{% endif %}<|user|>\nToday Date: {{ date_string }}<|end|>\n"
)
IN_A_MACRO = "{% macro head() %}{{ strftime_now('%Y-%m-%d') }} {% endmacro %}<|user|>\n{{ head() }}<|end|>\n"
BY_THE_MINUTE = "<|user|>\n{{ strftime_now('%H:%M:%S') }} on {{ strftime_now('%A') }}<|end|>\n"
TEMPLATES = [TODAY, IF_DEFINED, IN_A_MACRO, BY_THE_MINUTE]
PROMPTS = [("a", "How to bake bread?"), ("b", "Tell me about rain.")]


@pytest.fixture
def with_head(zoo, tiny):
    """The tiny Llama with something of a template before its own; its own is put back."""
    model = zoo("llama")
    before = model.tokenizer.chat_template

    def set_to(head):
        model.tokenizer.chat_template = head + tiny.template
        return model

    yield set_to
    model.tokenizer.chat_template = before


@pytest.fixture
def in_zone(monkeypatch):
    """Move the machine's clock; the two zones used here are 25 hours apart, so never on one date."""

    def move(zone):
        monkeypatch.setenv("TZ", zone)
        time.tzset()

    yield move
    os.environ.pop("TZ", None)
    time.tzset()


@pytest.mark.parametrize("head", TEMPLATES)
def test_a_prompt_reads_alike_on_two_days(with_head, in_zone, head):
    model, result = with_head(head), []
    for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago"):
        in_zone(zone)
        rows = render(PROMPTS, model)
        result.append((rows, read_site(model, rows, layer=2, position="template_end")))
    assert result[0][0] == result[1][0]
    np.testing.assert_array_equal(result[0][1], result[1][1])


@pytest.mark.parametrize("head", TEMPLATES)
def test_the_text_is_what_the_library_renders_on_that_day(with_head, monkeypatch, head):
    model = with_head(head)
    rows = render(PROMPTS, model, date="2031-05-04")

    class ThatDay:
        @staticmethod
        def now():
            return datetime(2031, 5, 4)

    with monkeypatch.context() as patch:
        patch.setattr("transformers.utils.chat_template_utils.datetime", ThatDay)
        for row, (_, text) in zip(rows, PROMPTS, strict=True):
            expected = model.tokenizer.apply_chat_template(
                [{"role": "user", "content": text}], add_generation_prompt=True, return_dict=False
            )
            # The template writes the first token itself, so the tokenizer must not add another.
            assert list(row.token_ids) == expected[-len(row.token_ids) :]


def test_another_day_is_another_row_and_another_identity(with_head):
    model = with_head(TODAY)
    one, other = (render(PROMPTS, model, date=day) for day in ("2024-07-26", "2024-07-27"))
    assert one[0].key != other[0].key
    assert rendered_identity(model, one) == {**model.identity, "date": "2024-07-26"}
    assert rendered_identity(model, other)["date"] == "2024-07-27"


def test_a_template_that_reads_no_clock_knows_no_day(with_head, caplog):
    model = with_head("")
    rows = render(PROMPTS, model)
    assert rows == render(PROMPTS, model, date="1999-01-01")
    assert [row.date for row in rows] == [None, None]
    assert rendered_identity(model, rows) == dict(model.identity)
    assert not caplog.text


def test_a_day_given_as_an_option_of_the_template_needs_no_clock(with_head):
    rows = render(PROMPTS, with_head(IF_DEFINED), beside=TemplateInput(options={"date_string": "1 Jan 2020"}))
    assert rows[0].date is None


def test_a_day_that_nobody_chose_is_said(with_head, caplog):
    model = with_head(TODAY)
    with caplog.at_level(logging.WARNING):
        render(PROMPTS, model, date="2024-07-26")
        assert not caplog.text
        render(PROMPTS, model)
    assert f"reads the clock; it is shown {DEFAULT_DATE}, a fixed day; set 'date'" in caplog.text


def test_the_dates_that_a_template_shows_are_known_as_written(with_head):
    assert dates_around(with_head(TODAY), "2024-07-04") == ("04 July 2024",)
    assert dates_around(with_head(""), "2024-07-04") == ()


def test_the_clock_of_the_library_is_given_back(with_head):
    with pytest.raises(ZeroDivisionError), pinned_clock("1999-12-31"):
        raise ZeroDivisionError
    text = with_head("{{ strftime_now('%Y') }}").tokenizer.apply_chat_template(
        [{"role": "user", "content": "hi"}], tokenize=False
    )
    assert text.startswith(str(datetime.now().year))


@pytest.mark.parametrize("day", ["today", "26 Jul 2024", "2024-13-01", "", 7, None])
def test_what_is_no_day_is_refused(zoo, day):
    with pytest.raises(ClockError, match="date must be a day, as 2024-07-26; got"):
        checked_date(day)


@given(st.dates(min_value=date(1900, 1, 1)))
def test_every_day_is_kept_as_it_is(day):
    with pinned_clock(day.isoformat()) as clock:
        assert clock.now().strftime("%Y-%m-%d") == day.strftime("%Y-%m-%d")
        assert clock.shown == [day.strftime("%Y-%m-%d")]


def test_answers_are_kept_apart_by_day(with_head, tmp_path):
    model, how = with_head(TODAY), GenerationSettings(max_new_tokens=4)
    generate_responses(model, render(PROMPTS, model), tmp_path / "r.jsonl", settings=how)
    with pytest.raises(ValueError, match="answers another text or template"):
        generate_responses(
            model, render(PROMPTS, model, date="2020-02-02"), tmp_path / "r.jsonl", settings=how
        )
