"""MakeHuman's clothes and hair (CC0): meshes that hang on the vertices of the body (.mhclo with its .obj).

Source: MakeHuman's documentation of the mhclo format; a garment's vertex is a weighted sum of three of the body's,
plus an offset scaled by distances on the body.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32, Int8, Int32
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from mocap3d.errors import FormatError
from mocap3d.session.views import natural_key
from mocap3d.synthesis.rendering.body import Body
from mocap3d.synthesis.rendering.skinning import strongest

_NEEDED = "Needed: MakeHuman's CC0 assets, a folder with clothes/*/*.mhclo and hair/*/*.mhclo beside their .obj."
_DEFAULT_SCALE = 0.1  # MakeHuman counts decimetres
_HAT, _SHOES = "fedora", "shoes"


@dataclass(frozen=True, slots=True, eq=False)
class Garment:
    """One piece, bound to a body of b vertices: v vertices, t triangles."""

    name: str
    kind: str
    """suit | shoes | hair | hat."""
    body_vertices: Int32[np.ndarray, "v 3"]
    share: Float32[np.ndarray, "v 3"]
    offset: Float32[np.ndarray, "v 3"]
    """In the body's axes and in units of ``scales``."""
    scales: tuple[tuple[int, int, int, float], ...]
    """Axis, two vertices of the body, and the distance between them along it at which the offset is in full units."""
    hides: Bool[np.ndarray, " b"]
    """Vertices of the body that are under it."""
    triangles: Int32[np.ndarray, "t 3"]
    texture_uv: Float32[np.ndarray, "w 2"]
    texture_triangles: Int32[np.ndarray, "t 3"]
    piece: Int32[np.ndarray, " t"]
    """Connected pieces (jacket, trousers ...) are of different cloth."""
    weight: Float32[np.ndarray, "v k"]
    bone: Int32[np.ndarray, "v k"]
    part: Int8[np.ndarray, " v"]
    height: Float32[np.ndarray, " v"]
    """Of the body where it hangs: 0 at the ankles, 1 at the neck."""

    def fitted(self, rest: Float32[np.ndarray, "b 3"]) -> Float32[np.ndarray, "v 3"]:
        """Its vertices on a body of some shape, at rest."""
        scale = np.full(3, _DEFAULT_SCALE, np.float32)
        for axis, first, second, distance in self.scales:
            scale[axis] = abs(rest[first, axis] - rest[second, axis]) / distance
        return np.einsum("vij,vi->vj", rest[self.body_vertices], self.share) + self.offset * scale


def read_garments(folder: Path, body: Body) -> tuple[Garment, ...]:
    """All suits, shoes, hair and hats of a folder of assets, or of its ``base``; FormatError where it is another."""
    root = next((place for place in (folder, folder / "base") if (place / "clothes").is_dir()), None)
    if root is None:
        found = "there is no such folder" if not folder.is_dir() else "it has no folder 'clothes'"
        raise FormatError(f"{folder}: {found}. {_NEEDED}")
    paths = sorted(
        [*root.glob("clothes/*/*.mhclo"), *root.glob("hair/*/*.mhclo")], key=lambda path: natural_key(path.name)
    )
    if body.name != "anny":
        raise FormatError(f"{folder}: MakeHuman's clothes do not fit the {body.name} body. Needed: `--body anny`.")
    garments = tuple(_read(path, body) for path in paths)
    missing = {"suit", "shoes", "hair"} - {garment.kind for garment in garments}
    if missing:
        raise FormatError(f"{folder}: found no {' and no '.join(sorted(missing))}. {_NEEDED}")
    return garments


def _read(path: Path, body: Body) -> Garment:
    try:
        description = _description(path)
        vertices, uv, triangles, corners = _obj(path.parent / description.obj)
    except (ValueError, IndexError, OSError, StopIteration) as error:
        raise FormatError(f"{path}: not readable as a MakeHuman garment ({error}). {_NEEDED}") from error
    n_body = body.shapes.shape[1]
    if len(vertices) != len(description.body_vertices) or description.body_vertices.max() >= n_body:
        raise FormatError(
            f"{path}: {len(description.body_vertices)} bound vertices up to {description.body_vertices.max()}, but "
            f"{len(vertices)} in {description.obj} and {n_body} on the body. {_NEEDED}"
        )
    hides = np.zeros(n_body, bool)
    hides[[number for number in description.hidden if number < n_body]] = True
    weight, bone = _bound_weights(description.body_vertices, description.share, body)
    nearest = description.body_vertices[np.arange(len(vertices)), description.share.argmax(axis=1)]
    return Garment(
        name=path.stem,
        kind=_kind(path),
        body_vertices=description.body_vertices,
        share=description.share,
        offset=description.offset[:, [0, 2, 1]] * np.array([1, -1, 1], np.float32),  # MakeHuman is Y up
        scales=description.scales,
        hides=hides,
        triangles=triangles,
        texture_uv=uv,
        texture_triangles=corners,
        piece=_pieces(len(vertices), triangles),
        weight=weight,
        bone=bone,
        part=body.part[nearest],
        height=body.regions["height"][nearest],
    )


def _kind(path: Path) -> str:
    if path.parent.parent.name == "hair":
        return "hair"
    if path.stem.startswith(_HAT):
        return "hat"
    return "shoes" if path.stem.startswith(_SHOES) else "suit"


@dataclass(frozen=True, slots=True, eq=False)
class _Description:
    obj: str
    body_vertices: Int32[np.ndarray, "v 3"]
    share: Float32[np.ndarray, "v 3"]
    offset: Float32[np.ndarray, "v 3"]
    scales: tuple[tuple[int, int, int, float], ...]
    hidden: tuple[int, ...]


def _description(path: Path) -> _Description:
    bound: list[tuple[list[int], list[float], list[float]]] = []
    scales, hidden, obj, section = [], [], "", ""
    for words in _lines(path):
        match words:
            case [("x_scale" | "y_scale" | "z_scale") as key, first, second, distance]:
                axis = {"x": 0, "y": 2, "z": 1}[key[0]]
                scales.append((axis, int(first), int(second), float(distance)))
            case ["obj_file", obj]:
                pass
            case ["verts", *_]:
                section = "verts"
            case ["delete_verts", *_]:
                section = "delete"
            case [number] if section == "verts" and number.isdigit():
                bound.append(([int(number)] * 3, [1, 0, 0], [0, 0, 0]))
            case [a, b, c, *rest] if section == "verts" and a.isdigit() and len(rest) >= 6:
                numbers = [float(word) for word in rest[:6]]
                bound.append(([int(a), int(b), int(c)], numbers[:3], numbers[3:]))
            case _ if section == "delete" and words[0].isdigit():
                hidden += _ranges(words)
    indices, share, offset = zip(*bound, strict=True)
    return _Description(
        obj, np.array(indices, np.int32), np.array(share, np.float32), np.array(offset, np.float32),
        tuple(scales), tuple(hidden),
    )  # fmt: skip


def _lines(path: Path) -> Iterator[list[str]]:
    for line in path.read_text(errors="replace", encoding="utf-8").splitlines():
        words = line.split()
        if words and not words[0].startswith("#"):
            yield words


def _ranges(words: list[str]) -> list[int]:
    """``3 - 7 12`` are 3 to 7, and 12."""
    numbers: list[int] = []
    at = 0
    while at < len(words):
        if words[at + 1 : at + 2] == ["-"]:
            numbers += range(int(words[at]), int(words[at + 2]) + 1)
            at += 3
        else:
            numbers.append(int(words[at]))
            at += 1
    return numbers


def _obj(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Vertices, texture corners, triangles of both; polygons are cut into fans."""
    vertices, uv, triangles, corners = [], [], [], []
    for words in _lines(path):
        match words:
            case ["v", *numbers]:
                vertices.append([float(number) for number in numbers[:3]])
            case ["vt", *numbers]:
                uv.append([float(number) for number in numbers[:2]])
            case ["f", *polygon]:
                indices = [[int(number) - 1 if number else 0 for number in word.split("/")[:2]] for word in polygon]
                of_vertex, of_uv = [word[0] for word in indices], [word[1] if len(word) > 1 else 0 for word in indices]
                for k in range(1, len(polygon) - 1):
                    triangles.append([of_vertex[0], of_vertex[k], of_vertex[k + 1]])
                    corners.append([of_uv[0], of_uv[k], of_uv[k + 1]])
    uv = uv or [[0.0, 0.0]]
    return (
        np.array(vertices, np.float32), np.array(uv, np.float32), np.array(triangles, np.int32),
        np.array(corners, np.int32),
    )  # fmt: skip


def _bound_weights(
    body_vertices: Int32[np.ndarray, "v 3"], share: Float32[np.ndarray, "v 3"], body: Body
) -> tuple[Float32[np.ndarray, "v k"], Int32[np.ndarray, "v k"]]:
    """Skinning weights: those of the three vertices of the body, mixed as the garment hangs on them."""
    n, n_bones = len(body_vertices), len(body.parents)
    mixed = np.zeros((n, n_bones), np.float32)
    for corner in range(3):
        on = body_vertices[:, corner]
        for k in range(body.weight.shape[1]):
            np.add.at(mixed, (np.arange(n), body.bone[on, k]), body.weight[on, k] * np.abs(share[:, corner]))
    everything = np.broadcast_to(np.arange(n_bones, dtype=np.int32), mixed.shape)
    return strongest(mixed, everything, 6)


def _pieces(n_vertices: int, triangles: Int32[np.ndarray, "t 3"]) -> Int32[np.ndarray, " t"]:
    start = np.concatenate([triangles[:, 0], triangles[:, 1]])
    end = np.concatenate([triangles[:, 1], triangles[:, 2]])
    graph = coo_array((np.ones(len(start)), (start, end)), shape=(n_vertices, n_vertices))
    label = connected_components(graph, directed=False)[1]
    return np.unique(label[triangles[:, 0]], return_inverse=True)[1].astype(np.int32)


def of_kind(garments: tuple[Garment, ...]) -> Mapping[str, tuple[Garment, ...]]:
    """The garments by kind; only kinds of which there are some."""
    kinds = sorted({garment.kind for garment in garments})
    return {kind: tuple(garment for garment in garments if garment.kind == kind) for kind in kinds}
