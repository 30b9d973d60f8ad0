"""Tests of what the timer beside the service noted."""

from pathlib import Path

from tests.bench import lag


def test_only_what_was_late_in_time_counts(tmp_path: Path):
    """How late the loop was at start and at the end says nothing about how late it is under load."""
    ticks = [(0.5, 9.0), *((1 + i / 100, i / 1000) for i in range(101)), (2.5, 9.0)]
    (tmp_path / "ticks").write_text("".join(f"{at} {late}\n" for at, late in ticks))
    assert lag.late_s(tmp_path / "ticks", 1.0, 2.0, 0.99) == 0.099
    assert lag.late_s(tmp_path / "ticks", 1.0, 2.0, 0.5) == 0.05
