"""Queries with documents, on which the scores of two models are compared."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

BUILT_IN = Path(__file__).with_name("pairs.jsonl")
"""The default file: English queries with documents of many lengths."""


class PairsError(Exception):
    """A file of pairs is unusable; the message gives the file, the line and the reason."""


class Question(BaseModel):
    """A query and the documents to rank for it."""

    model_config = ConfigDict(strict=True, frozen=True)

    query: Annotated[str, Field(min_length=1)]
    documents: Annotated[list[str], Field(min_length=1)]


def read(path: Path) -> list[Question]:
    """Read a JSON Lines file. Raises PairsError if it is unreadable, invalid, or has fewer than two pairs."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise PairsError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise PairsError(f"{path} cannot be read: it is not UTF-8") from None
    questions = [_question(path, number, line) for number, line in enumerate(lines, 1) if line.strip()]
    if sum(len(question.documents) for question in questions) < 2:  # noqa: PLR2004  # A correlation needs two.
        raise PairsError(f"{path} has fewer than two pairs")
    return questions


def _question(path: Path, number: int, line: str) -> Question:
    try:
        return Question.model_validate_json(line)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc']))} {e['msg']}".strip() for e in error.errors())
        raise PairsError(f"{path}, line {number}: {faults}") from None
