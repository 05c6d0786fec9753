"""Which events were delivered before. A law over 16-byte keys; the state keeps them, the poller asks.

Two questions, two memories:

- `SeenIds` (`dedupe.id_path` set): an id that was delivered is never delivered again, as far back as `capacity`.
- `Delivered` (always): where a tick goes over ground that was delivered before (an overlap, a page read again),
  each line is dropped as often as it was delivered. It counts, because an API may send two equal events.
"""

from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator
from hashlib import blake2b

KEY_BYTES = 16


def key_of(text: bytes) -> bytes:
    """The key of an id's or an event's JSON text: 128 bits, so that a collision never swallows an event."""
    return blake2b(text, digest_size=KEY_BYTES).digest()


def split_keys(packed: bytes) -> Iterator[bytes]:
    """The keys of a batch, one after the other."""
    return (packed[at : at + KEY_BYTES] for at in range(0, len(packed), KEY_BYTES))


def pack_keys(counts: Counter[bytes]) -> bytes:
    """Keys one after the other, each as often as it is counted."""
    return b"".join(key * count for key, count in counts.items())


class SeenIds:
    """The last `capacity` ids, the oldest forgotten first.

    Args:
        capacity: How many ids are remembered; at least 1.
        keys: What the state remembers, oldest first.
    """

    def __init__(self, capacity: int, keys: Iterable[bytes] = ()) -> None:
        self._capacity = capacity
        self._keys: OrderedDict[bytes, None] = OrderedDict()
        for key in keys:
            self.add(key)

    def __contains__(self, key: bytes) -> bool:
        return key in self._keys

    def __len__(self) -> int:
        return len(self._keys)

    def add(self, key: bytes) -> None:
        """Remember a key as the newest."""
        self._keys[key] = None
        self._keys.move_to_end(key)
        if len(self._keys) > self._capacity:
            self._keys.popitem(last=False)


class Delivered:
    """A multiset of delivered lines that a tick may meet again.

    Args:
        keys: The keys that were delivered, each as often as it was.
    """

    def __init__(self, keys: Iterable[bytes] = ()) -> None:
        self._left = Counter(keys)

    def __bool__(self) -> bool:
        return bool(self._left)

    def left(self) -> Counter[bytes]:
        """How often each line may still be met."""
        return self._left.copy()

    def take(self, key: bytes) -> bool:
        """True if this line was delivered before; it is then counted as met."""
        if self._left.get(key, 0) == 0:
            return False
        self._left[key] -= 1
        if not self._left[key]:
            del self._left[key]
        return True
