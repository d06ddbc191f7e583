#!/usr/bin/env bash
# A sweep on the nodes of a Slurm job, continued by itself when it was pre-empted or its time was up:
#
#     sbatch --nodes=4 --time=8:00:00 deploy/slurm.sh sweeps/mnist_beta.yaml --storage /shared/runs
#
# The arguments are those of `cvae-sweep run`. `cvae-sweep` and `ray` have to be on the PATH of the
# shell that submits, in an environment that all nodes see; so are --storage and the home folder.
# docs/cluster.md tells more.
#
#SBATCH --job-name=cvae-sweep
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --exclusive
#SBATCH --output=cvae-sweep-%j.log
#SBATCH --open-mode=append
#SBATCH --requeue
# Two minutes before its end the job is told, this script alone ("B:").
#SBATCH --signal=B:USR1@120
set -euo pipefail

PATIENCE_S=300 # for all nodes to be there; who comes later is given trials as well

# One of Ray's nodes, until it is told to end. Its arguments are for `ray start`.
node() {
    local folder=${TMPDIR:-/tmp}
    ((${#folder} <= 40)) || folder=/tmp # sockets lie in it, and their paths have to be short
    folder=$(mktemp -d "$folder/ray-$SLURM_JOB_ID-XXXXXX")
    # All ports but the head's are free ones, so that jobs do not meet on a node.
    ray start --block --temp-dir="$folder" --num-cpus="$SLURM_CPUS_ON_NODE" \
        --min-worker-port=0 --max-worker-port=0 --dashboard-agent-listen-port=0 "$@" \
        >"$private/$(hostname).log" 2>&1 &
    local ray=$!
    trap 'kill "$ray" 2>/dev/null || true' TERM
    wait "$ray" || true # ends with the signal
    wait "$ray" || true # ends with Ray
    rm -rf "$folder"
}

# The address under which other nodes find this one.
address_here() {
    { getent ahostsv4 "${SLURMD_NODENAME:-$(hostname)}" || true; } |
        awk '$1 !~ /^127\./ { print $1; exit }'
}

# What a signal to end has said: "soon", and then the job is to go on later, or "now".
told=
heard=0
driver=
# Slurm may have sent SIGTERM to the command as well, a moment before or after it came here. A second
# one would have it end at once; SIGUSR1 asks for a graceful stop too, and never hurries.
stop() {
    heard=$((heard + 1))
    if [ -n "$driver" ]; then kill -USR1 "$driver" 2>/dev/null || true; fi
}
trap 'told=soon; stop' USR1
trap 'told=${told:-now}; sleep 1; stop' TERM

# Whether so many nodes have joined.
nodes_up() { [ "$(grep -ls "Ray runtime started" "$private"/*.log | wc -l)" -ge "$1" ]; }

head=
workers=
clean_up() {
    for process in $workers $head; do # the head last: without it workers would wait for it
        kill "$process" 2>/dev/null || true
        for _ in {1..60}; do
            kill -0 "$process" 2>/dev/null || break
            sleep 0.5
        done
    done
    rm -rf "$private"
}

private=${CVAE_SWEEP_PRIVATE:-$HOME}/.cvae-sweep-slurm-$SLURM_JOB_ID
rm -rf "$private"
(umask 077 && mkdir -p "$private" && od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"$private/token")
export private RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH=$private/token RAY_USAGE_STATS_ENABLED=0
trap clean_up EXIT

here=$(address_here)
here=${here:-$(hostname -I | cut -d' ' -f1)}
number=$((SLURM_JOB_ID % 10000))
address=$here:$((20000 + number))
others=$((SLURM_JOB_NUM_NODES - 1))

# The head and the command run in the script itself, whose node they have to themselves: what Slurm
# sends to steps when it pre-empts a job does not end them before they are at rest.
client= # a server that ray[client] brings, at a port that all jobs would share
if python3 -c "import grpc" 2>/dev/null; then client=--ray-client-server-port=$((10000 + number)); fi
node --head --node-ip-address="$here" --port="${address#*:}" --include-dashboard=false \
    ${client:+"$client"} &
head=$!
until nodes_up 1; do
    if [ -n "$told" ] || ! kill -0 "$head" 2>/dev/null || ((SECONDS > PATIENCE_S)); then break; fi
    sleep 0.5
done
if [ -z "$told" ] && ! nodes_up 1; then
    echo "slurm.sh: Ray did not start on $(hostname):" >&2
    cat "$private"/*.log >&2
    exit 1
fi
if ((others > 0)) && [ -z "$told" ]; then
    cpus=${SLURM_CPUS_PER_TASK:+--cpus-per-task=$SLURM_CPUS_PER_TASK} # srun does not inherit it
    srun --nodes="$others" --ntasks="$others" --ntasks-per-node=1 --exclude="$SLURMD_NODENAME" \
        --kill-on-bad-exit=0 --cpu-bind=none ${cpus:+"$cpus"} \
        bash -c "$(declare -f node); node --address=$address" &
    workers=$!
    until [ -n "$told" ] || nodes_up "$SLURM_JOB_NUM_NODES" || ((SECONDS > PATIENCE_S)); do
        sleep 0.5
    done
    nodes_up "$SLURM_JOB_NUM_NODES" || [ -n "$told" ] ||
        echo "slurm.sh: after $SECONDS s not all nodes are there; going on without the others" >&2
fi

code=130 # as of a command that was interrupted
if [ -z "$told" ]; then
    cvae-sweep run "$@" --address "$address" &
    driver=$!
    while true; do # a signal ends `wait`, but not the command
        before=$heard code=0
        wait "$driver" || code=$?
        if [ "$heard" = "$before" ]; then break; fi
    done
fi

clean_up
trap - EXIT
if [ "$told" = soon ] && ((code >= 128)); then
    echo "slurm.sh: the same command goes on when Slurm starts job $SLURM_JOB_ID again"
    scontrol requeue "$SLURM_JOB_ID" || echo "slurm.sh: it does not; submit it again" >&2
fi
exit "$code"
