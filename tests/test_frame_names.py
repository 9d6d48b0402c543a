"""Frame names must chain: a_from_b @ b_from_c, and a_from_b.apply(p_in_b)."""

import ast
import re
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "mocap3d"


def _frame(name: str) -> str:
    return re.sub(r"s?\d*$", "", name)  # cams, cam1 -> cam


def _frames(node: ast.expr) -> tuple[str, str] | None:
    """(target, source) that an expression's own name, product or inverse claims."""
    match node:
        case ast.Call(func=ast.Attribute(value=inner, attr="inverse")):
            inner = _frames(inner)
            return inner and inner[::-1]
        case ast.BinOp(left=left, op=ast.MatMult(), right=right):
            left, right = _frames(left), _frames(right)
            return (left[0], right[1]) if left and right else None
        case ast.Subscript(value=inner):  # some of a batch
            return _frames(inner)
        case ast.Name(id=name) | ast.Attribute(attr=name):
            found = re.search(r"(?:^|_)([a-z0-9]+)_from_([a-z0-9]+)$", name)
            return (_frame(found[1]), _frame(found[2])) if found else None
    return None


def _place(node: ast.expr) -> str | None:
    """The frame that a point's name says it lives in."""
    match node:
        case ast.Subscript(value=inner):
            return _place(inner)
        case ast.Name(id=name) | ast.Attribute(attr=name):
            found = re.search(r"_in_([a-z0-9]+)$", name)
            return _frame(found[1]) if found else None
        case ast.Call(func=ast.Attribute(value=transform, attr="apply")):
            frames = _frames(transform)
            return frames and frames[0]
    return None


def _agree(node: ast.AST) -> bool:
    """Whether the frames that meet in one operation are the same, as far as names tell."""
    match node:
        case ast.BinOp(left=left, op=ast.MatMult(), right=right):
            left, right = _frames(left), _frames(right)
            return not (left and right) or left[1] == right[0]
        case ast.Assign(targets=[target], value=value) | ast.keyword(arg=str() as target, value=value):
            target = ast.Name(target) if isinstance(target, str) else target
            pairs = [(_frames(target), _frames(value)), (_place(target), _place(value))]
            return all(not (one and other) or one == other for one, other in pairs)
        case ast.Call(func=ast.Attribute(value=transform, attr="apply"), args=[point]):
            frames, place = _frames(transform), _place(point)
            return not (frames and place) or frames[1] == place
    return True


def broken_chains(source: str) -> list[str]:
    """The lines of ``source`` where two frame names meet and disagree."""
    return [f"line {node.lineno}: {ast.unparse(node)}" for node in ast.walk(ast.parse(source)) if not _agree(node)]


def test_frame_names_chain():
    broken = {
        str(f.relative_to(PACKAGE)): b
        for f in PACKAGE.rglob("*.py")
        if (b := broken_chains(f.read_text(encoding="utf-8")))
    }
    assert not broken


def test_a_swapped_name_is_caught():
    assert broken_chains("cam_from_rig @ cam_from_world")
    assert broken_chains("world_from_cam = cam_from_world")
    assert broken_chains("cam_from_world.apply(p_in_cam)")
    assert broken_chains("p_in_world = cam_from_world.apply(p_in_world)")
    assert broken_chains("p_in_cam = cam_from_world.apply(rig_from_cam.apply(p_in_cam))")
    assert broken_chains("p_in_cam = p_in_world[0]")
    assert broken_chains("Camera(cam_from_world=world_from_cam)")
    assert not broken_chains("cam2_from_cam1 = cam2_from_world @ cam1_from_world.inverse()")
    assert not broken_chains("world_from_cams = cams_from_world.inverse()")
    assert not broken_chains("p_in_cam = camera.cam_from_world[0].apply(p_in_world[:, 0])")
