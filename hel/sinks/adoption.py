"""What a crash left behind the committed length of an output file: kept where it is whole, cut where it is not.

The rule: a whole line may have been read by a shipper, so it stays, and its event counts as delivered; the page that
it came from will be asked for again. What Hel did not write (zeros after a power loss) and a torn line are cut.
"""

import json
from collections.abc import Callable, Iterator, Mapping

from hel.dedupe import key_of
from hel.records import Batch, Position
from hel.sinks.file import FileSink

_EVENT = ',"event":'
_META = ',"meta":{'
_HEAD = b'{"ts":"'
_LOOK_BACK_BYTES = 65_536


Identify = Callable[[bytes], bytes | None]
"""An event's ID key from its JSON text, as the source that delivered it tells it; None where it has none."""


def adopt(
    sink: FileSink, known: Position | None, sources: Mapping[tuple[str, str], tuple[str, Identify]]
) -> list[Batch]:
    """Mend the file's end and say what was delivered there.

    Args:
        sink: The output, just opened.
        known: How far it was written when the state last counted it.
        sources: By label key and value: the source's name, and how it tells its events' IDs.

    Returns:
        One batch a source, without lines and without a checkpoint: delivered beyond it.
    """
    if not sink.committed(known):
        _mend_unknown(sink)
        return []
    length = known.length if known is not None else 0
    keys: dict[str, bytearray] = {}
    ids: dict[str, bytearray] = {}
    for line in _whole_lines(sink.beyond(length)):
        read = _read(line)
        if read is None:
            break
        length += len(line)
        label, event = read
        if label not in sources:
            continue
        name, identify = sources[label]
        keys.setdefault(name, bytearray()).extend(key_of(event))
        ids.setdefault(name, bytearray()).extend(identify(event) or b"")
    sink.cut(length)
    return [
        Batch(name, b"", len(packed) // 16, bytes(packed), bytes(ids[name]), b"", None) for name, packed in keys.items()
    ]


def _mend_unknown(sink: FileSink) -> None:
    """A file that the state knows nothing of: whole lines stay; a torn line of Hel's own is cut."""
    start = end = sink.position().length
    torn = b""
    while start and b"\n" not in torn:
        start = max(0, start - _LOOK_BACK_BYTES)
        torn = sink.beyond(start)
    torn = torn[torn.rfind(b"\n") + 1 :]
    if not torn:
        return
    if torn.startswith(_HEAD[: len(torn)]) or not torn.strip(b"\x00"):
        sink.cut(end - len(torn))
    else:
        sink.put(b"\n")


def _whole_lines(text: bytes) -> Iterator[bytes]:
    return (line + b"\n" for line in text.split(b"\n")[:-1])


def _read(line: bytes) -> tuple[tuple[str, str], bytes] | None:
    """The label and the event's own text of one of Hel's lines; None where it is none.

    Inside JSON strings quotes are escaped, so the first `,"event":` is the key itself; the label is what stands
    between `ts` and `endpoint`.
    """
    try:
        text = line.decode()
        start = text.index(_EVENT) + len(_EVENT)
        head = json.loads(text[: start - len(_EVENT)] + "}")
        _, end = json.JSONDecoder().raw_decode(text, start)
    except (ValueError, RecursionError):
        return None
    labels = [(key, value) for key, value in head.items() if key not in {"ts", "endpoint"}]
    if len(labels) != 1 or not text.startswith(_META, end) or not text.endswith("}}\n"):
        return None
    return labels[0], text[start:end].encode()
