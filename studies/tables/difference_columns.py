"""The columns of the table that sets models of one study side by side: names are a contract."""

from unsinter.studies.tables.column import Columns, number, text, whole
from unsinter.studies.tables.shared_columns import TARGET

MODEL_DIFFERENCES: Columns = {
    "target": TARGET,
    "sites": text(
        "chosen: each model at the site that its training rows chose; same: both at one site", needed=True
    ),
    "first_model": text("name of a model in the study file", needed=True),
    "first_layer": whole("its site"),
    "first_position": text("as first_layer"),
    "second_model": text("name of a model that comes later in the study file", needed=True),
    "second_layer": whole("its site"),
    "second_position": text("as second_layer"),
    "metric": text("auroc (two classes) or macro_f1"),
    "first_score": number("of the first model on the held-out prompts that both were scored on", needed=True),
    "second_score": number("of the second model on these prompts, by its own labels", needed=True),
    "difference": number("second_score - first_score", needed=True),
    "low": number(
        "95 % interval of the paired difference, whole groups drawn for both models; of one row, not of all",
        needed=True,
    ),
    "high": number("", needed=True),
    "first_floor": number(
        "best text or label floor of the first model (all its held-out prompts)", needed=True
    ),
    "second_floor": number("the same of the second model", needed=True),
    "n": whole("prompts that both were scored on"),
    "groups": whole("their groups"),
}
