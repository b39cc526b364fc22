# SPDX-License-Identifier: Apache-2.0
# bash completion for bouncer: commands, options, and the names of monitors,
# for which a running daemon is asked; without one there are none.
# shellcheck shell=bash

# The options that stand in a command's own help.
_bouncer_options()
{
    if [[ $2 ]]; then
        "${COMP_WORDS[0]}" "$1" "$2" --help 2>/dev/null
    else
        "${COMP_WORDS[0]}" help "$1" 2>/dev/null
    fi |
        grep -oE '^  (-[a-z], )?--[a-z-]+' | grep -oE -e '--[a-z-]+'
}

# --socket and --url that were typed already say whom to ask.
_bouncer_monitors()
{
    local -a where=(--timeout 1s)
    local i value

    for ((i = 2; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        --socket | --url | --token-file)
            value=${COMP_WORDS[i + 1]}
            [[ $value == = ]] && value=${COMP_WORDS[i + 2]}
            where+=("${COMP_WORDS[i]}" "$value")
            ;;
        esac
    done
    "${COMP_WORDS[0]}" status --names "${where[@]}" 2>/dev/null
}

# Those of the lines on stdin that begin with $1, quoted for the command line.
_bouncer_offer()
{
    local line

    while IFS= read -r line; do
        [[ $line == "$1"* ]] && COMPREPLY+=("$(printf '%q' "$line")")
    done
}

_bouncer()
{
    local word=${COMP_WORDS[COMP_CWORD]}
    local before=${COMP_WORDS[COMP_CWORD - 1]}
    local command=${COMP_WORDS[1]}
    local part=
    local i

    COMPREPLY=()
    if [[ $command == registry && ${COMP_WORDS[2]} != -* ]]; then
        ((COMP_CWORD > 2)) && part=${COMP_WORDS[2]}
    fi
    if ((COMP_CWORD == 1)); then
        _bouncer_offer "$word" < <("${COMP_WORDS[0]}" help 2>/dev/null |
            sed -n 's/^  \([a-z][a-z-]*\)  .*/\1/p')
        return
    fi
    for ((i = 2; i < COMP_CWORD; i++)); do
        [[ ${COMP_WORDS[i]} == -- ]] || continue
        [[ $command == ping ]] && _bouncer_command "$i"
        return
    done
    case $before in
    --config | --file | --token-file | --user-file | --socket | --ca-file | \
        --targets | --urls | --rules | --nodes | -f | \
        --source-token-file | --source-user-file | --reload-token-file)
        if [[ $before != -f || $command == push ]]; then
            mapfile -t COMPREPLY < <(compgen -f -- "$word")
            return
        fi
        ;;
    --from)
        _bouncer_offer "$word" < <(printf '%s\n' promgen prommgr)
        return
        ;;
    -n) [[ $command == registry || $command == import ]] || return ;;
    --for | --since | --timeout | --reason | --label | --code | --lines | \
        --url | --server | --registry | --prometheus | --mode | --queues | \
        --log-level | --log-format | --shard | -l | -Q) return ;;
    esac
    if [[ $word == -* ]]; then
        _bouncer_offer "$word" < <(_bouncer_options "$command" "$part")
        return
    fi
    case $command in
    status | explain | journal | bounce | pause | resume)
        _bouncer_offer "$word" < <(_bouncer_monitors)
        ;;
    help)
        _bouncer_offer "$word" < <("${COMP_WORDS[0]}" help 2>/dev/null |
            sed -n 's/^  \([a-z][a-z-]*\)  .*/\1/p')
        ;;
    registry)
        if ((COMP_CWORD == 2)); then
            _bouncer_offer "$word" < <("${COMP_WORDS[0]}" registry help \
                2>/dev/null | sed -n 's/^  \([a-z][a-z-]*\)  .*/\1/p')
        elif [[ $part == apply || $part == import ]]; then
            mapfile -t COMPREPLY < <(compgen -f -- "$word")
        fi
        ;;
    check | targets | rules | urls | import)
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        ;;
    esac
}

# After `ping JOB --` another command begins.
_bouncer_command()
{
    local word=${COMP_WORDS[COMP_CWORD]}

    if ((COMP_CWORD == $1 + 1)); then
        mapfile -t COMPREPLY < <(compgen -c -- "$word")
    else
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
    fi
}

complete -F _bouncer bouncer
