from pipeline.poisoning.choice import drawn


def test_what_is_drawn_for_one_purpose_says_nothing_of_another(dataset):
    rows = dataset.indices("train")
    poison, trusted = (set(drawn(dataset, rows, 45, seed=0, purpose=what)) for what in ("poison", "trusted"))
    # Of 90 images 45 each: by chance 22 or 23 in both, and hardly ever fewer than 12 or more than 33.
    assert 12 < len(poison & trusted) < 33


def test_draws_no_more_than_there_are_and_in_the_order_of_the_data_set(dataset):
    rows = dataset.indices("test")
    assert drawn(dataset, rows, 500, seed=1, purpose="x").tolist() == rows.tolist()
    assert drawn(dataset, rows, 0, seed=1, purpose="x").tolist() == []
