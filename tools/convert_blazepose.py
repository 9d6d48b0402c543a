"""Converts MediaPipe's published pose graphs (Apache-2.0) to mocap3d weights, and checks them against the originals.

    pip install mocap3d[convert]
    python tools/convert_blazepose.py --out weights/                 # fetches the packages through npm and pip
    python tools/convert_blazepose.py --out weights/ --npm pose.tgz --wheel mediapipe.whl   # or takes local files

Writes person-detector, blazepose-full and blazepose-heavy; ``--ship`` renews what the package and its tests carry.
"""

import argparse
import hashlib
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np
import torch
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from torch import Tensor, nn

from mocap3d.detection import weights
from mocap3d.detection.blazepose import LandmarkNet
from mocap3d.detection.blazepose_detector import INPUT_PX, PersonNet

NPM = "@mediapipe/pose@0.5.1675469404"
WHEEL = "mediapipe==0.10.14"
TOLERANCE = 1e-3  # relative to the largest value of an output
GOLDEN = Path(__file__).parents[1] / "tests" / "detection" / "golden" / "blazepose.npz"
CARD = {
    "licence": "Apache-2.0 (MediaPipe, The MediaPipe Authors); converted: see NOTICE",
    "data": "Google's own annotated pictures of people; not published. Paper: Bazarevsky et al. (2020), BlazePose",
    "command": "python tools/convert_blazepose.py --out weights/",
}


class Graph:
    """A TFLite file: its convolutions in order, and its own outputs as the reference."""

    def __init__(self, path: Path) -> None:
        self.path = path
        model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(bytearray(path.read_bytes()), 0))
        self.graph, self.codes = model.subgraphs[0], model.operatorCodes
        self.names = {value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}

    def convolutions(self, outputs: list[str]) -> list[tuple[Tensor, Tensor]]:
        """Weight (torch's layout) and bias of each convolution that the named outputs depend on."""
        values = self._run_plainly()
        needed = {n for n in map(int, self.graph.outputs) if self.graph.tensors[n].name.decode() in outputs}
        found = []
        for op in reversed(self.graph.operators):
            if int(op.outputs[0]) not in needed:
                continue
            needed |= set(map(int, op.inputs))
            kind = self._kind(op)
            if kind in ("CONV_2D", "DEPTHWISE_CONV_2D"):
                weight, bias = (values.get_tensor(int(n)).astype(np.float32) for n in op.inputs[1:3])
                order = (3, 0, 1, 2) if kind == "DEPTHWISE_CONV_2D" else (0, 3, 1, 2)
                found.append((torch.tensor(weight.transpose(order).copy()), torch.tensor(bias)))
        return found[::-1]

    def __call__(self, picture: np.ndarray) -> dict[str, np.ndarray]:
        """What the original says, by output name, of one (H, W, 3) float32 picture."""
        run = Interpreter(str(self.path), num_threads=1)
        run.allocate_tensors()
        run.set_tensor(run.get_input_details()[0]["index"], picture[None])
        run.invoke()
        return {output["name"]: run.get_tensor(output["index"])[0] for output in run.get_output_details()}

    def _kind(self, op: schema.OperatorT) -> str:
        code = self.codes[op.opcodeIndex]
        return self.names[max(code.builtinCode, code.deprecatedBuiltinCode)]

    def _run_plainly(self) -> Interpreter:
        """A run without delegates, after which dequantised and densified constants can be read."""
        run = Interpreter(
            str(self.path),
            experimental_preserve_all_tensors=True,
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        )
        run.allocate_tensors()
        run.invoke()
        return run


def assign(net: nn.Module, size_px: int, convolutions: list[tuple[Tensor, Tensor]]) -> None:
    """Fills the network: convolutions of one shape come in the same order in both. The check afterwards proves it."""
    queue: dict[tuple[int, ...], list[tuple[Tensor, Tensor]]] = defaultdict(list)
    for weight, bias in convolutions:
        queue[tuple(weight.shape)].append((weight, bias))
    called: list[nn.Conv2d] = []
    hooks = [
        module.register_forward_pre_hook(lambda module, _: called.append(module))
        for module in net.modules()
        if isinstance(module, nn.Conv2d)
    ]
    with torch.no_grad():
        net(torch.zeros(1, 3, size_px, size_px))
        for conv in called:
            weight, bias = queue[tuple(conv.weight.shape)].pop(0)
            conv.weight.copy_(weight)
            conv.bias.copy_(bias)
    for hook in hooks:
        hook.remove()
    left = {shape: len(rest) for shape, rest in queue.items() if rest}
    if left:
        sys.exit(f"The graph has convolutions that the module lacks: {left}. Its layout has changed.")


def relative_error(ours: Tensor, theirs: np.ndarray) -> float:
    """Largest difference over largest value."""
    return float(np.abs(ours.numpy().reshape(-1) - theirs.reshape(-1)).max() / np.abs(theirs).max())


def drawn_person(size_px: int) -> np.ndarray:
    """A drawn figure, uint8 RGB: enough of a person for every output to say something."""
    scale = size_px / 256
    picture = np.full((256, 256, 3), (150, 170, 190), np.uint8)
    cv2.rectangle(picture, (0, 200), (255, 255), (110, 100, 90), -1)
    skin, shirt, trousers, shoe = (205, 160, 130), (60, 90, 160), (50, 50, 60), (30, 30, 30)
    for limb, colour, width in [
        ([(112, 128), (106, 172), (102, 218)], trousers, 19),
        ([(142, 128), (150, 172), (152, 218)], trousers, 19),
        ([(102, 218), (92, 226)], shoe, 10),
        ([(152, 218), (164, 226)], shoe, 10),
        ([(100, 76), (84, 106), (74, 134)], skin, 11),
        ([(154, 76), (172, 104), (190, 84)], skin, 11),
        ([(127, 66), (127, 54)], skin, 14),
    ]:
        cv2.polylines(picture, [np.array(limb)], False, colour, width, cv2.LINE_AA)
    cv2.fillPoly(picture, [np.array([(96, 70), (158, 70), (150, 132), (104, 132)])], shirt, cv2.LINE_AA)
    cv2.ellipse(picture, (127, 42), (15, 19), 0, 0, 360, skin, -1, cv2.LINE_AA)
    cv2.ellipse(picture, (127, 31), (16, 10), 0, 180, 360, (60, 40, 30), -1, cv2.LINE_AA)
    for x in (121, 133):
        cv2.circle(picture, (x, 40), 2, (20, 20, 20), -1, cv2.LINE_AA)
    cv2.line(picture, (122, 51), (132, 51), (150, 60, 60), 2, cv2.LINE_AA)
    return cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def pictures(size_px: int) -> list[np.ndarray]:
    """The figure, noise and a gradient: float32 RGB in [0, 1]."""
    noise = np.random.default_rng(0).random((size_px, size_px, 3), np.float32)
    ramp = np.linspace(0, 1, size_px, dtype=np.float32)
    return [drawn_person(size_px).astype(np.float32) / 255, noise, np.stack([ramp[None] * ramp[:, None]] * 3, -1)]


def convert(net: nn.Module, graph: Graph, size_px: int, outputs: dict[str, str]) -> None:
    """Fills ``net`` from ``graph`` and says the relative error of each output, worst over the test pictures."""
    net.eval()
    assign(net, size_px, graph.convolutions(list(outputs.values())))
    errors: dict[str, float] = defaultdict(float)
    for picture in pictures(size_px):
        theirs = graph(picture * 2 - 1 if isinstance(net, PersonNet) else picture)
        for name, ours in raw_outputs(net, picture).items():
            errors[name] = max(errors[name], relative_error(ours, theirs[outputs[name]]))
    print(f"{graph.path.name}: " + ", ".join(f"{name} {error:.1e}" for name, error in errors.items()))
    if max(errors.values()) > TOLERANCE:
        sys.exit(f"{graph.path.name}: differs from the original by more than {TOLERANCE}. Nothing was written.")


def raw_outputs(net: nn.Module, picture: np.ndarray) -> dict[str, Tensor]:
    """Our outputs in the original's own layout."""
    with torch.no_grad():
        raw = net(torch.tensor(picture).permute(2, 0, 1)[None])
    if isinstance(net, PersonNet):
        pairs = torch.cat([raw.box.unflatten(-1, (2, 2)), raw.point], 2)[0]
        pairs[:, [0, 2, 3, 4, 5]] -= net.anchor
        return {"score": raw.logit[0], "box": pairs * INPUT_PX}
    return {"landmark": raw.landmark[0], "score": raw.score, "heatmap": raw.heatmap[0].permute(1, 2, 0)}


def fetch(folder: Path, npm: Path | None, wheel: Path | None) -> dict[str, Path]:
    """The three graphs, from given packages or from the registries by name."""
    if npm is None:
        subprocess.run(["npm", "pack", NPM], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        npm = next(folder.glob("*.tgz"))
    if wheel is None:
        target = ["--only-binary=:all:", "--platform=manylinux2014_x86_64", "--python-version=3.11"]
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", *target, WHEEL]
        subprocess.run(command, cwd=folder, check=True)
        wheel = next(folder.glob("*.whl"))
    with tarfile.open(npm) as archive:
        for size in ("full", "heavy"):
            archive.extract(f"package/pose_landmark_{size}.tflite", folder, filter="data")
    detector = "mediapipe/modules/pose_detection/pose_detection.tflite"
    with zipfile.ZipFile(wheel) as archive:
        archive.extract(detector, folder)
    package = folder / "package"
    return {
        "person-detector": folder / detector,
        "blazepose-full": package / "pose_landmark_full.tflite",
        "blazepose-heavy": package / "pose_landmark_heavy.tflite",
    }


LANDMARK_OUTPUTS = {"landmark": "Identity", "score": "Identity_1", "heatmap": "Identity_3"}
NETWORKS = {
    "person-detector": (PersonNet, INPUT_PX, {"score": "Identity_1", "box": "Identity"}),
    "blazepose-full": (lambda: LandmarkNet("full"), 256, LANDMARK_OUTPUTS),
    "blazepose-heavy": (lambda: LandmarkNet("heavy"), 256, LANDMARK_OUTPUTS),
}


def golden(graphs: dict[str, Path]) -> dict[str, np.ndarray]:
    """What the ORIGINAL shipped graphs say of the drawn figure, thinned out to keep the file small."""
    figure = drawn_person(256)
    kept: dict[str, np.ndarray] = {"picture": figure}
    said = Graph(graphs["blazepose-full"])(figure.astype(np.float32) / 255)
    kept |= {name: said[LANDMARK_OUTPUTS[name]] for name in ("landmark", "score")}
    kept["heatmap_every_4th"] = said["Identity_3"][::4, ::4]
    small = drawn_person(INPUT_PX)
    said = Graph(graphs["person-detector"])(small.astype(np.float32) / 127.5 - 1)
    best = np.argsort(-said["Identity_1"][:, 0])[:40]
    return kept | {
        "small_picture": small,
        "anchor": best,
        "anchor_score": said["Identity_1"][best, 0],
        "anchor_box": said["Identity"][best],
    }


def main() -> None:
    """Parses, converts, checks, writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the converted weights")
    parser.add_argument("--npm", type=Path, help=f"local {NPM} (.tgz)")
    parser.add_argument("--wheel", type=Path, help=f"local {WHEEL} (.whl)")
    parser.add_argument("--ship", action="store_true", help="renew the package's own files and the tests' reference")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        graphs = fetch(Path(folder), args.npm, args.wheel)
        for name, (build, size_px, outputs) in NETWORKS.items():
            net = build()
            convert(net, Graph(graphs[name]), size_px, outputs)
            source = WHEEL if name == "person-detector" else NPM
            sha256 = hashlib.sha256(graphs[name].read_bytes()).hexdigest()
            card = {"name": name, **CARD, "source": f"{source}: {graphs[name].name}, SHA-256 {sha256}"}
            card["metrics"] = {f"{output} against the original": f"relative error < {TOLERANCE}" for output in outputs}
            ship = args.ship and name != "blazepose-heavy"
            path = (weights.SHIPPED if ship else args.out) / f"{name}.safetensors"
            weights.save(path, net.state_dict(), card)
            print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")
            if ship:
                weights.record(path)
        if args.ship:
            np.savez_compressed(GOLDEN, **golden(graphs))


if __name__ == "__main__":
    main()
