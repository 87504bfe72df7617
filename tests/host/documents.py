"""Holds a document to what the service says: its blocks of console, run again."""
import re

from steps import run


def blocks(path, language):
    """The blocks of code in the document at PATH that are in LANGUAGE."""
    with open(path, encoding="utf-8") as file:
        return re.findall(rf"^```{language}\n(.*?)^```$", file.read(), re.MULTILINE | re.DOTALL)


def examples(path):
    """The commands in the document at PATH, each with what it prints."""
    for block in blocks(path, "console"):
        for part in ("\n" + block).split("\n$ ")[1:]:
            command, _, output = part.partition("\n")
            yield command, output.strip("\n")


def check(path):
    """Run the commands of the document at PATH; in what they print "..." stands for anything in a line.

    Returns how many there are, and raises for those that print something else.
    """
    seen, different = 0, []
    for command, output in examples(path):
        got = run(command, check=False)
        pattern = re.sub(r"(?:\\ )+", " +", re.escape(output).replace(r"\.\.\.", ".*"))
        if not re.fullmatch(pattern, got):
            different.append(f"$ {command}\n{got}\nthe document has:\n{output}")
        seen += 1
    if different:
        raise AssertionError("\n".join(different))
    return seen
