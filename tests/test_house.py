"""The house itself: import order, one installed name, a fast command line, nothing forgotten in the wheel."""

import ast
import re
import subprocess
import sys
import zipfile
from collections import Counter
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from statistics import median

import pytest

FOLDERS = ("cache", "probes", "features", "studies")

ORDER = (
    "cache/places",
    "cache",
    "cache/bucket",
    "probes",
    "probes/logistic",
    "probes/geometry",
    "probes/mlp",
    "probes/families",
    "probes/files",
    "features/endpoint",
    "features/records",
    "features/labelling/prose",
    "features/labelling",
    "features/model",
    "features/rendering",
    "features/extract",
    "features/generate",
    "features/worlds",
    "studies/study",
    "studies/planted",
    "studies/bundled",
    "studies/reasons",
    "studies/tables",
    "studies/figures",
    "studies/data",
    "studies/store",
    "studies/machine",
    "studies/workers",
    "studies/activations",
    "studies/probing",
    "studies/probing/tuning",
    "studies/across_categories",
    "studies/transfer",
    "studies/causal",
    "studies/separation/inputs",
    "studies/separation/verdict",
    "studies/separation/effects",
    "studies/separation/contrasts",
    "studies/separation/site",
    "studies/separation/absence",
    "studies/separation/supporting",
    "studies/separation",
    "studies/export",
    "studies/token_maps",
    "studies/report/evidence",
    "studies/report/answers",
    "studies/report/sections",
    "studies/report",
    "studies/explorer",
    "studies/scoring",
    "studies/tracking",
    "studies/run",
    "studies/cli/tables",
    "studies/cli/commands",
    "studies/cli",
)
"""Every folder of modules, ground first: a module imports from its own folder and from earlier ones."""

MOST_MODULES = 25
FORWARDING = "kept for code written before 0.2"
"""What the first line of a module says that stands at an old path and only forwards."""


def modules(repository):
    return [path for folder in FOLDERS for path in sorted((repository / folder).rglob("*.py"))]


def is_forwarding(path):
    return FORWARDING in path.read_text(encoding="utf-8").split("\n", 1)[0]


def imported(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own_files(repository, names):
    """Return the files of this repository that a module imports, packages and objects left out."""
    paths = (repository / f"{name.removeprefix('unsinter.').replace('.', '/')}.py" for name in names)
    return {path for path in paths if path.is_file()}


def test_every_folder_stands_in_the_order(repository):
    folders = {str(path.parent.relative_to(repository)) for path in modules(repository)}
    assert folders - {"features", "studies"} == set(ORDER)


def test_the_page_on_architecture_lists_the_rooms_in_this_order(repository):
    page = (repository / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert tuple(re.findall(r"^\| `([a-z_/]+)` \|", page, re.M)) == ORDER


def test_tests_stand_in_the_rooms_of_what_they_test(repository):
    tests = repository / "tests"
    folders = {str(path.parent.relative_to(tests)) for path in tests.rglob("test_*.py")}
    strays = {folder for folder in folders if folder.startswith(FOLDERS)} - {*ORDER, *FOLDERS}
    assert strays == set()


LEAST_LINES = 4
"""Of a helper of tests that may not stand twice; of fewer there is nothing to share."""


def test_no_helper_of_the_tests_stands_twice(repository):
    bodies = {}
    for path in sorted((repository / "tests").rglob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            is_long = isinstance(node, ast.FunctionDef) and node.end_lineno - node.lineno + 1 >= LEAST_LINES
            if is_long and not node.name.startswith("test_"):
                body = ast.dump(ast.Module(body=node.body, type_ignores=[]))
                bodies.setdefault(body, []).append(
                    f"{path.relative_to(repository)}:{node.lineno} {node.name}"
                )
    assert [places for places in bodies.values() if len(places) > 1] == []


def test_a_class_has_a_name_of_its_own(repository):
    names = Counter(
        node.name
        for folder in FOLDERS
        for path in (repository / folder).rglob("*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert [name for name, times in names.items() if times > 1] == []


def test_no_folder_holds_more_modules_than_one_can_look_through(repository):
    folders = (*FOLDERS, "tests", "benchmarks", "docs")
    paths = [path for folder in folders for path in (repository / folder).rglob("*.py")]
    counts = Counter(str(path.parent.relative_to(repository)) for path in paths)
    assert {folder: n for folder, n in counts.items() if n > MOST_MODULES} == {}


def test_imports_go_to_earlier_folders_only(repository):
    place = {folder: number for number, folder in enumerate(ORDER)}
    back_edges = [
        f"{path.relative_to(repository)} imports {other.relative_to(repository)}"
        for path in modules(repository)
        if path.name != "__init__.py" and not is_forwarding(path)
        for other in sorted(own_files(repository, imported(path)))
        if place.get(str(other.parent.relative_to(repository)), len(ORDER))
        > place[str(path.parent.relative_to(repository))]
    ]
    assert not back_edges


def test_no_module_imports_itself_through_others(repository):
    files = [path for path in modules(repository) if path.name != "__init__.py"]
    graph = {path: own_files(repository, imported(path)) for path in files}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as circle:
        raise AssertionError(" -> ".join(str(p.relative_to(repository)) for p in circle.args[1])) from None


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


def test_half_of_the_functions_fit_in_nine_lines(repository):
    lengths = [
        node.end_lineno - node.lineno + 1
        for path in modules(repository)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
    ]
    assert median(lengths) <= 9


NO_NOUNS = {"found", "told", "given", "asked", "said", "held"}


def bound_names(tree):
    """Names that a module binds: variables, arguments, attributes, functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, node.lineno
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name, node.lineno


def code_beside(repository):
    """Modules of tests and benchmarks, which keep the words of the house too."""
    return [
        path for folder in ("tests", "benchmarks") for path in sorted((repository / folder).rglob("*.py"))
    ]


def test_things_are_named_by_nouns(repository):
    strange = [
        f"{path.relative_to(repository)}:{line} {name}"
        for path in [*modules(repository), *code_beside(repository)]
        for name, line in bound_names(ast.parse(path.read_text(encoding="utf-8")))
        if name.strip("_") in NO_NOUNS
    ]
    assert strange == []


def test_an_auroc_is_never_an_area(repository):
    others = [path for path in code_beside(repository) if path != Path(__file__)]
    areas = [
        f"{path.relative_to(repository)}:{line} {name}"
        for path in [*modules(repository), *others]
        for name, line in [(path.stem, 1), *bound_names(ast.parse(path.read_text(encoding="utf-8")))]
        if {"area", "areas"} & set(name.lower().split("_"))
    ]
    assert areas == []


def docstrings(tree):
    """Texts that stand alone in a module: what is said of it, its classes, functions and constants."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield str(node.value.value), node.lineno


def test_no_docstring_is_broken_by_a_wrap_for_code(repository):
    broken = [
        f"{path.relative_to(repository)}:{line}"
        for path in modules(repository)
        for text, line in docstrings(ast.parse(path.read_text(encoding="utf-8")))
        if re.search(r'"\n *"', text)
    ]
    assert broken == []


INLINE = re.compile(r"\b[Rr]aises [A-Z]|; [A-Z]\w+Error\b|\. [A-Z]\w+Error (?:where|if|for) ")
"""An error named in the midst of a docstring."""


def test_what_is_raised_stands_in_a_section_of_its_own(repository):
    inline = [
        f"{path.relative_to(repository)}:{node.lineno} {node.name}"
        for path in modules(repository)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
        for text in [ast.get_docstring(node) or ""]
        if re.search(r"\n\n[A-Z]\w+Error : ", text)
        or INLINE.search(" ".join(text.partition("Raises\n------")[0].split("\n")))
    ]
    assert inline == []


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
        "import sys, unsinter.studies.cli.app; heavy = 'torch transformers sklearn pandas seaborn'.split(); "
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


LOGGERS_OF_OTHERS = {
    "studies/cli/terminal.py",
    "studies/run/side_by_side.py",
    "studies/workers/dask_cluster.py",
    "features/endpoint/exchange.py",
    "features/model/quantised.py",
    "features/model/weights.py",
}
"""Where a logger that is not the module's own is asked for: to print all of ours, to tell what another
process kept, to quiet a library's."""


def test_every_module_that_logs_has_one_logger_of_its_own_name(repository):
    strays = []
    for path in modules(repository):
        name = str(path.relative_to(repository))
        text = path.read_text(encoding="utf-8")
        own = re.findall(r"^logger = logging\.getLogger\(__name__\)$", text, re.MULTILINE)
        others = text.count("getLogger(") - len(own)
        is_idle = bool(own) and len(re.findall(r"\blogger\.", text)) == 0
        if len(own) > 1 or is_idle or (others and name not in LOGGERS_OF_OTHERS):
            strays.append(name)
    assert strays == []
