"""Probes on the Hub: pushed and loaded over real HTTP, nothing else sent, troubles in one sentence."""

import json
import re
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from fake_hub import OWNER_TOKEN, fake_hub
from safetensors.numpy import load, save

from unsinter.probes import HubError, ProbeFileError, ProbeWeights, load_probe, push_probe, save_probe
from unsinter.probes.files.card_seal import card_text, digest_of, sealed
from unsinter.probes.files.export import pack_probe, read_examples
from unsinter.probes.files.hub import HubAddress
from unsinter.probes.files.hub_card import hub_readme
from unsinter.probes.files.public_card import refuse_text_of_the_study

MEASURED = {
    "metric": "auroc", "score": 0.91, "score_low": 0.85, "score_high": 0.95, "floor": 0.62, "control": 0.51,
    "n_test": 1200,
}  # fmt: skip
CARD = {
    "target": "D", "meaning": "harm of the request", "study": "mine", "layer": 2, "position": "template_end",
    "model": {"name": "tiny", "weights": "ab" * 32, "dtype": "float32"}, "base_model": "owner/tiny-base",
    "measured": MEASURED, "licences": [{"source": "made | up", "licence": "cc0-1.0", "prompts": 12}],
}  # fmt: skip
EXAMPLES = np.random.default_rng(1).normal(size=(4, 5))


def make_probe(**changes):
    rng = np.random.default_rng(0)
    layers = ((rng.normal(size=(1, 5)), rng.normal(size=1)),)
    return ProbeWeights(layers=layers, classes=("harmless", "harmful"), threshold=0.25, card=CARD | changes)


@pytest.fixture
def folder(tmp_path):
    """A folder with a probe, and much that is nobody else's business."""
    folder = tmp_path / "detector"
    folder.mkdir()
    save_probe(folder / "probe.safetensors", make_probe(), examples=EXAMPLES)
    (folder / "README.md").write_text("a private note: my password", encoding="utf-8")
    (folder / "prompts.jsonl").write_text('{"prompt": "a private prompt"}\n', encoding="utf-8")
    (folder / "probe.onnx").write_bytes(b"a form that the card does not name")
    return folder


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A Hub on loopback that the client library of this process asks, logged in as the owner."""
    from huggingface_hub import constants

    with fake_hub() as served:
        monkeypatch.setattr(constants, "ENDPOINT", served.url)
        template = served.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub-cache"))
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
        monkeypatch.setenv("HF_TOKEN", OWNER_TOKEN)
        yield served


def test_a_pushed_probe_is_loaded_with_the_same_numbers_and_card(hub, folder):
    url = push_probe(folder, "me/harm", licence="apache-2.0")
    assert url.startswith(f"{hub.url}/me/harm/commit/")
    there, here = load_probe("hub:me/harm"), load_probe(folder / "probe.safetensors")
    assert there.card == here.card
    np.testing.assert_array_equal(there.scores(EXAMPLES), here.scores(EXAMPLES))
    X, scores = read_examples("hub:me/harm")
    np.testing.assert_array_equal(there.scores(X), scores)
    # A path as the command line makes one of its argument.
    assert load_probe(Path("hub:me/harm")).card == here.card


def test_only_the_sealed_files_and_a_card_made_of_them_are_sent(hub, folder):
    push_probe(folder, "me/harm")
    files = hub.files("me/harm")
    assert set(files) == {"README.md", "probe.safetensors", "probe.json"}
    assert files["probe.safetensors"] == (folder / "probe.safetensors").read_bytes()
    assert files["probe.json"] == (folder / "probe.json").read_bytes()
    assert all(b"private" not in data for data in files.values())


def test_the_card_has_front_matter_and_a_score_beside_its_floor_and_control(hub, folder):
    push_probe(folder, "me/harm", licence="cc-by-4.0")
    _, front, body = hub.files("me/harm")["README.md"].decode().split("---\n", 2)
    assert yaml.safe_load(front) == {
        "library_name": "unsinter", "license": "cc-by-4.0", "base_model": "owner/tiny-base",
        "tags": ["probe", "interpretability", "refusal", "logistic"],
    }  # fmt: skip
    for words in ('load_probe("hub:me/harm")', "0.910 (95 % 0.850 to 0.950)", "0.620", "0.510", "1,200"):
        assert words in body
    assert r"made \| up" in body


@pytest.mark.parametrize("lacks", ["floor", "control"])
def test_a_score_without_floor_or_control_is_not_on_the_card(hub, lacks):
    measured = {name: value for name, value in MEASURED.items() if name != lacks}
    push_probe(make_probe(measured=measured), "me/harm", examples=EXAMPLES)
    text = hub.files("me/harm")["README.md"].decode()
    assert "0.91" not in text
    assert "No score is shown" in text


def test_other_forms_are_sent_where_the_card_names_their_digest(hub, folder):
    name_form(folder)
    push_probe(folder, "me/harm")
    assert hub.files("me/harm")["probe.onnx"] == (folder / "probe.onnx").read_bytes()
    (folder / "probe.onnx").write_bytes(b"something else")
    with pytest.raises(ProbeFileError, match=r"probe.onnx is not as the card says"):
        push_probe(folder, "me/harm")
    (folder / "probe.onnx").unlink()
    with pytest.raises(ProbeFileError, match=r"probe.onnx is named by the card and cannot be read"):
        push_probe(folder, "me/harm")


def name_form(folder, name="probe.onnx"):
    card = json.loads((folder / "probe.json").read_text())
    card["beside"] = {name: digest_of((folder / name).read_bytes())}
    (folder / "probe.json").write_text(card_text(sealed(card)))


def test_a_form_of_the_old_weights_does_not_stay_beside_the_new_ones(hub, folder):
    name_form(folder)
    push_probe(folder, "me/harm")
    save_probe(folder / "probe.safetensors", make_probe(study="second"), examples=EXAMPLES)
    push_probe(folder, "me/harm")
    assert set(hub.files("me/harm")) == {"README.md", "probe.safetensors", "probe.json"}
    assert load_probe("hub:me/harm").card["study"] == "second"
    assert load_probe(f"hub:me/harm@{hub.repos['me/harm'][0][0]}").card["study"] == "mine"


def test_a_card_that_names_a_file_elsewhere_sends_none(hub, folder, tmp_path):
    (tmp_path / "secret.txt").write_text("a private key")
    name_form(folder, "../secret.txt")
    with pytest.raises(ProbeFileError, match=r"no forms of a probe"):
        push_probe(folder, "me/harm")
    assert hub.requests == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("context", {"system": "You are a private assistant."}),
        ("context", {"examples": [{"prompt": "How do I bake bread?", "response": "With flour."}]}),
        ("prompts", ["How do I bake bread?"]),
        ("measured", {**MEASURED, "texts": ["How do I bake bread?"]}),
        ("model", {"name": {"prompt": "How do I bake bread?"}}),
        ("model", "How do I bake bread?"),
        ("decision", {"examples": ["How do I bake bread?"]}),
        ("template", {"system": "You are a private assistant."}),
        ("template", "You are a private assistant.\nYou bake."),
        ("meaning", "How do I bake bread? " * 20),
        ("position", ["How do I bake bread?"]),
        ("seed", {"How do I bake bread?": 1}),
        ("versions", {"How do I bake bread?\nAnd": "1"}),
        ("licences", "How do I bake bread?"),
        ("licences", 5),
        ("licences", {"source": "mine"}),
        ("licences", ["How do I bake bread?"]),
        ("licences", [{"source": "mine", "prompts": ["How do I bake bread?"]}]),
        ("context", {"template_options": {"documents": ["How do I bake bread?"]}}),
        ("context", {"template_text": ["How do I bake bread?"]}),
        ("context", {"revision": {"system": "You are a private assistant."}}),
    ],
)
def test_a_card_that_may_hold_prompts_or_answers_is_sent_only_where_that_is_asked_for(hub, field, value):
    probe = make_probe(**{field: value})
    with pytest.raises(ProbeFileError, match=rf"field '{field}'.*publish=\['{field}'\]"):
        push_probe(probe, "me/harm", examples=EXAMPLES)
    assert hub.requests == []
    push_probe(probe, "me/harm", examples=EXAMPLES, publish=[field])
    assert load_probe("hub:me/harm").card[field] == value


@pytest.mark.parametrize("licences", [None, [], 5, "mine", [{"source": "mine"}]])
def test_a_card_without_a_table_of_licences_says_unknown(licences):
    text = hub_readme(make_probe(licences=licences), repo="me/harm", licence="mit")
    assert ("unknown" in text) == (licences != [{"source": "mine"}])


def test_all_that_an_export_writes_is_public():
    facts = {
        "target": "own", "meaning": "field outcome, prompts where source is a or b; masked where missing",
        "sign": "two classes: a positive score speaks for the second; more: one score per class",
        "site": {"here": "residual stream after block 3, before any final norm; 0 is the embedding output"},
        "measured": {"score": 0.5, "p_value": None, "selected": True}, "base_model": None, "seed": 0,
        "calibration": {"slope": 1.0, "intercept": 0.0}, "classes": ["a", "b"],
        "beside": {"probe.onnx": "ab"},
        "context": {"template_options": {"enable_thinking": False}, "template_text": "a\nb"},
        "licences": [{"source": "made up", "licence": "cc0-1.0", "prompts": 12}], "template": "auto",
    }  # fmt: skip
    refuse_text_of_the_study(facts, ())


def test_options_and_the_text_of_a_template_are_sent_for_scoring_needs_them(hub):
    context = {"template_options": {"enable_thinking": False}, "template_text": "{{ messages }}"}
    push_probe(make_probe(context=context), "me/harm", examples=EXAMPLES)
    assert load_probe("hub:me/harm").card["context"] == context


def test_weights_with_a_tensor_that_is_no_part_of_a_probe_are_not_sent(hub, folder):
    path = folder / "probe.safetensors"
    tensors = load(path.read_bytes()) | {"prompts": np.frombuffer(b"a private prompt", np.uint8)}
    path.write_bytes(save(tensors, metadata={"schema_version": "2"}))
    card = json.loads(path.with_suffix(".json").read_text())
    path.with_suffix(".json").write_text(
        card_text(sealed(card | {"weights_sha256": digest_of(path.read_bytes())}))
    )
    load_probe(path)
    with pytest.raises(ProbeFileError, match=r"'prompts', which is no part of a probe"):
        push_probe(path, "me/harm")
    assert hub.requests == []


def test_a_damaged_probe_is_not_sent(hub, folder):
    path = folder / "probe.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(ProbeFileError, match=r"not the weights its card was written for"):
        push_probe(folder, "me/harm")
    assert hub.requests == []


def test_a_repository_with_other_files_is_left_alone(hub, folder):
    hub.commit("me/model", {"README.md": b"my model", "config.json": b"{}"})
    with pytest.raises(HubError, match=r"me/model holds other files \(config.json\)"):
        push_probe(folder, "me/model")
    assert set(hub.files("me/model")) == {"README.md", "config.json"}


@pytest.mark.parametrize("files", [{}, {"README.md": b""}, {"probe.json": b"{}"}])
def test_a_probe_that_is_to_be_private_is_not_put_where_all_can_read(hub, folder, files):
    hub.commit("me/harm", files)
    with pytest.raises(HubError, match=r"^me/harm is public; name another, or leave out private\.$"):
        push_probe(folder, "me/harm", private=True)
    assert hub.files("me/harm") == files
    hub.private.add("me/harm")
    push_probe(folder, "me/harm", private=True)
    assert "probe.safetensors" in hub.files("me/harm")


def test_a_repository_that_another_makes_public_meanwhile_gets_no_private_probe(hub, folder, monkeypatch):
    import huggingface_hub

    create = huggingface_hub.HfApi.create_repo

    def create_late(api, repo, **options):
        hub.commit(repo, {})
        return create(api, repo, **options)

    monkeypatch.setattr(huggingface_hub.HfApi, "create_repo", create_late)
    with pytest.raises(HubError, match=r"^me/harm is public"):
        push_probe(folder, "me/harm", private=True)
    assert hub.files("me/harm") == {}


@pytest.mark.parametrize("is_first", [True, False])
def test_a_push_that_another_overtakes_is_refused_and_leaves_the_other_whole(
    hub, folder, monkeypatch, is_first
):
    import huggingface_hub

    if not is_first:
        push_probe(folder, "me/harm")
    packed, data = pack_probe(make_probe(study="second"), examples=EXAMPLES + 1)
    other = {
        "probe.safetensors": data,
        "probe.json": card_text(packed.card).encode(),
        "probe.onnx": b"its form",
    }
    commit = huggingface_hub.HfApi.create_commit

    def commit_late(api, repo, operations, **options):
        hub.commit(repo, other)
        return commit(api, repo, operations, **options)

    save_probe(folder / "probe.safetensors", make_probe(study="third"), examples=EXAMPLES)
    monkeypatch.setattr(huggingface_hub.HfApi, "create_commit", commit_late)
    with pytest.raises(HubError, match=r"^me/harm cannot be pushed: another push to it came in between"):
        push_probe(folder, "me/harm")
    assert other.items() <= hub.files("me/harm").items()
    assert load_probe("hub:me/harm").card["study"] == "second"


@pytest.mark.parametrize("kind", [str, Path])
def test_a_probe_of_the_hub_is_not_pushed_on(hub, folder, kind):
    push_probe(folder, "me/old")
    hub.requests.clear()
    with pytest.raises(HubError, match=r"^'hub:me/old' is on the Hub already; name a local folder"):
        push_probe(kind("hub:me/old"), "me/new")
    assert hub.requests == []


def test_a_private_repository_is_made_private_and_opens_to_its_owner_alone(hub, folder, monkeypatch):
    push_probe(folder, "me/harm", private=True)
    assert load_probe("hub:me/harm").card["target"] == "D"
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(HubError, match=r"no such repository"):
        load_probe("hub:me/harm")


def test_no_file_but_weights_and_card_is_fetched_and_no_code_runs(hub, folder, tmp_path):
    push_probe(folder, "me/harm")
    trap = f"open({str(tmp_path / 'ran')!r}, 'w')".encode()
    extra = {
        "modeling_probe.py": trap,
        "setup.py": trap,
        "probe.skops": b"x",
        "config.json": b'{"auto_map": {}}',
    }
    hub.commit("me/harm", extra)
    hub.requests.clear()
    load_probe("hub:me/harm")
    fetched = {path.rpartition("/")[2] for path in hub.paths() if "/resolve/" in path}
    assert fetched == {"probe.json", "probe.safetensors"}
    assert not (tmp_path / "ran").exists()


def test_both_files_are_of_one_commit_though_another_is_pushed_in_between(hub, folder, monkeypatch):
    push_probe(folder, "me/harm")
    import huggingface_hub

    fetch = huggingface_hub.hf_hub_download

    def push_meanwhile(repo, name, **options):
        path = fetch(repo, name, **options)
        if name == "probe.json":
            packed, data = pack_probe(make_probe(study="second"), examples=EXAMPLES + 1)
            hub.commit("me/harm", {"probe.safetensors": data, "probe.json": card_text(packed.card).encode()})
        return path

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", push_meanwhile)
    assert load_probe("hub:me/harm").card["study"] == "mine"
    assert load_probe("hub:me/harm").card["study"] == "second"


@pytest.mark.parametrize("file", ["probe.json", "probe.safetensors"])
def test_a_changed_byte_on_the_hub_is_refused_with_the_repository_named(hub, folder, file):
    push_probe(folder, "me/harm")
    data = bytearray(hub.files("me/harm")[file])
    data[len(data) // 2] ^= 1
    hub.commit("me/harm", {file: bytes(data)})
    with pytest.raises(ProbeFileError, match=r"^hub:me/harm: "):
        load_probe("hub:me/harm")


@pytest.mark.parametrize(
    "card",
    [
        b"{}",
        b"[]",
        b"\xff",
        b"null",
        card_text(sealed({"schema_version": 2, "classes": ["a", "b"]})).encode(),
    ],
)
def test_a_repository_whose_files_are_no_probe_is_one_sentence(hub, folder, card):
    push_probe(folder, "me/harm")
    hub.commit("me/harm", {"probe.json": card})
    with pytest.raises(ProbeFileError, match=r"^hub:me/harm: ") as caught:
        load_probe("hub:me/harm")
    assert "\n" not in str(caught.value)


def test_a_repository_without_a_probe_is_said_to_be_none(hub):
    hub.commit("me/model", {"config.json": b"{}"})
    with pytest.raises(HubError, match=r"me/model cannot be fetched: it holds no probe"):
        load_probe("hub:me/model")


BAD = ["", "harm", "a/b/c", "/b", "a/", "a b/c", "../x", "a/..", "a/b@", "a/b@x y", "-a/b", "a/b.git",
       "a--b/c", "a/b@../x", "a/b@x/../../../../evil",
       "a/b@x/..", "a/b@x/./y", "a/b@x//y", "a/b@x/", "a/b@x/.git", "a/b@x\\..\\y", "a/b@x\n",
       "https://hub/a/b", "a/b?x=1", "a/" + "b" * 200]  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_name_of_a_repository_is_refused_before_anything_is_asked(hub, folder, name):
    with pytest.raises(HubError, match=r"names no repository of the Hub"):
        load_probe(f"hub:{name}")
    with pytest.raises(HubError, match=r"names no repository of the Hub|owner/name alone"):
        push_probe(folder, name)
    assert hub.requests == []


def test_an_address_is_owner_name_and_revision():
    assert HubAddress.of("hub:a/b") == HubAddress(repo="a/b")
    assert HubAddress.of("hub:a-1/b_2.c@refs/pr/1") == HubAddress(repo="a-1/b_2.c", revision="refs/pr/1")


def test_a_revision_that_is_not_there_is_named(hub, folder):
    push_probe(folder, "me/harm")
    with pytest.raises(HubError, match=r"it has no revision 'v9'"):
        load_probe("hub:me/harm@v9")
    with pytest.raises(HubError, match=r"owner/name alone"):
        push_probe(folder, "me/harm@v9")


TROUBLES = [
    ((401, "", "Invalid credentials in Authorization header"), r"refuses this login \(401\)"),
    ((401, "", ""), r"no such repository; see to its name, or log in"),
    ((403, "", "Forbidden"), r"refuses this login \(403\)"),
    ((403, "GatedRepo", "gated"), r"it is gated"),
    ((403, "", "Access to this resource is disabled."), r"disabled"),
    ((404, "RepoNotFound", ""), r"no such repository"),
    ((500, "", "oops"), r"answers with status 500"),
    ((418, "", "teapot"), r"answers with status 418"),
]


@pytest.mark.parametrize(("answer", "words"), TROUBLES)
@pytest.mark.parametrize("what", ["load", "push"])
def test_each_refusal_of_the_hub_is_one_sentence_without_the_token(hub, folder, answer, words, what):
    hub.commit("me/harm", {"probe.json": b"{}"})
    hub.fails = {"resolve|api/models": answer}
    with pytest.raises(HubError, match=words) as caught:
        load_probe("hub:me/harm") if what == "load" else push_probe(folder, "me/harm")
    message = str(caught.value)
    assert "\n" not in message
    assert OWNER_TOKEN not in message
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_login_that_may_not_write_is_told_so(hub, folder, monkeypatch):
    hub.commit("me/harm", {"probe.json": b"{}"})
    for token in ("hf_reader", ""):
        monkeypatch.setenv("HF_TOKEN", token)
        with pytest.raises(
            HubError, match=r"^me/new cannot be pushed: 127.0.0.1 lets this login write no such"
        ):
            push_probe(folder, "me/new")
        assert set(hub.repos) == {"me/harm"}
    with pytest.raises(HubError, match=r"refuses this login \(403\)"):
        push_probe(folder, "me/harm")
    assert len(hub.repos["me/harm"]) == 1


def test_no_network_is_said_and_an_older_copy_is_not_taken_silently(hub, folder, monkeypatch):
    from huggingface_hub import constants

    push_probe(folder, "me/harm")
    load_probe("hub:me/harm")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{closed.getsockname()[1]}")
        with pytest.raises(HubError, match=r"127.0.0.1 cannot be reached .*HF_HUB_OFFLINE=1"):
            load_probe("hub:me/harm")
        with pytest.raises(HubError, match=r"cannot be reached"):
            push_probe(folder, "me/harm")
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
        assert load_probe("hub:me/harm").card["study"] == "mine"
        commit = hub.repos["me/harm"][0][0]
        assert load_probe(f"hub:me/harm@{commit}").card["study"] == "mine"


def test_offline_nothing_is_asked_and_what_is_not_here_is_said(hub, folder, monkeypatch):
    from huggingface_hub import constants

    push_probe(folder, "me/harm")
    hub.requests.clear()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(HubError, match=r"HF_HUB_OFFLINE is set and the local hub cache does not hold it"):
        load_probe("hub:me/harm")
    with pytest.raises(HubError, match=r"HF_HUB_OFFLINE is set"):
        push_probe(folder, "me/harm")
    assert hub.requests == []


def test_a_password_in_the_address_of_the_hub_and_a_broken_token_are_not_repeated(hub, folder, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://user:secretword@127.0.0.1:9")
    with pytest.raises(HubError) as caught:
        load_probe("hub:me/harm")
    assert "secretword" not in str(caught.value)
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    monkeypatch.setenv("HF_TOKEN", "hf_broken\x01token")
    with pytest.raises(HubError) as caught:
        push_probe(folder, "me/harm")
    assert "broken" not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("licence", ["", "a b", "x\ny: z", "[mit]"])
def test_a_licence_is_one_word(hub, folder, licence):
    with pytest.raises(HubError, match=r"no licence as the Hub spells them"):
        push_probe(folder, "me/harm", licence=licence)
    assert hub.requests == []


def test_a_probe_in_memory_takes_examples_and_a_file_has_its_own(hub, folder):
    with pytest.raises(ProbeFileError, match=r"needs examples"):
        push_probe(make_probe(), "me/harm")
    with pytest.raises(ProbeFileError, match=r"a file holds its own"):
        push_probe(folder, "me/harm", examples=EXAMPLES)
    loaded = load_probe(folder / "probe.safetensors")
    push_probe(loaded, "me/harm", examples=EXAMPLES)
    assert load_probe("hub:me/harm").card == loaded.card


def test_a_folder_without_a_probe_is_named(hub, tmp_path):
    with pytest.raises(ProbeFileError, match=re.escape(str(tmp_path / "none"))):
        push_probe(tmp_path / "none", "me/harm")
    assert hub.requests == []


def test_a_process_told_by_its_environment_loads_from_the_hub_with_numpy_alone(hub, folder, tmp_path):
    push_probe(folder, "me/harm")
    code = (
        "import sys; from unsinter.probes import load_probe; print(load_probe('hub:me/harm').card['study'], "
        "[n for n in ('torch', 'transformers', 'sklearn') if n in sys.modules])"
    )
    environment = {"HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "0", "HF_HOME": str(tmp_path / "home")}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.stdout.strip() == "mine []", done.stderr
