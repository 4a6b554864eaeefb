"""Classes whose metaclass does something when they are made."""

import pytest

BODY = """
class Meta({base}):
    made = []
    def __new__(meta, name, bases, body):
        return super().__new__(meta, name, bases, body)
    def __init__(cls, name, bases, body):
        cls.count = len(cls.items)
        Meta.made.append(name)
class A(metaclass=Meta):
    items = [1, 2]
a = A()
"""


@pytest.mark.parametrize("base", ["type", "__import__('abc').ABCMeta"])
def test_hooks_of_a_metaclass_run_once(two, base):
    two.run_there(BODY.format(base=base))
    two.check()
    two.run_here("n = (A.count, list(Meta.made), isinstance(a, A))")
    two.run_there("class B(A): items = []")
    two.run_here("m = (B.count, list(Meta.made))")
    two.check()
