"""Tests of goals."""

from math import nan

import pytest

from service.bench.goal import Goal


@pytest.mark.parametrize(
    ("goal", "word"),
    [
        (Goal("speed", [1.0], 0.9, 1.0, at_least=True), "aim reached"),
        (Goal("speed", [0.95], 0.9, 1.0, at_least=True), "kept"),
        (Goal("speed", [0.9], 0.9, at_least=True), "kept"),
        (Goal("speed", [0.89], 0.9, 1.0, at_least=True), "NOT KEPT"),
        (Goal("time", [1.0], 1.3, 1.1), "aim reached"),
        (Goal("time", [1.2], 1.3, 1.1), "kept"),
        (Goal("time", [1.31], 1.3, 1.1), "NOT KEPT"),
        (Goal("time", [nan], 1.3, 1.1), "NOT KEPT"),
        (Goal("speed", [nan], 0.9, at_least=True), "NOT KEPT"),
    ],
)
def test_a_goal_is_missed_kept_or_exceeded(goal: Goal, word: str):
    """A number is set against its limit and its aim, on whichever side they are; no number keeps neither."""
    assert goal.word == word
    assert goal.kept is (word != "NOT KEPT")


def test_of_several_the_median_counts():
    """One disturbed round does not spoil a goal, but is shown."""
    goal = Goal("time", [9.0, 1.0, 1.2], 1.3, 1.1)
    assert goal.row() == ["time", "1.2", "1 to 9", "at most 1.3", "1.1", "kept"]


def test_measured_once_has_no_spread():
    """A single number is not shown three times."""
    assert Goal("speed", [3.0], 2.0, at_least=True).row() == ["speed", "3", "", "at least 2", "", "kept"]
