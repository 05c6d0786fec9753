from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b

from hypothesis import given
from hypothesis import strategies as st

from hel.dedupe import KEY_BYTES, QUICK, SURE, Delivered, KeyOf, SeenIds, event_key, id_key, quick_key, split_keys

TEXTS = st.binary(min_size=1, max_size=3)


def test_a_string_and_a_number_of_the_same_digits_are_two_ids() -> None:
    assert id_key(b'"17"') != id_key(b"17")
    assert len(id_key(b"17")) == len(quick_key(b"17")) == KEY_BYTES


def test_a_key_is_the_same_on_every_machine_and_in_every_version() -> None:
    """The state holds them. XXH3's vector for nothing: https://github.com/Cyan4973/xxHash (XSUM_XXH3_128b)."""
    assert quick_key(b"").hex() == "99aa06d3014798d86001c324468d497f"
    assert event_key(b"17") == id_key(b"17") == blake2b(b"17", digest_size=16).digest()


@given(st.lists(TEXTS))
def test_packed_keys_come_apart_as_they_were(texts: list[bytes]) -> None:
    keys = [event_key(text) for text in texts]
    assert list(split_keys(b"".join(keys))) == keys


@given(st.integers(1, 5), st.lists(TEXTS))
def test_it_remembers_the_newest_ids_up_to_its_capacity(capacity: int, texts: list[bytes]) -> None:
    seen = SeenIds(capacity, texts)
    newest = list(dict.fromkeys(reversed(texts)))[:capacity]
    assert len(seen) == len(newest)
    assert all(text in seen for text in newest)
    assert all((text in newest) == (text in seen) for text in texts)


def test_a_smaller_capacity_keeps_the_newest_of_what_the_state_remembers() -> None:
    seen = SeenIds(2, [b"oldest", b"older", b"newest"])
    assert [key in seen for key in (b"oldest", b"older", b"newest")] == [False, True, True]


def test_ids_are_new_when_none_is_known_and_none_comes_twice() -> None:
    seen = SeenIds(2, [b"a"])
    assert seen.are_new([b"b", b"c"])
    assert not seen.are_new([b"b", b"a"])
    assert not seen.are_new([b"b", b"b"])


def test_many_ids_at_once_push_out_the_oldest() -> None:
    seen = SeenIds(2, [b"a"])
    seen.add([b"b", b"c", b"d"])
    assert [key in seen for key in (b"a", b"b", b"c", b"d")] == [False, False, True, True]


@given(st.lists(TEXTS), st.lists(TEXTS), st.sampled_from([(SURE, event_key), (QUICK, quick_key), (QUICK, event_key)]))
def test_each_line_is_dropped_as_often_as_it_was_delivered_and_no_more(
    delivered: list[bytes], met: list[bytes], made: tuple[Sequence[KeyOf], KeyOf]
) -> None:
    """By the key of its kind, or by the one that states of before hold."""
    kinds, key_of = made
    memory = Delivered(map(key_of, delivered), kinds)
    new = []
    for text in met:
        found = memory.take(text)
        assert found in {b"", key_of(text)}
        if not found:
            new.append(text)
    assert Counter(new) == Counter(met) - Counter(delivered)
    assert bool(memory) == bool(Counter(delivered) - Counter(met))
