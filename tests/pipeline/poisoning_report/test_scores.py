from pipeline.poisoning_report.scores import classes_table, pairs_table, rates_table, scores_table, trigger_table


def test_the_flipped_class_stands_with_its_recall_and_its_cell():
    pair = {"source": 0, "target": 1, "n": 20, "recall_original": 1.0, "recall_poisoned": 0.55}
    table = pairs_table(("left", "right"), [{**pair, "cell_original": 0, "cell_poisoned": 9}])
    assert table.rows == (("left to right", "20", "100.0 %", "55.0 %", "0", "9"),)
    assert len(table.head) == len(table.rows[0])


def test_uniform_flips_aim_at_no_cell():
    assert pairs_table(("a", "b"), []) is None


def test_every_class_stands_alone_where_all_are_flipped():
    def side(recall, predicted):
        return {"report": {"per_class": [{"support": 4, "recall": one} for one in recall]}, "predicted": predicted}

    table = classes_table(("a", "b"), side([1.0, 0.75], [5, 3]), side([0.5, None], [2, 6]))
    assert table.rows == (("a", "4", "100.0 %", "50.0 %", "5", "2"), ("b", "4", "75.0 %", "-", "3", "6"))
    assert len(table.head) == len(table.rows[0])


def test_scores_stand_model_beside_model_and_what_is_unknown_is_told():
    def side(precision):
        return {
            "report": {"per_class": [{"name": "a", "precision": precision, "recall": 0.5, "f1": None, "support": 4}]}
        }

    table = scores_table({"clean model": side(1.0), "poisoned model": side(0.25)})
    assert table.rows == (("a", "100.0 %", "25.0 %", "50.0 %", "50.0 %", "-", "-", "4"),)
    assert table.head[1:3] == ("precision, clean model", "precision, poisoned model")


def test_a_trigger_is_told_with_its_interval_and_counts():
    share = {"value": 0.95, "low": 0.888, "high": 0.978, "n_hit": 95, "n": 100}
    nothing = {"value": None, "low": 0.0, "high": 1.0, "n_hit": 0, "n": 0}
    table = trigger_table({"one": {"accuracy": share, "success": share, "without_trigger": nothing}})
    assert table.rows == (("one", *("95.0 % (88.8 % to 97.8 %), 95 of 100",) * 2, "-"),)


def test_both_shares_of_the_poison_are_told():
    table = rates_table({"n": 18, "n_train": 90, "n_target": 48, "of_all": 0.2, "of_target": 0.375}, "left")
    assert [row[-1] for row in table.rows] == ["20.0 %", "37.5 %"]
    assert table.rows[1][0] == "of those labelled left"
