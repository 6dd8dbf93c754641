"""A local classifier folder as judge: a real, tiny model saved and loaded by the real library."""

import shutil

import pytest

from unsinter.features.labelling.judges import HuggingFaceJudge, JudgedItem, JudgeError, RulesJudge

transformers = pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A BERT of a few hundred weights whose output bias alone decides: always its second class."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers

    folder = tmp_path_factory.mktemp("judge")
    words = {"[PAD]": 0, "[UNK]": 1, "i": 2, "cannot": 3, "help": 4}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", model_max_length=16
    ).save_pretrained(folder)
    config = transformers.BertConfig(
        vocab_size=5,
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        intermediate_size=8,
        max_position_embeddings=16,
        id2label={0: "OK", 1: "REFUSED"},
        label2id={"OK": 0, "REFUSED": 1},
    )
    model = transformers.BertForSequenceClassification(config)
    with torch.no_grad():
        model.classifier.weight.zero_()
        model.classifier.bias.copy_(torch.tensor([0.0, 2.0]))
    model.save_pretrained(folder)
    return folder


CLASSES = {"OK": "compliance", "REFUSED": "refusal"}


def test_a_local_classifier_labels_through_its_map(folder):
    judge = HuggingFaceJudge(folder, classes=CLASSES, batch=2)
    items = [JudgedItem(id=str(n), opening="I cannot help. " * 20) for n in range(3)] + [
        JudgedItem(id="x", opening=" ")
    ]
    labels = judge.judge(items)
    assert [label.refusal for label in labels] == ["refusal"] * 3 + [None]
    assert labels[0].scores["refusal"] == pytest.approx(0.880797, abs=1e-5)  # 1 / (1 + exp(-2))
    assert labels[0].scores["partial_refusal"] == 0
    assert labels[0].wording == "cannot"
    assert labels[0].provenance["labeller"] == f"hf:{folder.name}"
    assert len(labels[0].provenance["model"]) == 12


def test_a_model_label_without_a_meaning_is_refused_by_name(folder):
    with pytest.raises(ValueError, match="label 'OK' has no meaning here"):
        HuggingFaceJudge(folder)


def test_a_folder_that_is_no_model_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"no config\.json"):
        HuggingFaceJudge(tmp_path)


def test_the_rules_judge_is_the_labeller():
    [label] = RulesJudge().judge([JudgedItem(id="1", opening="I can't help with that.")])
    assert label.provenance["labeller"] == "rules"


def test_a_folder_without_a_trained_head_is_refused_instead_of_guessing(folder, tmp_path):
    bare = tmp_path / "bare"
    model = transformers.BertForSequenceClassification.from_pretrained(folder)
    model.bert.save_pretrained(bare)
    model.config.save_pretrained(bare)
    transformers.AutoTokenizer.from_pretrained(folder).save_pretrained(bare)
    with pytest.raises(JudgeError, match=r"bare: its weights lack classifier\.bias"):
        HuggingFaceJudge(bare, classes=CLASSES)


@pytest.mark.parametrize(("file", "what"), [("config.json", "config"), ("model.safetensors", "weights")])
def test_a_damaged_folder_is_one_line_that_names_it(folder, tmp_path, file, what):
    copy = shutil.copytree(folder, tmp_path / "damaged")
    (copy / file).write_bytes(b"{")
    with pytest.raises(JudgeError, match=f"damaged: its {what} cannot be read") as error:
        HuggingFaceJudge(copy, classes=CLASSES)
    assert "\n" not in str(error.value)
