"""The delay of the event loop counts only within the measured interval."""

from pathlib import Path

from tests.bench import lag


def test_only_what_was_late_in_time_counts(tmp_path: Path):
    """Delays at start and at shutdown are left out."""
    ticks = [(0.5, 9.0), *((1 + i / 100, i / 1000) for i in range(101)), (2.5, 9.0)]
    (tmp_path / "ticks").write_text("".join(f"{at} {late}\n" for at, late in ticks))
    assert lag.late_s(tmp_path / "ticks", 1.0, 2.0, 0.99) == 0.099
    assert lag.late_s(tmp_path / "ticks", 1.0, 2.0, 0.5) == 0.05
