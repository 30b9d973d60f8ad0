"""Where the results of a benchmark go."""

import sys
from collections.abc import Callable
from pathlib import Path


def write(folder: Path, name: str, text: str, draw: Callable[[Path], None]) -> None:
    """Write `text` as NAME.md and the picture as NAME.png, or say what it takes to get the picture."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.md").write_text(text + "\n", encoding="utf-8")
    try:
        draw(folder / f"{name}.png")
    except ModuleNotFoundError:
        print("no picture: pip install 'rerankd[bench]'", file=sys.stderr)
