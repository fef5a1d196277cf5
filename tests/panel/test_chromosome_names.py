"""Names that mean one chromosome."""

import pytest

from ragimpute.panel.chromosome_names import equal_name, named_twice, plain_name


@pytest.mark.parametrize(
    ("plain", "names"),
    [
        ("20", ["20", "chr20", "CHR20", "Chr20", "020", "chr_20", "NC_000020.10", "NC_000020.11"]),
        ("1", ["1", "01", "chr01", "NC_000001.11"]),
        ("X", ["X", "x", "23", "chrX", "chr23", "XY", "25", "PAR1", "X_par1", "X_nonpar", "chrX_par2", "NC_000023.11"]),
        ("Y", ["Y", "24", "chrY", "NC_000024.9"]),
        ("MT", ["MT", "M", "26", "chrM", "chrMT", "mt"]),
        ("27", ["27"]),
        ("chr27", ["chr27"]),
        ("HLA-A*01:01", ["HLA-A*01:01"]),
        ("GL000192.1", ["GL000192.1"]),
        ("0", ["0"]),
        ("chrUn_KI270302v1", ["chrUn_KI270302v1"]),
    ],
)
def test_the_plain_name(plain, names):
    assert {name: plain_name(name) for name in names} == dict.fromkeys(names, plain)


def test_a_name_is_equal_only_where_that_is_certain():
    assert equal_name("chr20", ["19", "20"]) == "20"
    assert equal_name("23", ["23", "X"]) == "23"  # the same text, as in a dog's genome
    assert equal_name("XY", ["X", "chrX"]) is None
    assert equal_name("21", ["20"]) is None
    assert named_twice(["1", "chr2", "chr1"]) == ("1", "chr1")
    assert named_twice(["1", "chr2", "X", "27", "chr27"]) is None
