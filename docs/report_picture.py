"""Makes the picture of a report: `python docs/report_picture.py` writes docs/report-LANGUAGE.png.

The reviews are made up here, the built-in model reads them, and Chromium draws the page; it needs a
font with Chinese characters (of Debian: fonts-noto-cjk).
"""

import csv
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

LOCALES = {"en": "en_US.UTF-8", "zh": "zh_CN.UTF-8"}
PRODUCTS = {"手机": 0.5, "酒店": 0.4, "图书": 0.2, "电脑": 0.35, "耳机": 0.6}
GOOD = (
    "房间很干净，早餐也不错",
    "物流很快，包装完好",
    "客服态度好，值得推荐",
    "质量不错，价格实惠",
    "故事好看，一口气读完",
    "位置方便，离地铁近",
)
BAD = (
    "空调坏了，前台态度差",
    "等了一个小时才到，太慢了",
    "屏幕有划痕，客服不理人",
    "纸张很差，有错别字",
    "房间有一股味道，睡不着",
    "电池不耐用，第三天就退货",
)
CHROMIUM = (
    "chromium --headless --no-sandbox --disable-gpu --no-first-run --hide-scrollbars "
    "--disable-background-networking --disable-component-update --disable-sync "
    "--virtual-time-budget=2000"  # else the last rows may not be drawn yet
)


def main() -> None:
    """Write the pictures beside this file."""
    program = Path(sys.executable).with_name("sentiment-tui")
    with tempfile.TemporaryDirectory() as home:
        source, output = Path(home, "reviews.csv"), Path(home, "reviews.labelled.csv")
        write_reviews(source)
        classify = [program, "classify", source, "-o", output, "--model", "builtin", "-q"]
        subprocess.run(classify, check=True)  # noqa: S603
        for language, locale in LOCALES.items():
            page = Path(home, f"{language}.html")
            report = [program, "report", output, "-o", page, "--model", "builtin"]
            subprocess.run(report, env=os.environ | {"LC_ALL": locale}, check=True)  # noqa: S603
            picture = Path(__file__).with_name(f"report-{language}.png")
            flags = [f"--user-data-dir={home}/{language}", "--window-size=1000,1120"]
            draw = [*CHROMIUM.split(), *flags, f"--screenshot={picture}", f"file://{page}"]
            subprocess.run(draw, check=True, stderr=subprocess.DEVNULL)  # noqa: S603


def write_reviews(path: Path) -> None:
    """Write reviews of a year, which get worse in autumn."""
    draw = random.Random(1)  # noqa: S311
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["产品", "日期", "评论"])
        for _ in range(3000):
            product, month = draw.choice(list(PRODUCTS)), draw.randint(1, 12)
            blamed = draw.random() < PRODUCTS[product] + 0.25 * (month > 8)
            parts = draw.sample(BAD if blamed else GOOD, 2)
            day = draw.randint(1, 28)
            writer.writerow([product, f"2025/{month}/{day}", "，".join(parts) + "。"])


if __name__ == "__main__":
    main()
