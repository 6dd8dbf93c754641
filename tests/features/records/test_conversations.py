"""Records of several turns: messages read into fields; others refused by row and field."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unsinter.features.records.conversation import Conversation
from unsinter.features.records.duplicates import group_prompts
from unsinter.features.records.readers import detect_kind, read_prompts
from unsinter.features.records.record import PromptRecord, RecordError


def messages(*turns):
    return [{"role": role, "content": text} for role, text in turns]


def write(path, records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


words = st.text("abc ", min_size=1, max_size=8).filter(str.strip)


@given(system=st.none() | words, turns=st.lists(st.tuples(words, words), max_size=3), prompt=words)
def test_messages_say_what_the_fields_say(system, turns, prompt):
    spoken = [] if system is None else [("system", system)]
    for user, assistant in turns:
        spoken += [("user", user), ("assistant", assistant)]
    of_messages = PromptRecord.parse({"id": "a", "messages": messages(*spoken, ("user", prompt))})
    of_fields = PromptRecord.parse({"id": "a", "prompt": prompt, "system": system, "earlier_turns": turns})
    assert of_messages.prompt == prompt
    assert of_messages.conversation == of_fields.conversation
    assert of_messages.conversation == Conversation(system=system, turns=tuple(turns))
    assert of_messages.whole_text == of_fields.whole_text
    assert bool(of_messages.conversation) == (system is not None or bool(turns))


@pytest.mark.parametrize(
    ("spoken", "words_of_error"),
    [
        ("hello", r"must be a list of"),
        ([], r"must be a list of"),
        (["hello"], r"has at place 1 no"),
        (messages(("system", "S")), r"has no turn of the user"),
        (messages(("user", "q"), ("assistant", "a")), r"ends with a turn of the assistant; .*'prefill'"),
        (messages(("assistant", "a"), ("user", "q")), r"turn of assistant at place 1 where one of user"),
        (
            messages(("system", "S"), ("user", "q"), ("user", "r")),
            r"turn of user at place 3 where one of assi",
        ),
        (
            messages(("user", "q"), ("tool", "{}"), ("user", "r")),
            r"turn of 'tool' at place 2; .*tools are left",
        ),
        (messages(("user", " ")), r"no text in the turn of user at place 1"),
        (
            messages(("user", [{"type": "image_url", "image_url": "x"}])),
            r"something other than text in the turn of user at place 1",
        ),
        (messages(("user", None)), r"no text in the turn of user"),
        (messages(("user", 5)), r"something other than text in the turn of user"),
        ([{"from": "human", "value": "q"}], r"has at place 1 no \{\"role\""),
        (
            messages(("system", " "), ("user", "q")),
            r"no text in the turn of system at place 1; leave the turn",
        ),
        (
            [
                *messages(("user", "q")),
                {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "f"}}]},
                *messages(("user", "r")),
            ],
            r"turn of 'assistant' that calls a tool at place 2; .*tools are left",
        ),
    ],
)
def test_what_is_no_conversation_is_refused_by_row_and_field(tmp_path, spoken, words_of_error):
    good = {"id": "a", "messages": messages(("user", "q"))}
    path = write(tmp_path / "chats.jsonl", [good, {"id": "b", "messages": spoken}])
    with pytest.raises(RecordError, match=rf"chats\.jsonl, row 2, field 'messages': .*{words_of_error}"):
        read_prompts(path)


def test_a_file_of_messages_alone_is_one_of_prompts_also_under_another_name(tmp_path):
    path = write(
        tmp_path / "a.jsonl", [{"id": "a", "messages": messages(("user", [{"type": "text", "text": "q"}]))}]
    )
    assert detect_kind(path) == "prompts"
    assert [record.prompt for record in read_prompts(path)] == ["q"]
    path = write(tmp_path / "b.jsonl", [{"id": "a", "chat": messages(("user", "q"))}])
    assert [record.prompt for record in read_prompts(path, columns={"messages": "chat"})] == ["q"]


def test_a_prompt_beside_messages_must_be_their_last_turn(tmp_path):
    spoken = messages(("user", "q"), ("assistant", "a"), ("user", "r"))
    [record] = read_prompts(write(tmp_path / "a.jsonl", [{"id": "a", "prompt": "r", "messages": spoken}]))
    assert record.conversation.turns == (("q", "a"),)
    with pytest.raises(
        RecordError, match="field 'messages': says another prompt than the field 'prompt' does"
    ):
        read_prompts(write(tmp_path / "b.jsonl", [{"id": "a", "prompt": "q", "messages": spoken}]))


def test_blank_cells_of_a_table_bring_nothing(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("id,prompt,system,prefill\na,q,,\nb,q,Be brief.,Well\n", encoding="utf-8")
    first, second = read_prompts(path)
    assert not first.conversation
    assert second.conversation == Conversation(system="Be brief.", prefill="Well")


def test_turns_that_are_no_pairs_are_refused_in_words_of_ours(tmp_path):
    path = write(tmp_path / "a.jsonl", [{"id": "a", "prompt": "q", "earlier_turns": [["a", "b", "c"]]}])
    with pytest.raises(RecordError, match="row 1, field 'earlier_turns': must be pairs of what the user"):
        read_prompts(path)


def test_a_conversation_whose_turns_are_short_and_together_too_long_is_refused_by_row(tmp_path):
    turns = [["x" * 900_000, "y" * 900_000]] * 20
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"id": ["a"], "prompt": ["q"], "earlier_turns": [turns]}), path)
    assert path.stat().st_size < 100_000  # what is small on the disk must not fill memory
    with pytest.raises(RecordError, match=r"row 1, field 'prompt': and what stands beside it are 36,000,041"):
        read_prompts(path)


def test_a_record_of_thousands_of_turns_is_refused_at_once(tmp_path):
    spoken = messages(*[("user", "q"), ("assistant", "a")] * 4_000, ("user", "q"))
    path = write(tmp_path / "a.jsonl", [{"id": "a", "messages": spoken}])
    with pytest.raises(RecordError, match=r"field 'messages': has 8,001 turns; 2,000 at most"):
        read_prompts(path)
    path = write(tmp_path / "b.jsonl", [{"id": "a", "prompt": "q", "earlier_turns": [["q", "a"]] * 1_001}])
    with pytest.raises(
        RecordError, match=r"field 'earlier_turns': has 1,001 turns of each side; 1,000 at mo"
    ):
        read_prompts(path)


def n_groups(records):
    """How many groups a study puts records into."""
    parsed = [PromptRecord.parse({"id": str(number), **record}) for number, record in enumerate(records)]
    return group_prompts(parsed).n_groups


def test_one_request_behind_two_system_texts_or_prefills_is_one_group():
    request = "How do I pick the lock of a garden shed?"
    assert n_groups([{"prompt": request, "system": text} for text in ("Be brief.", "Rhyme.")]) == 1
    assert n_groups([{"prompt": request}, {"prompt": request, "prefill": "Well, first of all"}]) == 1


def test_what_many_prompts_share_around_them_makes_them_no_copies():
    shared = "You are the assistant of a company that sells garden tools. " * 20
    requests = ["How do I pick a lock?", "Name three colours.", "Why does it rain?", "Who built Rome?"]
    assert n_groups([{"prompt": text, "system": shared, "prefill": shared} for text in requests]) == 4


def test_the_same_last_turn_of_different_conversations_is_no_copy():
    turns = ("How do I pick a lock?", "Name three colours of the sea.", "Why does it rain so much in May?")
    records = [{"prompt": "Go on.", "earlier_turns": [[text, "I will."]]} for text in turns]
    assert n_groups(records) == 3


def test_a_column_of_the_files_own_that_is_called_as_a_property_of_ours_stays_a_column(tmp_path):
    own = {"conversation": "c7", "request": 3, "whole_text": None}
    [record] = read_prompts(write(tmp_path / "a.jsonl", [{"id": "a", "prompt": "q", **own}]))
    assert record.model_extra == own
    assert (record.request, record.whole_text, bool(record.conversation)) == ("q", "q", False)
