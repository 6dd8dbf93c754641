"""Rows of the verdict's benchmark in words, and as Markdown tables: of all rows, or of the kinds of world."""

from typing import Any

from unsinter.features.worlds import WORLDS
from unsinter.studies.separation.power import binomial_share


def line(entry: dict[str, Any]) -> str:
    """Return one row in words."""
    verdicts = ", ".join(f"{verdict} {times}" for verdict, times in sorted(entry["verdicts"].items()))
    low, high = entry["wrong_interval"]
    knobs = "".join(f" {name}={value}" for name, value in entry["knobs"].items())
    oracle_says = "" if entry["oracle"] is None else f"; oracle separable {entry['oracle']}"
    return (
        f"{entry['world']} ({entry['truth']}) n={entry['n']} d={entry['d']} auc={entry['auc']} "
        f"phi={entry['phi']}{knobs}: of {entry['worlds']} {verdicts}; wrong {entry['wrong']} "
        f"[{low:.3f}, {high:.3f}]{oracle_says}; {entry['seconds'] / max(entry['worlds'], 1):.2f} s each"
    )


def kind_table(entries: list[dict[str, Any]]) -> str:
    """Return right, wrong and open of every kind over all its rows, and the row of it that is wrong most."""
    head = ("kind of world (truth)", "rows", "worlds", "right %", "wrong %", "95 % of wrong", "worst row")
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for name in WORLDS:
        own = [entry for entry in entries if entry["world"] == name and entry["worlds"]]
        if not own:
            continue
        n, right, wrong = (sum(entry[key] for entry in own) for key in ("worlds", "right", "wrong"))
        share = binomial_share(wrong, n)
        worst = max(own, key=lambda entry: entry["wrong"] / entry["worlds"])
        where = f"{worst['wrong']} of {worst['worlds']}: n {worst['n']}, d {worst['d']}, "
        where += f"AUROC {worst['auc']:g}" + ("" if worst["phi"] is None else f", phi {worst['phi']:g}")
        truth = own[0]["truth"] + ("" if own[0]["identifiable"] else ", not identifiable")
        cells = (
            f"{name} ({truth})",
            str(len(own)),
            str(n),
            f"{100 * right / n:.0f}",
            f"{100 * wrong / n:.1f}",
            f"{100 * share.low:.1f}-{100 * share.high:.1f}" if own[0]["identifiable"] else "-",
            where if worst["wrong"] and own[0]["identifiable"] else "-",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def table(entries: list[dict[str, Any]]) -> str:
    """Return right and wrong of 100 for each row, in the order of the kinds."""
    head = (
        "world (truth)",
        "n",
        "d",
        "AUROC",
        "phi",
        "right / wrong %",
        "95 % of wrong",
        "oracle separable %",
    )
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    order = {name: place for place, name in enumerate(WORLDS)}
    for entry in sorted(
        (entry for entry in entries if entry["worlds"]),
        key=lambda e: (order[e["world"]], e["n"], e["d"], e["auc"], e["phi"] or 0, str(e["knobs"])),
    ):
        n = entry["worlds"]
        low, high = (100 * limit for limit in entry["wrong_interval"])
        mark = "" if entry["identifiable"] else ", not identifiable"
        knobs = "".join(f", {name} {value:g}" for name, value in entry["knobs"].items())
        cells = (
            f"{entry['world']}{knobs} ({entry['truth']}{mark})",
            str(entry["n"]),
            str(entry["d"]),
            f"{entry['auc']:g}",
            "-" if entry["phi"] is None else f"{entry['phi']:g}",
            f"{100 * entry['right'] / n:.0f} / {100 * entry['wrong'] / n:.0f}",
            f"{low:.1f}-{high:.1f}" if entry["identifiable"] else "-",
            "-" if entry["oracle"] is None else f"{100 * entry['oracle'] / n:.0f}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
