"""Texts for several tests, and the paths of the golden models."""

from pathlib import Path

GOLDEN = Path(__file__).parent / "golden"
"""Directory with one tiny model per model family."""
QUERY = "What is the capital of the United States?"
DOCUMENTS = [
    "Carson City is the capital city of the American state of Nevada.",
    "The Commonwealth of the Northern Mariana Islands is a group of islands in the Pacific. Its capital is Saipan.",
    (
        "Washington, D.C. (also known as simply Washington or D.C., and officially as the District of Columbia) "
        "is the capital of the United States. It is a federal district."
    ),
    (
        "Capitalization or capitalisation in English grammar is the use of a capital letter at the start of a word. "
        "English usage varies from capitalization in other languages."
    ),
    (
        "Capital punishment has existed in the United States since before the United States was a country. "
        "As of 2017, capital punishment is legal in 30 of the 50 states."
    ),
]
WASHINGTON = 2

SMALL = GOLDEN / "bert"
"""A model that loads fast, for tests that do not depend on scores."""
WORDS = [
    "the",
    "river",
    "capital",
    "of",
    "state",
    "trade",
    "war",
    "king",
    "law",
    "music",
    "science",
    "water",
    "energy",
    "cell",
    "market",
    "price",
    "history",
    "island",
    "city",
    "railway",
    "season",
    "theory",
    "language",
]
"""Words of random texts.

Keep words and order: with them, some seeds of test_invariance exposed a difference of ONNX Runtime in batches.
"""
