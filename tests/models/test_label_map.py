"""A value of a label column is never taken for another label than its writer meant."""

import pytest

from models.label_map import (
    AmbiguousLabelsError,
    TwoLabelsError,
    cell_label,
    map_labels,
    parse_label_map,
)
from models.label_proposal import proposed_map
from models.labels import NEGATIVE_POSITIVE
from models.stars import is_scale, star_of


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("好评 ", "好评"),
        (1.0, "1"),
        ("1.0", "1"),
        (True, "True"),
        (None, ""),
        (float("nan"), ""),
        ("", ""),
        (["正向评价"], "正向评价"),
        ('["正向评价"]', "正向评价"),
        ([], ""),
        ({"choices": ["Positive"]}, "Positive"),
        ('{"choices":["Positive"]}', "Positive"),
        ("[未知", "[未知"),
        ("[正面]", "正面"),
        ("【正面】", "正面"),
        ("“好评”", "好评"),
        ('{"label": "好评"}', "好评"),
        ([{"rating": 5}], "5"),
        ("{'pos'}", "pos"),
        ("+1", "1"),
        ("１.0", "1"),
        ("NULL", ""),
        ("nan", ""),
        ("\\N", ""),
        ("未标注", ""),
        ("None", "None"),
        ("A(B)", "A(B)"),
    ],
)
def test_a_cell_holds_one_label(value: object, expected: str) -> None:
    assert cell_label(value) == expected


@pytest.mark.parametrize(
    "value",
    [["好", "坏"], '["好", "坏"]', "[好，坏]", {"好", "坏"}, '{"choices":["Positive","Negative"]}'],
)
def test_two_labels_in_a_cell_are_refused_as_what_they_are(value: object) -> None:
    with pytest.raises(TwoLabelsError):
        cell_label(value)


@pytest.mark.parametrize(
    ("negative", "positive"),
    [
        ("差评", "好评"),
        ("负面", "正面"),
        ("消极", "积极"),
        ("negative", "positive"),
        ("Negative", "Positive"),
        ("neg", "pos"),
        ("bad", "good"),
        ("不满意", "满意"),
        ("0", "1"),
        ("负向评价", "正向评价"),
        ("ＮＥＧ", "ｐｏｓ"),
        ("负\u3000面", "正 面"),
        ("负向 评价", "正向 评价"),
        ("负向评价(0)", "正向评价(1)"),
        ("0-差评", "1-好评"),
        ("1、非常不满意", "5、非常满意"),
        ("较差", "力荐"),
        ("Very negative", "very positive"),
        ("Neg.", "Positive!"),
        ("消极的", "积极的"),
    ],
)
def test_the_built_in_model_is_scored_on_known_pairs_as_they_are(
    negative: str, positive: str
) -> None:
    found = map_labels([positive, negative, ""], NEGATIVE_POSITIVE)
    assert found.ids == {negative: 0, positive: 1}
    assert bool(found.said()) == (negative != "负向评价")


def test_a_neutral_word_is_not_scored_by_a_model_of_two_labels() -> None:
    found = map_labels(["好评", "中评", "差评"], NEGATIVE_POSITIVE)
    assert found.ids == {"好评": 1, "中评": None, "差评": 0}
    assert found.unknown == ("中评",)


def test_numbers_are_no_ids_of_words_whose_order_nobody_said() -> None:
    for names, proposal in (
        (("物流", "质量"), "0=物流; 1=质量"),
        (("好评", "差评"), "1=好评; 0=差评"),
        (("差评", "中评", "好评"), "0=差评; 1=好评"),  # two of three
    ):
        with pytest.raises(AmbiguousLabelsError) as caught:
            map_labels(["0", "1"], names)
        assert caught.value.reason == "numbers"
        assert caught.value.proposal == proposal


def test_numbers_with_a_sign_are_no_ids() -> None:
    with pytest.raises(AmbiguousLabelsError) as caught:
        map_labels(["-1", "1"], NEGATIVE_POSITIVE)
    assert caught.value.reason == "numbers"
    assert caught.value.proposal == "-1=负向评价; 1=正向评价"


def test_numbers_are_names_where_the_labels_are_numbers() -> None:
    names = ("1", "2", "3", "4", "5")
    assert map_labels(["5", "1"], names).ids == {"1": 0, "5": 4}
    assert map_labels(["5", "0"], names).ids == {"0": None, "5": 4}


@pytest.mark.parametrize(
    ("values", "proposal"),
    [
        ("12345", "1,2=负向评价; 4,5=正向评价; 3="),
        (["1", "1.5", "5", "3"], "1,1.5=负向评价; 5=正向评价; 3="),
        (["1", "10", "5", "7"], "1=负向评价; 10,7=正向评价; 5="),
        (["★☆☆☆☆", "★★★★★"], "★☆☆☆☆=负向评价; ★★★★★=正向评价"),
        (["一星", "五星", "三星"], "一星=负向评价; 五星=正向评价; 三星="),
    ],
)
def test_stars_are_never_ids_and_a_mapping_is_offered(values: list[str], proposal: str) -> None:
    with pytest.raises(AmbiguousLabelsError) as caught:
        map_labels(values, NEGATIVE_POSITIVE)
    assert caught.value.reason == "stars"
    assert caught.value.proposal == proposal
    mapped = map_labels(values, NEGATIVE_POSITIVE, parse_label_map(proposal))
    assert set(mapped.ids) == set(values)
    assert mapped.unknown == ()


def test_stars_beside_a_few_labels_that_are_known_are_not_ids_either() -> None:
    with pytest.raises(AmbiguousLabelsError):
        map_labels(["正向评价", "1", "4"], NEGATIVE_POSITIVE)


def test_labels_of_another_kind_are_refused_and_some_that_are_unknown_are_named() -> None:
    with pytest.raises(AmbiguousLabelsError) as caught:
        map_labels(["物流", "质量"], NEGATIVE_POSITIVE)
    assert caught.value.reason == "unknown"
    found = map_labels(["差评", "物流"], NEGATIVE_POSITIVE)
    assert found.unknown == ("物流",)


def test_a_mapping_says_it_all() -> None:
    mapping = parse_label_map("1，2＝负向评价；4,5=正向评价；3=")
    assert mapping == {"1": "负向评价", "2": "负向评价", "4": "正向评价", "5": "正向评价", "3": ""}
    found = map_labels(["1", "3", "5", "7"], NEGATIVE_POSITIVE, mapping)
    assert found.leaves_out("3")
    assert not found.leaves_out("7")
    assert found.ids == {"1": 0, "3": None, "5": 1, "7": None}
    assert found.unknown == ("7",)
    with pytest.raises(ValueError, match="好评"):
        map_labels(["1"], NEGATIVE_POSITIVE, {"1": "好评"})


@pytest.mark.parametrize(("text", "part"), [("1,2", "1,2"), ("=好", "=好"), ("1=好; 1=坏", "1")])
def test_a_mapping_that_says_nothing_or_two_things_is_refused(text: str, part: str) -> None:
    with pytest.raises(ValueError, match=f"^{part}$"):
        parse_label_map(text)


def test_stars_are_read_as_people_write_them() -> None:
    stars = ["4", "4.5", "★★★☆☆", "五星", "5星", "三颗星", "2 stars", "４", "10分"]
    assert [star_of(label) for label in stars] == [4, 4.5, 3, 5, 5, 3, 2, 4, 10]
    assert [star_of(label) for label in ("5/5", "2 / 5", "1/3")] == [5, 2, None]
    assert star_of("好评") is None
    assert star_of("五") is None
    said = {
        "4.0 out of 5 stars": 4,
        "5.0 颗星，最多 5 颗星": 5,
        "三星半": 3.5,
        "四点五星": 4.5,
        "半星": 0.5,
        "评分：4": 4,
        "star5": 5,
        "1星差评": 1,
        "5分（满分5分）": 5,
        "+2": 2,
    }
    assert {label: star_of(label) for label in said} == said
    assert is_scale(["1", "5"])
    assert not is_scale(["1", "50"])
    assert not is_scale([])


def test_a_proposal_reads_back() -> None:
    for values in ("12345", ["好评", "差评", "中评"], ["0", "1"], ["物流", "质量"]):
        assert set(parse_label_map(proposed_map(values, NEGATIVE_POSITIVE))) == set(values)


@pytest.mark.parametrize("column", ["是否差评", "negative", "is_neg", "isBad", "不满意", "負面"])
def test_in_a_column_of_negatives_1_is_no_positive_label(column: str) -> None:
    with pytest.raises(AmbiguousLabelsError) as caught:
        map_labels(["0", "1"], NEGATIVE_POSITIVE, column=column)
    assert caught.value.proposal == "1=负向评价; 0=正向评价"
    assert proposed_map(["否", "是"], NEGATIVE_POSITIVE, column) == "是=负向评价; 否=正向评价"
    assert map_labels("01", NEGATIVE_POSITIVE, ordered=True, column=column).ids == {"0": 0, "1": 1}
    assert map_labels(["差评"], NEGATIVE_POSITIVE, column=column).find("1") is None


@pytest.mark.parametrize(
    "column",
    ["label", "是否满意", "正负面", "neg_pos", "not_bad", "非差评", "negotiable", "满意/不满"],
)
def test_in_another_column_0_and_1_are_ids(column: str) -> None:
    assert map_labels(["0", "1"], NEGATIVE_POSITIVE, column=column).ids == {"0": 0, "1": 1}


@pytest.mark.parametrize("value", ["好评,物流", "好评；物流", "好、坏", 'a,"b"', 'a"b', "score=x"])
def test_a_value_with_signs_of_a_mapping_can_be_mapped(value: str) -> None:
    proposal = proposed_map([value, "x"], NEGATIVE_POSITIVE)
    found = map_labels([value, "x"], NEGATIVE_POSITIVE, parse_label_map(proposal))
    assert found.leaves_out(value)
    assert found.leaves_out("x")


def test_a_quote_that_stands_in_a_value_is_one() -> None:
    mapping = parse_label_map('5"=大; 6"=小; "7, 8" = 大')
    assert mapping == {'5"': "大", '6"': "小", "7,8": "大"}


def test_a_scale_is_proposed_by_its_own_end() -> None:
    for values, proposal in (
        (["20", "90", "100"], "20=负向评价; 100,90=正向评价"),
        (["0", "1", "2"], "0=负向评价; 2=正向评价; 1="),
        (["1", "2", "3"], "1=负向评价; 3=正向评价; 2="),
        (["0", "0分"], "0,0分=负向评价"),
        (["10", "20", "30", "40", "50"], "10,20=负向评价; 40,50=正向评价; 30="),
        (["20%", "40%", "100%"], "20%=负向评价; 100%=正向评价; 40%="),
        (["score=1", "score=5"], "score=1=负向评价; score=5=正向评价"),
        (["Y", "N"], "N=负向评价; Y=正向评价"),
        (["P", "N"], "N=负向评价; P=正向评价"),
        (["√", "×"], "×=负向评价; √=正向评价"),
        (["1.0 颗星，最多 5 颗星", "5.0 颗星，最多 5 颗星"], "1=负向评价; 5=正向评价"),
    ):
        assert proposed_map(values, NEGATIVE_POSITIVE) == proposal


def test_a_mapping_of_numbers_is_one_of_stars_in_words() -> None:
    mapping = parse_label_map("1=负向评价; 5=正向评价; 3=")
    values = ["★☆☆☆☆", "五星", "3 stars", "5.0 颗星，最多 5 颗星"]
    found = map_labels(values, NEGATIVE_POSITIVE, mapping)
    assert [found.ids[value] for value in values] == [0, 1, None, 1]
    assert not found.unknown
    assert found.leaves_out("3 stars")


def test_a_mapping_leaves_a_label_out_by_its_name() -> None:
    found = map_labels(["正向评价", "负向评价"], NEGATIVE_POSITIVE, parse_label_map("正向评价="))
    assert found.ids == {"正向评价": None, "负向评价": 0}


def test_a_mapping_of_no_value_is_refused() -> None:
    mapping = parse_label_map("1-2=负向评价; 4-5=正向评价; 3=")
    with pytest.raises(AmbiguousLabelsError):
        map_labels("12345", NEGATIVE_POSITIVE, mapping)


def test_stars_in_words_are_the_numbers_of_labels_that_are_stars() -> None:
    names = [f"{number} stars" for number in range(1, 6)]
    assert map_labels(["5", "★☆☆☆☆", "三星"], names).ids == {"5": 4, "★☆☆☆☆": 0, "三星": 2}


def test_labels_without_names_are_found_by_their_numbers() -> None:
    assert map_labels(["1", "0"], ("LABEL_0", "LABEL_1")).ids == {"0": 0, "1": 1}


def test_labels_that_differ_by_case_alone_are_found_by_their_letters_alone() -> None:
    found = map_labels(["bad", "BAD", "Bad"], ("Bad", "bad"))
    assert found.ids == {"BAD": None, "Bad": 0, "bad": 1}


def test_a_value_that_comes_later_is_found_if_that_is_not_ambiguous() -> None:
    found = map_labels(["正向评价"], NEGATIVE_POSITIVE)
    later = {"差评": 0, "0": 0, "物流": None, "5": None, "": None}
    assert {value: found.find(value) for value in later} == later


def test_truth_values_are_mapped_only_by_the_user() -> None:
    with pytest.raises(AmbiguousLabelsError) as caught:
        map_labels(["True", "False"], NEGATIVE_POSITIVE)
    assert caught.value.proposal == "False=负向评价; True=正向评价"


def test_what_was_taken_for_what_is_said() -> None:
    found = map_labels(["好评", "差评"], NEGATIVE_POSITIVE)
    assert found.said() == "差评 = 负向评价, 好评 = 正向评价"
    assert map_labels(["正向评价"], NEGATIVE_POSITIVE).said() == ""
