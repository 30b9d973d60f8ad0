"""Scores in int8, of the embedded model and of each family, for CPUs of all kinds to agree on.

`python -m tests.golden.scores` writes them anew, wherever weights or the form of int8 have changed.
"""

import json
from pathlib import Path
from unittest.mock import patch

from service.convert import rowwise
from service.convert.agreement import Trial
from service.convert.quantisation import Conversion
from service.convert.questions import BUILT_IN, read
from service.engine.cpu import instructions
from service.engine.engine import Engine
from service.engine.model_dir import ModelDirectory
from service.settings import EMBEDDED_MODEL
from tests.examples import GOLDEN

_QUERIES = 8
FILE = Path(__file__).with_name("scores.json")
MODELS = {path.name: path for path in (EMBEDDED_MODEL, *sorted(found.parent for found in GOLDEN.glob("*/config.json")))}


def scores(model: Path) -> list[float]:
    """Return the scores of pairs of many lengths."""
    directory = ModelDirectory.read(model)
    engine = Engine(directory)
    if model != EMBEDDED_MODEL:
        with patch.object(rowwise, "_SIDE_MIN", 8):  # These models are tiny.
            conversion = Conversion(directory)
        engine = conversion.engine(conversion.groups)
    return Trial(engine, read(BUILT_IN)[:_QUERIES]).scores(engine)


if __name__ == "__main__":
    found = {name: scores(path) for name, path in MODELS.items()}
    FILE.write_text(json.dumps({"made on": instructions(), "scores": found}, indent=1) + "\n", encoding="utf-8")
