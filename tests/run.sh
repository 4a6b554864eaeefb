#!/bin/sh
# All Python tests, in three parts side by side: those with machines mostly wait, for links and limits.
part() { # part NAME MARKERS: run the tests that have these markers, and keep what they say
    python -m pytest -m "$2" -o cache_dir=".cache/pytest-$1" >".cache/$1-tests.log" 2>&1
}
part ssh 'ssh and not aws' &
ssh=$!
part aws aws &
aws=$!
python -m pytest -m 'not ssh and not aws'
status=$?
wait "$ssh" || status=1
cat .cache/ssh-tests.log
wait "$aws" || status=1
cat .cache/aws-tests.log
exit "$status"
