"""Write the pages of the reference anew: python -m docs.reference"""

from __future__ import annotations

from pathlib import Path

from docs.reference.pages import PAGES

if __name__ == "__main__":
    for name, page in PAGES.items():
        path = Path(__file__).with_name(name)
        path.write_text(page(), encoding="utf-8")
        print(path)
