"""Which events were delivered before. A law over 16-byte keys; the state keeps them, the poller asks.

Two questions, two memories:

- `SeenIds` (`dedupe.id_path` set): an id that was delivered is never delivered again, as far back as `capacity`.
- `Delivered` (always): where a tick goes over ground that was delivered before (an overlap, a page read again),
  each line is dropped as often as it was delivered. It counts, because an API may send two equal events.
"""

from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from hashlib import blake2b

from xxhash import xxh3_128_digest

from hel.records import Text

KEY_BYTES = 16


event_key: Callable[[Text], bytes] = xxh3_128_digest
"""The key of an event's JSON text: 128 bits of XXH3, at a fortieth of the cost of a cryptographic digest.

It tells an event from the others of one stretch of ground, which nobody can aim at: an event holds an ID and times that
its API chooses (https://github.com/Cyan4973/xxHash).
"""


def id_key(text: Text) -> bytes:
    """The key of an id's JSON text: 128 bits of BLAKE2b (RFC 7693), since a collision would swallow an event for good.

    States of before were made with it for events as well.
    """
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
        keys: What the state remembers, oldest first; of one that comes twice the newer counts.
    """

    def __init__(self, capacity: int, keys: Iterable[bytes] = ()) -> None:
        newest_first = dict.fromkeys(reversed(list(keys)))
        self._order = deque(reversed(list(newest_first)[:capacity]))
        self._known = set(self._order)
        self._capacity = capacity

    def __contains__(self, key: bytes) -> bool:
        return key in self._known

    def __len__(self) -> int:
        return len(self._order)

    def are_new(self, keys: Collection[bytes]) -> bool:
        """Whether none of these is known, nor comes twice."""
        return self._known.isdisjoint(keys) and len(set(keys)) == len(keys)

    def add(self, keys: Sequence[bytes]) -> None:
        """Remember new ones (`are_new`) as the newest."""
        self._known.update(keys)
        self._order.extend(keys)
        while len(self._order) > self._capacity:
            self._known.remove(self._order.popleft())


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

    def take(self, event: Text) -> bytes:
        """The key by which this event was delivered before, which is then counted as met; empty if it was not.

        A state of before may know it by the other key.
        """
        for key_of in (event_key, id_key) if self._left else ():
            key = key_of(event)
            if self._left.get(key, 0) > 0:
                self._left[key] -= 1
                if not self._left[key]:
                    del self._left[key]
                return key
        return b""
