"""Which events were delivered before. A law over 16-byte keys; the state keeps them, the poller asks.

Two questions, two memories:

- `SeenIds` (`dedupe.id_path` set): an id that was delivered is never delivered again, as far back as `capacity`.
- `Delivered` (always): where a tick goes over ground that was delivered before (an overlap, a page read again),
  each line is dropped as often as it was delivered. It counts, because an API may send two equal events.
"""

from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b

from xxhash import xxh3_128_digest

from hel.records import Text

KEY_BYTES = 16


KeyOf = Callable[[Text], bytes]
"""Makes the key of a JSON text."""


def event_key(text: Text) -> bytes:
    """The key of an event's JSON text: 128 bits of BLAKE2b (RFC 7693). Of two texts with one key, one would be lost."""
    return blake2b(text, digest_size=KEY_BYTES).digest()


id_key: KeyOf = event_key
"""The key of an id's JSON text: made alike."""

quick_key: KeyOf = xxh3_128_digest
"""The key of an event that nobody can aim at, for each holds an ID which its API draws at random: 128 bits of XXH3.

It costs a fortieth, but who chooses the whole text of two events can give them one key
(https://github.com/Cyan4973/xxHash).
"""

SURE = (event_key,)
"""How the keys of a source's events are made: the first makes them, and its state may hold those of all."""

QUICK = (quick_key, event_key)
"""The same where the API draws an ID at random for each event. A state of before, and what a crash left, has others."""


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
        keys: The keys that were delivered, each as often as it was; or how often.
        kinds: How they were made.
    """

    def __init__(self, keys: Iterable[bytes] | Mapping[bytes, int], kinds: Sequence[KeyOf]) -> None:
        self._left: Counter[bytes] = Counter(keys)
        self._kinds = kinds

    def __bool__(self) -> bool:
        return bool(self._left)

    def left(self) -> Counter[bytes]:
        """How often each line may still be met."""
        return self._left.copy()

    def take(self, event: Text) -> bytes:
        """The key by which this event was delivered before, which is then counted as met; empty if it was not."""
        for key_of in self._kinds if self._left else ():
            key = key_of(event)
            if self._left.get(key, 0) > 0:
                self._left[key] -= 1
                if not self._left[key]:
                    del self._left[key]
                return key
        return b""
