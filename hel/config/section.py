"""One section of the configuration: frozen, closed to unknown keys, and checked as a whole even where a part is bad.

A rule between two keys is a `conflicts` method over what was given, not an `after` validator: pydantic runs those
only when every field is valid, and a person wants to read all problems at once. Every error leaves a section in words
for people, at the path that the file gives its key.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Annotated, Any, Self, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, ValidationError, model_validator
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from hel.config.values import EMPTY, UNKNOWN, Blank
from hel.config.words import closest, explain

Conflict = tuple[tuple[str | int, ...], str]
"""Where a rule between keys is broken, as the path of a key below the section (empty for the section), and how."""

CUSTOM = "hel"
"""The pydantic error type of every message that is already written for people."""

REPORTED = "hel_reported"
"""The error type of a value that is not known, which has been reported where it was to be found out."""


def wrong(text: str) -> PydanticCustomError:
    """An error for pydantic to collect, its text written for people and free of the value."""
    return PydanticCustomError(CUSTOM, "{text}", {"text": text})


_MOST_UNKNOWN = 10


class Section(BaseModel):
    """The manner of every section: unknown keys are errors, values don't change, all problems come at once."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, defer_build=True)

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

    @classmethod
    def unknown_key(cls, key: str) -> str:
        """What to say of a key that the section does not have."""
        known = keys_of(cls)
        return f"unknown key ({closest(key, known) or 'known here: ' + ', '.join(known)})"

    @model_validator(mode="wrap")
    @classmethod
    def _check_whole(cls, given: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if not isinstance(given, Mapping):
            try:
                return handler(given)
            except ValidationError as error:
                details = [cls._again(detail) for detail in error.errors(include_url=False)]
            raise ValidationError.from_exception_data(cls.__name__, details, hide_input=True)
        given = cls.completed(cls._filled(cls._bounded(given)))
        details = [
            InitErrorDetails(type=wrong(text), loc=loc, input=None)
            for loc, text in cls.conflicts(given)
            if not isinstance(_value_at(given, loc), Blank)  # of which all has been said
        ]
        try:
            section = handler(dict(given))
        except ValidationError as error:
            details = [cls._again(detail) for detail in error.errors(include_url=False)] + details
        else:
            if not details:
                return section
        raise ValidationError.from_exception_data(cls.__name__, details, hide_input=True)

    @classmethod
    def _bounded(cls, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """`given` with so many unknown keys at most as a person wants to read about."""
        if len(given) <= _MOST_UNKNOWN:
            return given
        known = set(keys_of(cls))
        left_out = set([key for key in given if key not in known][_MOST_UNKNOWN:])
        return {key: value for key, value in given.items() if key not in left_out} if left_out else given

    @classmethod
    def _filled(cls, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """A section left out or left empty is there, with its defaults: they depend on the context as others do.

        `schedule:` with every key below it commented out is such a section; `auth:` alone is not, it has no defaults.
        """
        filled = dict(given)
        for name, field in cls.model_fields.items():
            key, factory = field.alias or name, field.default_factory
            if factory is not None and filled.get(key) is EMPTY:
                del filled[key]
            if isinstance(factory, type) and issubclass(factory, Section):
                filled.setdefault(key, {})
        return filled

    @classmethod
    def _again(cls, detail: ErrorDetails) -> InitErrorDetails:
        """A part's error as this section's: in words, and without the union tag that pydantic puts into the path."""
        kind, loc, value = detail["type"], detail["loc"], detail["input"]
        if len(loc) > 1 and loc[0] in _kinds(cls):
            loc = (loc[0], *loc[2:])
        tag = str(detail.get("ctx", {}).get("discriminator", "")).strip("'")
        if kind in {CUSTOM, REPORTED}:
            error = PydanticCustomError(kind, "{text}", {"text": detail["msg"]})
        elif value is UNKNOWN or (tag and isinstance(value, Mapping) and value.get(tag) is UNKNOWN):
            error = PydanticCustomError(REPORTED, "not known")
        elif kind == "union_tag_not_found" and isinstance(value, Mapping):
            error = wrong(f"missing (add '{tag}:' and one of {', '.join(_tags(cls, str(loc[-1]), tag))})")
        elif kind == "extra_forbidden":
            error = wrong(cls.unknown_key(str(loc[-1])))
        else:
            error = wrong(explain(detail))
        if tag and isinstance(value, Mapping):
            loc = (*loc, tag)
        return InitErrorDetails(type=error, loc=loc, input=None)


def _value_at(given: Any, loc: tuple[str | int, ...]) -> Any:
    """What stands at a key below the section; None where there is nothing."""
    for part in loc:
        if isinstance(part, int) and isinstance(given, list | tuple):
            given = given[part]
        else:
            given = given.get(part) if isinstance(given, Mapping) else None
    return given


def keys_of(section: type[Section]) -> list[str]:
    """The section's keys as a file writes them."""
    return [field.alias or name for name, field in section.model_fields.items()]


def _tags(section: type[Section], key: str, tag: str) -> list[str]:
    """The kinds of a key's section, by the words that name them."""
    found = next(field for name, field in section.model_fields.items() if key in (name, field.alias))
    return [name for kind in sections_in(found.annotation) for name in get_args(kind.model_fields[tag].annotation)]


@cache
def _kinds(section: type[Section]) -> frozenset[str]:
    """The keys whose section comes in several kinds: pydantic puts the kind's name into an error's path."""
    return frozenset(
        field.alias or name for name, field in section.model_fields.items() if len(sections_in(field.annotation)) > 1
    )


def sections_in(annotation: Any) -> list[type[Section]]:
    """The sections that a field's type names: one, several kinds, or none."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return [annotation]
    if get_origin(annotation) in {dict, tuple, list}:
        return []
    inner = get_args(annotation)[:1] if get_origin(annotation) is Annotated else get_args(annotation)
    return [section for part in inner for section in sections_in(part)]
