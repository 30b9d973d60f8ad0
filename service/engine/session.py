"""How a graph is run."""

from service.engine.cpu import overflows
from service.engine.errors import ModelError
from service.engine.onnx_file import OnnxFile
from service.engine.onnx_graph import cannot_overflow
from service.engine.provider import Provider
from service.engine.runtime import ort

_EXECUTION = {
    Provider.CPU: ["CPUExecutionProvider"],
    # Without TF32, which keeps 10 bits of what is multiplied: scores are to be those of the reference library.
    Provider.CUDA: [("CUDAExecutionProvider", {"use_tf32": "0"}), "CPUExecutionProvider"],
}


def open_session(graph: OnnxFile, provider: Provider = Provider.CPU) -> ort.InferenceSession:
    """Return a session without threads of its own: a run takes place on the thread that asks for it.

    Raises ModelError.
    """
    if provider is Provider.CUDA:
        _prepare_cuda()
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # A plan of its memory is kept for each shape ever seen. Batches come in more shapes than are worth a plan: without
    # them runs take 1 % less time, and the memory stops growing.
    options.enable_mem_pattern = False
    if overflows() and not cannot_overflow(graph):
        options.add_session_config_entry("session.x64quantprecision", "1")
    try:
        session = ort.InferenceSession(str(graph.path), options, providers=_EXECUTION[provider])
    except Exception as error:  # noqa: BLE001  # onnxruntime raises a dozen kinds.
        raise ModelError(f"{graph.path} cannot be loaded: {error}") from None
    # Without a device, or with a library missing, it falls back in silence.
    if provider is Provider.CUDA and "CUDAExecutionProvider" not in session.get_providers():
        raise ModelError("no CUDA device can be used here: the lines above, from ONNX Runtime, say why")
    return session


def _prepare_cuda() -> None:
    if "CUDAExecutionProvider" not in ort.get_available_providers():
        raise ModelError(
            "this onnxruntime knows no CUDA: pip uninstall onnxruntime; pip install 'onnxruntime-gpu[cuda,cudnn]'"
        )
    ort.preload_dlls()  # Where pip has put them.
