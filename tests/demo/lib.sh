# What both acts of the demo use.

daemons=()
export DISPATCHERD_LOG_FORMAT=text # for people, though it goes through a pipe

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }

# show prints a command as one would type it, runs it and goes on whatever its
# exit code is.
show() {
    local word line='$'
    for word in "$@"; do
        case $word in
        *[!A-Za-z0-9_./:=-]*) line+=" '$word'" ;;
        *) line+=" $word" ;;
        esac
    done
    printf '%s\n' "$line"
    local code=0
    "$@" || code=$?
    [ $code = 0 ] || printf '(exit code %d)\n' $code
}

# start_daemon runs a daemon in the background; its log appears behind a mark.
start_daemon() {
    local mark=$1
    shift
    printf '$ %s &\n' "$*"
    "$@" 2> >(sed -u "s/^/    $mark│ /") &
    daemons+=($!)
}

# await waits, at most 30 seconds, until a command succeeds.
await() {
    local what=$1 tries=600
    shift
    until "$@" >/dev/null 2>&1; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || { echo "gave up waiting until $what" >&2; exit 1; }
        sleep 0.05
    done
}

# lacks is what the daemon says is missing of WHAT, "memory" or "cgroups".
lacks() {
    dispatcherctl status --output json | python3 -c 'import json, sys
missing = json.load(sys.stdin)[0]["supervisor"]["missing"]
print("; ".join(text for text in missing if sys.argv[1] in text or "no cgroups" in text))' "$1"
}

gone() { [ ! -d "/proc/$1" ]; }

running_is() { [ "$(dispatcherctl running --output yaml | grep -c 'worker-[0-9]*:')" = "$1" ]; }
runs() { dispatcherctl running --uuid "$1" --output yaml | grep -q 'worker-'; }
runs_not() { ! runs "$1"; }

stop_daemons() {
    local pid
    for pid in "${daemons[@]}"; do
        show kill -TERM "$pid"
    done
    for pid in "${daemons[@]}"; do
        wait "$pid" || echo "(the daemon's exit code: $?)"
    done
    stopped=("${daemons[@]}")
    daemons=()
}

# nothing_left looks for what stopped daemons might have left behind: cgroups,
# sockets, temporary files, and processes that still work in the demo's directory.
nothing_left() {
    local left="" pid
    for pid in "${stopped[@]}"; do
        left+=$(find /sys/fs/cgroup -type d -name "dispatcherd-$pid" 2>/dev/null || true)
    done
    left+=$(find . -name '*.sock')
    left+=$(ls -A "$TMPDIR")
    for pid in /proc/[0-9]*; do
        case "$(readlink "$pid/cwd" 2>/dev/null):$(cat "$pid/comm" 2>/dev/null)" in
        "$place:dispatcherd" | "$place:python"*) left+=" ${pid#/proc/}" ;;
        esac
    done
    if [ -n "$left" ]; then
        printf 'left behind: %s\n' "$left" >&2
        exit 1
    fi
    echo "Nothing is left behind: no process, no socket, no cgroup, no temporary file."
}

clean_up() {
    local pid
    for pid in "${daemons[@]}"; do
        kill -TERM "$pid" 2>/dev/null || true
        wait "$pid" || true
    done
    cd /
    rm -rf "$place"
}

# finished says whether both nodes have nothing left to do.
finished() {
    local node
    for node in north south; do
        dispatcherctl --config "$node.toml" status --output yaml | grep -q 'running: 0' || return 1
    done
}
