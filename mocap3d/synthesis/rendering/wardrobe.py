"""Who people are and what they wear: MakeHuman's garments where there are some, else cloth painted on the body."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Bool, Float32, Int32
from numpy.random import Generator

from mocap3d.synthesis.rendering.actor import Actor
from mocap3d.synthesis.rendering.body import Body, Figure
from mocap3d.synthesis.rendering.fabric import N_FABRICS, N_PLAIN, colour
from mocap3d.synthesis.rendering.garments import Garment
from mocap3d.synthesis.rendering.mesh import Materials, Mesh, joined
from mocap3d.synthesis.rendering.raster import vertex_normals
from mocap3d.synthesis.rendering.skin import hair_colour, painted_skin, skin_colour

_OUTFITS = {"suit": 0.5, "painted": 0.4, "trousers": 0.1}
_HAIR = {"hair": 0.5, "short": 0.22, "cap": 0.14, "bald": 0.14}
_SHOES, _HAT, _GLOVES, _MARKERS = 0.65, 0.03, 0.05, 0.08
_MANY_PIECES = 6


@dataclass(slots=True)
class _Surfaces:
    """Materials of one person, as they are chosen."""

    texture: list[int] = field(default_factory=list)
    tiles: list[float] = field(default_factory=list)
    gloss: list[float] = field(default_factory=list)

    def plain(self, rng: Generator, gloss: float) -> int:
        """A surface of one colour, with grain."""
        return self._add(int(rng.integers(N_PLAIN)), float(rng.choice([1, 2, 4])), rng.uniform(0, gloss))

    def cloth(self, rng: Generator) -> int:
        """A surface of some fabric."""
        return self._add(int(rng.integers(N_PLAIN, N_FABRICS)), float(rng.choice([1, 2, 4, 8])), rng.uniform(0, 0.25))

    def _add(self, texture: int, tiles: float, gloss: float) -> int:
        self.texture.append(texture)
        self.tiles.append(tiles)
        self.gloss.append(gloss)
        return len(self.texture) - 1

    def materials(self) -> Materials:
        """As the renderer takes them."""
        return Materials(
            np.array(self.texture, np.int32), np.array(self.tiles, np.float32), np.array(self.gloss, np.float32)
        )


def dressed(body: Body, garments: Mapping[str, tuple[Garment, ...]], rng: Generator) -> Actor:
    """Somebody, dressed somehow."""
    figure = body.figure(int(rng.integers(len(body.shapes))))
    outfit, hair = (str(rng.choice(list(kinds), p=list(kinds.values()))) for kinds in (_OUTFITS, _HAIR))
    outfit = outfit if outfit != "suit" or "suit" in garments else "painted"
    worn = _chosen(garments, outfit, hair, rng)
    surfaces, hair_shade = _Surfaces(), hair_colour(rng)
    bare = _bare(figure, surfaces, worn, outfit, hair, hair_shade, rng)
    layers = [_worn(figure, garment, surfaces, hair_shade, rng) for garment in worn]
    # Layers choose from the surfaces of the whole person, so their materials are not to be counted up when joined.
    material = np.concatenate([layer.material for layer in (bare, *layers)])
    mesh = replace(joined([bare, *layers]), material=material, materials=surfaces.materials())
    n, k = body.n_drawn, body.weight.shape[1]
    return Actor(
        figure,
        mesh,
        np.concatenate([body.weight[:n], *(_padded(garment.weight, k) for garment in worn)]),
        np.concatenate([body.bone[:n], *(_padded(garment.bone, k) for garment in worn)]),
    )


def _padded(values: np.ndarray, columns: int) -> np.ndarray:
    return np.pad(values, ((0, 0), (0, columns - values.shape[1])))


def _chosen(garments: Mapping[str, tuple[Garment, ...]], outfit: str, hair: str, rng: Generator) -> list[Garment]:
    def one(kind: str, wanted: bool) -> list[Garment]:
        pool = garments.get(kind, ())
        return [pool[rng.integers(len(pool))]] if wanted and pool else []

    hat = one("hat", hair != "cap" and rng.random() < _HAT)
    return [
        *one("suit", outfit == "suit"),
        *one("shoes", rng.random() < _SHOES),
        *one("hair", hair == "hair" and not hat),
        *hat,
    ]


def _bare(
    figure: Figure,
    surfaces: _Surfaces,
    worn: list[Garment],
    outfit: str,
    hair: str,
    hair_shade: Float32[np.ndarray, " 3"],
    rng: Generator,
) -> Mesh:
    """The body itself, with what is painted on it, and without what lies under garments."""
    body, n = figure.body, figure.body.n_drawn
    skin = skin_colour(rng)
    shade = painted_skin(body, skin, hair_shade, bald=hair in ("bald", "cap"), rng=rng)[:n]
    material = np.full(n, surfaces.plain(rng, 0.25), np.int32)
    rest = figure.rest[:n].copy()
    kinds = {garment.kind for garment in worn}
    for where, thickness_m in _painted_clothes(body, outfit, "shoes" in kinds, hair, rng):
        cover = where[:n]
        light = body.light[:n][cover, None]
        if rng.random() < 0.75:
            material[cover], shade[cover] = surfaces.cloth(rng), 0.5 + 0.5 * light
        else:
            material[cover], shade[cover] = surfaces.plain(rng, 0.4), colour(rng) * (0.5 + 0.5 * light)
        rest[cover] += vertex_normals(rest, body.triangles)[cover] * np.float32(thickness_m)
    if rng.random() < _MARKERS:
        shade[rng.choice(n, 60, replace=False)] = rng.uniform(0.7, 1)
    hidden = np.any([garment.hides[:n] for garment in worn], axis=0) if worn else np.zeros(n, bool)
    shown = ~hidden[body.triangles].all(axis=1)
    triangles = body.triangles[shown]
    return Mesh(
        vertices=rest,
        triangles=triangles,
        texture_uv=body.texture_uv,
        texture_triangles=body.texture_triangles[shown],
        colour=shade,
        material=material[triangles].max(axis=1),
        part=body.part[triangles[:, 0]],
        owner=np.zeros(len(triangles), np.int8),
        materials=surfaces.materials(),
    )


def _painted_clothes(
    body: Body, outfit: str, has_shoes: bool, hair: str, rng: Generator
) -> list[tuple[Bool[np.ndarray, " v"], float]]:
    """Which vertices each piece covers, and how thick it is (m)."""
    region = body.regions
    torso, height = region["torso"], region["height"]
    arm, leg = np.nan_to_num(region["arm"], nan=9.0), np.nan_to_num(region["leg"], nan=9.0)
    pieces = []
    if outfit != "suit":
        length = rng.choice([rng.uniform(0.15, 0.5), 0.97])
        pieces.append((((torso > 0.3) & (height < rng.uniform(0.62, 0.7))) | (leg < length), rng.uniform(0.001, 0.014)))
    if outfit == "painted":
        sleeve = rng.choice([-0.05, rng.uniform(0.1, 0.55), 0.96])
        hem = rng.uniform(0.52, 0.66)
        pieces.append((((torso > 0.5) & (height > hem)) | (arm < sleeve), rng.uniform(0.001, 0.016)))
    if not has_shoes and rng.random() < 0.6:
        pieces.append(((region["foot"] > 0.5) | ((leg < 9) & (leg > rng.uniform(0.8, 1.0))), 0.003))
    if rng.random() < _GLOVES:
        pieces.append((region["hand"] > 0.4, 0.001))
    if hair == "cap":
        pieces.append((region["scalp"] > 0.5, rng.uniform(0.002, 0.012)))
    return pieces


def _worn(
    figure: Figure,
    garment: Garment,
    surfaces: _Surfaces,
    hair_shade: Float32[np.ndarray, " 3"],
    rng: Generator,
) -> Mesh:
    """A garment on the body at rest; each connected piece is of its own cloth."""
    n_pieces = int(garment.piece.max()) + 1
    shade = np.ones((len(garment.offset), 3), np.float32)
    if garment.kind == "hair" or n_pieces > _MANY_PIECES:
        shade *= hair_shade if garment.kind == "hair" else colour(rng)
        material = np.full(len(garment.triangles), surfaces.plain(rng, 0.5), np.int32)
    else:
        material = _cloths(garment, n_pieces, surfaces, rng)
    return Mesh(
        vertices=garment.fitted(figure.rest).astype(np.float32),
        triangles=garment.triangles,
        texture_uv=garment.texture_uv,
        texture_triangles=garment.texture_triangles,
        colour=shade,
        material=material,
        part=garment.part[garment.triangles[:, 0]],
        owner=np.zeros(len(garment.triangles), np.int8),
        materials=surfaces.materials(),
    )


def _cloths(garment: Garment, n_pieces: int, surfaces: _Surfaces, rng: Generator) -> Int32[np.ndarray, " t"]:
    """Cloth per piece; both shoes are of one, and a suit in one piece is of two, above and below the belt."""
    if garment.kind == "shoes":
        return np.full(len(garment.triangles), surfaces.cloth(rng), np.int32)
    if n_pieces == 1 and garment.kind == "suit":
        below = garment.height[garment.triangles[:, 0]] < rng.uniform(0.6, 0.68)
        return np.where(below, surfaces.cloth(rng), surfaces.cloth(rng)).astype(np.int32)
    return np.array([surfaces.cloth(rng) for _ in range(n_pieces)], np.int32)[garment.piece]
