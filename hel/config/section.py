"""One section of the configuration: frozen, closed to unknown keys, and checked as a whole even where a part is bad.

A rule between two keys is a `conflicts` method over what was given, not an `after` validator: pydantic runs those
only when every field is valid, and a person wants to read all problems at once.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Self, cast

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, ValidationError, model_validator
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

Conflict = tuple[tuple[str, ...], str]
"""Where a rule between keys is broken, as the path of a key below the section (empty for the section), and how."""

CUSTOM = "hel"
"""The pydantic error type of every message that is already written for people."""


def wrong(text: str) -> PydanticCustomError:
    """An error for pydantic to collect, its text written for people and free of the value."""
    return PydanticCustomError(CUSTOM, "{text}", {"text": text})


class Section(BaseModel):
    """The manner of every section: unknown keys are errors, values don't change, all problems come at once."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @classmethod
    def completed(cls, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """`given` with the defaults that depend on other keys; unchanged unless a section says otherwise."""
        return given

    @classmethod
    def conflicts(cls, given: Mapping[str, Any]) -> Iterator[Conflict]:
        """The rules between keys that `given` breaks.

        Args:
            given: The section as read: values may be of a wrong type, or an object that stands for a value unknown.
        """
        del given
        yield from ()

    @model_validator(mode="wrap")
    @classmethod
    def _check_whole(cls, given: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if not isinstance(given, Mapping):
            return handler(given)
        given = cls.completed(given)
        details = [InitErrorDetails(type=wrong(text), loc=loc, input=None) for loc, text in cls.conflicts(given)]
        try:
            section = handler(dict(given))
        except ValidationError as error:
            details = [_again(detail) for detail in error.errors(include_url=False)] + details
        else:
            if not details:
                return section
        raise ValidationError.from_exception_data(cls.__name__, details, hide_input=True)


def _again(detail: ErrorDetails) -> InitErrorDetails:
    kind = detail["type"]
    return InitErrorDetails(
        type=wrong(detail["msg"]) if kind == CUSTOM else kind,
        loc=detail["loc"],
        input=detail["input"],
        ctx=cast("dict[str, Any]", detail.get("ctx", {})),
    )
