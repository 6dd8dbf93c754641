import pytest
import yaml

from unsinter.studies.cli.commands.run import demo_study_file
from unsinter.studies.data.model_paths import find_model
from unsinter.studies.figures.verdict_text import model_in_words
from unsinter.studies.planted.corpus import SHOWN_AS
from unsinter.studies.study.file import StudyError, load_study
from unsinter.studies.study.sections import ModelSource

MINIMAL = {
    "name": "mine",
    "models": [{"name": "tiny", "path": "planted:detached"}],
    "prompts": {},
    "responses": {"temperature": 1.0},
    "targets": ["D", "R"],
}


def write(tmp_path, **changes):
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(MINIMAL | changes), encoding="utf-8")
    return path


def test_a_study_file_is_read_and_its_paths_are_relative_to_it(tmp_path):
    (tmp_path / "mine.jsonl").write_text("{}\n", encoding="utf-8")
    study = load_study(write(tmp_path, prompts={"path": ["mine.jsonl"]}))
    assert study.prompts.path == (tmp_path / "mine.jsonl",)


def test_a_list_of_one_entry_may_stand_without_brackets(tmp_path):
    (tmp_path / "mine.jsonl").write_text("{}\n", encoding="utf-8")
    source = {"path": "mine.jsonl", "where": {"harmful": True, "source": "xstest"}}
    own = {"name": "tone", "field": "tone", "where": {"harmful": False}}
    one = {
        "models": MINIMAL["models"][0], "prompts": source, "targets": own, "layers": 4, "penalties": 0.1,
        "positions": "template_end", "hold_out": "source", "transfer": "category",
        "separation": {"pairs": "tone-topic"},
    }  # fmt: skip
    bare = load_study(write(tmp_path, responses=None, **one))
    listed = {name: [entry] for name, entry in one.items() if name not in ("prompts", "separation")}
    listed |= {
        "prompts": {"path": ["mine.jsonl"], "where": {"harmful": [True], "source": ["xstest"]}},
        "targets": [own | {"where": {"harmful": [False]}}],
        "separation": {"pairs": ["tone-topic"]},
    }
    assert bare == load_study(write(tmp_path, responses=None, **listed))
    assert bare.prompts.where == {"harmful": (True,), "source": ("xstest",)}
    with pytest.raises(StudyError, match="positions: needs a list, got 'None'"):
        load_study(write(tmp_path, positions=None))
    with pytest.raises(StudyError, match=r"tuning\.dropouts: needs a list, got '0.1'"):
        load_study(write(tmp_path, tuning={"dropouts": 0.1}))  # a range has two ends


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": -1}, "seed: .*greater than or equal to 0, got '-1'"),
        ({"penalties": [0.0]}, r"penalties\.0: .*greater than 0, got '0.0'"),
        ({"models": [{"name": "a/b", "path": "planted:detached"}]}, r"models\.0\.name: .*got 'a/b'"),
        ({"postions": ["template_end"]}, "unknown key 'postions'; did you mean 'positions'"),
        ({"prompts": {"pth": []}}, "unknown key 'prompts.pth'; did you mean 'path'"),
        ({"seed": "many"}, "seed: .*got 'many'"),
        ({"seed": True}, "seed: .*needs a number, not true or false, got 'True'"),
        ({"layers": [1, True]}, r"layers: use all or a list of whole numbers from 0, got '\[1, True\]'"),
        ({"penalties": [True, 2.0]}, r"penalties: .*needs a number, not true or false"),
        ({"layers": "some"}, "layers: use all or a list of whole numbers from 0, got 'some'"),
        ({"layers": [1, "x"]}, "layers: use all or a list of whole numbers from 0"),
        ({"targets": ["D", "X"]}, "targets.1: "),
        ({"models": []}, "models: "),
        ({"prompts": {"path": ["absent.jsonl"]}}, "prompts.path names .*absent.jsonl, which does not exist"),
        ({"responses": None}, "target R needs responses"),
        ({"positions": ["response_1"]}, "let a probe read the answer it is to predict"),
        ({"name": "../elsewhere"}, "name: "),
        ({"models": [{"name": "a", "path": "x"}, {"name": "a", "path": "y"}]}, "two models share a name"),
        ({"models": [{"name": "a", "path": "x"}] * 2}, "two models share a name"),
        ({"positions": ["template_end", "template_end"]}, "positions: .*names 'template_end' twice"),
        ({"targets": ["D", "R", "D"]}, "targets: .*names 'D' twice"),
        ({"penalties": [1, 0.1, 1.0]}, "penalties: .*names 1.0 twice"),
        ({"hold_out": ["source", "source"]}, "hold_out: .*names 'source' twice"),
        ({"transfer": ["wording", "wording"]}, "transfer: .*names 'wording' twice"),
        ({"separation": {"pairs": ["D-R", "D-R"]}}, r"separation\.pairs: .*names 'D-R' twice"),
        ({"tuning": {"widths": [8, 8]}}, r"tuning\.widths: .*names 8 twice"),
        ({"tuning": {"families": ["mlp", "mlp"]}}, r"tuning\.families: .*names 'mlp' twice"),
        ({"prompts": {"path": ["study.yaml", "./study.yaml"]}}, "prompts.path: .*names 'study.yaml' twice"),
        ({"prompts": {"path": ["study.yaml"], "files": [{"path": "study.yaml"}]}}, "study.yaml twice"),
        (
            {"prompts": {"columns": {"harmful": {"field": "x", "true": [1]}}}},
            "columns.harmful: .*both lists",
        ),
        ({"prompts": {"near_copies": {"treshold": 0.9}}}, "unknown key .*did you mean 'threshold'"),
        (
            {"positions": ["template_end", "templat_end"]},
            "position 'templat_end' is unknown; of prompts there are .* did you mean 'template_end'",
        ),
        ({"positions": ["template_0"]}, "position 'template_0' is unknown"),
        ({"targets": ["C"], "hold_out": ["source"]}, "hold_out scores D, .* targets are C; add D or drop"),
        ({"causal": {"layer": 3}}, "causal: layer and position name one site together; give both"),
        (
            {"layers": [2, 3], "causal": {"layer": 4, "position": "template_end"}},
            "layer 4 at 'template_end' is not read; the study has layers 2, 3 at",
        ),
        (
            {"causal": {"layer": 4, "position": "template_1"}},
            "layer 4 at 'template_1' is not read; .* all at",
        ),
        ({"targets": ["C"], "causal": {}}, "causal takes out .* targets are C; add D or R"),
        (
            {
                "models": [
                    {
                        "name": "m",
                        "path": "planted:detached",
                        "activations": {"path": "{layer}-{position}.npy", "ids": "study.yaml"},
                    }
                ],
                "responses": None,
                "targets": ["D"],
                "causal": {},
            },
            "causal changes a model while it reads, and of 'm'",
        ),
    ],
)
def test_a_bad_study_file_is_one_line_that_names_file_and_field(tmp_path, changes, message):
    path = write(tmp_path, **changes)
    with pytest.raises(StudyError, match=message) as error:
        load_study(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_yaml_or_not_there_is_named(tmp_path):
    broken = tmp_path / "broken.yaml"
    broken.write_text("name: [", encoding="utf-8")
    with pytest.raises(StudyError, match=r"broken.yaml: cannot be read as a study file"):
        load_study(broken)
    with pytest.raises(StudyError, match=r"absent.yaml: cannot be read"):
        load_study(tmp_path / "absent.yaml")


def test_overrides_are_validated_like_the_file(tmp_path):
    path = write(tmp_path)
    assert load_study(path, overrides=["seed=7", "responses.temperature=0.5"]).seed == 7
    with pytest.raises(StudyError, match="unknown key 'sed'"):
        load_study(path, overrides=["sed=7"])
    with pytest.raises(StudyError, match="--set takes key=value"):
        load_study(path, overrides=["seed"])
    with pytest.raises(StudyError, match="'name' is not a section"):
        load_study(path, overrides=["name.sub=1"])
    with pytest.raises(StudyError, match=r"--set seed: the value is not YAML"):
        load_study(path, overrides=["seed=[1"])


@pytest.mark.parametrize("module", ["no_such_package", "no_such_package.inner", ""])
def test_a_package_that_is_not_installed_is_named(module):
    with pytest.raises(StudyError, match=f"the package '{module}' is not installed"):
        find_model(ModelSource(name="mine", path=f"package:{module}/model"))


@pytest.mark.parametrize("name", ["demo.yaml", "benchmarks.yaml", "gemma-2-9b.yaml"])
def test_the_shipped_study_files_are_valid(repository, name, request):
    if name == "benchmarks.yaml":
        request.getfixturevalue("shared_data")
    load_study(repository / "studies" / name)


TWICE = {
    "at the top": "name: x\nseed: 1\ntargets: [D]\nseed: 2\n",
    "quoted": "name: x\nseed: 1\n'seed': 2\n",
    "in a section": "name: x\nprompts: {path: [a], path: [b]}\n",
    "deep in a list": "name: x\nmodels:\n  - name: a\n    path: x\n    name: b\n",
    "in a map of columns": "name: x\nprompts:\n  columns:\n    category: a\n    category: b\n",
    "as a boolean": "name: x\nprompts: {columns: {harmful: {field: y, true: [a], on: [b]}}}\n",
}


@pytest.mark.parametrize("text", TWICE.values(), ids=TWICE.keys())
def test_a_key_given_twice_is_refused_wherever_it_stands(tmp_path, text):
    path = tmp_path / "study.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(StudyError, match=r"study\.yaml: cannot be read .* is given twice, on lines \d+"):
        load_study(path)


def test_a_merged_key_may_be_overridden_and_twice_merged(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text(
        "name: x\nmodels:\n  - &a {name: a, path: 'planted:detached', dtype: float32}\n"
        "  - &b {<<: *a, name: b}\n  - {<<: *b, name: c}\nprompts: {}\n",
        encoding="utf-8",
    )
    models = load_study(path).models
    assert [(model.name, model.dtype) for model in models] == [(name, "float32") for name in "abc"]


def test_an_override_given_twice_or_with_a_key_twice_is_refused(tmp_path):
    path = write(tmp_path)
    with pytest.raises(StudyError, match="--set names 'seed' twice"):
        load_study(path, overrides=["seed=1", "seed=2"])
    with pytest.raises(StudyError, match="the key 'permutations' is given twice"):
        load_study(path, overrides=["controls={permutations: 1, permutations: 2}"])


def test_a_layer_named_twice_counts_once_and_ranges_may_be_points(tmp_path):
    study = load_study(write(tmp_path, layers=[2, 0, 2], tuning={"dropouts": [0.1, 0.1]}))
    assert study.layers == (2, 0)
    assert study.tuning.dropouts == (0.1, 0.1)


def test_one_file_under_two_names_is_refused(tmp_path):
    (tmp_path / "a.jsonl").write_text("{}\n", encoding="utf-8")
    (tmp_path / "b.jsonl").symlink_to("a.jsonl")
    with pytest.raises(StudyError, match=r"prompts\.path names .*a\.jsonl twice; name it once"):
        load_study(write(tmp_path, prompts={"path": ["a.jsonl", "b.jsonl"]}))


def test_the_demo_calls_its_models_by_what_was_planted_and_not_by_a_verdict():
    names = {source.path: source.name for source in load_study(demo_study_file()).models}
    assert names == {f"planted:{folder}": name for folder, name in SHOWN_AS.items()}
    assert [model_in_words(name) for name in names.values()] == list(names.values())
