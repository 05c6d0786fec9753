import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from hel.config.models import Config
from hel.config.reference import json_schema, reference
from hel.config.section import Section, keys_of, sections_in

HERE = Path(__file__).parent
MINIMAL: dict[str, Any] = {"url": "https://dev.okta.com/api/v1/logs"}


def accepts(config: Any) -> bool:
    return jsonschema.Draft202012Validator(json_schema()).is_valid(config)


def source(**keys: Any) -> Any:
    return {"sources": {"a": {**MINIMAL, **keys}}}


def test_the_schema_is_a_json_schema_without_pydantics_own_words() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())
    text = json.dumps(json_schema())
    assert json_schema()["title"] == "Hel's configuration, hel.yaml"
    assert '"discriminator"' not in text
    assert '_secs": {"title' not in text


def test_every_key_of_the_schema_is_described() -> None:
    for definition in [json_schema(), *json_schema()["$defs"].values()]:
        assert definition["description"]
        for key, field in definition["properties"].items():
            assert field.get("description"), key


@pytest.mark.parametrize("name", ["guide_ssws.yaml", "guide_oauth2.yaml", "guide_time_range.yaml"])
def test_the_guides_blocks_are_valid(name: str) -> None:
    assert accepts(YAML(typ="safe", pure=True).load((HERE / name).read_text()))


@pytest.mark.parametrize(
    "config",
    [
        source(schedule={"interval_secs": "${SECS:-5}", "jitter_secs": "2.5"}),
        source(query_params={"limit": 100, "x": True, "y": "z"}),
        source(resilience={"circuit_breaker": {"enabled": "${ON}"}}, schedule=None, query_params=None),
        source(pagination={"strategy": "none"}, auth=None),
        {"global": {"log_level": "${LEVEL}", "output": {"path": "x", "rotate": "${ROTATE}"}}, **source()},
        {"global": None, **source()},
    ],
)
def test_the_schema_accepts_what_the_loader_accepts(config: Any) -> None:
    assert accepts(config)


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"sources": {}},
        {"sources": {"a b": MINIMAL}},
        {"sources": {"a": {}}},
        source(urll="x"),
        source(auth={"type": "oath2"}),
        source(auth={"token_env": "X"}),
        source(schedule={"interval_secs": "soon"}),
        source(schedule={"interval_secs": 0}),
        source(pagination={"strategy": "cursor"}),
        {"global": {"log_level": "inof"}, **source()},
        {"global": {"output": {"rotate": "weekly"}}, **source()},
    ],
)
def test_the_schema_refuses_what_the_loader_refuses(config: Any) -> None:
    assert not accepts(config)


def leaves(section: type[Section], above: str) -> Iterator[str]:
    for name, key in zip(section.model_fields, keys_of(section), strict=True):
        inner = sections_in(section.model_fields[name].annotation)
        for part in inner:
            yield from leaves(part, f"{above}{key}.")
        if not inner and key != "sources":
            yield f"{above}{key}"


def test_the_reference_names_every_key_with_type_and_description() -> None:
    rows = [line.split(" | ") for line in reference().splitlines() if line.startswith("| `")]
    named = {row[0].removeprefix("| ").strip("`") for row in rows}
    (of_source,) = [Config.model_fields["sources"].annotation]
    assert of_source is not None
    expected = {key for key in leaves(Config, "") if key.startswith("global.")}
    expected |= set(leaves(of_source.__args__[1], ""))
    assert named == expected
    assert all(len(row) == 4 and all(cell.strip(" |") for cell in row) for row in rows)


def test_the_reference_shows_defaults_and_units() -> None:
    text = reference()
    assert "| `schedule.interval_secs` | number, above 0, at most 604,800 | `60` | Seconds" in text
    assert "| `url` | text | required |" in text
    assert "| `auth.dpop` | true or false | `false` |" in text
    assert "### `sources.NAME.auth` with `type: oauth2`" in text
