"""From one model directory to another. Needs onnx."""

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from service.convert.agreement import Trial
from service.convert.choice import choose
from service.convert.quantisation import Conversion, Group
from service.convert.questions import read
from service.convert.report import Report
from service.convert.speed import speeds
from service.engine.cpu import instructions
from service.engine.engine import Engine
from service.engine.errors import ModelError
from service.engine.model_dir import ModelDirectory
from service.hub.location import locate
from service.progress import Progress

_BESIDE = {".json", ".md", ".txt"}
"""Kinds of files that go with a model, apart from its weights."""
_LEGAL = ("LICENSE", "NOTICE")
_NOTE = "conversion.json"
_BOUNDED_AGREEMENT_MIN = 0.999
"""Of the logits, unless another is asked for. Bounded weights are coarser: those of the embedded model cost 0.0001."""


class ConversionError(Exception):
    """A conversion that cannot begin; the message says why."""


def converted(model: Path, out: Path, pairs: Path, agreement: float | None) -> Report:
    """Make the directory `out` from `model`, and return what that cost and gained.

    All that can be runs in int8, or as much of it as agrees with fp32 so well; with weights that no CPU cuts off, if
    that agrees well enough, too.

    Raises ConversionError, ModelError, PairsError or OSError, and leaves no `out` then.
    """
    if out.exists():
        raise ConversionError(f"{out} exists already")
    progress, directory, questions = Progress(sys.stderr), locate(model), read(pairs)
    progress.step(f"loading {directory.graph}")
    before = Engine(directory)
    if not before.batch_invariant:
        raise ModelError(f"{directory.graph} is quantised already, whole batches at a time; convert it from fp32")
    conversion, trial = Conversion(directory), Trial(before, questions)
    progress.step(f"scores in fp32: {len(trial)} pairs")
    expected = trial.scores(before)
    int8, bounded = _chosen(conversion, trial, expected, agreement, progress)
    out.parent.mkdir(parents=True, exist_ok=True)
    # It has its name only when it is whole.
    with TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as folder:
        whole = Path(folder) / out.name
        whole.mkdir()
        _copy(directory.path, whole)
        conversion.write(int8, whole / "model.onnx", bounded=bounded)
        after = Engine(ModelDirectory.read(whole))
        progress.step(f"scores in int8: {len(trial)} pairs, alone and in batches")
        scores = trial.scores(after)
        report = Report(
            graph=str(directory.graph),
            int8=[product.name for group in int8 for product in group],
            fp32=[product.name for group in conversion.groups if group not in int8 for product in group],
            bytes_before=conversion.size,
            bytes_after=sum(file.stat().st_size for file in whole.glob("model.onnx*")),
            queries=len(questions),
            pairs=len(trial),
            agreement=trial.agreement(expected, scores),
            moved_before=trial.moved(before, expected),
            moved_after=trial.moved(after, scores),
            bounded=bounded,
            cpu=instructions(),
            speeds=list(speeds(before, after, progress.step)),
        )
        (whole / _NOTE).write_text(report.json() + "\n", encoding="utf-8")
        whole.rename(out)
    return report


def _chosen(
    conversion: Conversion, trial: Trial, expected: Sequence[float], agreement: float | None, progress: Progress
) -> tuple[list[Group], bool]:
    """Return what can be in int8 with so much agreement, and whether its weights are bounded.

    They are if everything can be in int8 so.
    """
    everything, measured = conversion.groups, 0

    def correlation(groups: Sequence[Group], *, bounded: bool = False) -> float:
        nonlocal measured
        measured += 1
        engine = conversion.engine(groups, bounded=bounded)
        found = trial.agreement(expected, trial.scores(engine)).correlation
        progress.update(f"{measured}: {len(groups)} of {len(everything)} in int8, agreement {found:.6f}")
        return found

    progress.step("scores in int8 that no CPU cuts off")
    if correlation(everything, bounded=True) >= (agreement or _BOUNDED_AGREEMENT_MIN):
        found, bounded = everything, True
    elif agreement is None:
        found, bounded = everything, False
    else:
        progress.step(f"choosing what stays in fp32, of {len(everything)} groups of products")
        found, bounded = choose(everything, correlation, agreement), False
    progress.clear()
    return found, bounded


def _copy(model: Path, out: Path) -> None:
    """Copy all that is served with the weights, or must go along with them."""
    for file in model.iterdir():
        if file.is_file() and (file.suffix in _BESIDE or file.name.upper().startswith(_LEGAL)):
            shutil.copyfile(file, out / file.name)
