"""What a call's query asks for, by a model; a fault names its place."""

from __future__ import annotations

from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from oracle.domain.dossier import problems_of
from oracle.errors import InputError

__all__ = ["query_of"]

Model = TypeVar("Model", bound=BaseModel)


def query_of(request: Request, model: type[Model], **usual: Any) -> Model:
    """The query as the model has it, `usual` where it says nothing. InputError names what is wrong."""
    given: dict[str, Any] = {}
    for key, value in request.query_params.multi_items():
        if key in given:
            raise InputError("stands twice", where=f"query: {key}"[:100], remedy="keep one of them")
        given[key] = value
    try:
        return model.model_validate({**usual, **given})
    except ValidationError as error:
        rows = problems_of(error)
        raise InputError(f"{rows[0]['field']}: {rows[0]['problem']}", where="query", details=rows) from None
