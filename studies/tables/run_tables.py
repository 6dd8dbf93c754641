"""Every table of a run: its name, what a row of it is, and its columns."""

from unsinter.studies.tables.across_columns import ACROSS
from unsinter.studies.tables.causal_columns import CAUSAL
from unsinter.studies.tables.column import RunTable
from unsinter.studies.tables.columns import FLOORS, PREDICTIONS, RESULTS, SPLIT, TRIALS, VERDICTS
from unsinter.studies.tables.difference_columns import MODEL_DIFFERENCES
from unsinter.studies.tables.prompt_columns import PROMPTS, ROWS
from unsinter.studies.tables.token_columns import SHOWN_PROMPTS, TOKEN_SCORES
from unsinter.studies.tables.transfer_columns import CROSS_MODEL, HELD_OUT, TRANSFER

_PROMPT_ROW = (
    "one row per prompt that the run read, with a column `target_NAME` for each target of the study's own: "
    "its class as text, empty where masked"
)

_TABLES = (
    RunTable(name="results", row="one row per fitted probe", columns=RESULTS),
    RunTable(name="floors", row="one row per floor and activation control", columns=FLOORS),
    RunTable(name="predictions", row="one row per held-out score", columns=PREDICTIONS),
    RunTable(name="trials", row="one row per tuning trial", columns=TRIALS),
    RunTable(name="transfer", row="one row per cell of a transfer matrix", columns=TRANSFER),
    RunTable(name="held_out", row="one row per source or category held out", columns=HELD_OUT),
    RunTable(name="cross_model", row="one row per target and ordered pair of models", columns=CROSS_MODEL),
    RunTable(
        name="model_differences",
        row="one row per target, pair of models and site",
        columns=MODEL_DIFFERENCES,
    ),
    RunTable(name="verdicts", row="one row per model, pair, contrast and site", columns=VERDICTS),
    RunTable(name="across_categories", row="one row per model and chosen site", columns=ACROSS),
    RunTable(
        name="shown_prompts",
        row="one row per model, prompt read token by token, and target",
        columns=SHOWN_PROMPTS,
    ),
    RunTable(
        name="token_scores",
        row="one row per model, such prompt, target, layer and token",
        columns=TOKEN_SCORES,
    ),
    RunTable(
        name="causal", row="one row per direction changed, null, and cell of the matrix", columns=CAUSAL
    ),
    RunTable(name="prompts", row=_PROMPT_ROW, columns=PROMPTS, in_report=False),
    RunTable(name="rows", row="one row per model and prompt", columns=ROWS, in_report=False),
    RunTable(name="split", row="one row per prompt of the study", columns=SPLIT),
)

RUN_TABLES = {table.name: table for table in _TABLES}
"""Name -> table, in the order of the page that documents them."""
