"""The house itself: import order, one installed name, a fast command line, nothing forgotten in the wheel."""

import ast
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

FOLDERS = ("cache", "probes", "features", "studies")
MAY_IMPORT = {
    "cache": {"cache"},
    "probes": {"probes"},
    "features": {"features", "cache"},
    "studies": set(FOLDERS),
}


def modules(repository):
    return [path for folder in FOLDERS for path in sorted((repository / folder).rglob("*.py"))]


def imported(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def test_imports_go_one_way_only(repository):
    back_edges = [
        f"{path.relative_to(repository)} imports {name}"
        for path in modules(repository)
        for name in imported(path)
        if name.startswith("unsinter.")
        and name.split(".")[1] not in MAY_IMPORT[path.relative_to(repository).parts[0]]
    ]
    assert not back_edges


def test_files_are_small_and_functions_smaller(repository):
    too_long = []
    for path in modules(repository):
        text = path.read_text(encoding="utf-8")
        name = path.relative_to(repository)
        if text.count("\n") > 250:
            too_long.append(f"{name}: {text.count(chr(10))} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef) and node.end_lineno - node.lineno >= 60:
                too_long.append(f"{name}: {node.name} has {node.end_lineno - node.lineno + 1} lines")
    assert not too_long


def run_python(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_the_package_leaves_the_four_bare_names_free():
    code = (
        "import sys, unsinter.studies, unsinter.features, unsinter.cache, unsinter.probes; "
        "print([n for n in ('probes', 'features', 'studies', 'cache') if n in sys.modules])"
    )
    assert run_python(code).strip() == "[]"


def test_the_command_line_starts_without_heavy_libraries():
    code = (
        "import sys, unsinter.studies.cli; heavy = 'torch transformers sklearn pandas seaborn'.split(); "
        "print([n for n in heavy if n in sys.modules])"
    )
    assert run_python(code).strip() == "[]"


def test_probes_and_cache_do_not_need_a_model_library():
    code = (
        "import sys, unsinter.probes, unsinter.cache; "
        "print([n for n in ('torch', 'transformers') if n in sys.modules])"
    )
    assert run_python(code).strip() == "[]"


@pytest.mark.slow
def test_the_wheel_holds_every_file_git_knows_and_one_top_level_name(repository, tmp_path):
    tracked = subprocess.run(
        ["git", "ls-files", "--", *FOLDERS], cwd=repository, capture_output=True, text=True, check=False
    )
    if tracked.returncode != 0:
        pytest.skip("not a git checkout, so there is no list of files to compare with")
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "-q", "-w", str(tmp_path), str(repository)]
    subprocess.run(build, check=True, timeout=300, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert {Path(name).parts[0] for name in names} == {"unsinter"}
    assert {f"unsinter/{name}" for name in tracked.stdout.split()} - names == set()
