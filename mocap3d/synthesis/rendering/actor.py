"""A dressed person: everything that moves with the bones, in one mesh."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Float32, Int32

from mocap3d.synthesis.rendering.body import Figure, Pose
from mocap3d.synthesis.rendering.mesh import Mesh
from mocap3d.synthesis.rendering.skinning import skinned


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """A person at one moment, in the world."""

    mesh: Mesh
    keypoints: Float32[np.ndarray, "26 3"]

    def moved(self, by: Float[np.ndarray, " 3"]) -> "Standing":
        """The same elsewhere."""
        shift = by.astype(np.float32)
        return Standing(replace(self.mesh, vertices=self.mesh.vertices + shift), self.keypoints + shift)

    def owned_by(self, person: int) -> "Standing":
        """The same under a person's number."""
        return Standing(replace(self.mesh, owner=np.full_like(self.mesh.owner, person)), self.keypoints)


@dataclass(frozen=True, slots=True, eq=False)
class Actor:
    """A figure and its clothes at rest; the vertices of the bare body come first."""

    figure: Figure
    at_rest: Mesh
    weight: Float32[np.ndarray, "v k"]
    bone: Int32[np.ndarray, "v k"]

    def posed(self, pose: Pose) -> Standing:
        """In a pose, the root where it rests."""
        body = self.figure.body
        vertices = skinned(self.at_rest.vertices, self.weight, self.bone, self.figure.transforms(pose))
        keypoints = body.keypoint_of_vertex[:, : body.n_drawn] @ vertices[: body.n_drawn]
        return Standing(replace(self.at_rest, vertices=vertices), keypoints.astype(np.float32))
