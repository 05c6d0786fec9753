"""The state as JSON, to move it between machines or keep a backup (`hel state export | import`)."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from hel.records import Batch, Checkpoint, Position
from hel.state.keeping import Keep, walked_until
from hel.state.store import Store

VERSION = 2
"""1 has other digests of events, which are known all the same; a Hel of before does not know those of 2."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class SourceState(_Part):
    """What is known of one source.

    Attributes:
        checkpoint: Where it stands; None before its first one.
        seen: Its remembered ID keys, oldest first, 32 hexadecimal digits each.
        reach: How often each line was delivered that it may meet again when it starts over, by the line's key.
        ground: The same for the lines that it will be asked for again in any case.
    """

    checkpoint: Checkpoint | None
    seen: list[str] = []
    reach: dict[str, int] = {}
    ground: dict[str, int] = {}


class State(_Part):
    """An exported state.

    Attributes:
        version: Of this format.
        sources: By name.
        nonces: DPoP nonces by token URL or API origin.
        outputs: How far each output file was written; on another machine no file answers to it.
    """

    version: int
    sources: dict[str, SourceState]
    nonces: dict[str, str] = {}
    outputs: list[Position] = []


def export(store: Store) -> dict[str, Any]:
    """All that is known, ready for JSON."""
    sources = {
        name: SourceState(
            checkpoint=store.checkpoint(name),
            seen=[key.hex() for key in store.seen(name)],
            reach=_hex(store.reach(name)),
            ground=_hex(store.ground(name)),
        )
        for name in store.sources()
    }
    state = State(version=VERSION, sources=sources, nonces=store.nonces(), outputs=store.positions())
    return state.model_dump()


def parse(text: str) -> State:
    """Read the JSON that `export` wrote.

    Raises:
        ValueError: It is not that.
    """
    try:
        state = State.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"{place}: {first['msg']}" if place else first["msg"]) from None
    if not 1 <= state.version <= VERSION:
        raise ValueError(f"its version is {state.version}, this Hel reads up to {VERSION}")
    for source in state.sources.values():
        for key in (*source.seen, *source.reach, *source.ground):
            if len(bytes.fromhex(key)) != 16:
                raise ValueError(f"{key} is no key of 32 hexadecimal digits")
    return state


def restore(store: Store, state: State) -> None:
    """Replace what the store knows of these sources, all of them or none."""
    batches: list[Batch] = []
    for name, source in state.sources.items():
        seen, ground, reach = bytes.fromhex("".join(source.seen)), _packed(source.ground), _packed(source.reach)
        if source.checkpoint is None:
            batches.append(Batch(name, b"", 0, reach, seen, b"", None))
        else:
            closed = replace(source.checkpoint, overlapping=False)
            until_at = walked_until(source.checkpoint)
            batches.append(Batch(name, b"", 0, reach, seen, b"", closed, again=ground, until_at=until_at))
    keeps = {name: Keep(len(source.seen), math.inf) for name, source in state.sources.items()}
    store.commit(batches, state.nonces, state.outputs, keeps, forget=state.sources)


def _hex(counts: Mapping[bytes, int]) -> dict[str, int]:
    return {key.hex(): count for key, count in counts.items()}


def _packed(counts: Mapping[str, int]) -> bytes:
    return b"".join(bytes.fromhex(key) * count for key, count in counts.items())
