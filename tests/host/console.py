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


def plain(text, exact):
    """TEXT without what differs each time: numbers, unless they are among EXACT, months, and the width of columns."""
    text = re.sub(r"\d+(?:\.\d+)?(?:µs|ms|[smhKMG]\b)?", lambda found: found[0] if found[0] in exact else "N", text)
    return re.sub(r" +", " ", re.sub(r"^[A-Z][a-z]{2} (?=N)", "", text, flags=re.MULTILINE))


# What may be there or not: that its limit has held a task back, on a slow machine; and that a process of a killed
# worker was found alive when the worker had ended.
CHANCES = {
    "throttled": r"^throttled .*\n",
    "left behind": r"^left behind .*\n|; a process that it left behind was killed",
}


def without_chance(got, output):
    """GOT without what is there by chance, unless OUTPUT has it."""
    for word, pattern in CHANCES.items():
        if word not in output:
            got = re.sub(pattern, "", got, flags=re.MULTILINE)
    return got


def check(path, exact):
    """Run the commands of the document at PATH, and compare what they print, with the numbers of EXACT.

    Returns how many there are, and raises for those that print something else.
    """
    seen, different = 0, []
    for command, output in examples(path):
        got = run(command, check=False)
        if plain(without_chance(got, output), exact) != plain(output, exact):
            different.append(f"$ {command}\n{got}\nthe document has:\n{output}")
        seen += 1
    if different:
        raise AssertionError("\n".join(different))
    return seen
