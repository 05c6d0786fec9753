"""What a crash left behind the committed length of an output file.

The rule: a whole line may have been read by a shipper, so it stays, and its event counts as delivered; the page that
it came from will be asked for again. A torn line stands until its event comes again, when it is completed, or does
not (`mending`). What Hel did not write, zeros after a power loss, is cut.
"""

import json
from collections.abc import Callable, Iterator, Mapping

from hel.dedupe import KEY_BYTES, event_key
from hel.records import Batch, Position
from hel.sinks.file import FileSink

_EVENT = b',"event":'
_META = b',"meta":{'
_HEAD = b'{"ts":"'
_LOOK_BACK_BYTES = 65_536


Identify = Callable[[bytes], bytes | None]
"""An event's ID key from its JSON text, as the source that delivered it tells it; None where it has none."""


def adopt(
    sink: FileSink, known: Position | None, sources: Mapping[tuple[str, str], tuple[str, Identify]]
) -> list[Batch]:
    """Mend the file's end and say what was delivered there.

    Args:
        sink: The output, just opened; afterwards it stands behind its last whole line.
        known: How far it was written when the state last counted it.
        sources: By label key and value: the source's name, and how it tells its events' IDs.

    Returns:
        One batch a source, without lines and without a checkpoint: delivered beyond it. Lines of a source that does not
        run now are batched under its label, for it to claim when it runs again.
    """
    if not sink.committed(known):
        _mend_unknown(sink)
        return []
    start = length = known.length if known is not None else 0
    text = sink.beyond(start)
    keys: dict[str, bytearray] = {}
    ids: dict[str, bytearray] = {}
    for line in _whole_lines(text):
        if b"\x00" in line:
            break
        length += len(line)
        read = _read(line)
        if read is None:
            continue  # somebody else's line: it stays, and is nobody's event
        label, event = read
        name, identify = sources.get(label, (unclaimed(label), _no_identity))
        keys.setdefault(name, bytearray()).extend(event_key(event))
        ids.setdefault(name, bytearray()).extend(identify(event) or b"")
    _leave_torn(sink, length, text[length - start :])
    return [
        Batch(name, b"", len(packed) // KEY_BYTES, bytes(packed), bytes(ids[name]), b"", None)
        for name, packed in keys.items()
    ]


def unclaimed(label: tuple[str, str]) -> str:
    """The name under which a label's lines wait for their source; no source may have such a name."""
    return f"label {label[0]}={label[1]}"


def _no_identity(_: bytes) -> bytes | None:
    return None


def _mend_unknown(sink: FileSink) -> None:
    """A file that the state knows nothing of: its lines stay; what may be a torn line of Hel's is treated as one."""
    start = end = sink.position().length
    rest = b""
    while start and b"\n" not in rest:
        start = max(0, start - _LOOK_BACK_BYTES)
        rest = sink.beyond(start)
    rest = rest[rest.rfind(b"\n") + 1 :]
    if not rest:
        return
    if rest.startswith(_HEAD[: len(rest)]) or not rest.strip(b"\x00"):
        _leave_torn(sink, end - len(rest), rest)
    else:
        sink.put(b"\n")


def _leave_torn(sink: FileSink, length: int, rest: bytes) -> None:
    """Go on writing behind the last whole line; let the begin of one of Hel's lines stand, and cut all else."""
    torn = rest.partition(b"\x00")[0]
    if b"\n" in torn or not torn.startswith(_HEAD[: len(torn)]):
        torn = b""
    sink.stand_at(length + len(torn))
    sink.mend()
    sink.stand_at(length)


def _whole_lines(text: bytes) -> Iterator[bytes]:
    return (line + b"\n" for line in text.split(b"\n")[:-1])


def _read(line: bytes) -> tuple[tuple[str, str], bytes] | None:
    """The label and the event's own text of one of Hel's lines; None where it is none.

    The event is not parsed: it may be deeper or longer than Python reads. Inside JSON strings quotes are escaped, so
    the first `,"event":` and the last `,"meta":{` are the line's own; the label stands between `ts` and `endpoint`.
    """
    head, event_key, rest = line.partition(_EVENT)
    event, meta_key, _ = rest.rpartition(_META)
    if not event_key or not meta_key or not line.endswith(b"}}\n"):
        return None
    try:
        members = json.loads(head + b"}")
    except (ValueError, RecursionError):
        return None
    labels = [(key, value) for key, value in members.items() if key not in {"ts", "endpoint"}]
    return (labels[0], event) if len(labels) == 1 else None
