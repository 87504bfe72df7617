"""Limits that bite, a verdict for every end, and nothing left behind, with all controllers."""
import json
import os
import re
import shutil
import signal
import time

import console
from install import install
from service import CONFIG, Refused, count, ctl, end, goes_on, project, submit, verdict, whereabouts
from steps import (alive, contains, equal, fails, finish, journal, main, messages, note, pids_of, run, state, step, until, write)

GOOD = """version = 2
node_id = "guest"

[pool]
min_workers = 1
max_workers = 2
scaledown_wait = "1s"
cancel_grace = "1s"
shutdown_grace = "60s"

[worker]
pythonpath = ["/srv/app"]
preload = ["app.tasks", "app.demands"]
tasks_allow = ["app.*"]

[brokers.socket]
path = "/run/dispatcherd/dispatcherd.sock"

[supervisor]
socket = "/run/dispatcherd/supervisor.sock"

[cgroups]
require = true

[limits]
memory_max = "120M"
swap_max = "0"
tasks_max = 64

[[task]]
match = "app.demands.allocate"
limits = { memory_max = "50M" }

[[task]]
match = "app.demands.bomb"
limits = { tasks_max = 250, memory_max = "400M" }
timeout = "3s"

[[task]]
match = "app.demands.leave_*"
max_concurrency = 1
"""
WORKERS = "/sys/fs/cgroup/dispatcherd.slice/dispatcherd-workers.service"
MEGABYTE = 1 << 20


def near(got, want, part, slack=0.0):
    """Raise unless GOT is within that PART of WANT, or SLACK."""
    if abs(got - want) > max(want * part, slack):
        raise AssertionError(f"{got:.4f} is not within {part:.0%} of {want:.4f}")


def inventory():
    """How many control groups and processes the workers' unit has."""
    return sum(1 for _ in os.walk(WORKERS)), len(pids_of("dispatcherd-workers"))


def idle():
    """Wait until there is one worker, which is idle, and its group is the only one."""
    until(lambda: [w["status"] for w in workers()] == ["ready"], "one worker is left, and idle", 60)


def outcome(uuid, config=CONFIG):
    """How the task UUID has ended; None while it has not."""
    return ctl(f"task {uuid}", config)["runs"][0].get("outcome")


def workers():
    """What dispatcherctl tells of the workers that are there."""
    return [w for key, w in ctl("workers").items() if key != "node_id" and "exit" not in w]


def configure(text):
    """Have a new daemon and a new supervisor with the configuration TEXT."""
    write(CONFIG, text, 0o640, "dispatcherd")
    run("systemctl stop dispatcherd.socket dispatcherd", seconds=120)
    until(lambda: state("dispatcherd-workers") == "inactive", "the workers are gone", 60)
    run("systemctl start dispatcherd.socket dispatcherd", seconds=120)


@step
def programs():
    """the programs and their units are installed; every controller is there, and nothing is missing"""
    install("bin")
    project()
    write(CONFIG, GOOD, 0o640, "dispatcherd")
    run("systemctl start dispatcherd.socket dispatcherd", seconds=120)
    equal(verdict("app.tasks.who")["outcome"], "succeeded")
    with open(WORKERS + "/cgroup.subtree_control", encoding="ascii") as file:
        equal(sorted(file.read().split()), ["cpu", "io", "memory", "pids"])


@step
def own_limits():
    """limits change between tasks of one worker, both ways, before the first instruction of the task"""
    first = verdict("app.demands.limits")["result"]
    equal((first["memory.max"], first["memory.swap.max"], first["pids.max"]), (str(120 * MEGABYTE), "0", "64"))
    equal(first["cpu.max"], "max 100000")
    lower = verdict("app.demands.limits", limits={
        "memory_high": "60M", "memory_max": "80M", "tasks_max": 20, "cpu_quota": "50%", "cpu_weight": 30, "io_weight": 40})["result"]
    equal(lower["pid"], first["pid"])
    equal([lower[name] for name in ("memory.high", "memory.max", "memory.swap.max", "pids.max", "cpu.max", "cpu.weight")],
          [str(60 * MEGABYTE), str(80 * MEGABYTE), "0", "20", "50000 100000", "30"])
    contains(lower["io.weight"], "40")
    equal(verdict("app.demands.limits")["result"], first)


@step
def too_much():
    """a limit above the allowed is refused with the reason, and nothing runs"""
    for limits, reason in (({"memory_max": "121M"}, "121M is more than the 120M that the configuration allows"),
                           ({"tasks_max": 65, "cpu_quota": "50%"}, "tasks_max: 65 is more than the 64"),
                           ({"memory_max": "12Q"}, "memory_max"), ({"colour": "red"}, "colour"),
                           ({"memory_high": "90M", "memory_max": "80M"}, "memory_high")):
        try:
            raise AssertionError(f"{limits} gave {verdict('app.tasks.count', limits=limits, name='refused')}")
        except Refused as refusal:
            contains(str(refusal), reason)
    submit("app.tasks.count", uuid="refused-line", limits={"memory_max": "1G"}, name="refused")
    until(lambda: journal("dispatcherd", "1G is more than the 120M"), "the line is refused in the journal")
    equal(whereabouts("refused"), None)


@step
def less_than_idle():
    """a limit below what the idle worker needs is refused with the size that is needed, and the worker lives"""
    before = verdict("app.demands.limits")["result"]["pid"]
    got = verdict("app.demands.limits", limits={"memory_max": "100K"})
    note(got["detail"])
    equal((got["outcome"], bool(re.search(r"at least [0-9]+[KM]", got["detail"]))), ("failed", True))
    equal(verdict("app.demands.limits", limits={"memory_max": "20M"})["outcome"], "succeeded")
    equal(verdict("app.demands.limits")["result"]["pid"], before)


@step
def memory():
    """200 MB under memory_max of 50 MB: oom_killed with peak and limit; siblings and daemon are untouched"""
    pid, daemon, holder = count("sibling"), main("dispatcherd"), main("dispatcherd-workers")
    got = verdict("app.demands.allocate", uuid="fat", megabytes=200)
    note(got["detail"])
    equal(got["outcome"], "oom_killed")
    equal(got["memory_max_bytes"], 50 * MEGABYTE)
    near(got["memory_peak_bytes"], 50 * MEGABYTE, 0.05)
    equal(got["oom_kills"] >= 1, True)
    contains(got["detail"], "50M")
    goes_on("sibling", pid)
    equal((main("dispatcherd"), main("dispatcherd-workers")), (daemon, holder))
    until(lambda: messages("DISPATCHERD_TASK_UUID=fat", "50M"), "the journal has it")
    entry = json.loads(run("journalctl -o json --no-pager DISPATCHERD_TASK_UUID=fat DISPATCHERD_OUTCOME=oom_killed"))
    note(" ".join(f"{key}={entry[key]}" for key in sorted(entry) if key.startswith(("DISPATCHERD_", "MESSAGE"))))
    equal(bool(entry["MESSAGE_ID"]), True)
    equal(outcome("fat"), "oom_killed")
    equal(verdict("app.demands.allocate", megabytes=5)["outcome"], "succeeded")
    end("sibling")


@step
def memory_of_a_child():
    """a child of a task that does the same: the task lives, and its verdict tells of it"""
    got = verdict("app.demands.child_allocates", uuid="parent", limits={"memory_max": "50M"}, megabytes=200)
    equal((got["outcome"], got["result"]), ("succeeded", -signal.SIGKILL))
    equal(got["oom_kills"], 1)
    near(got["memory_peak_bytes"], 50 * MEGABYTE, 0.05)
    until(lambda: messages("DISPATCHERD_TASK_UUID=parent", "memory"), "the journal tells of the child")
    note(messages("DISPATCHERD_TASK_UUID=parent", "memory")[0])


@step
def crowd():
    """tasks_max bounds what a task starts, and the peak is counted"""
    got = verdict("app.demands.crowd", wanted=100, limits={"tasks_max": 16})
    equal((got["outcome"], got["result"] in (14, 15)), ("succeeded", True))
    equal(got["pids_peak"], 16)
    equal(verdict("app.demands.crowd", wanted=30)["result"], 30)


def bomb(**options):
    """Let a fork bomb time out, and see that all is as before."""
    idle()
    before, daemon = inventory(), main("dispatcherd")
    got = verdict("app.demands.bomb", **options)
    note(f"{got['pids_peak']} processes; {got['detail']}")
    equal(got["outcome"], "timed_out")
    equal(main("dispatcherd"), daemon)
    idle()
    equal(inventory(), before)
    equal(verdict("app.tasks.who")["outcome"], "succeeded")
    return got


@step
def bomb_in_bounds():
    """a deaf fork bomb under tasks_max: it times out, and no process and no group is left"""
    equal(bomb(limits={"tasks_max": 32})["pids_peak"], 32)


@step
def bomb_in_time():
    """a deaf fork bomb with room for 250, under its timeout alone: nothing is left"""
    equal(bomb()["pids_peak"] > 32, True)


@step
def stubborn():
    """double fork, setsid and ignored signals, then a timeout: no process is left"""
    got = verdict("app.demands.stubborn", name="stubborn", timeout=2)
    note(got["detail"])
    equal(got["outcome"], "timed_out")
    pids = [whereabouts("stubborn"), whereabouts("stubborn.daemon")]
    equal(pids[0] != pids[1] and None not in pids, True)
    equal([alive(pid) for pid in pids], [False, False])


@step
def cancelled():
    """the same, cancelled"""
    submit("app.demands.stubborn", uuid="cancelled", name="cancelled")
    pids = [until(lambda name=name: whereabouts(name), f"{name} is there") for name in ("cancelled.daemon", "cancelled")]
    equal([alive(pid) for pid in pids], [True, True])
    ctl("cancel --uuid cancelled")
    until(lambda: outcome("cancelled") == "cancelled", "it has ended")
    equal([alive(pid) for pid in pids], [False, False])


@step
def leftovers():
    """what a task leaves behind by a double fork is ended when it ends, and counted"""
    before = verdict("app.demands.limits")["result"]["pid"]
    got = verdict("app.demands.leave", name="left")
    equal((got["outcome"], got["leftovers"]), ("succeeded", 1))
    equal(alive(whereabouts("left.daemon")), False)
    equal(verdict("app.demands.limits")["result"]["pid"], before)


@step
def quota():
    """a busy loop under cpu_quota: its share is within a tenth of the quota, by its group's own count"""
    for percent in 20, 50:
        got = verdict("app.demands.spin", seconds=8, limits={"cpu_quota": f"{percent}%"})
        note(f"{percent}%: {got['result']:.1%}; throttled for {got['throttled_seconds']:.1f} s of {got['run_time_seconds']:.1f} s")
        near(got["result"], percent / 100, 0.1)
        near(got["cpu_seconds"] / got["run_time_seconds"], percent / 100, 0.1)
        equal(got["throttled_seconds"] > 1, True)
    equal(verdict("app.demands.spin", seconds=2)["throttled_seconds"] < 0.1, True)  # the end of what the last was held back


@step
def account():
    """100 mixed tasks on one worker: the CPU time of each is what getrusage says, within a twentieth"""
    kinds = [{}, {"own": 0.02}, {"own": 0.3}, {"own": 0.1, "child": 0.2}, {"own": 0.1, "stranger": 0.2}]
    ends = [verdict("app.demands.work", **kinds[n % 5]) for n in range(100)]
    equal(len({end["worker"] for end in ends}), 1)
    pairs = [(end["cpu_seconds"] or 0, end["result"]) for end in ends]
    counted, told = (sum(numbers) for numbers in zip(*pairs))
    note(f"getrusage {told:.3f} s, verdicts {counted:.3f} s, {counted / told - 1:+.2%}")
    note("most apart: " + ", ".join(f"{ours:.3f} for {theirs:.3f}" for ours, theirs in sorted(pairs, key=lambda p: -abs(p[0] - p[1]))[:3]))
    for ours, theirs in pairs:
        near(ours, theirs, 0.05, 0.03)  # the ends of processes are in ours alone, and the guest counts in ticks of 4 ms
    near(counted, told, 0.05)


@step
def peaks():
    """the peak of memory is that of the task alone, and the verdict says how it is known"""
    for task, megabytes in (("child_allocates", 70), ("allocate", 5), ("child_allocates", 40), ("allocate", 25), ("allocate", 0)):
        got = verdict(f"app.demands.{task}", megabytes=megabytes)
        note(f"{task} {megabytes} MB: {got['memory_peak_bytes'] / MEGABYTE:.1f} MB, {got['memory_source']}")
        equal(got["outcome"], "succeeded")
        equal(megabytes * MEGABYTE <= got["memory_peak_bytes"] < (megabytes + 25) * MEGABYTE, True)


@step
def disk():
    """bytes read and written are those of the task alone"""
    got = verdict("app.demands.read_and_write", name="bytes", megabytes=8)
    note(f"{got['read_bytes']} bytes read, {got['written_bytes']} written")
    for key in "read_bytes", "written_bytes":
        equal(8 * MEGABYTE <= got[key] < 10 * MEGABYTE, True)
    got = verdict("app.demands.spin", seconds=0.2)
    equal((got["read_bytes"], got["written_bytes"]), (0, 0))


@step
def deaths():
    """every death has its name: a signal, a fault, an exit code"""
    for task, options, outcome, word in (("die", {}, "killed", "SIGKILL"), ("die", {"number": 15}, "killed", "SIGTERM"),
                                         ("die", {"number": 11}, "crashed", "SIGSEGV"), ("leave_at_once", {"code": 7}, "exited", "7")):
        got = verdict(f"app.demands.{task}", **options)
        equal(got["outcome"], outcome)
        contains(got["detail"], word)


@step
def thousand():
    """1000 tasks that are killed, each tenth with a child in a session of its own: as many groups as before"""
    configure(GOOD.replace("max_workers = 2", "max_workers = 6"))
    equal(verdict("app.tasks.who")["outcome"], "succeeded")
    idle()
    before = inventory()
    killed = ctl("tasks")["ended"].get("killed", 0)
    start = time.monotonic()
    for number in range(1000):
        submit("app.demands.die", uuid=f"killed-{number}", child=number % 10 == 0)
    until(lambda: ctl("tasks")["ended"].get("killed", 0) == killed + 1000, "all are dead", 900)
    note(f"1000 in {time.monotonic() - start:.0f} s; {before[0]} groups and {before[1]} processes before")
    idle()
    equal(inventory(), before)
    equal({outcome(f"killed-{number}") for number in (1, 500, 999)}, {"killed"})


@step
def told_alone():
    """with leftover_processes = "report" what a task leaves behind is told of and lives on"""
    configure(GOOD.replace("[worker]\n", "[worker]\nleftover_processes = \"report\"\n"))
    got = verdict("app.demands.leave", name="spared")
    equal((got["outcome"], got["leftovers"]), ("succeeded", 1))
    pid = whereabouts("spared.daemon")
    equal(alive(pid), True)
    configure(GOOD)
    equal(alive(pid), False)


@step
def killed_supervisor():
    """kill -9 of the supervisor under a task with a deaf daemon: both end, and are reported; a new one works"""
    submit("app.demands.stubborn", uuid="orphan", name="orphan")
    pids = [until(lambda name=name: whereabouts(name), f"{name} is there") for name in ("orphan.daemon", "orphan")]
    holder = main("dispatcherd-workers")
    os.kill(holder, signal.SIGKILL)
    until(lambda: not any(alive(pid) for pid in pids), "both are gone")
    until(lambda: state("dispatcherd-workers") == "active" and main("dispatcherd-workers") != holder, "a new supervisor is up", 60)
    equal(verdict("app.tasks.who")["outcome"], "succeeded")
    equal(outcome("orphan"), "lost")


def alone(name, delegate, require="true"):
    """The command that starts a daemon which holds its workers itself, as a service NAME, and its configuration."""
    config = f"/srv/{name}.toml"
    text = re.sub(r"\[supervisor\]\nsocket = .*\n", "", GOOD).replace("require = true", f"require = {require}")
    write(config, text.replace("/run/dispatcherd/", f"/run/{name}/"))
    return (f"systemd-run --unit={name} -p User=dispatcherd-tasks -p RuntimeDirectory={name} -p Type=notify "
            f"-p NotifyAccess=all -p TimeoutStopSec=10 {delegate} /usr/bin/dispatcherd --config {config}"), config


@step
def sweep():
    """a daemon that holds its workers itself: kill -9 of its supervisor, and the next one sweeps"""
    command, config = alone("lone", "-p 'Delegate=cpu memory pids io'", "false")
    run(command, seconds=120)
    submit("app.demands.stubborn", config, uuid="swept", name="swept")
    pids = [until(lambda name=name: whereabouts(name), f"{name} is there") for name in ("swept.daemon", "swept")]
    os.kill(int(ctl("status", config)["supervisor"]["pid"]), signal.SIGKILL)
    until(lambda: not any(alive(pid) for pid in pids), "both are gone", 60)
    note(until(lambda: journal("lone", "earlier supervisor"), "the new supervisor has told of it")[0])
    equal(verdict("app.tasks.who", config)["outcome"], "succeeded")
    equal(outcome("swept", config), "lost")
    run("systemctl stop lone", seconds=120)
    equal(os.path.exists("/sys/fs/cgroup/system.slice/lone.service"), False)


@step
def document():
    """the examples of docs/limits.md, with its configuration, print what it shows"""
    shutil.copy("systemd/dispatcherd.catalog", "/usr/lib/systemd/catalog/")
    run("journalctl --update-catalog")
    configure(console.blocks("limits.md", "toml")[0])
    until(lambda: ctl("workers"), "the daemon answers")
    equal(console.check("limits.md", {"50M", "1G"}) >= 8, True)
    configure(GOOD)


@step
def without_delegation():
    """without delegation: require = true is an error; without it the lesser way is named, and a timeout still ends a task"""
    command, config = alone("plain", "")
    fails(command, seconds=120)
    note(until(lambda: journal("plain", "cgroups.require"), "the reason is in the journal")[0])
    run("systemctl reset-failed plain", check=False)
    command, config = alone("plain", "", "false")
    run(command, seconds=120)
    equal(verdict("app.tasks.who", config)["outcome"], "succeeded")
    note("; ".join(ctl("status", config)["supervisor"]["missing"]))
    got = verdict("app.demands.allocate", config, megabytes=200)
    equal((got["outcome"], got["detail"]), ("failed", "MemoryError"))
    equal(verdict("app.demands.stubborn", config, name="plain", timeout=2)["outcome"], "timed_out")
    equal(alive(whereabouts("plain")), False)
    run("systemctl stop plain", seconds=120)
    equal(alive(whereabouts("plain.daemon")), False)  # by the service manager


@step
def stop():
    """a stop leaves no process and no group"""
    run("systemctl stop dispatcherd.socket dispatcherd", seconds=120)
    until(lambda: state("dispatcherd-workers") == "inactive", "the workers are gone", 60)
    equal(os.path.exists(WORKERS), False)
    equal(run("ps -o pid= -u dispatcherd -u dispatcherd-tasks", check=False), "")


finish("limits")
