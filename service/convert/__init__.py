"""`rerankd convert`: quantise a model from fp32 to int8, and compare scores, size and speed.

A change to the arithmetic (`rowwise`, `softmax`, `service.engine.columns`) changes scores. After it, run
`.venv/bin/python -m tests.golden.scores`. It writes `tests/golden/scores.json`, the scores that tests expect on every
CPU.
"""
