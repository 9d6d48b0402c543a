"""How good a recording is: without its truth, and against another recording of the same motion.

python examples/evaluate_results.py demo/session
python examples/evaluate_results.py session markers.c3d
"""

import sys
from pathlib import Path

from mocap3d.evaluation.score_table import ScoreTable, shown
from mocap3d.scoring.compare import CompareOptions, compare, table_of
from mocap3d.scoring.session import evaluate_session


def show(table: ScoreTable) -> None:
    """A line per number."""
    print(table.title)
    for score in table.scores:
        print(f"  {score.name}: {shown(score.value)} {score.unit}")


def main(session: Path, reference: Path | None = None) -> None:
    """Views left out and predicted, limbs, coverage; then the differences, aligned in time and space."""
    show(evaluate_session(session))
    if reference is not None:
        results = session / "results"
        show(table_of(compare(results, reference, CompareOptions()), results, reference))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
