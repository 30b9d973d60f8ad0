"""Conversion of a model directory from fp32 to int8. Needs onnx."""

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from service.convert.agreement import Trial
from service.convert.choice import choose
from service.convert.quantisation import Conversion, Group
from service.convert.questions import read
from service.convert.report import ConversionReport
from service.convert.speed import speeds
from service.engine.cpu import instructions
from service.engine.engine import Engine
from service.engine.errors import ModelError
from service.engine.model_dir import ModelDirectory
from service.hub.location import locate
from service.progress import Progress

_BESIDE = {".json", ".md", ".txt"}
"""Suffixes of the files to copy with a model: configuration, tokenizer, documentation."""
_LEGAL = ("LICENSE", "NOTICE")
_NOTE = "conversion.json"
_BOUNDED_AGREEMENT_MIN = 0.999
"""Default minimum correlation of the logits for bounded weights. They cost the embedded model 0.0001."""


class ConversionError(Exception):
    """The conversion cannot begin; the message gives the reason."""


def converted(model: Path, out: Path, pairs: Path, agreement: float | None) -> ConversionReport:
    """Convert `model` to the new directory `out`, and return a report.

    Without `agreement`, all eligible products run in int8. With it, as many as keep that correlation with the fp32
    logits. Weights are bounded (`service.engine.columns`) if all products then reach the agreement, 0.999 by default.

    Raises ConversionError, ModelError, PairsError or OSError; `out` does not exist then.
    """
    if out.exists():
        raise ConversionError(f"{out} exists already: name a new directory")
    progress, directory, questions = Progress(sys.stderr), locate(model), read(pairs)
    progress.step(f"loading {directory.graph}")
    before = Engine(directory)
    if not before.batch_invariant:
        raise ModelError(f"{directory.graph} is quantised already, with one scale per batch; convert the fp32 model")
    conversion, trial = Conversion(directory), Trial(before, questions)
    progress.step(f"scores in fp32: {len(trial)} pairs")
    expected = trial.scores(before)
    int8, bounded = _chosen(conversion, trial, expected, agreement, progress)
    out.parent.mkdir(parents=True, exist_ok=True)
    # Renamed at the end, so that `out` is always complete.
    with TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as folder:
        whole = Path(folder) / out.name
        whole.mkdir()
        _copy(directory.path, whole)
        conversion.write(int8, whole / "model.onnx", bounded=bounded)
        after = Engine(ModelDirectory.read(whole))
        progress.step(f"scores in int8: {len(trial)} pairs, alone and in batches")
        scores = trial.scores(after)
        report = ConversionReport(
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
    """Return the groups to convert, and whether their weights are bounded.

    Prefer all groups with bounded weights; else all groups, or with `agreement` as many as reach it.
    """
    everything, measured = conversion.groups, 0

    def correlation(groups: Sequence[Group], *, bounded: bool = False) -> float:
        nonlocal measured
        measured += 1
        engine = conversion.engine(groups, bounded=bounded)
        reached = trial.agreement(expected, trial.scores(engine)).correlation
        progress.update(f"{measured}: {len(groups)} of {len(everything)} groups in int8, agreement {reached:.6f}")
        return reached

    progress.step("scores in int8 with bounded weights")
    if correlation(everything, bounded=True) >= (agreement or _BOUNDED_AGREEMENT_MIN):
        groups, bounded = everything, True
    elif agreement is None:
        groups, bounded = everything, False
    else:
        progress.step(f"choosing the products that stay in fp32, of {len(everything)} groups")
        groups, bounded = choose(everything, correlation, agreement), False
    progress.clear()
    return groups, bounded


def _copy(model: Path, out: Path) -> None:
    """Copy configuration, tokenizer, documentation and licence."""
    for file in model.iterdir():
        if file.is_file() and (file.suffix in _BESIDE or file.name.upper().startswith(_LEGAL)):
            shutil.copyfile(file, out / file.name)
