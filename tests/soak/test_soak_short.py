"""A soak of a few seconds keeps every promise."""

from tests.soak import report
from tests.soak.soak import soak


async def test_a_few_seconds_of_soak() -> None:
    """Under overload and abuse the service keeps every promise."""
    result = await soak(seconds=6, load=1, seed=1, tokens_s=2000)
    assert all(promise.kept for promise in result.promises), report.text(result)
