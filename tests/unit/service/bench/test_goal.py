"""A goal is kept within its limit, and NaN keeps none."""

from math import isnan, nan

import pytest

from service.bench.goal import Goal, at_least, at_most, goals_table, quantile


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


def test_a_table_shows_what_there_is():
    """A column that no goal fills is left out."""
    assert goals_table([at_most("failures", 12345, 0), at_least("share", 0.99876, 0.5)]) == (
        "| what     | measured |        limit |          |\n"
        "| -------- | -------: | -----------: | -------: |\n"
        "| failures |    12345 |    at most 0 | NOT KEPT |\n"
        "| share    |   0.9988 | at least 0.5 |     kept |"
    )


@pytest.mark.parametrize(("q", "value"), [(0.0, 1), (0.5, 2), (0.51, 3), (0.75, 3), (0.99, 4), (1.0, 4)])
def test_a_quantile_is_one_of_the_values(q: float, value: float):
    """It is the smallest that a share of all does not exceed."""
    assert quantile([4, 2, 3, 1], q) == value


def test_a_quantile_of_nothing_keeps_no_limit():
    """A quantile of nothing is NaN, neither fast nor slow."""
    assert isnan(quantile([], 0.5))
