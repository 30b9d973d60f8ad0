"""What a conversion cost and gained."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from json import dumps

from service.convert.agreement import Agreement
from service.convert.speed import Speed

_NAMED_MAX = 20


@dataclass(frozen=True)
class Report:
    """All that is known of a conversion; what is `before` is fp32, what is `after` int8."""

    graph: str
    int8: Sequence[str]
    """Products that were converted, by what they compute."""
    fp32: Sequence[str]
    """Those that could have been, but were left."""
    bytes_before: int
    bytes_after: int
    queries: int
    pairs: int
    agreement: Agreement
    moved_before: float
    """The most that a score changes in a batch."""
    moved_after: float
    bounded: bool
    """Whether the int8 weights are bounded (engine/columns.py): the fast kernels are then exact without VNNI, too."""
    cpu: str
    """Instruction set of the CPU that speeds were measured on."""
    speeds: Sequence[Speed]

    def json(self) -> str:
        """Return everything, for programs and for later."""
        by = {"rerankd": version("rerankd"), "onnx": version("onnx"), "onnxruntime": version("onnxruntime")}
        speeds = [asdict(speed) | {"ratio": speed.ratio} for speed in self.speeds]
        return dumps({"by": by} | asdict(self) | {"speeds": speeds}, indent=2)

    def text(self) -> str:
        """Return everything, for people."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        agreement = self.agreement
        yield f"{len(self.int8)} of {len(self.int8) + len(self.fp32)} products in int8"
        for name in self.fp32[:_NAMED_MAX]:
            yield f"  in fp32: {name}"
        if len(self.fp32) > _NAMED_MAX:
            yield f"  and {len(self.fp32) - _NAMED_MAX} more"
        yield f"{self.bytes_before / 1e6:.1f} MB in fp32, {self.bytes_after / 1e6:.1f} MB in int8"
        yield f"against fp32, {self.pairs} pairs of {self.queries} queries:"
        yield f"  correlation of the logits         {agreement.correlation:.6f}"
        yield f"  difference of scores, largest     {agreement.difference_max:.6f}"
        yield f"  difference of scores, mean        {agreement.difference_mean:.6f}"
        yield f"  documents in the same order       {agreement.order:.4f}  of the pairs of one query's documents"
        yield f"  same best document                {agreement.top:.4f}  of the queries"
        for name, moved in (("fp32", self.moved_before), ("int8", self.moved_after)):
            word = f"differ by up to {moved:.2g}" if moved else "are the same to the last bit"
            yield f"  scores alone and in a batch, {name} {word}"
        sums = "fit on every CPU" if self.bounded else "overflow on CPUs without VNNI, which take a slower way"
        yield f"sums in int8 {sums}"
        yield f"speed on one core with {self.cpu}, both in turn:"
        for speed in self.speeds:
            shape = f"{speed.pairs} x {speed.length} tokens"
            yield f"  {shape:16}{speed.before_s * 1000:9.1f} ms{speed.after_s * 1000:9.1f} ms{speed.ratio:7.2f} times"
        if slower := [speed for speed in self.speeds if speed.ratio < 1]:
            where = "here" if len(slower) == len(self.speeds) else "here at some lengths"
            yield f"int8 is slower than fp32 {where}: on such CPUs, compare both, each by rerankd bench load"
