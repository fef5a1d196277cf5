import numpy as np

from ragimpute.evaluation.strata import MAC_BINS, N_CELLS, STRATA, STRATA_OF_CELL, ReferenceCounts, cells, membership


def of(ac: int, an: int = 600) -> set[str]:
    member = membership(ReferenceCounts(np.array([ac]), np.array([an])))[:, 0]
    return {name for name, inside in zip(STRATA, member, strict=True) if inside}


def test_bins_meet_without_gap_or_overlap():
    bounds = list(MAC_BINS.values())
    assert all(low == high + 1 for (low, _), (_, high) in zip(bounds[1:], bounds[:-1], strict=True))


def test_boundaries():
    assert of(5) == {"overall", "rare", "mac_3_5"}
    assert of(6) == {"overall", "rare", "mac_6_10"}
    assert of(29) == {"overall", "rare", "mac_21_50"}
    assert of(30) == {"overall", "common", "mac_21_50"}  # .05 exactly is common
    assert of(200) == {"overall", "common", "mac_101_200"}
    assert of(201) == {"overall", "common", "mac_201_plus"}


def test_the_minor_allele_decides():
    assert of(599) == {"overall", "rare", "mac_1"}
    assert of(600) == of(0) == {"mac_0"}


def test_monomorphic_sites_are_in_mac_0_only():
    member = membership(ReferenceCounts(np.array([0, 1, 600]), np.array([600] * 3)))
    assert member[STRATA.index("overall")].tolist() == [False, True, False]


def test_a_tie_keeps_the_alternate_allele():
    counts = ReferenceCounts(np.array([300, 301, 299]), np.array([600] * 3))
    assert counts.flipped.tolist() == [False, True, False]


def test_nobody_typed_gives_nan_not_a_warning():
    assert np.isnan(ReferenceCounts(np.array([0]), np.array([0])).maf[0])


def test_cells_are_disjoint_and_every_stratum_is_a_union_of_them():
    generator = np.random.default_rng(1)
    counts = ReferenceCounts(generator.integers(0, 601, 300), np.full(300, 600))
    of_sites = cells(counts)
    assert of_sites.max() < N_CELLS
    polymorphic = counts.mac > 0
    rare = polymorphic & (counts.maf < 0.05)
    member = membership(counts)
    assert np.array_equal(member[:3], [polymorphic, rare, polymorphic & ~rare])
    assert (member[3:].sum(axis=0) == 1).all()
    assert np.array_equal(STRATA_OF_CELL[:, of_sites], member)
