"""Notebooks made at random whose cells loop: over anything, in every form, independent or hardly.

Iterations take ten milliseconds, so that a loop of eight of them is long enough to be spread.
In the texts below, ``<S>`` stands for what is looped over, ``<T>`` for the target, ``<K>`` for a
number and ``<I>`` for the item of the iteration, ``<W>`` for work, ``<V>`` for a value at no cost.
"""

import textwrap
from typing import NamedTuple

from hypothesis import strategies as st

#: Runs first. A word with two underscores at its end is another one in every program, as a loop
#: that had to run in order once does so again, and is known by its code.
PRELUDE = """
import collections, functools, itertools, math, os, random, time, warnings
import numpy as np
import pandas as pd
from tqdm import tqdm
from IPython.display import display
if os.path.exists("log.txt"): os.remove("log.txt")

def slow__(x):
    time.sleep(0.01)
    return int(x) * 2 + 1
def noisy(x): print("noisy", x); return slow__(x)
def loud(x): print(x, end=" "); print("!", x, end=""); return slow__(x)
def careful(x): warnings.warn(f"careful {x % 3}"); return slow__(x)
def remember(x): seen.append(x); return slow__(x) + len(seen)
def remember_alias(x): alias.append(x); return slow__(x)
def default(x, known=[]): known.append(x); return slow__(x) + len(known)
def read_default(x, known=[5]): return slow__(x) + known[0]
def counting(x): global n; n += 1; return slow__(x) + n
def reading(x): return slow__(x) + n + len(seen)
def tally(x): tally.count = getattr(tally, "count", 0) + 1; return slow__(x)
def memo(x):
    if x % 4 not in known: known[x % 4] = slow__(x % 4)
    return known[x % 4]
@functools.lru_cache
def cached(x): print("miss", x); return slow__(x)
def drawn(x): return slow__(x) + random.random()
def drawn_numpy(x): return slow__(x) + np.random.rand()
def drawn_generator(x): return slow__(x) + rng.random()
def seeded(x): return slow__(x) + random.Random(int(x)).random()
def step(x): return slow__(x) + next(shared, 0)
def failing(x):
    if x == 5: raise Failure("five", x)
    return slow__(x)
def failing_late(x): slow__(x); return 1 / (x - 6)
def caught(x):
    try: return failing(x)
    except Failure as failure: return failure.where
def touch(x):
    if isinstance(x, list): x.append(0)
    elif isinstance(x, Node): x.tags.append("t")
    elif isinstance(x, np.ndarray): x[0] = -1
    return slow__(1)
def peek(x): return slow__(x) + globals().get("x", 0)
def peek_i(x): return slow__(x) + (i if isinstance(i, int) else 0)
def fill(x): grid[int(x) % 3, 0] += 1; return slow__(x)
def setting(x): os.environ["LOOP"] = str(x); return slow__(x)
def logged(x):
    with open("log.txt", "a") as log: log.write(f"{x} ")
    return slow__(x)
def made_counter():
    count = 0
    def bump(x=1):
        nonlocal count
        count += 1
        return slow__(x) + count
    def read(): return count
    return bump, read
def scaled_by(factor):
    def scaled(x): return slow__(x) * factor
    return scaled
def generate(many):
    for number in range(many):
        seen.append(-number)
        yield number
class Failure(Exception):
    def __init__(self, what, where): super().__init__(what); self.where = where
class Node:
    made = 0
    def __init__(self, value=0, tags=None): self.value, self.tags = value, tags or []
    def work(self, x): return slow__(x) + self.value
    def count(self, x): self.value += 1; return slow__(x)
    def make(self, x): Node.made += 1; return slow__(x)
    @classmethod
    def build(cls, x): return cls(slow__(x))
    @property
    def heavy(self): return slow__(self.value)
    def __call__(self, x): return slow__(x)
    def __eq__(self, other): return isinstance(other, Node) and self.value == other.value
    def __hash__(self): return hash(self.value)
class Countdown:
    def __init__(self, many): self.left = many
    def __iter__(self): return self
    def __next__(self):
        if not self.left: raise StopIteration
        self.left -= 1
        return self.left
class Adding:
    def __add__(self, other): seen.append(other); return self
    __radd__ = __add__
class Hashed:
    def __init__(self, value): self.value = value
    def __hash__(self): print("hash", end=" "); return hash(str(self.value))
    def __eq__(self, other): return str(self.value) == str(other.value)
class Stack(list):
    def append(self, item): super().append(item); self.top = item

xs, unique = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3], {7, 1, 12, 3, 5, 30, 9, 8, 2}
words = "abracadabra the spell of old".split()
letters = list("hocuspocus")
seen, out, made, known = [], [], [], {}
alias, boxes = seen, [[k] for k in range(8)] + [seen]
boxes.append(boxes[0])
table = {k: [k] for k in (5, 3, 8, 1, 9, 2, 7, 4)}
counts, lists, plain, chosen = collections.Counter(), collections.defaultdict(list), {}, set()
node, nodes = Node(3), [Node(k, [k]) for k in range(9)]
stack = Stack()
grid = np.arange(27.0).reshape(9, 3); corner = grid[:2]
array, objects = np.zeros(16), np.full(16, None)
frame = pd.DataFrame({"x": range(9), "g": list("abcdefghi"), "y": [0.5] * 9})
shared, naturals, rng = Countdown(99), Countdown(99), np.random.default_rng(1)
bump, read = made_counter()
tripled, halved = scaled_by(3), functools.partial(slow__)
n, total, text, best, last, prev = 0, 1, "", 0, None, None
i = x = 0
"""

#: What the comparison of namespaces cannot look into; runs last.
TAIL = """
print(cached.cache_info(), next(shared), next(naturals), read(), os.environ.pop("LOOP", None))
print(os.path.exists("log.txt") and open("log.txt").read(), rng.random())
print([f() for f in [*out, *made] if type(f) is type(read)])
print([x is y for x in [*out, *made] for y in (seen, node, table, grid, frame)].count(True))
"""


class Source(NamedTuple):
    """What is looped over: its text, the target, a number and the item of an iteration."""

    text: str
    target: str
    number: str
    item: str


SOURCES = [
    Source("range(9)", "i", "i", "i"),
    Source("xs", "x", "x", "x"),
    Source("enumerate(xs)", "i, x", "i", "x"),
    Source("zip(range(20), words * 2)", "i, w", "i", "w"),
    Source("table.items()", "k, v", "k", "v"),
    Source("table", "k", "k", "table[k]"),
    Source("list(table.values())", "v", "len(v)", "v"),
    Source("unique", "x", "x", "x"),
    Source("words * 2", "w", "len(w)", "w"),
    Source("letters", "w", "ord(w) % 9", "w"),
    Source("tuple(xs)", "x", "x", "x"),
    Source("range(12, 0, -1)", "i", "i", "i"),
    Source("reversed(xs)", "x", "x", "x"),
    Source("sorted(xs, reverse=True)", "x", "x", "x"),
    Source("np.arange(9)", "x", "int(x)", "x"),
    Source("grid", "row", "int(row[0])", "row"),
    Source("array", "x", "int(x)", "x"),
    Source("boxes", "box", "len(box)", "box"),
    Source("nodes", "each", "each.value", "each"),
    Source("nodes[:4] + nodes[:4]", "each", "each.value", "each"),
    Source("enumerate(nodes, 1)", "i, each", "i", "each"),
    Source("zip(xs, boxes)", "x, box", "x", "box"),
    Source("frame.groupby('g')", "g, part", "ord(g) % 9", "part"),
    Source("frame.iterrows()", "i, row", "i", "row"),
    Source("frame.itertuples()", "row", "row.Index", "row"),
    Source("frame['x']", "x", "int(x)", "x"),
    Source("itertools.product('ab', range(5))", "a, i", "i", "a"),
    Source("itertools.product(xs[:3], words[:3])", "x, w", "x", "w"),
    Source("itertools.chain(xs, unique)", "x", "x", "x"),
    Source("itertools.pairwise(xs)", "x, y", "x", "y"),
    Source("itertools.combinations(xs[:5], 2)", "x, y", "y", "x"),
    Source("itertools.islice(naturals, 9)", "x", "x", "x"),
    Source("(j + 1 for j in xs)", "x", "x", "x"),
    Source("(j + len(seen) for j in xs)", "x", "x", "x"),
    Source("generate(9)", "x", "x", "x"),
    Source("Countdown(9)", "x", "x", "x"),
    Source("iter(xs)", "x", "x", "x"),
    Source("itertools.islice(shared, 9)", "x", "x", "x"),
    Source("map(str, xs)", "w", "int(w)", "w"),
    Source("map(slow__, xs)", "x", "x", "x"),
    Source("filter(None, xs)", "x", "x", "x"),
    Source("collections.deque(xs)", "x", "x", "x"),
    Source("tqdm(xs, disable=True)", "x", "x", "x"),
    Source("tqdm(enumerate(xs), disable=True)", "i, x", "i", "x"),
    Source("[(j, [j, (j,)]) for j in range(9)]", "x, [y, *rest]", "x", "y"),
    Source("'hocus pocus'", "c", "ord(c) % 9", "c"),
    Source("[lambda: 1] * 9", "f", "f()", "f"),
    Source("[slow__, abs, tripled] * 3", "f", "f(2)", "f"),
    Source("seen[:12]", "x", "x", "x"),
    Source("[]", "x", "x", "x"),
    Source("range(1)", "i", "i", "i"),
    Source("range(3)", "i", "i", "i"),
    Source("5", "i", "i", "i"),
    Source("xs[2:]", "x", "x", "x"),
    Source("[xs] * 9", "z", "z[0]", "z"),
    Source("enumerate(zip(xs, letters))", "i, (x, w)", "i", "w"),
]

#: Work that iterations share nothing by.
INDEPENDENT = [
    "slow__(<K>)",
    "slow__(<K>)",
    "(slow__(<K>), <I>)",
    "slow__(<K>) + <K>",
    "[slow__(<K>)] * 2",
    "{'k': slow__(<K>), 'i': <I>}",
    "noisy(<K>)",
    "loud(<K>)",
    "careful(<K>)",
    "read_default(<K>)",
    "reading(<K>)",
    "seeded(<K>)",
    "tripled(<K>)",
    "halved(<K>)",
    "node.work(<K>)",
    "node(<K>)",
    "Node.build(<K>)",
    "node.heavy + <K>",
    "caught(<K>)",
    "math.sqrt(abs(slow__(<K>)))",
    "np.full(3, slow__(<K>))",
    "(slow__(<K>), seen)[1]",
    "(slow__(<K>), table, node)",
    "(slow__(<K>), Node)[1]",
    "(slow__(<K>), slow__)[1]",
    "(slow__(<K>), grid[<K> % 9])[1]",
    "(lambda v: slow__(v) + <K>)(1)",
    "(lambda v=<K>: slow__(v))()",
    "sorted([slow__(<K>), 3], key=lambda v: -v)",
    "sum(slow__(<K>) + j for j in range(2))",
    "sum([j * <K> for j in range(slow__(1))])",
    "slow__(<K>) if <K> % 2 else None",
    "<K> % 2 and slow__(<K>)",
    "f'{slow__(<K>)} {<I>!r:.9}'",
    "Node(slow__(<K>), [<I>])",
    "collections.Counter({<K>: slow__(<K>)})",
    "pd.Series([slow__(<K>), 1.5])",
    "frame['x'].sum() + slow__(<K>)",
    "frame[frame.x > <K>].assign(z=slow__(<K>))",
    "float('nan') if slow__(<K>) > 9 else 0.5",
    "str(slow__(<K>))",
    "iter([slow__(<K>)])",
    "{slow__(<K>), 'a', 'b'}",
    "slow__(len(out))",
    "slow__(i)",
    "slow__(x)",
    "peek_i(<K>)",
    "peek(<K>)",
]
#: Work that iterations share something by, or that fails.
DEPENDENT = [
    "remember(<K>)",
    "remember_alias(<K>)",
    "default(<K>)",
    "counting(<K>)",
    "tally(<K>)",
    "memo(<K>)",
    "cached(<K>)",
    "cached(<K> % 3)",
    "drawn(<K>)",
    "drawn_numpy(<K>)",
    "drawn_generator(<K>)",
    "step(<K>)",
    "bump(<K>)",
    "node.count(<K>)",
    "node.make(<K>)",
    "fill(<K>)",
    "setting(<K>)",
    "logged(<K>)",
    "touch(<I>)",
    "failing(<K>)",
    "failing_late(<K>)",
    "slow__(<K>) + made.append(<K>)",
    "(slow__(<K>), made.append(<K>))",
    "(slow__(<K>), made.append(<I>), len(made))",
    "(slow__(<K>), plain.setdefault(<K> % 4, []).append(<K>))",
    "(slow__(<K>), <I>.append(1))",
    "(slow__(<K>), seen.pop())",
    "(slow__(<K>), print('in', <K>))",
    "(slow__(<K>), display(<K>))",
    "(slow__(<K>), warnings.warn('here'))",
    "(slow__(<K>), lambda: <K>)[1]",
    "(slow__(<K>), lambda: <I>)[1]",
    "(slow__(<K>), lambda v=<K>: v)[1]",
    "(last := slow__(<K>))",
    "(slow__(<K>), next(naturals))",
    "(slow__(<K>), setattr(node, 'value', <K>))",
    "(slow__(<K>), grid.sum())",
    "(slow__(<K>), array.fill(<K>))",
    "(slow__(<K>), <I>, <I> is seen)",
    "exec('made.append(1)') or slow__(<K>)",
    "eval('slow__')(<K>)",
    "slow__(<K>) / (<K> - 5)",
    "undefined + slow__(<K>)",
    "table[slow__(<K>)]",
    "(slow__(<K>), (made.append(j) for j in [<K>]))[1]",
    "(slow__(<K>), _)",
    "(slow__(<K>), corner.copy(), grid.__setitem__((0, 0), <K>))",
]
COMPREHENSIONS = [
    "r = [<W> for <T> in <S>]",
    "r = [<W> for <T> in <S>]",
    "r = [<W> for <T> in <S>]",
    "r = [<W> for <T> in <S> if <K> % 3]",
    "r = [<W> for <T> in <S> if <K> % 3 if <K> != 2]",
    "r = [<W> for <T> in <S> if slow__(<K>) % 3]",
    "[<W> for <T> in <S>]",
    "r = {<W> for <T> in <S>}",
    "r = {<K>: <W> for <T> in <S>}",
    "r = {<W>: <K> for <T> in <S>}",
    "r = {<K> % 4: <W> for <T> in <S> if <K>}",
    "r = sum(<W> for <T> in <S>)",
    "r = sum([<W> for <T> in <S>], 5)",
    "r = max(<W> for <T> in <S>)",
    "r = min((<W> for <T> in <S>), default=None)",
    "r = max((<W> for <T> in <S>), key=lambda v: str(v))",
    "r = max((<W> for <T> in <S>), key=lambda v: made.append(v) or str(v))",
    "r = min((<W> for <T> in <S>), key=lambda v: seen.append(0) or str(v))",
    "r = sorted((<W> for <T> in <S>), key=lambda v: print('key', v) or str(v))",
    "r = sum((<W> for <T> in <S>), Adding())",
    "r = len({Hashed(<W>) for <T> in <S>})",
    "r = len({Hashed(<W>): <K> for <T> in <S>})",
    "r = list(<W> for <T> in <S>)",
    "r = tuple(<W> for <T> in <S>)",
    "r = dict((<K>, <W>) for <T> in <S>)",
    "r = set(<W> for <T> in <S>)",
    "r = frozenset(<W> for <T> in <S>)",
    "r = sorted(<W> for <T> in <S>)",
    "r = sorted((<W> for <T> in <S>), key=str, reverse=True)",
    "r = any(<W> for <T> in <S>)",
    "r = all(<W> for <T> in <S>)",
    "r = any(<K> > 5 and <W> for <T> in <S>)",
    "r = ', '.join(str(<W>) for <T> in <S>)",
    "r = ''.join(<W> for <T> in <S>)",
    "r = collections.Counter(<W> for <T> in <S>)",
    "r = np.array([<W> for <T> in <S>])",
    "r = np.fromiter((<W> for <T> in <S>), float)",
    "r = pd.DataFrame([{'k': <K>, 'w': <W>} for <T> in <S>])",
    "r = pd.concat([pd.DataFrame({'w': [<W>]}) for <T> in <S>])",
    "r = dict(zip(xs, (<W> for <T> in <S>)))",
    "r = next(<W> for <T> in <S>)",
    "r = next((<W> for <T> in <S> if <K> > 4), None)",
    "first, *others = (<W> for <T> in <S>)",
    "r = [*(<W> for <T> in <S>), 1]",
    "r = math.prod(<W> for <T> in <S>)",
    "r = [(<W>, j) for <T> in <S> for j in range(2)]",
    "r = [(<W>, j) for j in range(2) for <T> in <S>]",
    "r = [(<W>, j) for <T> in <S> if <K> > 2 for j in range(<K> % 3)]",
    "r = [[<W> for j in range(2)] for <T> in <S>]",
    "r = [sum(<W> for j in range(2)) for <T> in <S>]",
    "r = [{j: <W> for j in 'ab'} for <T> in <S>]",
    "r = [<W> for <T> in <S>][-1]",
    "r = len([<W> for <T> in <S>])",
    "print(*(<W> for <T> in <S>))",
    "print([<W> for <T> in <S>], [<V> for <T> in <S>])",
    "out.extend(<W> for <T> in <S>)",
    "out.extend([<W> for <T> in <S>])",
    "out += [<W> for <T> in <S>]",
    "plain.update({<K>: <W> for <T> in <S>})",
    "made.append([<W> for <T> in <S>])",
    "node.tags = [<W> for <T> in <S>]",
    "table[0] = [<W> for <T> in <S>]",
    "frame['new'] = [<W> for <T> in <S>]",
    "array[:9] = [<W> for <T> in <S>]",
    "r = (lambda: [<W> for <T> in <S>])()",
    "r = [a for a in [<W> for <T> in <S>] if a]",
    "r = [slow__(1) for a in [<W> for <T> in <S>]]",
    "r, total = [<W> for <T> in <S>], total + 1",
    "r = list(map(slow__, xs))",
    "r = list(map(remember, xs))",
    "r = sum(map(tripled, range(9)))",
    "r = list(map(lambda v: slow__(v) + n, xs))",
    "r = list(map(touch, boxes))",
    "r = dict(zip(xs, map(node.work, xs)))",
    "r = sorted(map(noisy, unique))",
    "r = list(map(math.pow, map(slow__, xs), xs))",
    "r = list(filter(lambda v: slow__(v) > 6, xs))",
    "r = max(xs, key=slow__)",
    "for v in [<W> for <T> in <S>]: print(v)",
    "for v in (<W> for <T> in <S>): made.append(v)",
    "r = (<W> for <T> in <S>); r = list(r)",
    "feed = iter(xs); r = [(<W>, next(feed)) for <T> in <S>]; del feed",
    "feed = iter(range(20)); r = [(slow__(j), next(feed)) for j in feed]; del feed",
    "feed = (j for j in range(20)); r = [<W> + next(feed) for <T> in <S>]; del feed",
    "r = [<W> for <T> in <S>]; made.append(r); r.append(seen)",
    "assert [<W> for <T> in <S>], 'none'",
    "if any(<W> for <T> in <S>): print('some')",
    "r = [<W> for <T> in <S>] if xs else 0",
    "r = [<W>\n     for <T> in\n     <S>\n     if <K> != 3]",
]

#: Values at no further cost; ``t`` is what the work gave.
VALUES = [
    "t",
    "<K>",
    "<I>",
    "t, <K>",
    "[t]",
    "{'t': t}",
    "Node(t)",
    "str(t)",
    "seen",
    "node",
    "table.get(<K>)",
    "len(out)",
    "out[-1:]",
    "plain.get(<K> % 4)",
    "grid[0]",
    "lambda: t",
    "lambda t=t: t",
    "last",
    "prev",
    "n",
    "f'{t}'",
    "tuple(out)[:2]",
    "t is <I>",
]
NUMBERS = ["t", "<K>", "1", "t % 5", "len(str(t))", "n", "-t"]

#: Statements that only add to what the loop leaves.
EFFECTS = [
    "out.append(<V>)",
    "out.append(<V>)",
    "out.extend([<V>, <V>])",
    "out += [<V>]",
    "out.insert(0, <V>)",
    "made.append(<V>); out.append(<V>)",
    "chosen.add(<K>)",
    "chosen |= {<K>, t}",
    "chosen.update([<K>])",
    "plain[<K>] = <V>",
    "plain[<K> % 3] = <V>",
    "plain['k', <K>] = <V>",
    "plain.update({<K>: <V>})",
    "plain.setdefault(<K> % 3, []).append(<V>)",
    "lists[<K> % 3].append(<V>)",
    "counts[<K> % 3] += <N>",
    "counts.update([<K>])",
    "table[<K>] = <V>",
    "table[<K>].append(<V>)",
    "array[<K>] = <N>",
    "array[<K> % 5] += <N>",
    "objects[<K>] = <V>",
    "grid[<K> % 9, 1] = <N>",
    "grid[<K> % 9] += <N>",
    "corner[0, 0] += <N>",
    "frame.loc[<K>, 'y'] = <N>",
    "frame.at[<K> % 9, 'y'] = <N>",
    "frame.loc[<K> % 9, 'new'] = <N>",
    "n += <N>",
    "n = n + <N>",
    "total *= 1 + <N> % 3",
    "text += str(<N>)",
    "text = f'{text}{<K>}'",
    "best = max(best, <N>)",
    "if t > best: best = t",
    "if t > best: best, last = t, <V>",
    "last = <V>",
    "print(<V>)",
    "print('at', <K>, end=' ')",
    "display(<V>)",
    "display(frame.head(1))",
    "warnings.warn(f'warned {<K> % 2}')",
    "node.value = <V>",
    "node.tags.append(<V>)",
    "node.value += <N>",
    "stack.append(<V>)",
    "alias.append(<V>)",
    "seen.append(<V>)",
    "Node.made += 1",
    "prev = t",
]
#: Statements that say what happens, read what was written, or change what is looped over.
FLOW = [
    "if <K> % 3 == 0: continue",
    "if <K> == 6: break",
    "if len(out) > 4: break",
    "if <K> == 5: raise Failure('at', <K>)",
    "assert <K> != 7, 'seven'",
    "if <K> % 2:\n    out.append(t)\nelse:\n    plain[<K>] = t",
    "try:\n    out.append(1 / (<K> - 4))\nexcept ZeroDivisionError:\n    out.append(None)",
    "try:\n    out.append(failing(<K>))\nexcept Failure as failure:\n    out.append(failure.where)",
    "try:\n    out.append(failing(<K>))\nfinally:\n    print('done', <K>)",
    "with warnings.catch_warnings():\n    warnings.simplefilter('ignore')\n    careful(<K>)",
    "for j in range(2): out.append((<V>, j))",
    "for j in range(2):\n    for c in 'ab': plain[j, c] = t",
    "for j in range(2):\n    u = t + j\n    out.append(u)",
    "for j in xs:\n    if j == t: break\nelse:\n    out.append('none')",
    "u = t * 2; out.append(u)",
    "u, v2 = t, [t]; v2.append(u); out.append(v2)",
    "u = [j + t for j in range(3)]; out.append(u)",
    "u = sum(j * t for j in range(3)); n += u",
    "u = {}; u[t] = <V>; out.append(u)",
    "if (u := t) > 5: out.append(u)",
    "def inner(): return t\nout.append(inner())",
    "def inner(): return <K>\nout.append(inner)",
    "out.append(lambda: (<K>, t))",
    "if <K> > 1: out.append(u)\nu = t",
    "out.append((t, prev)); prev = t",
    "out.append(len(out))",
    "out.append(out[-1] if out else 0)",
    "n = t - n",
    "plain[t] = plain.get(t - 2, 0) + 1",
    "array[<K>] = array[<K> - 1] + 1",
    "xs[0] = t",
    "if len(xs) < 14: xs.append(t)",
    "table.pop(<K>, None)",
    "<I>.append(t)",
    "<I>.tags.append(t)",
    "<I>.value = t",
    "<I>[0] = t",
    "t = slow__(t)",
    "out.append(remember(<K>))",
    "remember(<K>)",
    "cached(<K> % 3)",
    "out.append(drawn(<K>))",
    "out.append(rng.integers(10))",
    "random.shuffle(xs)",
    "next(shared)",
    "out.append(next(naturals))",
    "out.extend(itertools.islice(naturals, 2))",
    "i = 5",
    "del t",
    "while t in (3, 7): t += 1\nout.append(t)",
    "match t:\n    case 3 | 7: out.append('some')\n    case _: pass",
    "x = t; out.append(x)",
    "out = out + [t]",
    "out, made = made, out",
    "made = [t]",
    "global n\nn = 1",
    "import string; out.append(string.digits[<K> % 9])",
    "class Inner: value = t\nout.append(Inner.value)",
    "pass",
    "...",
    "out.sort(key=lambda one: type(one).__name__)",  # text of functions has their address
    "out.reverse()",
    "out.append(bump(<K>))",
    "out.append(undefined)",
    "failing(<K>)",
    "frame = frame.assign(z=t)",
    "frame.drop(index=<K> % 9, inplace=True)",
    "out.append(peek_i(<K>))",
    "return",
    "yield t",
]
LOCALS = "out, made, plain, n, total, text, best, last, prev = [], [], {}, 0, 1, '', 0, None, None"
GLOBALS = "global out, made, n, total, text, best, last, prev, chosen, frame, i, x, t"


def _words(text, parts, draw):
    """Replace every ``<X>`` by something drawn for it."""
    for mark, choice in parts.items():
        while mark in text:
            text = text.replace(mark, draw(choice), 1)
    return text


_WORK = st.one_of(st.sampled_from(INDEPENDENT), st.sampled_from([*INDEPENDENT, *DEPENDENT]))
_EFFECT = st.one_of(st.sampled_from(EFFECTS), st.sampled_from(EFFECTS), st.sampled_from(FLOW))
_PARTS = {
    "<W>": _WORK,
    "<V>": st.sampled_from(VALUES),
    "<N>": st.sampled_from(NUMBERS),
}
_SOURCE = st.one_of(st.sampled_from(SOURCES[:16]), st.sampled_from(SOURCES))


def _fill(draw, text, source):
    text = _words(text.replace("<S>", source.text).replace("<T>", source.target), _PARTS, draw)
    return text.replace("<K>", source.number).replace("<I>", source.item)


@st.composite
def comprehensions(draw):
    """A statement with a comprehension, a generator that is used up, or `map`."""
    return _fill(draw, draw(st.sampled_from(COMPREHENSIONS)), draw(_SOURCE))


@st.composite
def for_loops(draw):
    """A ``for`` statement."""
    effects = draw(st.lists(_EFFECT, min_size=1, max_size=4))
    first = draw(st.sampled_from(["t = <W>", "t = slow__(<K>)", "t = slow__(<K>)"]))
    body = [first, *effects] if draw(st.integers(0, 9)) else [*effects, first]
    lines = textwrap.indent("\n".join(body), "    ")
    ending = draw(st.sampled_from(["", "", "", "\nelse:\n    print('else', n)"]))
    return _fill(draw, f"for <T> in <S>:\n{lines}{ending}", draw(_SOURCE))


@st.composite
def wrapped(draw, loops):
    """A loop where it stands in a cell: bare, or in a function that the cell calls."""
    loop = draw(loops)
    inner = textwrap.indent(loop, "    ")
    match draw(st.integers(0, 13)):
        case 10:
            names = draw(st.sampled_from([LOCALS, GLOBALS, f"{LOCALS}; r = t = 0"]))
            body = f"    {names}\n{inner}\n    return out, plain, n"
            return f"def run__():\n{body}\nmade.append(run__())"
        case 11:
            return (
                "class Runner:\n    def go(self, xs, out, n=0, r=None, best=0, text='', total=1):\n"
                f"{textwrap.indent(inner, '    ')}\n"
                "        return out, n, r, text\nmade.append(Runner().go(xs, out))"
            )
        case 12:
            return f"try:\n{inner}\nexcept Exception as error:\n    print('caught', repr(error))"
        case 13:
            return f"if xs:\n{inner}"
    return loop


LOOP = st.one_of(wrapped(comprehensions()), wrapped(for_loops()))
_CHANGE = st.sampled_from(
    [
        "seen.append(99)",
        "xs = xs[::-1]; table[3].append(0)",
        "node.value += 1; grid[0] = 7",
        "def slow__(x): time.sleep(0.01); return int(x) * 3",
        "random.seed(7); np.random.seed(7); rng = np.random.default_rng(7)",
        "n = 50; boxes[2].append(5); words.sort()",
        "out.clear(); made.clear(); plain.clear()",
        "Node.made = 10; read_default.__defaults__[0][0] = 8; tripled = scaled_by(5)",
        "frame['x'] += 1; unique.add(40); cached.cache_clear()",
    ]
)


@st.composite
def loop_programs(draw):
    """``(source, is on the cluster)`` for each cell but the prelude."""
    first = "\n".join(draw(st.lists(LOOP, min_size=1, max_size=2)))
    cells = [(first, True)]
    match draw(st.integers(0, 5)):
        case 4:
            cells += [(draw(_CHANGE), draw(st.booleans())), (first, True)]
        case 5:
            cells += [(draw(_CHANGE), draw(st.booleans())), (draw(LOOP), True)]
    return [*cells, (TAIL, draw(st.booleans()))]


LOOP_PROGRAM = loop_programs()
