"""A cell that finds only what it is said to read does what it does with the whole notebook."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from jupyter_scale.analysis.cell import analyse_cell

NAMES = "abcde"
name = st.sampled_from(NAMES)


def joined(template, *parts):
    return st.tuples(*parts).map(lambda found: template.format(*found))


expressions = st.recursive(
    st.one_of(name, st.sampled_from(["1", "[2, 3]"])),
    lambda inner: st.one_of(
        joined("seen({})", inner),
        joined("({} or {})", inner, inner),
        joined("({} if {} else {})", inner, inner, inner),
        joined("({} := {})", name, inner),
        joined("(lambda: {})()", inner),
        joined("(lambda {}: {})(0)", name, inner),
        joined("[{} for {} in (1, 2)]", inner, name),
        joined("list(({} for {} in (1, 2) if {}))", inner, name, inner),
        joined("{{ {}: {}, {}: {} }}", st.just("1"), inner, st.just("2"), inner),
        joined("({} == {} == {})", inner, inner, inner),
    ),
    max_leaves=4,
)


def indented(block):
    return "\n".join(f"    {line}" for line in block.splitlines())


simple = st.one_of(
    joined("{} = {}", name, expressions),
    joined("seen({})", expressions),
    joined("{}, {} = {}, 1", name, name, name),
    joined("del {}", name),
    joined("import math as {}", name),
    joined("{} = lambda: {}", name, expressions),
    joined("call({})", name),
    joined("{}: object = {}", name, expressions),
)


def compound(inner):
    body = st.lists(inner, min_size=1, max_size=3).map(lambda lines: indented("\n".join(lines)))
    return st.one_of(
        joined("if {}:\n{}\nelse:\n{}", expressions, body, body),
        joined("for {} in (1, 2):\n{}", name, body),
        joined("for {} in (1, 2):\n{}\n    break\nelse:\n{}", name, body, body),
        joined("try:\n{}\nexcept Exception as {}:\n{}", body, name, body),
        joined("try:\n{}\nexcept Exception:\n{}\nelse:\n{}\nfinally:\n{}", body, body, body, body),
        joined("with swallow() as {}:\n{}", name, body),
        joined("def {}():\n{}", name, body),
        joined("def {}():\n    global {}\n{}", name, name, body),
        joined("def {}({}={}):\n{}", name, name, name, body),
        joined("class {}:\n{}", name, body),
        joined("class {}:\n    global {}\n{}", name, name, body),
        joined("match {}:\n    case [{}, *_]:\n{}\n    case {}:\n{}", expressions, name,
               body.map(indented), name, body.map(indented)),
    )  # fmt: skip


programs = st.lists(st.recursive(simple, compound, max_leaves=5), min_size=1, max_size=5).map(
    "\n".join
)


class Swallow:
    """A context that lets no error out."""

    def __enter__(self):
        return "entered"

    def __exit__(self, *_):
        return True


def outcome(source, kept):
    """Run a program in a notebook that has the names `kept`: what it shows, fails with, leaves."""
    shown = []
    namespace = {each: f"old {each}" for each in kept}
    tools = {"seen": lambda value: shown.append(plain(value)), "call": call, "swallow": Swallow}
    namespace |= tools
    failure = None
    try:
        exec(compile(source, "<cell>", "exec", dont_inherit=True), namespace)
    except RecursionError:
        return None
    except Exception as error:  # noqa: BLE001
        failure = (type(error), str(error))
    return shown, failure, {k: plain(namespace[k]) for k in namespace if k in NAMES}


def call(value):
    return value() if callable(value) else None


def plain(value):
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    return value if isinstance(value, str | int) else type(value).__name__


@settings(max_examples=300, deadline=None)
@given(programs)
@example("def a(): b()\ndef b(): seen(c)\nc = 1\na()")
@example("with swallow() as a:\n    del a\n    b = 1\nseen(b)")
@example("class a:\n    b = b\n    del b\n    seen(b)")
@example("try:\n    a = 1\n    del a\n    d()\nexcept Exception as e:\n    seen(a)")
def test_reads_suffice(source):
    try:
        facts = analyse_cell(source, transform=str)
        compile(source, "<cell>", "exec", dont_inherit=True)
    except SyntaxError:
        return
    whole = outcome(source, NAMES)
    if whole is None:
        return
    shown, failure, left = outcome(source, facts.reads & set(NAMES))
    untouched = {each: f"old {each}" for each in NAMES if each not in facts.reads}
    assert (shown, failure) == whole[:2]
    assert {k: v for k, v in whole[2].items() if k in left or k not in untouched} == left
    written = {k for k, v in whole[2].items() if v != f"old {k}"}
    assert written <= facts.binds
    assert set(NAMES) - set(whole[2]) <= facts.deletes
