"""The command line of `rerankd convert`."""

import argparse
import sys
from pathlib import Path

_INTERRUPTED = 130  # Exit status that shells report after SIGINT.


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `rerankd convert`."""
    parser.add_argument("model", type=Path, metavar="MODEL_DIR", help="directory of an fp32 model")
    parser.add_argument(
        "out", type=Path, metavar="OUT_DIR", help="directory to create; set RERANKD_MODEL to it afterwards"
    )
    parser.add_argument(
        "--pairs",
        type=Path,
        metavar="FILE",
        help='pairs to compare scores on, one {"query": "...", "documents": ["...", ...]} per line '
        "(default: built-in English pairs)",
    )
    parser.add_argument(
        "--agreement",
        type=_share,
        metavar="X",
        help="minimum correlation with the fp32 logits, such as 0.999; the most sensitive products stay in fp32 "
        "until it is reached (default: convert all products)",
    )


def convert(arguments: argparse.Namespace) -> int:
    """Convert a model and print a report. Return 0, 1 after an error message, or 130 after SIGINT."""
    try:
        # Imported here, because the service runs without onnx, and --help without any library.
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


def _failed(reason: str) -> int:
    print(f"rerankd: {reason}", file=sys.stderr)
    return 1


def _share(text: str) -> float:
    number = float(text)
    if not 0 < number < 1:
        raise ValueError(text)
    return number
