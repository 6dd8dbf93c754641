"""Bytes as a person reads them."""

_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


def size_text(n_bytes: int) -> str:
    """Return bytes in the largest unit that keeps a number above one."""
    value, unit = float(n_bytes), 0
    while value >= 1024 and unit < len(_UNITS) - 1:
        value, unit = value / 1024, unit + 1
    return f"{value:.1f} {_UNITS[unit]}" if unit else f"{n_bytes} bytes"
