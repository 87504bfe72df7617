"""What a document has to be typed: its commands and its blocks, in their order."""
import re
from typing import NamedTuple

# A command is a line that is indented, or stands in the text and begins with a program's name.
PARTS = re.compile(
    r"^## (?P<heading>[^\n]+)$"
    r"|^```(?P<language>\w+)\n(?P<block>.*?)^```$"
    r"|^    (?P<command>\S[^\n]*)$"
    r"|`(?P<inline>(?:systemctl|journalctl|dispatcherctl|dispatcherd|rpm|make|usermod|runuser)\s[^`]+)`",
    re.MULTILINE | re.DOTALL)


class Item(NamedTuple):
    """A command or a block of the document."""
    section: str  # the heading that it stands under
    kind: str  # "command", or the language of a block
    text: str  # without its comment
    line: int


def items(path):
    """The commands and blocks of the document at PATH."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    section, found = "", []
    for part in PARTS.finditer(text):
        line = text.count("\n", 0, part.start()) + 1
        if part["heading"]:
            section = part["heading"]
        elif part["block"]:
            found.append(Item(section, part["language"], part["block"], line))
        else:
            command = part["command"] or part["inline"]
            found.append(Item(section, "command", " ".join(command.split(" #")[0].split()), line))
    return found


def sections(text):
    """The sections of the TOML TEXT, by their headings; what stands before the first has none."""
    parts = re.split(r"^(?=\[)", text, flags=re.MULTILINE)
    return {part.split("\n")[0] if part.startswith("[") else "": part.rstrip() for part in parts if part.strip()}


def edited(text, block):
    """The TOML TEXT with the sections of BLOCK in place of its own of the same name."""
    return "\n\n".join({**sections(text), **sections(block)}.values()) + "\n"
