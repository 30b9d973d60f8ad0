"""Each constant of the scheduler and default of its policy has its source or its worth in scheduler/README.md."""

import ast
import re
from dataclasses import fields
from pathlib import Path

from scheduler import Policy

SCHEDULER = Path(__file__).parents[3] / "scheduler"
_OF_TYPES = {"T", "Score", "Number", "Item", "Key", "_BY_REASON"}


def constants() -> set[str]:
    """Return the names of the constants of all modules and classes, and of the policy's fields with a default."""
    names = {field.name for field in fields(Policy) if field.name != "workers"}
    for path in SCHEDULER.glob("*.py"):
        for scope in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(scope, ast.Module | ast.ClassDef):
                for node in scope.body:
                    targets = node.targets if isinstance(node, ast.Assign) else ()
                    names |= {name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}
    return {name for name in names if name.upper() == name or name in Policy.__dataclass_fields__} - _OF_TYPES


def test_each_constant_is_accounted_for():
    """The table of constants names every constant and no other."""
    text = (SCHEDULER / "README.md").read_text(encoding="utf-8")
    table = text[text.index("## Constants") :].partition("## Sources")[0]
    table = table[table.index("| constant |") :]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    reasons = {"SHED", "DISPLACED", "EXPIRED", "OVERSIZED", "DRAINING", "__all__"}
    assert named == constants() - reasons
