"""Writes a planted model's card."""
from pathlib import Path
from typing import Any


def write_card(folder: Path, figures: dict[str, Any]) -> None:
    """x"""
