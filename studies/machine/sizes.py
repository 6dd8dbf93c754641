"""Bytes as a person reads them."""

_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


_COUNTS = ((10**9, "billion"), (10**6, "million"), (10**3, "thousand"))


def count_text(n: int) -> str:
    """Return a large number in words, to three digits."""
    for size, word in _COUNTS:
        if n >= 0.9995 * size:
            return f"{n / size:.3g} {word}" if n < 999.5 * size else f"{n / size:,.0f} {word}"
    return str(n)


def size_text(n_bytes: int) -> str:
    """Return bytes in the largest unit that keeps a number above one."""
    value, unit = float(n_bytes), 0
    while value >= 1024 and unit < len(_UNITS) - 1:
        value, unit = value / 1024, unit + 1
    return f"{value:.1f} {_UNITS[unit]}" if unit else f"{n_bytes} bytes"
