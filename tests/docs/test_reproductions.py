"""Each page of a reproduction computes what it says, and its verdicts follow its figures."""

import ast
import hashlib
import importlib.util
import json
import re
import subprocess
import types
import warnings

import numpy as np
import pytest
import torch
import yaml
from scipy.special import softmax
from scipy.stats import beta
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.preprocessing import StandardScaler

from unsinter.probes import LogisticProbe, Task
from unsinter.probes.geometry.contrasts import contrast_rows

PAGES = (
    "plot_1_double_difference",
    "plot_2_control_task",
    "plot_3_leace",
    "plot_4_description_length",
    "plot_5_two_positions",
)
VERDICT = r"(reproduced|not reproduced|cannot be told here)"


@pytest.fixture(scope="module")
def folder(repository):
    return repository / "docs" / "reproductions"


@pytest.fixture(scope="module")
def functions(folder):
    """What a page defines, or takes from a module beside it, without what it computes."""

    def read(name):
        tree = ast.parse((folder / f"{name}.py").read_text(encoding="utf-8"))
        kept = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)
        tree.body = [node for node in tree.body if isinstance(node, kept) or is_constant(node)]
        module = types.ModuleType(name)
        exec(compile(tree, name, "exec"), module.__dict__)
        return module

    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        yield read


def is_constant(node):
    names = node.targets if isinstance(node, ast.Assign) else []
    names = [part for name in names for part in (name.elts if isinstance(name, ast.Tuple) else [name])]
    return bool(names) and all(
        isinstance(name, ast.Name) and re.fullmatch("[A-Z_]{2,}", name.id) for name in names
    )


def draws_around(value, spread=0.0):
    """A value and its draws, as the pages keep them."""
    return np.concatenate([[value], np.linspace(value - spread, value + spread, 101)])


def test_the_pages_are_these_and_the_front_page_leads_to_them(folder, repository):
    assert tuple(sorted(path.stem for path in folder.glob("plot_*.py"))) == PAGES
    front = (repository / "docs" / "index.md").read_text(encoding="utf-8")
    assert front.count("auto_reproductions/index") == 2


@pytest.mark.parametrize("name", PAGES)
def test_a_page_names_its_paper_figures_data_and_command_and_ends_with_verdicts(name, folder):
    text = (folder / f"{name}.py").read_text(encoding="utf-8")
    head = ast.get_docstring(ast.parse(text))
    for part in (r"\*\*Papers?\.\*\*", r"\*\*Figures\.\*\*", r"\*\*What stands in\.\*\*", r"\*\*Command\*\*"):
        assert re.search(part, head), part
    assert re.search(r"\((19|20)\d\d\)", head)
    assert f"python {name}.py" in head
    links = re.findall(r"https?://[^\s>]+", text)
    assert links
    assert all(re.fullmatch(r"https://arxiv\.org/abs/\d{4}\.\d{5}", link) for link in links)
    for link in re.findall(r"`arXiv:(\S+) <https://arxiv\.org/abs/(\S+)>`_", head):
        assert link[0] == link[1]
    assert "# Verdict\n" in text
    assert "plt.show" not in text
    last = text.rpartition("# Verdict\n")[2]
    assert last.count("print(") >= 2
    assert "cannot be told here" in text


@pytest.mark.parametrize("name", PAGES)
def test_a_built_page_shows_n_a_figure_and_a_verdict_for_each_claim(name, folder):
    """The build runs every page and stops at one that fails; here its output is read."""
    built = folder.parent / "auto_reproductions"
    source, digest = folder / f"{name}.py", built / f"{name}.py.md5"
    text = source.read_text(encoding="utf-8")
    if not digest.is_file() or digest.read_text() != hashlib.md5(text.encode()).hexdigest():
        pytest.skip(f"{name} is not built as it is now; `make docs` builds it")
    page = (built / f"{name}.rst").read_text(encoding="utf-8")
    output = "\n".join(re.findall(r"code-block:: none\n\n(.*?)\n\n\n", page, re.DOTALL))
    lines = output.splitlines()
    assert any(re.search(rf": .*\b{VERDICT}\b", line) for line in lines)
    assert any(re.search("(cannot|nothing can) be told here", line) for line in lines)
    assert any(re.search(r"\bn = \d+", line) for line in lines)
    assert any(re.search(r"\[[-+]?[.\d]+, [-+]?[.\d]+\]", line) for line in lines)
    assert len(re.findall(r"\.\. image-sg::", page)) == 1
    assert (built / "images" / f"sphx_glr_{name}_001.png").is_file()


# Double differences


def four_cells(n=400, d=6, seed=0):
    rng = np.random.default_rng(seed)
    z, w = rng.integers(0, 2, n), rng.integers(0, 2, n)
    return rng.normal(size=(n, d)), z, w


def test_directions_are_those_of_plain_cell_means_and_of_the_toolkits_contrasts(functions):
    page = functions("plot_1_double_difference")
    X, z, w = four_cells()
    mean = {(i, j): X[(z == i) & (w == j)].mean(axis=0) for i in (0, 1) for j in (0, 1)}
    by_hand = ((mean[1, 1] - mean[0, 1]) + (mean[1, 0] - mean[0, 0])) / 2
    np.testing.assert_allclose(page.double_difference(X, z, w), by_hand, atol=1e-12)
    (rows,) = contrast_rows(z, w)
    np.testing.assert_allclose(page.double_difference(X, z, w), rows[0] @ X, atol=1e-12)
    np.testing.assert_allclose(page.double_difference(X, w, z), rows[1] @ X, atol=1e-12)
    np.testing.assert_allclose(
        page.mean_difference(X, z), X[z == 1].mean(axis=0) - X[z == 0].mean(axis=0), atol=1e-12
    )


def test_a_cell_that_lies_apart_alone_turns_both_directions_against_each_other(functions):
    page = functions("plot_1_double_difference")
    X, z, w = four_cells()
    X = 0.01 * X
    X[(z == 1) & (w == 0)] += np.arange(6)
    directions = page.double_difference(X, z, w), page.double_difference(X, w, z)
    assert page.cosine(*directions) < -0.99
    offsets = page.cell_offsets(X, z, w)
    assert page.cosine(directions[0], offsets[1, 0]) > 0.99
    apart = 0.01 * four_cells()[0] + np.outer(z, np.eye(6)[0]) + np.outer(w, np.eye(6)[1])
    assert abs(page.cosine(page.double_difference(apart, z, w), page.double_difference(apart, w, z))) < 0.01


def test_draws_hold_whole_groups_and_begin_with_every_row_once(functions):
    groups = np.repeat(np.arange(20), 3)
    first, *drawn = functions("plot_1_double_difference").drawn_rows(groups, n=5, seed=0)
    assert first.tolist() == list(range(60))
    for rows in drawn:
        counts = np.bincount(rows, minlength=60).reshape(20, 3)
        assert (counts == counts[:, :1]).all()
        assert counts[:, 0].sum() == 20


def test_verdicts_on_one_contrast_follow_cosines_and_halves(functions):
    page = functions("plot_1_double_difference")
    low, high, open_one = (0.3, 0.2, 0.4), (0.9, 0.8, 1.0), (0.3, 0.2, 0.6)

    def sentence(*estimates, there=0.95, at_end=0.95, position="instruction_end"):
        cosines = {(layer, position): estimate for layer, estimate in enumerate(estimates, 1)}
        noise = {(layer, "template_end"): at_end for layer, _ in cosines}
        return page.position_verdict(cosines, noise | dict.fromkeys(cosines, there), position)

    for position in page.POSITIONS[:-1]:
        assert sentence(low, position=position).startswith("reproduced at 1 of 1")
    assert sentence(low, high, open_one, (-0.4, -0.49, -0.3)).startswith("reproduced at 2 of 4")
    assert sentence(high, high).startswith("not reproduced")
    assert sentence(high, open_one).startswith("cannot be told here: at 1 of 2")
    assert sentence((-0.95, -0.99, -0.9)).startswith("cannot be told here")
    for noise in ({"there": 0.65}, {"at_end": 0.5}, {"there": 0.9}, {"there": np.nan}):
        for estimate in (low, high):
            assert sentence(estimate, **noise).startswith("cannot be told here: at no layer")


def test_layers_that_are_firm_at_both_positions_are_the_ones_that_count(functions):
    page = functions("plot_1_double_difference")
    cosines = {(1, "template_1"): (0.1, 0.0, 0.2), (2, "template_1"): (0.9, 0.8, 1.0)}
    noise = {(1, "template_1"): 0.5, (2, "template_1"): 0.95}
    noise |= {(1, "template_end"): 0.99, (2, "template_end"): 0.99}
    noise |= {(1, "instruction_end"): 0.99, (2, "instruction_end"): 0.1}
    cosines |= {(1, "instruction_end"): (0.9, 0.8, 1.0), (2, "instruction_end"): (0.1, 0.0, 0.2)}
    for position in ("template_1", "instruction_end"):
        assert page.position_verdict(cosines, noise, position).startswith("not reproduced")


def test_halves_agree_where_a_contrast_is_in_the_rows_and_not_where_it_is_noise(functions):
    page = functions("plot_1_double_difference")
    X, z, _ = four_cells(n=400, d=200)
    groups = np.repeat(np.arange(100), 4)
    halves = page.half_masks(groups, n=20, seed=0)
    for half in halves:
        assert half.sum() == 200
        assert set(groups[half]).isdisjoint(groups[~half])
    assert len({tuple(half) for half in halves}) == 20

    def agree(X):
        return page.agreement(lambda rows: page.mean_difference(X[rows], z[rows]), halves)

    assert abs(agree(X)) < 0.3
    assert agree(X + 5 * z[:, None]) > page.FIRM
    by_hand = [
        plain_cosine(*(X[r & (z == 1)].mean(axis=0) - X[r & (z == 0)].mean(axis=0) for r in (half, ~half)))
        for half in halves
    ]
    assert agree(X) == pytest.approx(np.median(by_hand), abs=1e-12)


def test_verdicts_on_layers_follow_cosines_noise_and_lone_cells(functions):
    page = functions("plot_1_double_difference")
    early, late, between = (-0.9, -0.95, -0.85), (0.0, -0.1, 0.1), (0.2, -0.1, 0.5)

    def sentence(first, last, lone=(0.2, 0.2), halves=(0.95, 0.95)):
        numbers = [dict(zip((1, 6), pair, strict=True)) for pair in ((first, last), lone, halves)]
        return page.layers_verdict(*numbers)

    assert sentence(early, late).startswith("reproduced")
    assert sentence(late, early).startswith("not reproduced")
    assert sentence(late, late).startswith("not reproduced")
    assert sentence(early, early).startswith("not reproduced")
    assert sentence(early, between).startswith("cannot be told here")
    assert sentence(between, late).startswith("cannot be told here")
    for last in (late, early):
        assert sentence(early, last, lone=(0.97, 0.2)).startswith("cannot be told here")
        assert "one kind of prompt" in sentence(early, last, lone=(0.97, 0.2))
        assert sentence(early, last, lone=(0.2, 0.97)).startswith("cannot be told here")
        for halves in ((0.5, 0.95), (0.95, 0.5), (0.95, np.nan)):
            assert sentence(early, last, halves=halves).startswith("cannot be told here")


def test_verdicts_on_released_directions_follow_the_cosines(functions):
    page = functions("plot_1_double_difference")
    model = {"layers": [0, 1], "cosine_with_last": {"-5": [0.2, 0.25], "-3": [0.16, 0.3]}}
    assert page.released_verdict("qwen-1_8b-chat", model).startswith("reproduced")
    model["cosine_with_last"]["-3"] = [0.16, 0.35]
    assert page.released_verdict("qwen-1_8b-chat", model).startswith("not reproduced to the figure")
    model["cosine_with_last"]["-3"] = [0.16, 0.8]
    assert page.released_verdict("qwen-1_8b-chat", model).startswith("not reproduced:")


# Tensors that others released


@pytest.fixture
def released(repository, monkeypatch):
    monkeypatch.syspath_prepend(str(repository / "benchmarks"))
    path = repository / "benchmarks" / "released_directions.py"
    spec = importlib.util.spec_from_file_location("released_directions", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def committed(folder, tensors):
    """Make a git repository that holds tensors by path."""
    for path, value in tensors.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        torch.save(torch.as_tensor(value), folder / path)
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    for words in (["init", "-q"], ["add", "."], [*identity, "commit", "-q", "-m", "tensors"]):
        subprocess.run(["git", "-C", str(folder), *words], check=True)
    return folder


def plain_cosine(u, v):
    return (u * v).sum(axis=-1) / (np.linalg.norm(u, axis=-1) * np.linalg.norm(v, axis=-1))


def test_figures_of_released_tensors_are_plain_cosines(released, tmp_path):
    rng = np.random.default_rng(0)
    centres = {name: rng.normal(size=(3, 8)) for name in released.CENTRES}
    prompts = rng.normal(size=(3, 5, 2, 8))
    paths = {f"src/run/{file}.pt": centres[name] for name, file in released.CENTRES.items()}
    clone = committed(tmp_path, paths | {f"src/run/{released.REFUSED_HARMLESS}.pt": prompts})
    figures = released.harmfulness(released.Clone(clone, "somebody/something"))
    harm, refusal = centres["harmful"] - centres["harmless"], centres["refused"] - centres["accepted"]
    np.testing.assert_allclose(figures["cosine_harm_refusal"], plain_cosine(harm, refusal), atol=1e-4)
    at_start = plain_cosine(prompts[:, :, 0], centres["harmful"][:, None]) - plain_cosine(
        prompts[:, :, 0], centres["harmless"][:, None]
    )
    np.testing.assert_allclose(figures["harm_score_at_instruction_end"], at_start.mean(axis=0), atol=1e-4)
    at_end = plain_cosine(prompts[:, :, 1], centres["refused"][:, None]) - plain_cosine(
        prompts[:, :, 1], centres["accepted"][:, None]
    )
    np.testing.assert_allclose(figures["refusal_score_at_template_end"], at_end.mean(axis=0), atol=1e-4)
    differences = rng.normal(size=(3, 4, 8))
    cosines = released.position_cosines(differences)
    assert list(cosines) == ["-3", "-2"]
    np.testing.assert_allclose(cosines["-3"], plain_cosine(differences[0], differences[2]), atol=1e-4)


def test_committed_figures_of_released_tensors_name_their_sources(released, functions):
    results = json.loads(released.RESULTS.read_text(encoding="utf-8"))
    assert len(results["sources"]) == 2
    for source in results["sources"]:
        assert re.fullmatch(r"[0-9a-f]{40}", source["commit"])
        assert all(re.fullmatch(r"[0-9a-f]{64}", digest) for digest in source["files"].values())
    assert set(results["refusal_direction"]) == set(functions("directions").QUOTED)
    assert max(x for x in results["harmfulness"]["cosine_harm_refusal"] if x is not None) < 0.14


# Control tasks


def test_control_labels_are_one_per_type_and_accuracies_are_those_of_scikit_learn(functions):
    page = functions("plot_2_control_task")
    tokens = page.synthetic_tokens(1500, seed=3, n_types=80, d=20)
    for word in np.unique(tokens.word):
        assert len(set(tokens.control[tokens.word == word])) == 1
        of_type = tokens.tag[tokens.word == word]
        if len(of_type) > 20:
            assert np.bincount(of_type).max() / len(of_type) > 0.75
    train = np.arange(1500) < 1000
    penalty = 0.01
    scaler = StandardScaler().fit(tokens.X[train])
    for labels in (tokens.tag, tokens.control):
        hit = page.hits(LogisticProbe(penalty=penalty), tokens, labels, train)
        other = LogisticRegression(C=1 / (1000 * penalty), max_iter=5000, tol=1e-8)
        other.fit(scaler.transform(tokens.X[train]), labels[train])
        expected = other.predict(scaler.transform(tokens.X[~train])) == labels[~train]
        assert (hit == expected).mean() > 0.99
        weights = np.ones((2, 500))
        weights[1, ::2] = 3
        by_hand = [expected.mean(), np.average(expected, weights=weights[1])]
        np.testing.assert_allclose(page.shares(hit, weights), by_hand, atol=0.01)


def test_verdicts_on_selectivity_follow_the_figures(functions):
    page = functions("plot_2_control_task")

    def sentence(selectivities, accuracies=(0.96, 0.96, 0.96, 0.96), spreads=(0.01, 0.01, 0.01, 0.01)):
        names = ("linear", "wide", "narrow", "dropout")
        task = dict(zip(names, [draws_around(x) for x in accuracies], strict=True))
        chosen = [draws_around(x, spread) for x, spread in zip(selectivities, spreads, strict=True)]
        return list(page.verdicts(task, dict(zip(names, chosen, strict=True))))

    assert all(line.startswith("reproduced") for line in sentence((0.3, 0.05, 0.3, 0.06)))
    assert sentence((0.05, 0.3, 0.3, 0.06))[0].startswith("not reproduced")
    assert sentence((0.3, 0.05, 0.02, 0.06))[1].startswith("not reproduced")
    assert sentence((0.3, 0.05, 0.3, 0.25))[2].startswith("not reproduced")
    same = (0.3, 0.05, 0.3, 0.06)
    for unlike, claims in (
        (
            (0.9, 0.95, 0.95, 0.95),
            (0, 2),
        ),  # without the gain of the linear probe dropout has no mark to reach
        ((0.95, 0.95, 0.5, 0.95), (1,)),
        ((0.95, 0.95, 0.98, 0.95), (1,)),
        ((0.95, 0.95, 0.95, 0.4), (2,)),
        ((0.95, 0.9, 0.95, 0.95), (0, 1, 2)),
    ):
        open_claims = [
            n for n, line in enumerate(sentence(same, unlike)) if line.startswith("cannot be told here")
        ]
        assert tuple(open_claims) == claims
    assert "accuracies differ by 45.0 points" in sentence(same, (0.95, 0.95, 0.5, 0.95))[1]
    assert sentence(same, (0.95, 0.95, 0.935, 0.95))[1].startswith("reproduced")
    wide_spread = (0.3, 0.01, 0.3, 0.3)
    lines = sentence((0.2, 0.1, 0.2, 0.12), spreads=wide_spread)
    assert all(line.startswith("cannot be told here") for line in lines)
    assert sentence((0.3, 0.05, 0.3, 0.16), spreads=(0.01, 0.01, 0.01, 0.1))[2].startswith(
        "cannot be told here"
    )
    assert sentence((0.05, 0.3, 0.3, 0.3))[2].startswith("cannot be told here")


def test_an_interval_of_a_difference_decides_only_where_it_leaves_zero_out(functions):
    judged = functions("plot_2_control_task").judged
    assert judged(0.1, 0.2) == "reproduced"
    assert judged(-0.2, -0.1) == "not reproduced"
    for open_interval in ((-0.1, 0.1), (0.0, 0.1), (-0.1, 0.0), (np.nan, np.nan)):
        assert judged(*open_interval) == "cannot be told here"


# LEACE


def labelled_rows(n=600, d=12, k=3, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, k, n)
    return rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) + 2 * rng.normal(size=(k, d))[y], y


def test_after_erasure_nothing_linear_is_left_by_the_authors_own_code_and_by_scikit_learn(functions):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`torch.jit.script` is", DeprecationWarning)
        from concept_erasure import LeaceEraser
    page = functions("plot_3_leace")
    X, y = labelled_rows()
    erased = page.fit_leace(X, y, shrinkage=False)(X)
    theirs = LeaceEraser.fit(
        torch.tensor(X), torch.eye(3, dtype=torch.float64)[y], shrinkage=False, svd_tol=1e-9
    )(torch.tensor(X)).numpy()
    np.testing.assert_allclose(erased, theirs, atol=1e-5)
    assert page.largest_covariance(X, y) > 0.05
    assert page.largest_covariance(erased, y) < 1e-6
    assert page.usable_bits(page.LINEAR, X, y) > 0.1
    assert abs(page.usable_bits(page.LINEAR, erased, y)) < 1e-6
    fresh = LogisticRegression(C=1e4, max_iter=5000, tol=1e-10).fit(erased, y)
    majority = np.bincount(y).max() / len(y)
    assert fresh.score(erased, y) == pytest.approx(majority, abs=1e-9)


def test_covariance_bits_and_change_are_those_of_numpy_and_scikit_learn(functions):
    page = functions("plot_3_leace")
    X, y = labelled_rows(k=2)
    expected = np.abs(np.cov(np.column_stack([X, y]).T, bias=True)[:-1, -1]).max()
    assert page.largest_covariance(X, y) == pytest.approx(expected, rel=1e-9)
    penalty = 1e-3
    scaled = StandardScaler().fit_transform(X)
    other = LogisticRegression(C=1 / (len(X) * penalty), max_iter=5000, tol=1e-10).fit(scaled, y)
    share = y.mean()
    entropy = -(share * np.log2(share) + (1 - share) * np.log2(1 - share))
    bits = entropy - log_loss(y, other.predict_proba(scaled)) / np.log(2)
    assert page.usable_bits(LogisticProbe(penalty=penalty), X, y) == pytest.approx(bits, abs=1e-5)
    gap = X[y == 1].mean(axis=0) - X[y == 0].mean(axis=0)
    removed = (X - X.mean(axis=0)) @ gap / np.linalg.norm(gap)
    assert page.orthogonal_change(X, y) == pytest.approx(float((removed**2).mean()), rel=1e-9)


def test_verdicts_on_erasure_follow_the_figures(functions):
    page = functions("plot_3_leace")

    def sentence(covariance=1e-12, before=1.0, after=1e-9, change=(1.0, 2.0)):
        entry = {"covariance": (1.0, covariance), "linear bits": (before, after)}
        return page.verdict({"one": entry}, {"one": change})

    assert sentence().startswith("reproduced")
    assert sentence(covariance=1e-3).startswith("not reproduced")
    assert sentence(after=0.1).startswith("not reproduced")
    assert sentence(after=-0.4).startswith("not reproduced")
    assert "-4.0e-01 bits" in sentence(after=-0.4)
    bits = {"one": {"covariance": (1.0, 0.0), "linear bits": (1.0, -0.4)}}
    bits["two"] = {"covariance": (1.0, 0.0), "linear bits": (1.0, 1e-9)}
    assert page.verdict(bits, dict.fromkeys(bits, (1.0, 2.0))).startswith("not reproduced")
    assert sentence(change=(2.0, 1.0)).startswith("not reproduced")
    assert sentence(before=0.0).startswith("cannot be told here")
    assert "still reads" in page.verdict_elsewhere({"after": draws_around(0.6, 0.05)})
    assert "nothing above chance" in page.verdict_elsewhere({"after": draws_around(0.5, 0.05)})
    assert "below chance" in page.verdict_elsewhere({"after": draws_around(0.3, 0.05)})


# Description length


def test_the_online_code_is_the_one_that_scikit_learn_gives(functions):
    page = functions("plot_4_description_length")
    language = page.synthetic_language(400, seed=1, n_types=30, d=8)
    codes, penalty = language.labels["tag"], 0.05
    length = page.online_code(LogisticProbe(penalty=penalty), language.X, codes, seed=0)
    order = np.random.default_rng(0).permutation(400)  # place of each token
    before = np.argsort(order)
    ends = np.searchsorted(
        np.array((0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.25, 12.5, 25.0, 50.0, 100.0)) * 4,
        np.arange(400),
        side="right",
    )
    bits = 0.0
    for end in np.unique(ends):
        sent, seen = before[ends == end], before[ends < end]
        t, K = len(seen), page.N_TAGS
        shares = (np.bincount(codes[seen], minlength=K) + 1) / (t + K)
        p = shares[codes[sent]]
        if len(set(codes[seen])) > 1:
            scaler = StandardScaler().fit(language.X[seen])
            probe = LogisticRegression(C=1 / (t * penalty), max_iter=5000, tol=1e-9)
            probe.fit(scaler.transform(language.X[seen]), codes[seen])
            known = np.zeros((len(sent), K))
            known[:, probe.classes_] = probe.predict_proba(scaler.transform(language.X[sent]))
            p = (1 - K / (t + K)) * known[np.arange(len(sent)), codes[sent]] + K / (t + K) * p
        bits -= np.log2(p).sum()
    assert length.bits == pytest.approx(bits, rel=2e-3)


def test_a_block_after_two_classes_is_sent_by_the_fit_of_those_two(functions):
    page = functions("plot_4_description_length")
    X, z, _ = four_cells(n=80)
    codes = np.where(z == 1, 7, 2)
    task = Task(codes=codes, n_classes=page.N_TAGS)
    logits = page.logits_of(LogisticProbe(penalty=0.1), X + z[:, None], task)
    probe = LogisticProbe(penalty=0.1).fit(X + z[:, None], codes)
    np.testing.assert_allclose(softmax(logits, axis=1)[:, [2, 7]], probe.predict_proba(X + z[:, None]))
    assert np.isneginf(np.delete(logits, [2, 7], axis=1)).all()


def test_labels_of_types_compress_and_labels_of_tokens_do_not(functions):
    page = functions("plot_4_description_length")
    language = page.synthetic_language(1000, seed=2, n_types=200)
    probe = LogisticProbe(penalty=1e-3)
    length = {n: page.online_code(probe, language.X, c, seed=0) for n, c in language.labels.items()}
    assert length["tag"].compression > 2
    assert length["control"].bits > length["tag"].bits
    assert length["random"].compression < 1
    assert page.accuracy(probe, language.X, language.labels["random"], 800) < 0.3


def test_verdicts_on_description_length_follow_the_figures(functions):
    def sentence(control=(0.99, 2.0), random=0.95):
        rows = {"tag": (0.93, 1.0, 4.0), "control": (*control, 3.0), "random": (0.1, 3.6, random)}
        return functions("plot_4_description_length").verdict(
            {name: np.tile(row, (5, 1)) for name, row in rows.items()}
        )

    assert sentence().startswith("reproduced")
    assert sentence(control=(0.9, 2.0)).startswith("not reproduced")
    assert sentence(control=(0.99, 0.8)).startswith("not reproduced")
    assert sentence(random=1.2).startswith("cannot be told here")


# Two positions


def test_scores_by_centres_are_those_by_hand_and_do_not_see_their_own_fold(functions):
    page = functions("disputed_prompts")
    X, harm, refusal = four_cells(n=60, d=5)
    folds = np.arange(60) % 3
    score = page.centre_scores(X, harm, refusal, folds)
    for row in range(60):
        seen = folds != folds[row]
        centres = [X[seen & (harm == v) & (refusal == v)].mean(axis=0) for v in (1, 0)]
        expected = plain_cosine(X[row], centres[0]) - plain_cosine(X[row], centres[1])
        assert score[row] == pytest.approx(expected, abs=1e-12)
    kinds = np.arange(60) // 30
    among = page.centre_scores(X, harm, refusal, folds, among=kinds)
    for kind in (0, 1):
        own = kinds == kind
        alone = page.centre_scores(X[own], harm[own], refusal[own], folds[own])
        np.testing.assert_allclose(among[own], alone, atol=1e-12)
    lone = np.where(np.arange(60) == 7, 1, 0)
    assert np.isnan(page.centre_scores(X, harm, refusal, folds, among=lone)).tolist() == (lone == 1).tolist()
    moved = X.copy()
    moved[folds == 0] *= -1
    assert np.allclose(page.centre_scores(moved, harm, refusal, folds)[folds == 0], -score[folds == 0])


def test_shares_and_their_limits_are_those_by_hand(functions):
    page = functions("disputed_prompts")
    hit, cell = np.array([1, 0, 1, 1], dtype=bool), np.array([1.0, 1.0, 1.0, 0.0])
    weights = np.array([[1.0, 1, 1, 1], [0, 2, 2, 5]])
    np.testing.assert_allclose(page.share(hit, cell, weights), [2 / 3, 1 / 2])
    harm, refusal = np.array([0, 0, 0, 1, 1, 1, 0]), np.array([1, 1, 1, 0, 0, 1, 0])
    score = np.array(
        [-1.0, 1, np.nan, 1, 1, 5, 5]
    )  # half of the refused harmless, all of the accepted harmful
    np.testing.assert_allclose(page.share_with_harm(score, harm, refusal, np.ones((1, 7))), [0.75])
    for hits in range(6):
        exact = (
            beta.ppf(0.025, hits, 6 - hits) if hits else 0.0,
            beta.ppf(0.975, hits + 1, 5 - hits) if hits < 5 else 1.0,
        )
        assert page.exact_interval(hits, 5) == pytest.approx(exact, abs=1e-9)
    assert page.exact_interval(5, 5)[0] == pytest.approx(0.025**0.2)
    lost = page.share(hit, cell, np.array([[1.0, 1, 1, 1], [0, 0, 0, 5]]))
    assert np.isfinite(lost).tolist() == [True, False]
    assert "without 1 draws" in page.interval(np.array([0.5, 0.5, np.nan]))
    assert "without" not in page.interval(np.array([0.5, 0.5, 0.5]))


def test_groups_in_dispute_are_those_of_scored_prompts_in_the_smaller_cell(functions):
    page = functions("disputed_prompts")
    harm, refusal = np.array([0, 0, 0, 1, 1, 1, 1]), np.array([1, 1, 1, 0, 0, 1, 0])
    groups, score = np.array(list("aabcdee")), np.array([1.0, 1, 1, 1, 1, 1, 1])
    assert page.groups_in_dispute(score, harm, refusal, groups) == 2  # a, b against c, d, e
    score[2] = np.nan
    assert page.groups_in_dispute(score, harm, refusal, groups) == 1
    score[:2] = np.nan
    assert page.groups_in_dispute(score, harm, refusal, groups) == 0


@pytest.mark.parametrize(
    ("value", "of_harm", "of_refusal"),
    [
        (0.7, "reproduced", "not reproduced"),
        (0.3, "not reproduced", "reproduced"),
        (0.52, "cannot be told here", "cannot be told here"),
    ],
)
def test_verdicts_on_positions_follow_the_shares(functions, value, of_harm, of_refusal):
    page = functions("disputed_prompts")
    draws = draws_around(value, 0.05)

    def sentence(draws, n_groups=10, **rest):
        return page.verdict(draws, n_groups=n_groups, **{"wants_harm": True} | rest)

    assert sentence(draws).startswith(of_harm)
    assert sentence(draws, wants_harm=False).startswith(of_refusal)
    for reads_ending in (0.0, 0.95):
        assert sentence(draws, reads_ending=reads_ending).startswith("cannot be told here")
    assert page.verdict_between(draws - 0.5, n_groups=10).startswith(of_harm)
    lost = draws.copy()
    lost[-1] = np.nan
    for what in (sentence(draws, 9), page.verdict_between(draws - 0.5, n_groups=9)):
        assert what.startswith("cannot be told here: a cell in dispute has 9 groups")
    for what in (sentence(lost), page.verdict_between(lost - 0.5, n_groups=10)):
        assert what.startswith("cannot be told here: 1 of 102 draws lack a cell")


@pytest.mark.parametrize(
    ("hits", "n", "expected"),
    [
        (5, 5, "cannot be told here"),
        (6, 6, "reproduced"),
        (0, 6, "not reproduced"),
        (0, 5, "cannot be told here"),
        (4, 5, "cannot be told here"),
        (96, 100, "reproduced"),
        (40, 100, "cannot be told here"),
        (39, 100, "not reproduced"),
    ],
)
def test_a_share_of_released_prompts_counts_by_its_exact_interval(functions, hits, n, expected):
    page = functions("disputed_prompts")
    assert page.released_verdict(hits, n).startswith(expected)


def test_the_study_of_two_positions_prints_a_control_beside_its_scores(folder):
    study = yaml.safe_load((folder / "two_positions.yaml").read_text(encoding="utf-8"))
    assert study["controls"]["control_task"]
    page = (folder / "plot_5_two_positions.py").read_text(encoding="utf-8")
    printed = re.search(
        r"shown = run\.results\[(.*?)\]\]|shown = run\.results\[\s*\[(.*?)\]", page, re.DOTALL
    )
    assert {'"score"', '"floor"', '"control"'} <= set(re.findall(r'"\w+"', printed[0]))
