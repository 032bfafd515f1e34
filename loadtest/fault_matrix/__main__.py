"""`python -m loadtest.fault_matrix docs/faults.md` writes the page."""

from __future__ import annotations

import argparse
from pathlib import Path

from loadtest.fault_matrix.page import page


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", type=Path)
    parser.parse_args().page.write_text(page())


if __name__ == "__main__":
    main()
