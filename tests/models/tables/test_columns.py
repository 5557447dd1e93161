"""Which column has the texts, by its name and by its values."""

from pathlib import Path

import pytest
import xlsxwriter

from models.console import UserError
from models.tables import TEXT_COLUMNS, Reject, find_column, open_table
from tui.batch.inspection import inspect
from tui.batch.settings import BatchSettings


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


GROUPS = "订单,,评价,\n订单号,时间,内容,评分\n1,2025-01-01,好用,5\n"


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        (GROUPS, "say --header 2 if these count"),
        (GROUPS.replace("内容", "文字"), "say --header 2 if these count"),
        ("评论,,\n序号,内容,评分\n1,很好用,5\n", "say --header 2 if these count"),
        ("review,score\n评论内容,评分\n很好用,5\n", "say --header 2 if these count"),
        ("评价,评价\n内容,评分\n好,5\n", "say --header 2 if these count"),
        ("评价明细表,,\n,,\n序号,评论,评分\n1,好,5\n", "say --header 3 if the names"),
        ("导出人：张三\n时间：2025\n序号,评论\n1,好\n", "say --header 3 if the names"),
        ("店铺：,旗舰店,\n时间：,2025-03-01,\n序号,评论,评分\n1,好,5\n", "say --header 3"),
    ],
)
def test_names_below_a_title_are_named_by_their_line(
    tmp_path: Path, content: str, hint: str
) -> None:
    found = found_in(tmp_path / "a.csv", content)
    assert hint in found and "likely" not in found


@pytest.mark.parametrize(
    "content",
    [
        ",评论,,评分\n0,很好用,,5\n1,太差了,,1\n",
        "评论,\n很好,张三\n太差,李四\n",
        "评论,评分\n很好用,未评\n太差了,1\n",
        "评论,评分\n评论,5\n太差了,1\n",
        "评论,商品\n内容,手机\n太差了,耳机\n",
    ],
)
def test_a_record_of_words_is_no_header(tmp_path: Path, content: str) -> None:
    assert found_in(tmp_path / "a.csv", content) == "评论"


def test_the_line_of_a_column_that_was_named_is_found_too(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("导出,\n心声,评分\n好,5\n", encoding="utf-8")
    with open_table(path) as table, pytest.raises(UserError, match="say --header 2"):
        find_column(table.to_search(), "心声", TEXT_COLUMNS, "--text-column")


@pytest.mark.parametrize(
    ("name", "content", "hint"),
    [
        ("a.csv", "评论｜评分\n很好用｜5\n太差了｜1\n", "say --delimiter '｜' if"),
        ("a.csv", "id\1评论\n1\1很好用\n", r"say --delimiter $'\x01' if"),
        ("a.csv", "评论####评分\n很好用####5\n", "say --delimiter '#' if"),
        ("a.csv", "sep=\\t\n评论\t评分\n很好\t5\n", "say --delimiter TAB if"),
        ("a.tsv", "评论,评分\n很好,5\n", "say --from csv if , parts"),
        ("a.csv", "心声\n很好\n差，退了\n", "likely --text-column 心声"),
    ],
)
def test_a_line_that_another_sign_parts_is_no_text(
    tmp_path: Path, name: str, content: str, hint: str
) -> None:
    found = found_in(tmp_path / name, content)
    assert hint in found and ("likely" in hint or "likely" not in found)


def test_a_workbook_has_no_delimiter(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    with xlsxwriter.Workbook(path) as book:
        book.add_worksheet().write_column(0, 0, ["心声", "很好"])
    with open_table(path) as table, pytest.raises(UserError, match="--header") as caught:
        find_column(table.to_search(), None, TEXT_COLUMNS, "--text-column")
    assert "--delimiter" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "says"),
    [("评论\n很好,快\n一般\n", True), ("评论\n序号,评论\n", False), ("评论,分\n好,快,1\n", False)],
)
def test_one_column_with_commas_is_read_whole_with_another_delimiter(
    tmp_path: Path, content: str, says: bool
) -> None:
    path = tmp_path / "a.csv"
    path.write_text(content, encoding="utf-8")
    with open_table(path) as table:
        first = next(table.items)
    assert isinstance(first, Reject) and ("say --delimiter TAB" in first.message) == says
    problem = inspect(BatchSettings(path)).problem
    assert problem is None or ("--header 2" in str(problem)) != says
