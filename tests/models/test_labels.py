import pytest

from models.labels import LabelSet, label_name, natural_order


def test_names_are_ordered_as_a_person_would() -> None:
    assert natural_order(["10", "2", "b", "1", "a", "2"]) == ("1", "2", "10", "a", "b")
    assert natural_order(["1", "-1", "0"]) == ("-1", "0", "1")
    assert natural_order(["A-2", "A-1"]) == ("A-1", "A-2")


def test_the_order_does_not_depend_on_that_of_the_data() -> None:
    assert natural_order(["负", "正", "中"]) == natural_order(["中", "正", "负"])


def test_a_label_is_found_by_name_and_by_number() -> None:
    labels = LabelSet(["负向评价", "正向评价"])
    assert [labels.find(x) for x in ("正向评价", "0", " 1 ", "2", "")] == [1, 0, 1, None, None]


def test_a_number_that_is_a_name_is_no_id() -> None:
    stars = LabelSet(["1", "2", "3"])
    assert [stars.find(x) for x in ("1", "3", "0")] == [0, 2, None]


def test_a_number_is_called_the_same_with_a_fraction_of_nothing() -> None:
    labels = [1, 1.0, "1.0", " -1.00 ", "v1.0", "1.5"]
    assert [label_name(label) for label in labels] == ["1", "1", "1", "-1", "v1.0", "1.5"]
    assert LabelSet(["负", "正"]).find("1.0") == 1
    assert [LabelSet(["1.0", "2.0"]).find(label) for label in ("2.0", "2")] == [1, 1]


@pytest.mark.parametrize("names", [[], ["one"], ["a", "a"]])
def test_a_label_set_has_two_or_more_different_names(names: list[str]) -> None:
    with pytest.raises(ValueError, match="two or more different labels"):
        LabelSet(names)
