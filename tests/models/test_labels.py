import pytest

from models.labels import LabelSet, label_name, natural_order


def test_names_are_ordered_as_a_person_would() -> None:
    assert natural_order(["10", "2", "b", "1", "a", "2"]) == ("1", "2", "10", "a", "b")
    assert natural_order(["1", "-1", "0"]) == ("-1", "0", "1")
    assert natural_order(["A-2", "A-1"]) == ("A-1", "A-2")


def test_the_order_does_not_depend_on_that_of_the_data() -> None:
    assert natural_order(["负", "正", "中"]) == natural_order(["中", "正", "负"])


@pytest.mark.parametrize(
    "names",
    [
        ("差评", "好评"),
        ("差评", "中评", "好评"),
        ("负面", "中性", "正面"),
        ("消极", "积极"),
        ("negative", "neutral", "positive"),
        ("Negative", "Positive"),
        ("neg", "pos"),
        ("bad", "good"),
        ("不满意", "满意"),
        ("负向评价", "正向评价"),
        ("負面", "正面"),
        ("差評", "好評"),
        ("贬义", "褒义"),
        ("不喜欢", "喜欢"),
        ("👎", "👍"),
        ("__label__negative", "__label__positive"),
        ("差评（1星）", "好评（5星）"),
        ("负面情绪", "正面情绪"),
    ],
)
def test_words_of_known_polarity_are_ordered_negative_first(names: tuple[str, ...]) -> None:
    assert natural_order(names[::-1]) == names


def test_a_number_is_called_the_same_with_a_fraction_of_nothing() -> None:
    labels = [1, 1.0, "1.0", " -1.00 ", "v1.0", "1.5"]
    assert [label_name(label) for label in labels] == ["1", "1", "1", "-1", "v1.0", "1.5"]


@pytest.mark.parametrize("names", [[], ["one"], ["a", "a"]])
def test_a_label_set_has_two_or_more_different_names(names: list[str]) -> None:
    with pytest.raises(ValueError, match="two or more different labels"):
        LabelSet(names)
