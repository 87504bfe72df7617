"""Put the units and two programs in their places, as a package would."""
import glob
import os
import shutil

from steps import run

UNITS = sorted(path for kind in ("service", "socket", "slice") for path in glob.glob(f"systemd/*.{kind}"))


def install(programs):
    """Install the units of systemd/ and the programs in the directory PROGRAMS."""
    shutil.copy("systemd/dispatcherd.sysusers", "/usr/lib/sysusers.d/dispatcherd.conf")
    shutil.copy("systemd/dispatcherd.tmpfiles", "/usr/lib/tmpfiles.d/dispatcherd.conf")
    shutil.copy("systemd/dispatcherd.catalog", "/usr/lib/systemd/catalog/")
    for unit in UNITS:
        shutil.copy(unit, "/usr/lib/systemd/system/")
    for program in "dispatcherd", "dispatcherctl":
        # Not into the old file, which may be running.
        shutil.copy(f"{programs}/{program}", f"/usr/bin/{program}.new")
        os.replace(f"/usr/bin/{program}.new", f"/usr/bin/{program}")
    run("journalctl --update-catalog")
    run("systemd-sysusers && systemd-tmpfiles --create dispatcherd.conf")
    run("install -d -m 0750 -g dispatcherd /etc/dispatcherd")
    run("systemctl daemon-reload")
