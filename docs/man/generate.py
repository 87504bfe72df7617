"""Writes dispatcherctl.1 and dispatcherd.toml.5 from what they describe.

    generate.py DISPATCHERCTL CONFIGURATION.MD DIRECTORY

The options and commands are those that the program's own help shows, the keys those of
docs/configuration.md. dispatcherd.8 is written by hand.
"""

import pathlib
import re
import subprocess
import sys

HEAD = """\
.TH {title} 2026 dispatcherd "{part}"
.SH NAME
{name} \\- {what}
"""

CONTROL = """\
.SH SYNOPSIS
.B dispatcherctl
.RI [ options ]
.I command
.RI [ options ]
.SH DESCRIPTION
The daemon is reached over its control socket: the one that
.B \\-\\-socket
names, or the one of the configuration.
With
.B "\\-\\-broker pg_notify"
all daemons are asked that listen on a channel of the configured Postgres.
Options may stand before or after the command.
"""

CONTROL_END = """\
.SH "EXIT STATUS"
.TP
0
Success.
.TP
1
The daemon cannot be reached, fewer answer than expected, or what was to be done is refused.
With
.BR "run \\-\\-wait" :
the task did not succeed.
.TP
2
A mistake on the command line.
.TP
130
Interrupted.
.SH EXAMPLES
.EX
dispatcherctl status
dispatcherctl run app.tasks.mail \\-\\-arg 42 \\-\\-wait
dispatcherctl cancel \\-\\-uuid 6c9a2f23\\-6388\\-4ee1\\-b519\\-a066af2bd3b5
dispatcherctl workers \\-\\-broker pg_notify \\-\\-expected\\-replies 2
.EE
.SH "SEE ALSO"
.BR dispatcherd (8),
.BR dispatcherd.toml (5)
"""

SETTINGS = """\
.SH DESCRIPTION
A TOML file.
Durations are strings with a unit: "100ms", "15s", "4h".
.B "dispatcherd \\-\\-check"
names everything in a file that is wrong.
.I /etc/dispatcherd/dispatcherd.toml
comes with an explanation of each key.
.PP
Values that can be secret (conninfo, env, args, kwargs, message) are never printed.
.SH KEYS
"""

SETTINGS_END = """\
.SH "SEE ALSO"
.BR dispatcherd (8),
.BR dispatcherctl (1)
"""


def roff(text):
    """Return text as roff shows it."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    return re.sub(r"`([^`]*)`", r"\\fB\1\\fR", text)


def sentence(text):
    """Return a line of help as a sentence."""
    return roff(text[0].upper() + text[1:]) + "."


def entry(tag, text):
    """Return one tagged paragraph."""
    return ".TP\n%s\n%s\n" % (tag, text)


def options(usage):
    """Yield (tag, text) of each option that a program's help shows, but for --help."""
    rows = []
    for line in usage.partition("\nFlags:\n")[2].partition("\n\n")[0].split("\n"):
        found = re.match(r" +(?:(-\w), )?--([\w-]+)(?: (\S+))?  +(.*)", line)
        if found:
            rows.append(list(found.groups()))
        elif rows and line.strip():
            rows[-1][3] += " " + line.strip()
    for short, name, value, text in rows:
        if name != "help":
            tag = ", ".join("\\fB%s\\fR" % roff(word) for word in (short, "--" + name) if word)
            yield tag + (" \\fI%s\\fR" % roff(value) if value else ""), sentence(text)


def dispatcherctl(program):
    """Return the page about the program at this path."""
    def usage(*words):
        return subprocess.run([program, *words, "--help"], capture_output=True, text=True, check=True).stdout

    page = HEAD.format(title="DISPATCHERCTL 1", part="User commands", name="dispatcherctl",
                       what="ask a running dispatcherd what it is doing, and tell it what to do")
    page += CONTROL + ".SH OPTIONS\n" + "".join(entry(*option) for option in options(usage()))
    page += ".SH COMMANDS\n"
    listed = usage().partition("Available Commands:\n")[2].partition("\n\n")[0]
    for name, text in re.findall(r"^  (\w+) +(.*)$", listed, flags=re.MULTILINE):
        page += entry("\\fB%s\\fR" % name, sentence(text))
        own = "" if name == "completion" else "".join(entry(*option) for option in options(usage(name)))
        page += ".RS\n%s.RE\n" % own if own else ""
    return page + CONTROL_END


def settings(document):
    """Return the page about the keys in the tables of a document."""
    page = HEAD.format(title="DISPATCHERD.TOML 5", part="File formats", name="dispatcherd.toml",
                       what="configuration of dispatcherd") + SETTINGS
    own = document.partition("\n## ")[0]  # what follows is about the original's keys
    for key, default, text in re.findall(r"^\| (`[a-z_.]+`(?:, `[a-z_.]+`)*) \| (.*?) \| (.*) \|$", own, flags=re.MULTILINE):
        page += entry(roff(key), sentence(text) + ("\nDefault: %s." % roff(default) if default.strip() else ""))
    return page + SETTINGS_END


def main(program, document, directory):
    """Write both pages into the directory."""
    place = pathlib.Path(directory)
    place.joinpath("dispatcherctl.1").write_text(dispatcherctl(program))
    place.joinpath("dispatcherd.toml.5").write_text(settings(pathlib.Path(document).read_text()))


if __name__ == "__main__":
    main(*sys.argv[1:])
