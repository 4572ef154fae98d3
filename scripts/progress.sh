# shellcheck shell=bash
# Sourced by the set-up scripts: steps that show what they do, how long it takes, and why they failed.

on_terminal() { [ -t 1 ] && [ "${TERM:-dumb}" != dumb ]; }

fail() { # what, remedy
    printf '\n✗ %s. %s\n' "$1" "${2:-}" >&2
    exit 1
}

_stop_running() {
    trap - INT TERM
    # Asked of $! itself: the signal may come before the next command could have noted it.
    if [ -n "${!:-}" ]; then
        kill -TERM -- "-$!" 2>/dev/null || true
        wait "$!" 2>/dev/null || true
    fi
    printf '\n✗ Interrupted. The next start goes on from here.\n' >&2
    exit 130
}

# step "what is being done" command…  runs the command with its output in a log; shows progress after a second.
step() {
    local what=$1 log began began_us running status=0 told=0 next=15
    shift
    mkdir -p "$LOGS"
    log=$LOGS/setup-$(printf '%s' "$what" | tr -cs '[:alnum:]' - | cut -c1-40).log
    began=$SECONDS
    began_us=${EPOCHREALTIME/[.,]/}
    trap _stop_running INT TERM
    # A group of its own: an interrupt reaches it once, from us, and takes all of it. Where we are killed outright it goes on, and
    # holds the set-up's lock (which it inherits) until it is through, so that the next set-up waits instead of doing the same beside it.
    set -m
    "$@" >"$log" 2>&1 </dev/null &
    running=$!
    set +m
    while kill -0 "$running" 2>/dev/null; do
        sleep 0.1
        if [ $((${EPOCHREALTIME/[.,]/} - began_us)) -lt 1000000 ]; then continue; fi
        if on_terminal; then
            printf '\r\033[K· %s … %d s  \033[2m%.60s\033[0m' "$what" $((SECONDS - began)) "$(tail -n 1 "$log" | tr -d '\r\033' | tr -c '[:print:]' ' ')"
        elif [ $told = 0 ]; then
            printf '· %s …\n' "$what"
        elif [ $((SECONDS - began)) -ge $next ]; then
            printf '· %s … %d s\n' "$what" $((SECONDS - began))
            next=$((next + 15))
        fi
        told=1
    done
    wait "$running" || status=$?
    trap - INT TERM
    if [ $status -ne 0 ]; then
        on_terminal && printf '\r\033[K'
        printf '✗ %s failed after %d s. The end of %s:\n' "$what" $((SECONDS - began)) "$log" >&2
        tail -n 15 "$log" | sed 's/^/    /' >&2
        return $status
    fi
    if [ $told = 1 ]; then
        on_terminal && printf '\r\033[K'
        printf '✓ %s (%d s)\n' "$what" $((SECONDS - began))
    fi
}
