#!/bin/sh
# Hands its flags to the command `reconcile`. A card that calls this has a loop of its own, so a call
# without --once and --subscribe is one pass.
for flag in "$@"; do
    case $flag in --once | --subscribe) exec agent-sessions reconcile "$@" ;; esac
done
exec agent-sessions reconcile --once "$@"
