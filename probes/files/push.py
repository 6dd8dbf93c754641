"""A probe put on the Hugging Face Hub: its sealed files and a card made of them, and nothing else."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from safetensors.numpy import load

from unsinter.cache.location import expand_home, is_folder, read_regular
from unsinter.probes.arrays import FloatArray
from unsinter.probes.files.card_seal import SCHEMA_VERSION, card_text, digest_of
from unsinter.probes.files.export import load_probe, pack_probe
from unsinter.probes.files.exported import ProbeFileError, ProbeWeights
from unsinter.probes.files.hub import (
    CARD,
    PUSHED,
    WEIGHTS,
    HubAddress,
    HubError,
    in_words,
    is_address,
    is_missing,
)
from unsinter.probes.files.hub_card import hub_readme
from unsinter.probes.files.public_card import refuse_text_of_the_study

README = "README.md"
OTHER_FORMS = ("probe.onnx", "probe.skops")
"""The other forms that an export may put beside a probe; its card holds their digests."""


def push_probe(
    probe: Path | str | ProbeWeights,
    repo: str,
    *,
    licence: str = "unknown",
    private: bool = False,
    examples: FloatArray | None = None,
    publish: Sequence[str] = (),
) -> str:
    """Put a probe on the Hugging Face Hub, for ``load_probe("hub:owner/name")``; return its commit's address.

    Uploaded in one commit: weights, sealed card, the other forms that the card names with their digests, and
    a README made of that card alone. Whatever else stands in the folder stays there. The repository is made
    where there is none; one that holds anything but a probe is left alone. The login is that of ``hf auth
    login`` or of the environment's ``HF_TOKEN``.

    Parameters
    ----------
    probe : the folder that ``unsinter export`` wrote, a ``.safetensors`` file with its card beside it, or a
        probe in memory, which takes ``examples``.
    repo : ``owner/name``.
    licence : of the probe, for its publisher to choose in keeping with those of data and model, as the Hub
        spells it (``apache-2.0``).
    examples : (n, d_model) activations for the self-test of a probe in memory.
    publish : fields of the card that may hold text of the study, the system text or the examples of its
        ``context`` for one, and are to be public all the same.

    Raises
    ------
    HubError : a bad name, no network, no right to write, a repository that holds other files or is public
        where ``private`` is asked for, another push that came in between, or a ``probe`` on the Hub.
    ProbeFileError : a probe that is damaged, that is of a schema without digests, or whose card has a field
        that may hold prompts or answers.

    Examples
    --------
    >>> push_probe("detector/tiny-D-layer06-template_end", "me/tiny-harm")  # doctest: +SKIP
    """
    if not isinstance(probe, ProbeWeights) and is_address(probe):
        raise HubError(f"{str(probe)[:80]!r} is on the Hub already; name a local folder with a probe.")
    address = HubAddress.of(repo)
    if address.revision is not None or is_address(repo):
        raise HubError(f"{repo!r} must be owner/name alone; a probe is pushed to the newest revision.")
    packed, files = _files(probe, examples)
    refuse_text_of_the_study(packed.card, publish)
    _refuse_foreign_tensors(packed, files[WEIGHTS])
    readme = hub_readme(packed, repo=address.repo, licence=_licence(licence))
    return _upload(address, {README: readme.encode(), **files}, private=private)


def _files(
    probe: Path | str | ProbeWeights, examples: FloatArray | None
) -> tuple[ProbeWeights, dict[str, bytes]]:
    """Return the probe and the content of its files, each as its digest says."""
    if isinstance(probe, ProbeWeights):
        if examples is None:
            raise ProbeFileError("a probe in memory needs examples=X, activations for its self-test.")
        facts = {name: value for name, value in probe.card.items() if name != "beside"}
        packed, data = pack_probe(replace(probe, card=facts), examples=examples)
        return packed, {WEIGHTS: data, CARD: card_text(packed.card).encode()}
    if examples is not None:
        raise ProbeFileError("examples go with a probe in memory; a file holds its own.")
    path = expand_home(probe)
    path = path / WEIGHTS if is_folder(path) else path
    packed = load_probe(path)
    if packed.card["schema_version"] != SCHEMA_VERSION:
        raise ProbeFileError(f"{path} is of a schema without digests; export it again, then push it.")
    files = {WEIGHTS: read_regular(path), CARD: card_text(packed.card).encode()}
    for name, digest in _digests(path, packed.card.get("beside")).items():
        files[name] = _read_beside(path.with_name(name), digest=digest)
    if digest_of(files[WEIGHTS]) != packed.card["weights_sha256"]:
        raise ProbeFileError(f"{path} changed while it was read; push it again.")
    return packed, files


def _digests(path: Path, beside: object) -> Mapping[str, object]:
    """Return the other forms that a card names, with their digests."""
    digests = {} if beside is None else beside
    if not isinstance(digests, Mapping) or not set(digests) <= set(OTHER_FORMS):
        raise ProbeFileError(
            f"{path}: its card names files beside it that are no forms of a probe; export it again."
        )
    return digests


def _read_beside(path: Path, *, digest: object) -> bytes:
    try:
        data = read_regular(path)
    except OSError as error:
        raise ProbeFileError(
            f"{path} is named by the card and cannot be read ({error.strerror}); export the probe again."
        ) from error
    if digest_of(data) != digest:
        raise ProbeFileError(f"{path} is not as the card says; export the probe again.")
    return data


def _refuse_foreign_tensors(probe: ProbeWeights, data: bytes) -> None:
    n_layers = len(probe.layers)
    own = {f"{kind}.{index}" for kind in ("weight", "bias") for index in range(n_layers)}
    foreign = set(load(data)) - own - {"self_test.activations", "self_test.scores"}
    if foreign:
        raise ProbeFileError(f"the weights file holds {min(foreign)!r}, which is no part of a probe.")


def _licence(licence: str) -> str:
    if not licence or not all(sign.isalnum() or sign in ".-+" for sign in licence):
        raise HubError(f"{licence[:80]!r} is no licence as the Hub spells them; write apache-2.0, say.")
    return licence


def _upload(address: HubAddress, files: Mapping[str, bytes], *, private: bool) -> str:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

    api = HfApi()
    with in_words(address, PUSHED):
        there = _repository(api, address)
        if there is None:
            api.create_repo(address.repo, private=private, exist_ok=True)
            there = api.model_info(address.repo)  # as it is, whoever made it
        before = _files_there(there, address, private=private)
        operations: list[CommitOperationAdd | CommitOperationDelete] = [
            CommitOperationAdd(path_in_repo=name, path_or_fileobj=data) for name, data in files.items()
        ]
        # A form of the old weights must not stay beside the new ones; it stays in the repository's history.
        stale = [name for name in OTHER_FORMS if name in before and name not in files]
        operations += [CommitOperationDelete(path_in_repo=name) for name in stale]
        made = api.create_commit(
            address.repo,
            operations,
            commit_message="Probe written by unsinter",
            parent_commit=there.sha,  # what stands there now is what was looked at
        )
    return str(made.commit_url)


def _repository(api: Any, address: HubAddress) -> Any:
    """Return what the Hub says of the repository; None where there is none."""
    from huggingface_hub.errors import HfHubHTTPError

    try:
        return api.model_info(address.repo)
    except HfHubHTTPError as error:
        if not is_missing(error):
            raise
        return None


def _files_there(there: Any, address: HubAddress, *, private: bool) -> set[str]:
    """Return the names of a repository's files.

    Raises
    ------
    HubError : it holds other things than a probe, or is public where it is to be private.
    """
    if private and not there.private:
        raise HubError(f"{address} is public; name another, or leave out private.")
    names = {entry.rfilename for entry in there.siblings or ()}
    if CARD not in names and (others := names - {".gitattributes", README}):
        raise HubError(
            f"{address} holds other files ({min(others)}) and no probe; name a repository of the probe's own."
        )
    return names
