"""Each attack for a few seconds: nobody else's call fails, and the memory is bounded and comes back."""

import shutil

import pytest

from tests.hostile import report
from tests.hostile.attacks import ATTACKS, Attack
from tests.hostile.honest import CALLS, PROBES
from tests.hostile.result import MEMORY_MB
from tests.hostile.trial import trial

SECONDS = 2.0
MEMORY_MARGIN = 1.25
AFTER_MB = 192
"""Over that before; what the heap keeps of three messages of 64 MB."""
P99_RATIO = 30
"""More than a slow machine that the attack shares makes it, and less than where calls wait for the end of an attack."""


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
async def test_an_attack(attack: Attack) -> None:
    """Beside the attack, honest calls and probes are answered; memory is bounded; and SIGTERM ends the process."""
    if attack.program and not shutil.which(attack.program):
        pytest.skip(f"{attack.program} is not on this machine")
    result = await trial(attack, SECONDS)
    table = report.text([result])
    assert not result.breach, result.breach
    assert result.done >= 1, f"there was no attack: {table}"
    assert result.beside.faults(*CALLS, *PROBES) == [], table
    assert result.peak_mb <= MEMORY_MARGIN * MEMORY_MB, table
    assert result.after_mb <= AFTER_MB, table
    assert result.p99_ratio <= P99_RATIO, table
