from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from hel.dedupe import KEY_BYTES, Delivered, SeenIds, key_of, split_keys

TEXTS = st.binary(min_size=1, max_size=3)


def test_a_string_and_a_number_of_the_same_digits_are_two_ids() -> None:
    assert key_of(b'"17"') != key_of(b"17")
    assert len(key_of(b"17")) == KEY_BYTES


@given(st.lists(TEXTS))
def test_packed_keys_come_apart_as_they_were(texts: list[bytes]) -> None:
    keys = [key_of(text) for text in texts]
    assert list(split_keys(b"".join(keys))) == keys


@given(st.integers(1, 5), st.lists(TEXTS))
def test_it_remembers_the_newest_ids_up_to_its_capacity(capacity: int, texts: list[bytes]) -> None:
    seen = SeenIds(capacity)
    for text in texts:
        seen.add(text)
    newest = list(dict.fromkeys(reversed(texts)))[:capacity]
    assert len(seen) == len(newest)
    assert all(text in seen for text in newest)
    assert all((text in newest) == (text in seen) for text in texts)


def test_a_smaller_capacity_keeps_the_newest_of_what_the_state_remembers() -> None:
    seen = SeenIds(2, [b"oldest", b"older", b"newest"])
    assert [key in seen for key in (b"oldest", b"older", b"newest")] == [False, True, True]


@given(st.lists(TEXTS), st.lists(TEXTS))
def test_each_line_is_dropped_as_often_as_it_was_delivered_and_no_more(
    delivered: list[bytes], met: list[bytes]
) -> None:
    memory = Delivered(delivered)
    new = [key for key in met if not memory.take(key)]
    assert Counter(new) == Counter(met) - Counter(delivered)
    assert bool(memory) == bool(Counter(delivered) - Counter(met))
