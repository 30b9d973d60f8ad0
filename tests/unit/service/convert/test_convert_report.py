"""The report names the CPU, says if sums overflow on others, and says where int8 is slower."""

import pytest

from service.convert.agreement import Agreement
from service.convert.report import ConversionReport
from service.convert.speed import BatchTimes

CPU = "AVX2, without VNNI"


def a_report(*ratios: float, bounded: bool = True) -> str:
    """Return what is printed of a conversion that made batches so many times faster."""
    return ConversionReport(
        graph="model.onnx",
        int8=["a"],
        fp32=["b"],
        bytes_before=4_000_000,
        bytes_after=1_000_000,
        queries=1,
        pairs=2,
        agreement=Agreement(0.9998, 0.02, 0.003, 1, 1),
        moved_before=0,
        moved_after=0,
        bounded=bounded,
        cpu=CPU,
        speeds=[BatchTimes(1, 64, ratio / 100, 0.01) for ratio in ratios],
    ).text()


def test_the_cpu_is_named():
    """Speeds are those of one kind of CPU, and it is said of which."""
    assert f"speed on one core with {CPU}, fp32 and int8 in turn:\n  1 x 64 tokens" in a_report(1.3)


@pytest.mark.parametrize(("bounded", "said"), [(True, "fit on every CPU"), (False, "overflow on CPUs without VNNI")])
def test_sums(bounded: object, said: str):
    """The report says if other CPUs have to use a slower way."""
    assert f"sums in int8 {said}" in a_report(1.3, bounded=bool(bounded))


@pytest.mark.parametrize(
    ("ratios", "said"),
    [((1.3, 1.0), None), ((1.3, 0.9), "than fp32 here at some lengths:"), ((0.9, 0.8), "than fp32 here: ")],
)
def test_slower(ratios: tuple[float, ...], said: str | None):
    """The report says if int8 is slower than fp32 on this machine, and what to do."""
    report = a_report(*ratios)
    assert ("int8 is slower" in report) == (said is not None)
    assert said is None or (said in report and "rerankd bench load" in report)
