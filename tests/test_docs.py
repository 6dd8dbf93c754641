"""What the documentation promises is what the code has."""

import re

import pytest

from unsinter.probes.files.measured import MEASURED, measured_words
from unsinter.studies.study.file import Study, parse_study
from unsinter.studies.study.model_source import ModelSource
from unsinter.studies.study.prompt_sections import NearCopies, PromptFile, PromptSource
from unsinter.studies.study.sections import Controls, Separation, Tuning
from unsinter.studies.study.unique_keys import load_yaml
from unsinter.studies.tables.columns import RESULTS
from unsinter.studies.tables.page import END, START, main
from unsinter.studies.tables.run_tables import RUN_TABLES

PROMPT_KEYS = ("path", "columns", "harmful", "files", "where", "near_copies")


def test_the_page_on_columns_is_what_the_declarations_make(repository, tmp_path):
    page = repository / "docs" / "columns.md"
    copy = tmp_path / "columns.md"
    copy.write_text(re.sub(r"(?<=\n)\| `.*\n", "", page.read_text(encoding="utf-8")), encoding="utf-8")
    assert main([str(copy)]) == 0
    made, committed = (p.read_text(encoding="utf-8").partition(END)[0] for p in (copy, page))
    assert made == committed, "docs/columns.md is not what the code declares; run `make columns`"


def test_every_key_of_a_model_of_a_study_is_documented(repository):
    page = (repository / "docs" / "study-file.md").read_text(encoding="utf-8")
    section = page.split("## `models`")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| .+ \|$", section, flags=re.MULTILINE)
    assert {*rows, "template_text"} == {*ModelSource.model_fields, "template_file"}
    assert "`template_text`" in section
    (example,) = re.findall(r"```yaml\n(.*?)```", section, flags=re.DOTALL)
    [model] = load_yaml(example)["models"]
    ModelSource.model_validate({**model, "system": "the text of the file"})


@pytest.mark.parametrize("table", RUN_TABLES.values(), ids=lambda table: table.name)
def test_every_column_is_documented_with_its_type_and_meaning(repository, table):
    page = (repository / "docs" / "columns.md").read_text(encoding="utf-8")
    section = page.split(f"## `{table.name}.parquet`")[1].split("\n## ")[0]
    documented = re.findall(r"^\| `(\w+)` \| (\w+) \| (.+) \|$", section, flags=re.MULTILINE)
    assert [name for name, *_ in documented] == list(table.columns)
    for (_, dtype, words), column in zip(documented, table.columns.values(), strict=True):
        assert dtype == column.dtype
        assert words == (column.meaning or "as the column above")


def test_a_page_without_a_place_for_the_tables_is_left_as_it_is(tmp_path, capsys):
    page = tmp_path / "page.md"
    for text in ("# mine\n", f"{END}\n{START}\n", f"{START}\n{END}\n{END}\n"):
        page.write_text(text, encoding="utf-8")
        assert main([str(page)]) == 2
        assert page.read_text(encoding="utf-8") == text
        assert "the page needs one line" in capsys.readouterr().err
    assert main([str(tmp_path / "absent.md")]) == 2
    assert main([]) == 2


def test_what_a_card_says_of_a_probe_is_a_number_that_a_run_has_of_it():
    assert {RESULTS[name].dtype for name in MEASURED} == {"number"}
    assert all(measured_words(name, "words").strip() for name in MEASURED)


def test_every_key_of_the_prompts_of_a_study_is_documented(repository):
    page = (repository / "docs" / "study-file.md").read_text(encoding="utf-8")
    section = page.split("## `prompts`")[1].split("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \| .+ \|$", section, flags=re.MULTILINE) == list(PROMPT_KEYS)
    assert set(PROMPT_KEYS) == set(PromptSource.model_fields)
    for part in (PromptFile, NearCopies):
        assert all(name in section for name in part.model_fields)
    (example,) = re.findall(r"```yaml\n(.*?)```", section, flags=re.DOTALL)
    PromptSource.model_validate(load_yaml(example)["prompts"])


def test_every_key_of_a_study_is_documented(repository):
    page = (repository / "docs" / "study-file.md").read_text(encoding="utf-8")
    own, *parts = page.split("## The other keys")[1].split("\n## ")[0].split("| key of ")
    keys = [keys_of_rows(part) for part in (own, *parts)]
    assert keys[0] | set(re.findall(r"^## `(\w+)`", page, re.M)) == set(Study.model_fields)
    assert keys[1:] == [set(part.model_fields) for part in (Controls, Tuning, Separation)]


def keys_of_rows(table):
    firsts = re.findall(r"^\| (`[^|]+) \|", table, flags=re.MULTILINE)
    return {key for first in firsts for key in re.findall(r"`(\w+)`", first)}


def test_the_example_of_the_readme_runs(repository, private_cache, tmp_path, monkeypatch, capsys):
    text = (repository / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    assert len(example.strip().splitlines()) <= 19
    monkeypatch.chdir(tmp_path)
    exec(compile(example, "README.md", "exec"), {})
    names, row = capsys.readouterr().out.splitlines()
    assert names.split() == ["target", "layer", "score", "floor", "control"]
    assert float(row.split()[3]) > 0.95  # after place, target and layer


def test_the_readme_is_short_and_its_study_file_and_commands_are_real(repository, tmp_path):
    text = (repository / "README.md").read_text(encoding="utf-8")
    assert text.count("\n") <= 100
    assert len(re.findall(r"!\[", text)) == 1
    (study,) = re.findall(r"```yaml\n(.*?)```", text, flags=re.DOTALL)
    (tmp_path / "prompts.jsonl").write_text("{}\n", encoding="utf-8")
    assert parse_study(load_yaml(study), origin=tmp_path / "study.yaml").name == "mine"
    targets = re.search(r"^\.PHONY: (.+)$", (repository / "Makefile").read_text(), re.M)[1].split()
    assert set(re.findall(r"^make (\w+)", text, re.M)) == {"demo", "test"} <= set(targets)
    (rows,) = re.findall(r"\| bar or floor \|\n\|[-|]+\n(.*?)\n\n", text, flags=re.DOTALL)
    assert rows.count("\n") + 1 <= 8
    assert "missed" in rows
