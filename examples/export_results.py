"""Saved results in further formats, and as arrays of one's own; nothing is computed again.

python examples/export_results.py demo/session FOLDER
"""

import sys
from pathlib import Path

from mocap3d.export.options import ExportOptions
from mocap3d.export.results import write_more
from mocap3d.export.saved import read_results
from mocap3d.session.records import Provenance


def main(session: Path, folder: Path) -> None:
    """Writes BVH and CSV, and tells how fast everybody went."""
    results, place = read_results(session)
    print("read", place)
    points = results.points
    hips = [points.skeleton.index(name) for name in ("LHip", "RHip")]
    for person, name in enumerate(points.people):
        is_measured = (points.provenance[:, person][:, hips] == int(Provenance.MEASURED)).all(-1)
        middle = points.p_in_world[:, person][:, hips].mean(1)[is_measured]  # (t 3): what was filled in is left out
        way_m = (middle[-1] - middle[0]).norm()
        print(f"{name}: {way_m / (points.t_s[is_measured][-1] - points.t_s[is_measured][0]):.2f} m/s on average")
    for path in write_more(results, folder, ("bvh", "csv"), ExportOptions()):
        print("wrote", path)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
