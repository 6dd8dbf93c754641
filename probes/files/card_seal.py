"""Cards: a probe's facts as JSON, sealed by a digest so that a changed field is noticed.

The digests tell damage and careless edits. They are no signature: whoever rewrites a card can seal it anew.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from unsinter.cache.json_text import JsonTextError, parse_json
from unsinter.probes.files.exported import ProbeFileError

SCHEMA_VERSION = 2
SEAL = "card_sha256"


def digest_of(data: bytes) -> str:
    """Return the SHA-256 of some bytes."""
    return hashlib.sha256(data).hexdigest()


def sealed(card: Mapping[str, Any]) -> dict[str, Any]:
    """Return the card with the digest of all its other fields.

    Raises
    ------
    ProbeFileError : a field is nothing that JSON can hold (NaN and infinity among it).
    """
    _seal(card)
    # As it will be read again: tuples have become lists, and numbers that were keys have become text.
    plain = json.loads(json.dumps(card))
    return {**plain, SEAL: _seal(plain)}


def card_text(card: Mapping[str, Any]) -> str:
    """Return a card as it stands in its file."""
    return json.dumps(card, indent=1, sort_keys=True) + "\n"


def read_card(text: str, *, where: object) -> dict[str, Any]:
    """Return the card in a file's text.

    Raises
    ------
    ProbeFileError : it is none or was changed; it says ``where``.
    """
    try:
        card = parse_json(text)
    except JsonTextError as error:
        raise ProbeFileError(f"{where}: not a card in JSON ({error}); export the probe again.") from error
    if not isinstance(card, dict):
        raise ProbeFileError(f"{where}: not a card, which is a JSON object; export the probe again.")
    version = card.get("schema_version")
    if version not in (1, SCHEMA_VERSION) or isinstance(version, bool):
        raise ProbeFileError(
            f"{where}: the card has schema version {version!r}, this version reads 1 and {SCHEMA_VERSION}."
        )
    if version == SCHEMA_VERSION and card.get(SEAL) != _seal(card):
        raise ProbeFileError(
            f"{where}: the card is not as it was written, some field was changed; export the probe again."
        )
    return card


def _seal(card: Mapping[str, Any]) -> str:
    fields = {name: value for name, value in card.items() if name != SEAL}
    try:
        text = json.dumps(fields, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ProbeFileError(f"a card holds what JSON cannot hold ({error}); give null instead.") from error
    return digest_of(text.encode())
