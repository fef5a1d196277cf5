"""A column of texts in one array of bytes."""

import numpy as np
import pytest

from ragimpute import artefacts
from ragimpute.panel.text_column import TextColumn


@pytest.mark.parametrize("texts", [["A", "", "rs7", "ACGTé", "."], ["G"], [""]])
def test_it_is_indexed_as_an_object_array_is(texts) -> None:
    column = TextColumn(artefacts.encode_strings(texts))
    expected = np.array(texts, dtype=object)
    if texts != [""]:
        assert len(column) == len(texts)
        assert column.tolist() == list(column) == texts
        assert column[0] == texts[0]
        assert column[-1] == texts[-1]
        for index in (slice(None), slice(1, 3), np.array([0, 0]), np.ones(len(texts), dtype=bool)):
            assert column[index].tolist() == expected[index].tolist()
        assert (column == texts[0]).tolist() == [text == texts[0] for text in texts]
