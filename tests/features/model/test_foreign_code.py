"""Code that lies in a model folder never runs, whatever the folder asks and whatever standard input says."""

import ast
import io
import json
import sys

import pytest

from unsinter.features.labelling.judges import HuggingFaceJudge
from unsinter.features.model.load_options import LoadOptions
from unsinter.features.model.model import load_model
from unsinter.studies.study.model_loading import ModelLoading

LOADERS = {"from_pretrained", "from_config"}
WRAPPING = {
    ("features/model/model.py", "options.own_code"),
    ("features/model/weights.py", "options.own_code"),
}
"""Where the caller's own word decides, which is no unless it is said."""

CODE = "from pathlib import Path\nPath({marker!r}).write_text('ran')\n"


def test_every_loader_is_told_to_trust_no_code(repository):
    bare = []
    for folder in ("cache", "probes", "features", "studies"):
        for path in (repository / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                name = (
                    node.func.attr
                    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
                    else ""
                )
                if name in LOADERS:
                    trusts = {k.arg: ast.unparse(k.value) for k in node.keywords}.get("trust_remote_code")
                    where = str(path.relative_to(repository))
                    if trusts != "False" and (where, trusts) not in WRAPPING:
                        bare.append(f"{where}:{node.lineno}")
    assert not bare
    assert LoadOptions().own_code is ModelLoading().wrap is False


@pytest.fixture
def hostile(zoo, tmp_path, monkeypatch):
    """Return a maker of folders whose config names code of their own; standard input says yes."""
    marker = tmp_path / "marker"
    monkeypatch.setattr(sys, "stdin", io.StringIO("yes\n" * 100))
    monkeypatch.setenv("HF_MODULES_CACHE", str(tmp_path / "modules"))

    def make(**changes):
        import shutil

        folder = shutil.copytree(zoo.folder("llama"), tmp_path / "hostile")
        for module in ("configuration_evil", "modeling_evil", "tokenization_evil"):
            (folder / f"{module}.py").write_text(CODE.format(marker=str(marker)), encoding="utf-8")
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        config["auto_map"] = {
            "AutoConfig": "configuration_evil.Evil",
            "AutoModel": "modeling_evil.Evil",
            "AutoModelForCausalLM": "modeling_evil.Evil",
            "AutoModelForSequenceClassification": "modeling_evil.Evil",
            "AutoTokenizer": ["tokenization_evil.Evil", "tokenization_evil.Evil"],
        }
        (folder / "config.json").write_text(json.dumps(config | changes), encoding="utf-8")
        return folder, marker

    return make


@pytest.mark.parametrize("changes", [{"model_type": "evil", "architectures": ["EvilForCausalLM"]}, {}])
def test_a_folder_with_code_of_its_own_is_refused_or_read_without_it(hostile, changes):
    """A type of its own is refused; where the library knows the type, the library's class reads it."""
    folder, marker = hostile(**changes)
    if changes:
        with pytest.raises(ValueError, match="its config cannot be read"):
            load_model(folder)
        with pytest.raises(ValueError, match="config"):
            HuggingFaceJudge(folder)
    else:
        assert load_model(folder, dtype="float32").n_layers > 0
    assert not marker.exists()
    assert sys.stdin.read() == "yes\n" * 100, "a question was asked"
