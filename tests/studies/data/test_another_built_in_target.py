"""A built-in target more is an entry: here it is made before any other module of ours is imported."""

import json
import subprocess
import sys

SCRIPT = """
import json, sys
from unsinter.studies.study import built_in_targets as built_in
from unsinter.studies.study.target_definition import Factor, TargetDefinition

built_in.BUILT_IN["T"] = TargetDefinition(
    name="T", asks="in which tone a prompt speaks", question="in which tone?", title="T  tone",
    meaning="tone", label=lambda prompt, _: (prompt.model_extra or {}).get("tone"),
    factor=Factor(noun="the tone", short_noun="the tone", one_class="the tone {!r}", of="of tone"),
)
built_in.BUILT_IN_PAIRS += ("T-D", "T-R")

from unsinter.features.records.record import PromptRecord, ResponseRecord
from unsinter.studies.cli.tables.check import check_tables
from unsinter.studies.data.check import check_records
from unsinter.studies.study.file import Study
from unsinter.studies.study.own_targets import OwnTarget
from unsinter.studies.study.sections import NearCopies
from unsinter.studies.data.own_questions import OwnQuestions

prompts = [
    PromptRecord(
        id=str(i), prompt=f"{i} stands alone", harmful=i % 2 == 0, tone=("plain", "rude")[i // 2 % 2]
    )
    for i in range(48)
]
answers = [
    ResponseRecord(id=f"r{i}", prompt_id=str(i), model="m", label=("refusal", "compliance")[i // 4 % 2])
    for i in range(48)
]
report = check_records(
    prompts, answers, beside=OwnQuestions(min_groups=6),
    near_copies=NearCopies(threshold=1.0, word_threshold=None),
)
try:
    OwnTarget(name="t", field="x")
    is_free = True
except ValueError as error:
    is_free = "D, C, R, W, T, R_share and W_share are built in" not in str(error)
study = Study.model_validate({
    "name": "s", "models": [{"name": "m", "path": "planted:detached"}], "prompts": {"path": ["p.jsonl"]},
    "targets": ["D", "T"],
})
print(json.dumps({
    "questions": {question.name: [question.answerable, question.model] for question in report.questions},
    "classes": sorted({row.label("T") for row in report.responses}),
    "missing": [what for what, _, _ in report.missing],
    "tables": [title for title, _, _ in check_tables(report)],
    "is_free": is_free,
    "pairs": list(study.separation.pairs),
}))
"""


def test_check_and_the_study_file_know_a_target_of_which_only_the_entry_is_made():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    questions = seen["questions"]
    assert questions["T"] == [True, None]
    assert questions["(T, D)"] == [True, None]
    assert questions["(T, R)"] == [True, "m"]
    assert seen["classes"] == ["plain", "rude"]
    assert "prompts: T" in seen["missing"]
    assert "Prompts by T" in seen["tables"]
    assert seen["is_free"] is False
    assert seen["pairs"] == ["D-R", "D-W", "C-W", "D-topic", "T-D", "T-R"]
