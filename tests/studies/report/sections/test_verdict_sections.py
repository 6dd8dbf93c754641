"""What the page says of separation, held against the table of verdicts it was written from."""

import json
import re
import shutil

import pandas as pd
import pytest
import yaml
from page_text import text_in

from unsinter.studies.figures.style import INK
from unsinter.studies.figures.verdict_text import STATISTICS, summary_rows
from unsinter.studies.reasons.columns import REASON_DATA, reason_columns
from unsinter.studies.reasons.reason import Reason
from unsinter.studies.report import ReportError, write_report
from unsinter.studies.report.answers.gaps import find_gaps, undecided_line
from unsinter.studies.report.evidence.numbers import score_text
from unsinter.studies.report.evidence.run_data import read_evidence
from unsinter.studies.report.evidence.verdict_numbers import evidence_texts
from unsinter.studies.report.evidence.verdict_sentences import LIMITS
from unsinter.studies.report.sections.detachment_sections import across_blocks
from unsinter.studies.report.sections.verdict_sections import verdict_blocks
from unsinter.studies.report.write import answer_separation, make_sections
from unsinter.studies.tables.columns import VERDICTS

UNDECIDED = "This report does not decide whether the two are separate"


def section(page, anchor):
    return text_in(page.split(f'id="{anchor}"', 1)[1].split("</section>", 1)[0])


@pytest.fixture
def run(tmp_path, full_run):
    """A copy of the full run, to be changed."""
    return shutil.copytree(full_run, tmp_path / "run")


def rewrite(run, change):
    table = change(pd.read_parquet(run / "verdicts.parquet"))
    table.to_parquet(run / "verdicts.parquet", index=False)
    return read_evidence(run)


def gaps_of(evidence):
    return " ".join(f"{about}: {why}" for about, why in find_gaps(evidence, []))


def test_the_answer_stands_in_numbers_with_what_it_does_not_show(full_page):
    top = section(full_page, "numbers")
    over = top.index('In the model "sintered", over all categories: wording is told')
    assert over < top.index("Detection is represented apart")
    for sentence in (
        (
            "Detection is represented apart from the refusal decision at 9 of 14 sites of the model "
            '"detached" '
            "(shared at none;"
        ),
        "At layer 5, template_end (chosen in training for D): separable.",
        (
            'Nothing is said of detection and the refusal decision in the model "sintered": undetermined at '
            "all "
            "14 sites (12 "
        ),
        LIMITS,
    ):
        assert sentence in top
    assert UNDECIDED not in top
    assert top.index("Detection is represented apart") < top.index(
        "the activations tell, better than any floor"
    )


def test_where_nothing_is_decided_the_answer_is_only_why(run):
    silent = rewrite(run, lambda table: table.assign(verdict="undetermined", reason="few rows"))
    answer = answer_separation(silent)
    lines = [sentence for _, sentences in answer.models for sentence in sentences]
    assert len(lines) == 6
    assert all(
        sentence.startswith("Nothing is said of") and sentence.endswith("(few rows).") for sentence in lines
    )
    assert answer.limits == ""


def test_a_run_without_verdicts_has_neither_answer_nor_map(bare_run, bare_page):
    assert UNDECIDED in bare_page
    assert "no separation verdict is part of this run" in bare_page
    assert "Separation verdicts" not in bare_page
    assert "over all categories" not in bare_page
    assert answer_separation(read_evidence(bare_run)).models == ()


def test_verdicts_that_cannot_be_shown_are_not_passed_over_in_silence(run):
    evidence = rewrite(run, lambda table: table.drop(columns="o_first"))
    assert UNDECIDED in undecided_line(evidence)
    assert "no separation verdict is part of this run" in gaps_of(evidence)
    assert verdict_blocks(evidence) == []


def measured_pairs(verdicts):
    """((model, pair), rows) of pairs of which some site has a verdict or a number."""
    return [
        (names, rows)
        for names, rows in summary_rows(verdicts).groupby(["model", "pair"])
        if (rows["verdict"] != "undetermined").any() or rows[list(STATISTICS)].notna().any(axis=None)
    ]


def test_a_pair_that_could_not_be_judged_anywhere_is_a_line_and_no_map(run):
    """Real case: 210 grey boxes and 180 rows of dashes for three pairs of which nothing could be said."""

    def silence(table):
        own = table["pair"] == "D-W"
        reason = reason_columns(Reason("too-few-groups", n=0, cell="harmless and apology", needed=10))
        table.loc[own, "verdict"] = "undetermined"
        table.loc[own, [f"{name}{end}" for name in STATISTICS for end in ("", "_low", "_high")]] = float(
            "nan"
        )
        for column, value in reason.items():
            table.loc[own, column] = value
        return table

    blocks = verdict_blocks(rewrite(run, silence))
    maps = [figure.name for block in blocks if block.kind == "panels" for figure in block.figures]
    assert any(name.endswith("-D-R") for name in maps)
    assert not any(name.endswith("-D-W") for name in maps)
    grids = {block.title: block for block in blocks if block.kind == "grid"}
    assert not any("D-W: the evidence behind" in title for title in grids)
    lines = grids["detached: pairs that could not be judged at any site"].rows
    row = next(row for row in lines if str(row[0]).startswith("D-W"))
    assert row[1:] == ["14", "0 independent groups that are harmless and apology; 10 are needed"]


def test_each_map_tells_every_site_in_its_text_alternative(full_page, verdicts):
    alts = [text for text in re.findall(r'aria-label="([^"]*)"', full_page) if text.startswith("Verdicts on")]
    measured = measured_pairs(verdicts)
    assert len(alts) == len(measured) > 2
    for (model, pair), rows in measured:
        (alt,) = [text for text in alts if text.startswith(f"Verdicts on {pair} in {model} ")]
        for position, part in rows.groupby("position", sort=False):
            lines = ", ".join(f"layer {row.layer} {row.verdict}" for row in part.itertuples())
            assert f"{position}: {lines}" in alt


def test_every_statistic_of_every_site_stands_in_the_folded_tables(full_run, verdicts):
    blocks = verdict_blocks(read_evidence(full_run))
    tables = {block.title: block for block in blocks if block.kind == "grid" and "behind each" in block.title}
    measured = measured_pairs(verdicts)
    assert len(tables) == len(measured)
    assert all(table.folded for table in tables.values())
    for (model, pair), rows in measured:
        grid = tables[f"{model}, {pair}: the evidence behind each verdict (14 sites)"]
        shown = {row[0]: [str(cell) for cell in row] for row in grid.rows}
        for row in rows.to_dict("records"):
            cells = shown[f"{row['layer']}, {row['position']}"]
            assert cells[1] == row["verdict"]
            for name in (*STATISTICS, "transfer_second", "transfer_category", "cosine", "bits_first"):
                numbers = [score_text(row[f"{name}{end}"]) for end in ("", "_low", "_high")]
                assert f"{numbers[0]} [{numbers[1]}, {numbers[2]}]" in cells or numbers[0] == "\u2013"
            assert cells[-1] == row["reason"]


def test_an_erasure_that_did_not_erase_is_void_and_one_that_did_shows_its_check(verdicts):
    erased = verdicts[(verdicts["erased_site"] == True) & verdicts["kept_first"].notna()]  # noqa: E712
    lines = evidence_texts(erased.iloc[0].to_dict())
    assert lines["first kept after erasing the second"] == "void: still read at .710"
    assert lines["second kept after erasing the first"] == ".910 (check .530; at random .990, permuted .990)"
    sound = evidence_texts(erased.iloc[0].to_dict() | {"check_second": 0.55})
    assert sound["first kept after erasing the second"] == ".970 (check .550; at random .990, permuted .990)"
    unchecked = evidence_texts(erased.iloc[0].to_dict() | {"check_second": float("nan")})
    assert unchecked["first kept after erasing the second"] == ".970 (not checked)"


def test_the_rule_shows_the_thresholds_of_the_study(run):
    def one_pair(table):
        return table[(table["model"] == "sintered") & (table["pair"] == "D-R")]

    study = yaml.safe_load((run / "study.yaml").read_text(encoding="utf-8"))
    study["separation"] = {"effect_floor": 0.2, "margin": 0.12, "min_groups": 44, "level": 0.9}
    usual = rewrite(run, one_pair)
    (run / "study.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")
    for evidence, floor, absent, groups, level in (
        (usual, ".60", ".63", 10, 95),
        (read_evidence(run), ".70", ".62", 44, 90),
    ):
        (rule,) = [block for block in verdict_blocks(evidence) if getattr(block, "title", "") == "The rule"]
        needs = {row[0].split()[1]: row[2] for row in rule.rows}
        assert f"both effects stronger than AUROC {floor}" in needs["separable"]
        assert f"both effects stronger than AUROC {floor} and no angle" in needs["shared"]
        assert f"of the second less than AUROC {absent}" in needs["first-only"]
        assert f"of both less than AUROC {absent}" in needs["neither"]
        assert f"fewer than {groups} independent groups" in needs["undetermined"]
        assert f"over all sites of a pair at {level} %" in rule.caption


def test_reasons_are_counted_among_what_could_not_be_said(run):
    apart = Reason("axes-unsure", angle=(0.55, 0.3, 0.8))

    def spoil(table):
        own = (
            (table["model"] == "detached") & (table["pair"] == "D-R") & (table["position"] == "template_end")
        )
        deep = own & table["layer"].isin([5, 6])
        return table.assign(
            verdict=table["verdict"].mask(deep, "undetermined"),
            **{name: table[name].mask(deep, text) for name, text in reason_columns(apart).items()},
        )

    silent = gaps_of(rewrite(run, spoil))
    assert (
        "Whether detection and the refusal decision are apart (D-R), at 3 of 14 sites: both are "
        "read, along one axis or two (2); detection may or may not be there with the refusal decision held "
        "fixed (1)."
    ) in silent
    assert (
        "(D-R), at 14 of 14 sites: 12 independent groups that are harmless and refused; 30 are needed."
    ) in silent
    assert (
        "What each factor keeps when the other is erased (D-R, D-W, C-W): a factor could still be read"
        in silent
    )
    assert "no separation verdict is part of this run" not in silent


def test_a_run_of_the_schema_before_is_read_with_its_words(run, full_page):
    summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    (run / "summary.json").write_text(json.dumps(summary | {"schema_version": 3}), encoding="utf-8")
    evidence = rewrite(run, lambda table: table.drop(columns=list(REASON_DATA)))
    assert evidence.has_verdicts
    silent = gaps_of(evidence)
    assert (
        "at 14 of 14 sites: 12 independent groups that are harmless and refused; 30 are needed."
    ) in silent
    assert "detection may or may not be there with the refusal decision held fixed (AUROC 0." in silent
    write_report(run)
    assert len((run / "report.html").read_text(encoding="utf-8")) > 0.9 * len(full_page)


def test_class_by_class_tables_hold_the_contrasts_of_the_chosen_site(full_run, verdicts):
    blocks = verdict_blocks(read_evidence(full_run))
    (grid,) = [b for b in blocks if b.kind == "grid" and b.title.startswith("detached, D-W: class by class")]
    single = verdicts[
        (verdicts["model"] == "detached") & (verdicts["pair"] == "D-W") & ~verdicts["is_summary"]
        & (verdicts["layer"] == 5) & (verdicts["position"] == "template_end")
    ]  # fmt: skip
    assert [row[0] for row in grid.rows] == [f"harmful / {name}" for name in single["second_class"]]
    assert [str(row[1]) for row in grid.rows] == list(single["verdict"])
    assert "layer 5, template_end" in grid.title


def test_pooled_against_within_is_shown_only_where_it_was_measured(run, full_page, bare_page):
    text = section(full_page, "across")
    assert re.search(
        r"sintered\s*\.970 \[\.930, \.990\]\s*\.880\s*\.550 \[\.510, \.570\]\s*\.510 \[\.470, \.530\]", text
    )
    assert "2.1 (1.0 to 1.2)" in text
    assert 'id="across"' not in bare_page
    (run / "across_categories.parquet").unlink()
    evidence = read_evidence(run)
    assert across_blocks(evidence) == []
    assert answer_separation(evidence).headlines == []
    pd.DataFrame({"model": ["m"]}).to_parquet(run / "across_categories.parquet")
    with pytest.raises(ReportError, match="has no column layer"):
        read_evidence(run)


def test_the_two_axes_stay_beside_the_verdicts(full_run):
    sections = [part.anchor for part in make_sections(read_evidence(full_run), [])]
    assert {"axes", "across", "verdicts"} <= set(sections)


def test_figures_of_verdicts_take_their_colours_from_the_page(full_page):
    maps = re.findall(r'<svg[^>]*aria-label="(?:Verdicts|Evidence) on.*?</svg>', full_page, flags=re.DOTALL)
    assert len(maps) == 5 + 10
    assert all("var(--ink)" in figure and INK not in figure for figure in maps)
    assert not [colour for figure in maps for colour in re.findall(r"(?:fill|stroke): (#\w+)", figure)]


def test_a_column_of_the_contract_that_a_page_needs_is_in_the_tables_list(verdicts):
    assert list(verdicts.columns) == list(VERDICTS)
