import pytest

from pipeline.words import counted, percent


@pytest.mark.parametrize(("n", "said"), [(0, "0 parts"), (1, "1 part"), (2, "2 parts")])
def test_one_is_no_plural(n, said):
    assert counted(n, "part") == said


def test_a_plural_of_its_own_is_taken():
    assert (counted(1, "class", "classes"), counted(3, "class", "classes")) == ("1 class", "3 classes")


@pytest.mark.parametrize(
    ("share", "said", "stated"),
    [(0.05, "5.0 %", "5.0 %"), (1.0, "100.0 %", "100.0 %"), (0.0025, "0.2 %", "0.25 %"), (0.0001, "0.0 %", "0.01 %")],
)
def test_a_share_has_one_decimal_but_where_somebody_chose_more(share, said, stated):
    assert (percent(share), percent(share, stated=True)) == (said, stated)
