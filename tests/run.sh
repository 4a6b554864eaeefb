#!/bin/sh
# All Python tests, in parts side by side: those with machines mostly wait, for links and limits, and
# those of absences do hardly anything else.
part() { # part NAME ARGUMENT...: run these tests, and keep what they say
    name=$1
    shift
    python -m pytest -o cache_dir=".cache/pytest-$name" "$@" >".cache/$name-tests.log" 2>&1
}
part ssh -m 'ssh and not aws and not absences' &
ssh=$!
part away tests/faults/ssh/test_away_steps.py &
away=$!
part absences -m absences --ignore=tests/faults/ssh/test_away_steps.py &
absences=$!
{
    part aws -m aws
    aws=$?
    part equivalence -m 'not ssh' tests/equivalence && exit "$aws"
} &
both=$!
python -m pytest -m 'not ssh and not absences' --ignore=tests/equivalence
status=$?
wait "$ssh" || status=1
wait "$away" || status=1
wait "$absences" || status=1
wait "$both" || status=1
for part in ssh aws equivalence away absences; do
    cat ".cache/$part-tests.log"
done
exit "$status"
