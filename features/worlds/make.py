"""Drawing a world: groups, then category and factors, then text, then activations."""

from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsinter.features.worlds.kinds import WORLDS, Codes, WorldKind
from unsinter.features.worlds.knobs import Knobs, each
from unsinter.features.worlds.labels import (
    W_OF_CELL,
    Z_OF_CELL,
    draw_categories,
    draw_cells,
    flipped,
    settled,
)
from unsinter.features.worlds.noise import Scene, draw_noise, draw_scene
from unsinter.features.worlds.words import draw_image, draw_words, leak_loadings
from unsinter.features.worlds.world import World

_KNOBS = tuple(knob.name for knob in fields(Knobs))


def make_world(
    name: str, *, n: int = 800, d: int = 128, phi: float = 0.6, seed: int = 0, **knobs: Any
) -> World:
    """Draw a world of one of the kinds in WORLDS.

    Parameters
    ----------
    name : a key of WORLDS.
    n, d : rows and dimensions.
    phi : correlation of z and w before label noise, exact in expectation.
    seed : of all draws; the same arguments give the same bytes.
    knobs : any other field of Knobs, where they are described.

    Raises
    ------
    ValueError : unknown name, a knob out of range, or settings that cannot be had together.
    TypeError : unknown knob (its neighbour is named), or a fraction for a count.
    """
    kind = _kind(name)
    settings = _settings(name, kind, {"n": n, "d": d, "phi": phi, "seed": seed, **knobs})
    labelling, placing, sounding, wording, viewing = np.random.default_rng(settings.seed).spawn(5)
    labels = _draw_labels(kind, settings, labelling)
    text = _draw_text(kind, settings, labels, wording)
    scene = draw_scene(settings, placing)
    positions = (viewing.random(settings.n) < settings.position_mixing).astype(np.int64)
    X = draw_noise(scene, settings, labels.family, sounding)
    X += _planted(kind, settings, labels, positions, scene, viewing)
    u_z, u_w = scene.plane[0], _second_axis(scene, _cosine(kind, settings))
    if kind.lexical:
        image = draw_image(settings, scene.massive, placing)
        X += text @ image
        first, second = leak_loadings(settings) @ image
        u_z, u_w = _unit(first, otherwise=u_z), _unit(second, otherwise=u_w)
    noise = each(settings.label_noise)
    world = World(
        name=name,
        kind=kind,
        X=X,
        z=flipped(labels.z, noise[0], viewing),
        w=flipped(labels.w, noise[1], viewing),
        groups=labels.family,
        strata=np.array([f"category {c}" for c in range(settings.n_categories)])[labels.category],
        text=text,
        settings=settings,
        u_z=u_z,
        u_w=u_w,
        true_z=labels.z,
        true_w=labels.w,
        families=labels.family,
        positions=positions,
        massive=scene.massive,
    )
    return _told_apart(world, viewing) if kind.copies else world


@dataclass(frozen=True, slots=True)
class _Labels:
    """Truth of every row: family (n,), z (n,), w (n,), category (n,)."""

    family: Codes
    z: Codes
    w: Codes
    category: Codes


def _kind(name: str) -> WorldKind:
    if name not in WORLDS:
        near = get_close_matches(name, list(WORLDS), n=1, cutoff=0.4)
        raise ValueError(
            f"there is no world {name!r}; "
            + (f"did you mean {near[0]!r}?" if near else f"choose one of {', '.join(WORLDS)}.")
        )
    return WORLDS[name]


def _settings(name: str, kind: WorldKind, given: dict[str, Any]) -> Knobs:
    """Return settled knobs from those given and the kind's own defaults."""
    for knob in given:
        if knob not in _KNOBS:
            near = get_close_matches(knob, _KNOBS, n=1, cutoff=0.4)
            raise TypeError(
                f"make_world has no knob {knob!r}; "
                + (f"did you mean {near[0]!r}?" if near else f"choose among {', '.join(_KNOBS)}.")
            )
    if kind.one_axis and "cosine" in given:
        raise ValueError(
            f"world {name!r} codes both factors on one axis, got cosine {given['cosine']!r}; leave it out, "
            "or take 'orthogonal'."
        )
    settings = settled(Knobs(**{**kind.defaults, **given}))
    if kind.copies and settings.rows_per_group < 2:
        raise ValueError(
            f"world {name!r} needs at least 2 rows_per_group, the copies of an original, got "
            f"{settings.rows_per_group}."
        )
    return settings


def _draw_labels(kind: WorldKind, settings: Knobs, rng: np.random.Generator) -> _Labels:
    """Draw cell and category of every group and hand them to its rows, which follow each other."""
    cell = draw_cells(settings, rng)
    category = draw_categories(cell, settings, rng, followed=kind.follows_category)
    family = np.arange(settings.n) // settings.rows_per_group
    return _Labels(family, Z_OF_CELL[cell][family], W_OF_CELL[cell][family], category[family])


def _draw_text(
    kind: WorldKind, settings: Knobs, labels: _Labels, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Draw each row's words; copies have those of the first of their family."""
    text = draw_words(labels.z, labels.w, labels.category, settings, rng)
    return text[labels.family * settings.rows_per_group] if kind.copies else text


def _planted(
    kind: WorldKind,
    settings: Knobs,
    labels: _Labels,
    positions: Codes,
    scene: Scene,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Return what is added to the noise (n, d): factors, category, source and length."""
    shares = _factor_parts(kind, settings, labels)
    here = (positions == 0)[:, None]
    n_groups = int(labels.family[-1]) + 1
    source = settings.source_offset * (rng.integers(2, size=n_groups) - 0.5)[labels.family]
    length = settings.length_effect * rng.standard_normal(n_groups)[labels.family]
    category = settings.category_effect * np.eye(settings.n_categories)[labels.category]
    parts = np.hstack([shares * here, shares * ~here, category, source[:, None], length[:, None]])
    axes = np.vstack([scene.plane, scene.categories, scene.source, scene.length])
    return parts.astype(np.float32) @ axes


def _factor_parts(kind: WorldKind, settings: Knobs, labels: _Labels) -> NDArray[np.float64]:
    """Return how far the factors move each row (n, 2): along u_z, and along what u_w has beside it."""
    z_first, w_first, w_second = kind.coding(labels.z, labels.w, labels.category)
    effect_z, effect_w = each(settings.effect)
    cosine = _cosine(kind, settings)
    along = effect_z * z_first + effect_w * (w_first + cosine * w_second)
    return np.stack([along, effect_w * sqrt(1 - cosine**2) * w_second], axis=1)


def _cosine(kind: WorldKind, settings: Knobs) -> float:
    return 1.0 if kind.one_axis else settings.cosine


def _second_axis(scene: Scene, cosine: float) -> NDArray[np.float32]:
    return (cosine * scene.plane[0] + sqrt(1 - cosine**2) * scene.plane[1]).astype(np.float32)


def _unit(vector: NDArray[np.floating[Any]], *, otherwise: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the vector at length 1, or ``otherwise`` where it is zero."""
    length = float(np.linalg.norm(vector))
    return (vector / length).astype(np.float32) if length else otherwise


def _told_apart(world: World, rng: np.random.Generator) -> World:
    """Return the world with its rows shuffled, each claiming to be a group of its own."""
    rows = rng.permutation(len(world.X))
    moved = ("X", "z", "w", "strata", "text", "true_z", "true_w", "families", "positions")
    return replace(world, groups=np.arange(len(rows)), **{name: getattr(world, name)[rows] for name in moved})
