"""Each ablation takes out a name that the product has, and leaves the other figures measurable."""

from dataclasses import fields

import pytest

from scheduler import Policy
from tests.simulation.ablation import ABLATIONS, Ablation


@pytest.mark.parametrize("ablation", ABLATIONS.values(), ids=list(ABLATIONS))
def test_an_ablation_changes_something_of_the_product(ablation: Ablation) -> None:
    """Its names exist, and have another value there; so do the fields of the policy."""
    defaults = {field.name: field.default for field in fields(Policy)}
    assert ablation.names or ablation.policy
    assert all(getattr(owner, name) != value for (owner, name), value in ablation.names.items())
    assert all(defaults[name] != value for name, value in ablation.policy.items())
