"""The command line of a conversion."""

import argparse
import sys
from pathlib import Path

_INTERRUPTED = 130


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `rerankd convert`."""
    parser.add_argument("model", type=Path, metavar="MODEL_DIR", help="directory of a model in fp32")
    parser.add_argument("out", type=Path, metavar="OUT_DIR", help="directory to make, for RERANKD_MODEL to name")
    parser.add_argument(
        "--pairs",
        type=Path,
        metavar="FILE",
        help='what to compare scores on, {"query": "...", "documents": ["...", ...]} a line; English, built in',
    )
    parser.add_argument(
        "--agreement",
        type=_share,
        metavar="X",
        help="least correlation of the logits with those in fp32, such as 0.999; what harms it most stays in fp32",
    )


def convert(arguments: argparse.Namespace) -> int:
    """Convert a model and print what that costs and gains; return 0, or 1 with the reason in words."""
    try:
        # Not at the top, for the service does without onnx, and the help without all.
        from service.convert.conversion import ConversionError, converted  # noqa: PLC0415
        from service.convert.questions import BUILT_IN, PairsError  # noqa: PLC0415
        from service.engine.errors import ModelError  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if error.name != "onnx":
            raise
        return _failed("the package onnx is missing: pip install 'rerankd[convert]'")
    try:
        report = converted(arguments.model, arguments.out, arguments.pairs or BUILT_IN, arguments.agreement)
    except (ConversionError, ModelError, PairsError) as error:
        return _failed(str(error))
    except OSError as error:
        return _failed(f"{error.filename or arguments.out}: {error.strerror}")
    except KeyboardInterrupt:
        return _INTERRUPTED
    print(report.text())
    return 0


def _failed(why: str) -> int:
    print(f"rerankd: {why}", file=sys.stderr)
    return 1


def _share(text: str) -> float:
    number = float(text)
    if not 0 < number < 1:
        raise ValueError(text)
    return number
