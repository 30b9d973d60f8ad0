"""The report of a conversion: agreement, size and speed."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from json import dumps

from service.convert.agreement import Agreement
from service.convert.speed import BatchTimes

_NAMED_MAX = 20  # Most products listed by name.


@dataclass(frozen=True)
class ConversionReport:
    """Results of a conversion. Names with `before` mean fp32, names with `after` int8."""

    graph: str
    """Path of the fp32 graph."""
    int8: Sequence[str]
    """Names of the outputs of the converted products."""
    fp32: Sequence[str]
    """Names of the outputs of the eligible products that stay in fp32."""
    bytes_before: int
    bytes_after: int
    queries: int
    pairs: int
    agreement: Agreement
    moved_before: float
    """Largest difference between a score in a batch and alone, in fp32."""
    moved_after: float
    """The same in int8."""
    bounded: bool
    """True if the int8 weights are bounded (engine/columns.py), so that fast kernels are exact without VNNI, too."""
    cpu: str
    """Instruction set of the CPU on which the speeds were measured."""
    speeds: Sequence[BatchTimes]

    def json(self) -> str:
        """Return the report and the versions of the packages as JSON."""
        by = {"rerankd": version("rerankd"), "onnx": version("onnx"), "onnxruntime": version("onnxruntime")}
        speeds = [asdict(speed) | {"ratio": speed.ratio} for speed in self.speeds]
        return dumps({"by": by} | asdict(self) | {"speeds": speeds}, indent=2)

    def text(self) -> str:
        """Return the report as lines of text."""
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
            word = f"differ by up to {moved:.2g}" if moved else "are bit-identical"
            yield f"  scores alone and in a batch, {name} {word}"
        sums = "fit on every CPU" if self.bounded else "overflow on CPUs without VNNI, which use a slower kernel"
        yield f"sums in int8 {sums}"
        yield f"speed on one core with {self.cpu}, fp32 and int8 in turn:"
        for speed in self.speeds:
            shape = f"{speed.pairs} x {speed.length} tokens"
            yield f"  {shape:16}{speed.before_s * 1000:9.1f} ms{speed.after_s * 1000:9.1f} ms{speed.ratio:7.2f} times"
        if slower := [speed for speed in self.speeds if speed.ratio < 1]:
            where = "here" if len(slower) == len(self.speeds) else "here at some lengths"
            yield f"int8 is slower than fp32 {where}: on such CPUs, compare both with rerankd bench load"
