#!/bin/sh
# All Python tests, in three parts side by side: those with machines mostly wait, for links and limits.
part() { # part NAME ARGUMENT...: run these tests, and keep what they say
    name=$1
    shift
    python -m pytest -o cache_dir=".cache/pytest-$name" "$@" >".cache/$name-tests.log" 2>&1
}
part ssh -m 'ssh and not aws' &
ssh=$!
{
    part aws -m aws
    aws=$?
    part equivalence -m 'not ssh' tests/equivalence && exit "$aws"
} &
both=$!
python -m pytest -m 'not ssh' --ignore=tests/equivalence
status=$?
wait "$ssh" || status=1
wait "$both" || status=1
cat .cache/ssh-tests.log .cache/aws-tests.log .cache/equivalence-tests.log
exit "$status"
