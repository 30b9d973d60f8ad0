"""Sessions of ONNX Runtime."""

from service.engine.cpu import overflows
from service.engine.errors import ModelError
from service.engine.onnx_file import OnnxFile
from service.engine.onnx_graph import cannot_overflow
from service.engine.provider import Provider
from service.engine.runtime import ort

_EXECUTION = {
    Provider.CPU: ["CPUExecutionProvider"],
    # TF32 has a mantissa of 10 bits; scores must match those of the reference library.
    Provider.CUDA: [("CUDAExecutionProvider", {"use_tf32": "0"}), "CPUExecutionProvider"],
}


def open_session(graph: OnnxFile, provider: Provider = Provider.CPU) -> ort.InferenceSession:
    """Return a session without a thread pool: a run uses the thread of its caller. Raises ModelError."""
    if provider is Provider.CUDA:
        _prepare_cuda()
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # ONNX Runtime keeps a memory plan for each input shape it has seen, and batches have many shapes. Without plans
    # runs take 1 % less time, and memory stops growing.
    options.enable_mem_pattern = False
    if overflows() and not cannot_overflow(graph):
        options.add_session_config_entry("session.x64quantprecision", "1")
    try:
        session = ort.InferenceSession(str(graph.path), options, providers=_EXECUTION[provider])
    except Exception as error:  # noqa: BLE001  # onnxruntime raises a dozen kinds.
        raise ModelError(f"{graph.path} cannot be loaded: {error}") from None
    # ONNX Runtime falls back to the CPU without an error if a device or library is missing.
    if provider is Provider.CUDA and "CUDAExecutionProvider" not in session.get_providers():
        raise ModelError("CUDA cannot be used: see the messages of ONNX Runtime above")
    return session


def _prepare_cuda() -> None:
    if "CUDAExecutionProvider" not in ort.get_available_providers():
        raise ModelError(
            "this onnxruntime is built without CUDA: pip uninstall onnxruntime; "
            "pip install 'onnxruntime-gpu[cuda,cudnn]'"
        )
    ort.preload_dlls()  # pip installs the libraries outside the search path of the loader.
