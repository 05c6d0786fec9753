"""What the README and the pages beside the examples show."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
EXAMPLES = ROOT / "examples"


def blocks(document: Path, language: str) -> list[str]:
    """The pieces of this language that a page shows."""
    return re.findall(rf"^```{language}\n(.*?)^```", document.read_text(), re.MULTILINE | re.DOTALL)
