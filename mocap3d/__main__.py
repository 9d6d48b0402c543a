"""``python -m mocap3d``: the same as the command."""

import sys

from mocap3d.cli import main

if __name__ == "__main__":
    sys.exit(main())
