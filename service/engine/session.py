"""How a graph is run."""

from pathlib import Path

import onnxruntime as ort

from service.engine.cpu import overflows
from service.engine.directory import ModelError


def open_session(graph: Path) -> ort.InferenceSession:
    """Return a session without threads of its own: a run takes place on the thread that asks for it.

    Raises ModelError.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # A plan of its memory is kept for each shape ever seen. Batches come in more shapes than are worth a plan: without
    # them runs take 1 % less time, and the memory stops growing.
    options.enable_mem_pattern = False
    if overflows():
        options.add_session_config_entry("session.x64quantprecision", "1")
    try:
        return ort.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001  # onnxruntime raises a dozen kinds.
        raise ModelError(f"{graph} cannot be loaded: {error}") from None
