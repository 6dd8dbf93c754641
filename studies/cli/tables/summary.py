"""The tables a finished run shows on the screen, from its summary alone."""

from collections.abc import Mapping
from typing import Any

from unsinter.studies.tables.columns import Table

HEADER = (
    "model",
    "target",
    "score",
    "value",
    "best floor",
    "gain over floor",
    "control",
    "p",
    "site",
    "beats floor",
)


def summary_tables(summary: Mapping[str, Any]) -> list[Table]:
    """Return the chosen probes beside their floors and controls, then the groups per cell."""
    title = (
        f"{summary['study']}: {summary['prompts']} prompts in {summary['groups']} groups, "
        f"{summary['held_out_prompts']} held out, seed {summary['seed']}"
    )
    rows = [
        _probe_row(name, row)
        for name, model in summary["models"].items()
        for row in (*model["selected"], *model["tuned"])
    ]
    tables: list[Table] = [(title, HEADER, rows)]
    cells = [
        [name, cell, str(groups)]
        for name, model in summary["models"].items()
        for cell, groups in model["groups_per_cell"].items()
    ]
    if cells:
        tables.append(("independent groups per cell", ("model", "cell", "groups"), cells))
    if notes := summary.get("notes"):
        tables.append(("worth knowing", ("note",), [(note,) for note in notes]))
    unlabelled = [
        [name, reason, f"{n:,}"]
        for name, model in summary["models"].items()
        for reason, n in (model.get("unlabelled") or {}).items()
    ]
    if unlabelled:
        tables.append(("answers without a label", ("model", "why", "prompts"), unlabelled))
    if cut := [
        [name, sentence]
        for name, model in summary["models"].items()
        if (sentence := model.get("cut_answers"))
    ]:
        tables.append(("answers cut too early", ("model", "what would do"), cut))
    silent = [
        [name, reason]
        for name, model in summary["models"].items()
        for reason in (*model["not_studied"].values(), model.get("not_caused"))
        if reason
    ]
    if silent:
        tables.append(("not studied", ("model", "why"), silent))
    return tables


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _control(row: Mapping[str, Any]) -> str:
    """Return the control task, or shuffled labels by name where groups are too small for one."""
    if row["control"] is not None:
        return f"{row['control']:.3f} task"
    return "-" if row["shuffled"] is None else f"{row['shuffled']:.3f} shuffled"


def _probe_row(model: str, row: Mapping[str, Any]) -> list[str]:
    return [
        model,
        row["target"],
        {"auroc": "AUROC", "macro_f1": f"macro-F1 of {row['classes']}"}[row["metric"]],
        f"{row['score']:.3f} [{row['score_low']:.3f}, {row['score_high']:.3f}]",
        f"{row['floor']:.3f} {row['floor_name']}",
        f"{row['gain']:+.3f} [{row['gain_low']:+.3f}, {row['gain_high']:+.3f}]",
        _control(row),
        _number(row["p_value"], ".3f"),
        f"layer {row['layer']}, {row['position']}{_tuned(row)}",
        "yes" if row["beats_floor"] else "NO",
    ]


def _tuned(row: Mapping[str, Any]) -> str:
    return f", tuned {row['family']}" if row["tuned"] else ""
