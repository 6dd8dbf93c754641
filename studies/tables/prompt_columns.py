"""Columns of the tables that say which prompts a run read: names are a contract."""

from unsinter.studies.tables.column import Columns, flag, text

PROMPTS: Columns = {
    "id": text("as the run read it"),
    "prompt": text("its text, without any chat template"),
    "source": text("where it is from; empty where unknown"),
    "topic": text("what it is about, harmful or not; empty where unknown"),
    "group": text("prompts that stand on one side of every split"),
    "harmful": flag("D: true, false, or empty where unlabelled"),
    "category": text("C: harm category; empty for harmless prompts and unlabelled ones"),
    "held_out": flag("the side of the study's split"),
}
ROWS: Columns = {
    "model": text("name of the model in the study file"),
    "id": text("of the prompt"),
    "row": text("name of its row in the activation cache; empty where it was dropped as too long"),
    "refusal": text("R: refusal, partial_refusal or compliance; empty where there is no answer or no label"),
    "wording": text("W: style of a refusal; empty elsewhere"),
    "label_source": text("who or what labelled the answer"),
}
