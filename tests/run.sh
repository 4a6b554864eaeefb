#!/bin/sh
# All Python tests, in two halves side by side: those with machines mostly wait, for links and limits.
python -m pytest -m ssh -o cache_dir=.cache/pytest-ssh >.cache/ssh-tests.log 2>&1 &
machines=$!
python -m pytest -m 'not ssh'
rest=$?
wait "$machines"
status=$?
cat .cache/ssh-tests.log
[ "$rest" = 0 ] && [ "$status" = 0 ]
