"""Columns of the tables that say which prompts a run read: names are a contract, each with its meaning."""

PROMPTS = {
    "id": "as the run read it",
    "prompt": "its text, without any chat template",
    "source": "where it is from; empty where unknown",
    "topic": "what it is about, harmful or not; empty where unknown",
    "group": "prompts that stand on one side of every split",
    "harmful": "D: true, false, or empty where unlabelled",
    "category": "C: harm category; empty for harmless prompts and unlabelled ones",
    "held_out": "the side of the study's split",
}
ROWS = {
    "model": "name of the model in the study file",
    "id": "of the prompt",
    "row": "name of its row in the activation cache; empty where it was dropped as too long",
    "refusal": "R: refusal, partial_refusal or compliance; empty where there is no answer or no label",
    "wording": "W: style of a refusal; empty elsewhere",
    "label_source": "who or what labelled the answer",
}
