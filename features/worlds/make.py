"""Drawing a world: groups, then category and factors, then text, then activations."""

from dataclasses import fields, replace
from difflib import get_close_matches
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsinter.features.worlds.behind import Behind, WorldLabels
from unsinter.features.worlds.catalogue import WORLDS
from unsinter.features.worlds.codings import Codes
from unsinter.features.worlds.grouping import draw_families
from unsinter.features.worlds.kinds import WorldKind
from unsinter.features.worlds.knobs import Knobs, each
from unsinter.features.worlds.labels import (
    W_OF_CELL,
    Z_OF_CELL,
    draw_categories,
    draw_cells,
    flipped,
    settled,
)
from unsinter.features.worlds.noise import NoiseScene, draw_noise, draw_scene
from unsinter.features.worlds.texts import draw_texts
from unsinter.features.worlds.words import draw_image, draw_words, leak_loadings
from unsinter.features.worlds.world import World

_KNOBS = tuple(knob.name for knob in fields(Knobs))


def make_world(
    name: str, *, n: int = 800, d: int = 128, phi: float | None = None, seed: int = 0, **knobs: Any
) -> World:
    """Draw a world of one of the kinds in WORLDS.

    Parameters
    ----------
    name, n, d : a key of WORLDS; rows and dimensions.
    phi : correlation of z and w before label noise, exact in expectation; None is the kind's own, .6 in most.
    seed, knobs : of all draws (the same arguments give the same bytes); any other field of Knobs.

    Raises
    ------
    ValueError : unknown name, a knob out of range, or settings that cannot be had together. TypeError :
        unknown knob (its neighbour is named), or a fraction for a count.
    """
    kind = _kind(name)
    settings = _settings(
        name, kind, {"n": n, "d": d, "seed": seed, **knobs} | ({} if phi is None else {"phi": phi})
    )
    streams = np.random.default_rng(settings.seed).spawn(9)
    labelling, placing, sounding, wording, viewing, sizing, standing, writing, swelling = streams
    labels = _draw_labels(kind, settings, labelling, sizing)
    text = _draw_text(kind, settings, labels, wording)
    scene = draw_scene(settings, placing, n_hidden=kind.n_hidden)
    positions = (viewing.random(settings.n) < settings.position_mixing).astype(np.int64)
    X = draw_noise(scene, settings, labels.family, sounding, swell=swelling)
    X += _planted(kind, settings, labels, positions, scene, viewing)
    behind = _draw_behind(kind, settings, labels, standing)
    X += behind.parts.astype(np.float32) @ scene.hidden
    u_z, u_w = _axes(kind, settings, scene)
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
        hidden=scene.hidden,
        quantity=behind.quantity,
        texts=draw_texts(kind.text, labels.family, behind.quantity, writing),
        covariates=behind.covariates if kind.declared else {},
    )
    return _told_apart(world, viewing) if kind.copies else world


def _kind(name: str) -> WorldKind:
    if name not in WORLDS:
        near = get_close_matches(name, list(WORLDS), n=1, cutoff=0.4)
        raise ValueError(
            f"there is no world {name!r}; "
            + (f"did you mean {near[0]!r}?" if near else f"choose one of {', '.join(WORLDS)}.")
        )
    return WORLDS[name]


def _settings(name: str, kind: WorldKind, knobs: dict[str, Any]) -> Knobs:
    """Return settled knobs from those given and the kind's own defaults."""
    for knob in knobs:
        if knob not in _KNOBS:
            near = get_close_matches(knob, _KNOBS, n=1, cutoff=0.4)
            raise TypeError(
                f"make_world has no knob {knob!r}; "
                + (f"did you mean {near[0]!r}?" if near else f"choose among {', '.join(_KNOBS)}.")
            )
    if kind.one_axis and "cosine" in knobs:
        raise ValueError(
            f"world {name!r} codes both factors on one axis, got cosine {knobs['cosine']!r}; leave it out, "
            "or take 'orthogonal'."
        )
    if kind.one_bit:
        knobs = _one_bit(name, knobs)
    settings = settled(Knobs(**{**kind.defaults, **knobs}))
    if kind.second_effect is not None and not isinstance(settings.effect, tuple | list):
        settings = replace(settings, effect=(settings.effect, kind.second_effect))
    if settings.d < settings.n_axes + kind.n_hidden + 2:
        raise ValueError(
            f"d must be at least {settings.n_axes + kind.n_hidden + 2} in world {name!r}, so that every axis "
            f"has a dimension, got {settings.d}; raise d or lower n_categories."
        )
    if kind.copies and settings.rows_per_group < 2:
        raise ValueError(
            f"world {name!r} needs at least 2 rows_per_group, the copies of an original, got "
            f"{settings.rows_per_group}."
        )
    return settings


def _one_bit(name: str, knobs: dict[str, Any]) -> dict[str, Any]:
    """Return what was asked of a world with one bit behind both labels, with its only possible phi."""
    if knobs.get("phi", 1.0) != 1.0 or "cells" in knobs:
        knob = "cells" if "cells" in knobs else "phi"
        raise ValueError(
            f"world {name!r} has one bit behind both labels, so that phi is 1 before they err, got {knob} "
            f"{knobs[knob]!r}; leave it out."
        )
    rate = knobs.get("rate_first", 0.5)
    if knobs.get("rate_second", rate) != rate:
        raise ValueError(
            f"world {name!r} has one bit behind both labels, so that their rates are equal, got {rate!r} and "
            f"{knobs['rate_second']!r}; leave rate_second out."
        )
    return {**knobs, "phi": 1.0, "rate_second": rate}


def _draw_labels(
    kind: WorldKind, settings: Knobs, rng: np.random.Generator, sizing: np.random.Generator
) -> WorldLabels:
    """Draw cell and category of every group and hand them to its rows, which follow each other."""
    cell = draw_cells(settings, rng)
    category = draw_categories(cell, settings, rng, followed=kind.follows_category)
    family = draw_families(settings, sizing)
    return WorldLabels(family, Z_OF_CELL[cell][family], W_OF_CELL[cell][family], category[family])


def _draw_text(
    kind: WorldKind, settings: Knobs, labels: WorldLabels, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Draw each row's words; copies have those of the first of their family."""
    text = draw_words(labels.z, labels.w, labels.category, settings, rng)
    return text[np.searchsorted(labels.family, labels.family)] if kind.copies else text


def _draw_behind(kind: WorldKind, settings: Knobs, labels: WorldLabels, rng: np.random.Generator) -> Behind:
    if kind.behind is None:
        return Behind(parts=np.zeros((settings.n, 0)))
    return kind.behind(labels, settings, rng)


def _planted(
    kind: WorldKind,
    settings: Knobs,
    labels: WorldLabels,
    positions: Codes,
    scene: NoiseScene,
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


def _factor_parts(kind: WorldKind, settings: Knobs, labels: WorldLabels) -> NDArray[np.float64]:
    """Return how far the factors move each row (n, 2): along u_z, and along what u_w has beside it."""
    z_first, w_first, w_second = kind.coding(labels.z, labels.w, labels.category)
    effect_z, effect_w = each(settings.effect)
    cosine = _cosine(kind, settings)
    along = effect_z * z_first + effect_w * (w_first + cosine * w_second)
    return np.stack([along, effect_w * sqrt(1 - cosine**2) * w_second], axis=1)


def _cosine(kind: WorldKind, settings: Knobs) -> float:
    return 1.0 if kind.one_axis else settings.cosine


def _axes(
    kind: WorldKind, settings: Knobs, scene: NoiseScene
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return u_z and u_w."""
    if kind.axes is not None:
        return scene.hidden[kind.axes[0]], scene.hidden[kind.axes[1]]
    return scene.plane[0], _second_axis(scene, _cosine(kind, settings))


def _second_axis(scene: NoiseScene, cosine: float) -> NDArray[np.float32]:
    return (cosine * scene.plane[0] + sqrt(1 - cosine**2) * scene.plane[1]).astype(np.float32)


def _unit(vector: NDArray[np.floating[Any]], *, otherwise: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the vector at length 1, or ``otherwise`` where it is zero."""
    length = float(np.linalg.norm(vector))
    return (vector / length).astype(np.float32) if length else otherwise


def _told_apart(world: World, rng: np.random.Generator) -> World:
    """Return the world with its rows shuffled, each claiming to be a group of its own."""
    rows = rng.permutation(len(world.X))
    moved = ("X", "z", "w", "strata", "text", "true_z", "true_w", "families", "positions")
    texts = None if world.texts is None else tuple(world.texts[row] for row in rows)
    return replace(
        world,
        groups=np.arange(len(rows)),
        texts=texts,
        **{name: getattr(world, name)[rows] for name in moved},
    )
