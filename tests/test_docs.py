"""What the documentation promises is what the code has."""

import re

import pytest

from unsinter.studies.across_categories.table import ACROSS
from unsinter.studies.study.prompt_sections import NearCopies, PromptFile, PromptSource
from unsinter.studies.study.unique_keys import load_yaml
from unsinter.studies.tables.columns import FLOORS, PREDICTIONS, RESULTS, TRIALS, VERDICTS
from unsinter.studies.tables.prompt_columns import PROMPTS, ROWS
from unsinter.studies.tables.transfer_columns import CROSS_MODEL, HELD_OUT, TRANSFER

PROMPT_KEYS = ("path", "columns", "harmful", "files", "where", "near_copies")


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("results", RESULTS),
        ("floors", FLOORS),
        ("predictions", PREDICTIONS),
        ("trials", TRIALS),
        ("transfer", TRANSFER),
        ("held_out", HELD_OUT),
        ("cross_model", CROSS_MODEL),
        ("verdicts", VERDICTS),
        ("across_categories", ACROSS),
        ("prompts", PROMPTS),
        ("rows", ROWS),
    ],
)
def test_every_column_is_documented_with_its_meaning(repository, name, columns):
    page = (repository / "docs" / "columns.md").read_text(encoding="utf-8")
    section = page.split(f"## `{name}.parquet`")[1].split("\n## ")[0]
    documented = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", section, flags=re.MULTILINE))
    assert list(documented) == list(columns)
    assert all(meaning in (documented[column], "") for column, meaning in columns.items())


def test_every_key_of_the_prompts_of_a_study_is_documented(repository):
    page = (repository / "docs" / "study-file.md").read_text(encoding="utf-8")
    section = page.split("## `prompts`")[1].split("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \| .+ \|$", section, flags=re.MULTILINE) == list(PROMPT_KEYS)
    assert set(PROMPT_KEYS) == set(PromptSource.model_fields)
    for part in (PromptFile, NearCopies):
        assert all(name in section for name in part.model_fields)
    (example,) = re.findall(r"```yaml\n(.*?)```", section, flags=re.DOTALL)
    PromptSource.model_validate(load_yaml(example)["prompts"])


def test_the_example_of_the_readme_runs(repository, private_cache, capsys):
    text = (repository / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    assert len(example.strip().splitlines()) <= 19
    exec(compile(example, "README.md", "exec"), {})
    accuracy = float(capsys.readouterr().out)
    assert accuracy > 0.8
