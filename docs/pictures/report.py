"""Makes the pictures of the report page: `python docs/pictures/report.py`.

Builds a corpus from the bundled sample, shortens its report page (two copies of a row and
another row, two charts), and takes a screenshot in light and in dark mode. Needs Chromium, Pillow
and a CJK font.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
SIZE = "1100,1345"
SHORTER = """<style>
main { display: flex; flex-direction: column; gap: .75rem; padding: 1rem 1.25rem; }
main > * { display: none; margin: 0 !important; max-width: none !important; }
.top { padding-top: 1rem; } .tiles { display: flex; order: 1; }
.copies { display: none; } #examples + p + .copies { display: grid; order: 2; }
.copies .row { margin: 0; }
main > article:nth-of-type(2) { display: block; order: 3; }
.charts { display: grid; order: 4; } figure:nth-child(n + 3), nav { display: none; }
</style></head>"""


def shardmill(*arguments: str) -> None:
    """Runs a command of the program."""
    subprocess.run([sys.executable, "-m", "pipelines.cli", *arguments], check=True, cwd=ROOT)


def screenshot(page: Path, picture: Path, *, dark: bool) -> None:
    """Renders a page with headless Chromium, and reduces it to 128 colours."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("Chromium is needed: apt-get install chromium fonts-noto-cjk")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    options += [f"--blink-settings=preferredColorScheme={0 if dark else 1}"]
    options += [f"--window-size={SIZE}", f"--screenshot={picture}", page.as_uri()]
    subprocess.run([chromium, *options], check=True, capture_output=True)
    Image.open(picture).convert("RGB").quantize(128).save(picture, optimize=True)


def main() -> None:
    """Writes report-light.png and report-dark.png beside this file."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tokenizer, corpus = str(folder / "tokenizer.json"), str(folder / "corpus")
        text = ["--input", str(ROOT / "sample" / "*.txt")]
        size = ["--size", "5000", "--min-frequency", "1"]
        shardmill("vocab", "--model", "wordpiece", *size, "--output", tokenizer, *text)
        options = ["--tokenizer", tokenizer, "--eval-fraction", "0.1", "--output", corpus]
        shardmill("build", "bert-wwm", *text, *options)
        page = folder / "corpus" / "report.html"
        html, found = re.subn("</head>", lambda _: SHORTER, page.read_text("utf-8"))
        assert found == 1
        page.write_text(html, "utf-8")
        for mode in ("light", "dark"):
            picture = Path(__file__).with_name(f"report-{mode}.png")
            screenshot(page, picture, dark=mode == "dark")


if __name__ == "__main__":
    main()
