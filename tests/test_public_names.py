"""The public names of each package: a list, each importable, documented, typed, and on the page of names."""

import importlib
import subprocess
import sys
from pathlib import Path

import api_page
import pytest

NAMES = {
    "unsinter.cache": """
        ActivationStore CacheError FillReport Share ShardPlan UnsinterError default_root gc ls migrate verify
    """,
    "unsinter.probes": """
        Calibration CalibrationError CodeLength CodePlan Eraser GridFit GridSolver LogisticProbe MLPProbe
        HubError MassMeanProbe ProbeFileError ProbeWeights RidgeProbe SitePermutation Task ThresholdError
        UnsinterError
        auroc balanced_accuracy balanced_threshold brier code_length expected_calibration_error
        fit_calibration fit_leace group_draws group_permutation_p load_probe macro_f1 percentile_interval
        plan_code push_probe save_probe
        threshold_at_fpr
    """,
    "unsinter.features": """
        Agreement ChatModel ClockError Extraction ExtractionError ExtractionOptions
        FloorScores GenerationError
        GenerationSettings Grouping InMemoryStore JudgeError ModelError Move OpeningRecord PaddingError
        PositionError PromptRecord RecordError RenderError RenderedPrompt ResponseFileError ResponseLabel
        ResponseRecord UnknownArchitectureError UnsinterError World agree available_positions floor_scores
        generate_responses group_prompts label_response label_responses load_model make_world read_openings
        read_prompts read_responses read_site render rendered_identity text_floor wrap_model
        TemplateInput
    """,
    "unsinter.features.extract": "Extraction ExtractionOptions InMemoryStore extract read_site",
    "unsinter.studies": """
        Activations LeakageError MonitorError Pair ProbeMonitor ReportError Rule Run Settings SiteVerdict
        Split SplitError Study StudyError UnsinterError demo_prompts judge_arrays load_study model_folder
        outer_split probe_scorer run_study track_run
    """,
}
"""A change here is a change of what the CHANGELOG promises."""


@pytest.mark.parametrize("package", NAMES)
def test_the_public_names_of_a_package_are_these_and_none_is_hidden_by_a_module(package, repository):
    module = importlib.import_module(package)
    assert sorted(module.__all__) == sorted(NAMES[package].split())
    folder = repository / package.removeprefix("unsinter.").replace(".", "/")
    modules = {path.stem for path in folder.iterdir()}
    # Importing a module of the same name would put the module in the name's place.
    assert not modules & set(module.__all__)


@pytest.mark.parametrize("package", NAMES)
def test_each_public_name_can_be_imported_and_is_documented(package):
    module = importlib.import_module(package)
    for name in module.__all__:
        public = getattr(module, name)
        assert public.__name__ == name
        assert public.__module__.startswith("unsinter.")
        assert (public.__doc__ or "").strip(), name
        assert not public.__doc__.startswith(f"{name}("), name  # what dataclasses write where nobody did


def test_the_page_of_public_names_is_what_the_code_says(repository):
    page = (repository / "docs" / "api.md").read_text(encoding="utf-8")
    assert page == api_page.page(), "write it anew: python tests/samples/api_page.py"
    for package, names in NAMES.items():
        section = page.split(f"## `{package}`\n")[1].split("\n## ")[0]
        for name in names.split():
            assert f"\n- `{name}(" in section or f"\n- `{name}`" in section, name


def test_the_packages_are_imported_without_the_libraries_that_their_names_need():
    code = (
        "import sys, unsinter.cache, unsinter.probes, unsinter.features, unsinter.studies; "
        "print([n for n in ('numpy', 'torch', 'transformers', 'sklearn', 'pandas') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "[]", done.stderr


RIGHT_CALLS = """\
from pathlib import Path

import numpy as np

from unsinter.cache import ActivationStore, default_root
from unsinter.features import read_prompts
from unsinter.probes import LogisticProbe, MLPProbe, RidgeProbe, auroc
from unsinter.studies import Run, Settings

probe: LogisticProbe = LogisticProbe(penalty=0.1, class_weight="balanced")
probe.fit(np.zeros((4, 2)), np.array([0, 1, 0, 1]))
RidgeProbe(penalty=1.0)
MLPProbe(width=8)
store = ActivationStore.open(default_root(), {"weights": "abc"})
rows: list[str] = [record.prompt for record in read_prompts("prompts.jsonl")]
run = Run.open("runs/mine")
width: int = run.probe("D").d_model
ids, X = run.activations(2, "template_end")
Settings(folder=Path("runs/mine"))
"""

WRONG_CALLS = {
    'LogisticProbe(penalty="x")': 'incompatible type "str"; expected "float"',
    "LogisticProbe(0.1)": "Too many positional arguments",
    'MLPProbe(widht=8)': 'Unexpected keyword argument "widht"',
    'RidgeProbe(penalty=None)': 'incompatible type "None"; expected "float"',
    'ActivationStore.open(1, {})': 'incompatible type "int"; expected "Path"',
    'auroc(1, [0])': 'Argument 1 to "auroc" has incompatible type "int"',
    'Run.open("runs/mine").activations("2", "template_end")': 'incompatible type "str"; expected "int"',
    'Settings(folder=Path("x"), jobs=2)': 'Unexpected keyword argument "jobs"',
}  # fmt: skip
"""A call with one wrong argument -> what a type checker says of it."""


@pytest.mark.slow
def test_a_type_checker_passes_right_arguments_and_catches_each_wrong_one(repository, tmp_path):
    source = tmp_path / "uses.py"
    source.write_text(RIGHT_CALLS + "\n".join(WRONG_CALLS) + "\n", encoding="utf-8")
    settings = tmp_path / "mypy.ini"  # what a user has: no settings of this repository
    settings.write_text("[mypy]\nstrict = True\n[mypy-unsinter.*]\nfollow_imports = silent\n")
    command = [sys.executable, "-m", "mypy", "--config-file", settings, "--cache-dir", tmp_path / "cache"]
    done = subprocess.run(
        [*command, "--no-error-summary", source], cwd=tmp_path, capture_output=True, text=True, timeout=850
    )
    assert done.returncode == 1, done.stderr
    lines = [line.partition(": error: ") for line in done.stdout.splitlines() if ": error: " in line]
    first = RIGHT_CALLS.count("\n") + 1
    places = [int(Path(place).name.split(":")[1]) for place, _, _ in lines]
    assert set(places) == set(range(first, first + len(WRONG_CALLS))), done.stdout
    for place, (call, expected) in enumerate(WRONG_CALLS.items(), start=first):
        messages = [message for at, (_, _, message) in zip(places, lines, strict=True) if at == place]
        assert any(expected in message for message in messages), f"{call}: {messages}"
