import pytest

from ragimpute.nouns import with_noun


@pytest.mark.parametrize(
    ("number", "words", "text"),
    [
        (1, ("sample",), "1 sample"),
        (0, ("sample",), "0 samples"),
        (2, ("typed site",), "2 typed sites"),
        (1, ("batch", "batches"), "1 batch"),
        (3, ("sample lacks", "samples lack"), "3 samples lack"),
    ],
)
def test_one_is_singular_and_all_other_numbers_are_plural(number: int, words: tuple[str, ...], text: str) -> None:
    assert with_noun(number, *words) == text
