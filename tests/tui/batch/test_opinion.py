"""Texts that hold no opinion get a status of their own, and no label unless one is asked for."""

import csv
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from models.console.command import UserError
from tui.batch.opinion import bare, has_opinion, is_blank
from tui.cli import cli
from tui.config import Config


@pytest.mark.parametrize(
    "text",
    [
        "此用户没有填写评价",
        "此用户没有填写评价。",
        "此用户未填写评价内容",
        "该用户未及时填写评价内容！",
        "用户未及时评价系统默认好评",
        "评价方未及时做出评价,系统默认好评!",
        "系统默认好评",
        "系统默认五星好评",
        "此用户未及时填写评价内容，系统默认好评。",
        "用户未作评价，系统默认好评",
        "匿名用户没有留下评价",
        "用户默认好评",
        "系统自动好评",
        "系统默认评价",
        "买家未及时评价，系统自动默认好评",
        "该评论已被折叠",
        "抱歉，此微博已被作者删除。查看帮助：http://t.cn/RfdRMqP",
        "转发微博",
        "[图片]",
        "分享图片 https://example.com/1",
        "買家沒有留言",
        "此用戶沒有填寫評價",
        "系統默認好評",
        "默认好评",
        "买家没有留言",
        "该条评价已被删除",
        "15天内买家未作出评价",
        "此评价为系统自动好评",
        "15天内买家未作出评价，系统默认好评",
        "该订单已自动好评",
        "系統預設好評",
        "好评！系统默认",
        "用户没有填写",
        "评价内容为空",
        "此用户很懒，什么都没有留下",
        "抱歉，此微博已被作者删除。查看帮助：网页链接",
        "O网页链接",
        "用户上传了3张图片",
        "该评论正在审核",
        "(空白)",
        "undefined",
        "\\N",
        "#REF!",
        "&nbsp;",
        "<p><br/></p>",
        "#NAME?",
        "合计：",
        "总 计",
        "无",
        "无无",
        " 没有 ",
        "暂无评价",
        "nil",
        "N/A",
        "Ｎ／Ａ",
        "...",
        "！！！？？？……",
        "https://t.cn/A6x",
        "http://a.cn/1 www.b.cn",
        "item.jd.com/100012.html",
        "\ufffc",
        "\ufffd\ufffd",
    ],
)
def test_a_filler_holds_no_opinion(text: str) -> None:
    assert not has_opinion(text)


@pytest.mark.parametrize(
    "text",
    [
        "666",
        "好",
        "没有了",
        "系统好",
        "图片很美",
        "默认好评返现，骗人的",
        "照片 https://example.com/1",
        "没有问题",
        "没有下次了",
        "无语",
        "无敌好用",
        "默认好评？差得很",
        "看 https://t.cn/A6x 很好",
        "👍",
        "🫩",
        ":)",
        "(*^_^*)",
        "T_T",
        "没有评价的那么好",
        "系统自动更新很烦",
        "评论被删除了，垃圾商家",
        "总计三次，都坏了",
        "10/10",
        "值#1!",
        "用户体验好",
        "视频不清楚",
        "没写的那么好",
        "好评",
        "系统默认好评，其实很差",
    ],
)
def test_what_somebody_wrote_holds_one(text: str) -> None:
    assert has_opinion(text)


@pytest.mark.parametrize(
    "text", ["", " \t\u3000", "\u200b\ufeff", "\ufe0f", "\u3164", "\u2800", "\x07"]
)
def test_spaces_and_characters_of_no_width_are_blank(text: str) -> None:
    assert is_blank(text)


@pytest.mark.parametrize(
    "piece",
    ["x", "a.", "a-", "1", "没有", "系统自动", "用户", "www.", "http://", "<br ", "com/", "."],
)
def test_a_long_text_takes_time_by_its_length_and_not_by_its_square(piece: str) -> None:
    has_opinion(piece * (500_000 // len(piece)) + "好")


@pytest.mark.parametrize("text", ["🫨", "🫩", "\U000e1234x", "\ue056", "\U0001fae8\ufe0f", "."])
def test_new_emoji_and_private_characters_are_texts_whatever_python_knows(text: str) -> None:
    assert not is_blank(text)


def classify(folder: Path, model: Path, *options: str) -> tuple[list[dict[str, str]], str]:
    """Return the rows of the output, and what was said."""
    texts = ["此用户没有填写评价。"] * 7 + ["很满意", "", "不错的样子"]
    (folder / "a.csv").write_text("\n".join(["id,text", *(f"1,{t}" for t in texts)]), "utf-8")
    arguments = ["classify", folder / "a.csv", "-o", folder / "out.csv", "--model", model]
    done = CliRunner().invoke(cli, [str(argument) for argument in [*arguments, *options]])
    assert done.exit_code == 0, done.output
    with (folder / "out.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file)), done.output


def test_they_keep_their_row_and_get_no_label(model: Path, tmp_path: Path) -> None:
    rows, said = classify(tmp_path, model)
    statuses = [row["status"] for row in rows]
    assert statuses[:7] == ["no opinion"] * 7
    assert statuses[8] == "empty"
    assert {row["predicted_label"] for row in rows[:7]} == {""}
    assert rows[7]["predicted_label"]
    receipt = json.loads((tmp_path / "out.csv.receipt.json").read_bytes())
    assert sum(receipt["counts"]["label"].values()) == 2
    assert receipt["counts"]["status"]["no opinion"] == 7
    assert "7 texts without an opinion got no label" in said
    assert "7 times: 此用户没有填写评价。 (no label)" in said
    assert "(50.0%)" in said or "(100.0%)" in said  # of two records, not of ten


def test_they_get_one_when_everything_is_to_be_labelled(model: Path, tmp_path: Path) -> None:
    rows, said = classify(tmp_path, model, "--label-everything")
    assert all(row["predicted_label"] for row in rows if row["text"])
    assert "without an opinion" not in said
    assert "7 times: 此用户没有填写评价。" in said  # a flood is seen whatever it says


def test_a_user_adds_fillers_to_the_config(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    config = tmp_path / "sentiment-tui" / "config.toml"
    config.parent.mkdir()
    config.write_text('no_opinion = ["不错的样子！"]\n[keys]\nexplain = "f3"\n', "utf-8")
    assert bare("不错 的样子。") == bare("不错的样子！")
    rows, _ = classify(tmp_path, model)
    assert rows[-1]["status"] == "no opinion"


@pytest.mark.parametrize("content", ["no_opinion = 3", "no_opinion = [1]", "other = 1", "keys = 1"])
def test_a_config_of_something_else_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "config.toml").write_text(content)
    with pytest.raises(UserError, match="expected a list no_opinion of texts"):
        Config.load(tmp_path / "config.toml")
