import pytest

from webapp.words import counted


@pytest.mark.parametrize(("n", "said"), [(0, "0 parts"), (1, "1 part"), (2, "2 parts")])
def test_one_is_no_plural(n, said):
    assert counted(n, "part") == said


def test_a_plural_of_its_own_is_taken():
    assert (counted(1, "class", "classes"), counted(3, "class", "classes")) == ("1 class", "3 classes")
