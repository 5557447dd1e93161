"""Which column has the texts, by its name and by its values."""

from pathlib import Path

import pytest

from models.console import UserError
from models.tables import TEXT_COLUMNS, find_column, open_table


def found_in(path: Path, content: str, **more: str) -> str:
    """Return the column of the texts, or the error; `more` is what is known beside the file."""
    path.write_text(content, encoding="utf-8")
    with open_table(path) as table:
        columns = table.to_search()._replace(**more)
        try:
            return find_column(columns, None, TEXT_COLUMNS, "--text-column")
        except UserError as error:
            return str(error)


@pytest.mark.parametrize(
    ("content", "column"),
    [
        ("评论,评价\n很好用,好评\n太差了,差评\n", "评论"),
        ("评价,评语\n5,很好用\n1,三天就坏了\n", "评语"),
        ("content,review\nhttps://a.com/1.jpg,很好用\nhttps://a.com/2.jpg,太差了\n", "review"),
        ("text,Comments\nA1,Great product\nA2,Awful\n", "Comments"),
        ("rateContent,rateDate\n面料很舒服,2025-01-02\n", "rateContent"),
        ("Review Title,Review Text\n,很好用\n", "Review Text"),
        ("评论,分\n好,5\n差,1\n", "评论"),
        ("评论,分\nok,5\nbad,1\n", "评论"),
        ("评论,追评\n好,很失望\n", "评论"),
        ("评论\n666\n5\n", "评论"),
    ],
)
def test_values_tell_the_texts_from_counts_grades_codes(
    tmp_path: Path, content: str, column: str
) -> None:
    assert found_in(tmp_path / "a.csv", content) == column


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        ("博文,评论\n太好用了,35\n客服态度恶劣,1.2万\n", "likely --text-column 博文"),
        ("评价,买家留言\n好评,质量很好\n差评,洗一次就褪色\n", "likely --text-column 买家留言"),
        ("评价,点评\n★★★★★,菜很新鲜\n★☆☆☆☆,等了一小时\n", "likely --text-column 点评"),
        ("review,body\nR1A2B3,很好用\nR9X8Y7,太差了\n", "likely --text-column body"),
        ("comment,comment_content\nopen,很好用\n", "likely --text-column comment_content"),
        ("内容,用户评论内容\n手机壳,很好用\n", "expected only one of 内容 | 用户评论内容"),
        ("时间戳记,您的评价\n2025/1/1 上午 10:00:00,好用\n", "likely --text-column 您的评价"),
        ("Date,Country,Body\n2025-01-01T12:00:00Z,China,天天闪退\n", "likely --text-column Body"),
        ("商家回复,您的建议\n非常抱歉给您添麻烦了,好用\n", "likely --text-column 您的建议"),
        ("日期,评论\n2025-01-01,15\n", "name yours with --text-column, or"),
    ],
)
def test_what_is_no_text_stops_and_names_the_likely_column(
    tmp_path: Path, content: str, hint: str
) -> None:
    assert hint in found_in(tmp_path / "a.csv", content)


def test_the_column_of_the_labels_is_none_of_the_texts(tmp_path: Path) -> None:
    content = "评价,评论\n手感好,质量好\n"
    assert found_in(tmp_path / "a.csv", content, labels="评价") == "评论"
    assert "no column is known" in found_in(tmp_path / "a.csv", "评价,分\n好,5\n", labels="评价")
