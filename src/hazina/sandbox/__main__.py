"""``python -m hazina.sandbox --data DIR [--port N]``"""

from __future__ import annotations

import argparse
import errno
from pathlib import Path

from hazina.sandbox.serve import run


def main() -> None:
    parser = argparse.ArgumentParser(prog="hazina sandbox", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder for the sandbox's own state")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 takes a free one")
    options = parser.parse_args()
    try:
        run(options.data, options.port)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise SystemExit(f"Port {options.port} is in use by another program.") from None


if __name__ == "__main__":
    main()
