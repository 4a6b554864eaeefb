"""Short notebooks with loops, and whether these should spread.

A block begins with its name and, in brackets, what is expected of its loops: ``spreads``,
``in order``, or ``either`` where nothing is promised. ``spreads, not yet`` is what should spread
and does not today: take the words away when it does. Cells are parted by lines of three dashes, and
find what `equivalence.loop_generator.PRELUDE` makes. A cell that begins with ``# plain`` is not put
on the cluster; one that begins with ``# scale --serial`` has that option.

Equality with the plain cells is checked in every case, after every cell.
"""

import re
from typing import NamedTuple

_HEAD = re.compile(r"=== (.*) \[(spreads|in order|either)(, not yet)?\]\n")


class Case(NamedTuple):
    """Cells, and what is expected of their loops."""

    cells: list[str]
    wanted: str
    is_later: bool


def _cases(text):
    parts = _HEAD.split(text.strip() + "\n")
    heads = zip(*(iter(parts[1:]),) * 4, strict=True)
    return {
        name: Case([cell.strip("\n") for cell in body.split("\n---\n")], wanted, later is not None)
        for name, wanted, later, body in heads
    }


FORMS = """
=== list comprehension [spreads]
r = [slow__(i) for i in range(10)]
=== list comprehension with an if [spreads]
r = [slow__(i) for i in range(14) if i % 3]
=== list comprehension with two ifs [spreads]
r = [slow__(i) for i in range(20) if i % 3 if i != 4]
=== list comprehension whose if is slow [spreads]
r = [i for i in range(12) if slow__(i) % 3]
=== list comprehension over several lines [spreads]
r = [
    slow__(i)
    + 1
    for i in
    range(10)
]
=== set comprehension [spreads]
r = {slow__(i) for i in range(10)}
=== set comprehension with duplicates [spreads]
r = {str(slow__(i % 4)) for i in range(12)}
=== dict comprehension [spreads]
r = {i: slow__(i) for i in range(10)}
=== dict comprehension whose keys are slow [spreads]
r = {slow__(i): i for i in range(10)}
=== dict comprehension with duplicate keys [spreads]
r = {i % 3: slow__(i) for i in range(12)}
---
list(r)
=== equal keys of other types [spreads]
r = {k: slow__(k) for k in [1, 1.0, True, 2, 2.0, 0, False, 3]}
=== sum of a generator [spreads]
r = sum(slow__(i) for i in range(10))
=== sum of floats in order [spreads]
r = sum(slow__(i) * 0.1 + 1e15 * (i % 2) for i in range(11))
=== sum with a start [spreads]
r = sum(([slow__(i)] for i in range(10)), [])
=== max and min of a generator [spreads]
r = max(slow__(i) for i in range(10)), min((slow__(i) for i in range(10)), default=0)
=== max with a key [in order]
r = max((slow__(i) for i in range(10)), key=lambda v: v % 7)
=== list of a generator [spreads]
r = list(slow__(i) for i in range(10))
=== tuple and frozenset of a generator [spreads]
r = tuple(slow__(i) for i in range(10)), frozenset(slow__(i) for i in range(10))
=== dict of pairs [spreads]
r = dict((i, slow__(i)) for i in range(10))
=== sorted generator [spreads]
r = sorted(slow__(-i) for i in range(10))
=== sorted generator with a key [spreads]
r = sorted((slow__(i) for i in range(10)), key=lambda v: v % 5, reverse=True)
=== join [spreads]
r = ", ".join(str(slow__(i)) for i in range(10))
=== any that is false to the end [spreads]
r = any(slow__(i) > 99 for i in range(10))
=== any that ends early [either]
r = any(noisy(i) > 5 for i in range(12))
=== all that ends early [either]
r = all(noisy(i) < 5 for i in range(12))
=== any that ends before an exception [either]
r = any(failing(i) > 5 for i in range(12))
=== Counter of a generator [spreads]
r = collections.Counter(slow__(i % 3) for i in range(10))
=== array of a list [spreads]
r = np.array([slow__(i) for i in range(10)])
=== frame of a list [spreads]
r = pd.DataFrame([{"k": i, "v": slow__(i)} for i in range(10)])
=== concat of a list [spreads]
r = pd.concat([pd.DataFrame({"v": [slow__(i)]}, index=[i]) for i in range(10)])
=== print of a star [spreads]
print(*(slow__(i) for i in range(10)))
=== a star in a list [spreads]
r = [*(slow__(i) for i in range(10)), 1]
=== unpacked into names [spreads]
first, *others, last = (slow__(i) for i in range(10))
=== extend by a generator [in order]
out.extend(slow__(i) for i in range(10))
=== next of a generator [either]
r = next(noisy(i) for i in range(10))
=== a generator kept and used later [either]
r = (noisy(i) for i in range(8))
print("made")
r = list(r)
=== two fors, the outer long [spreads]
r = [(slow__(i), j) for i in range(10) for j in range(2)]
=== two fors, the inner long [spreads]
r = [(slow__(i), j) for j in range(2) for i in range(10)]
=== two fors, the inner depends on the outer [spreads]
r = [(slow__(j), i) for i in range(6) for j in range(i)]
=== two fors and ifs [spreads]
r = {(i, j): slow__(i) for i in range(8) if i % 3 for j in range(4) if j > 1}
=== comprehension in a comprehension [spreads]
r = [[slow__(i + j) for j in range(2)] for i in range(8)]
=== sum in a comprehension [spreads]
r = [sum(slow__(i + j) for j in range(2)) for i in range(8)]
=== comprehension over a comprehension [spreads]
r = [slow__(v) for v in [slow__(i) for i in range(10)]]
=== two comprehensions in a line [spreads]
r = [slow__(i) for i in range(10)] + [slow__(i) for i in range(10)]
=== comprehension as an argument [spreads]
print(sum([slow__(i) for i in range(10)]))
=== comprehension as the last expression [spreads]
[slow__(i) for i in range(10)]
=== comprehension in a branch [spreads]
if xs:
    r = [slow__(i) for i in range(10)]
=== comprehension in a for loop [spreads]
for k in range(2):
    out.append([slow__(i) + k for i in range(10)])
=== comprehension in a while loop [spreads]
k = 0
while k < 2:
    out.append([slow__(i) + k for i in range(10)]); k += 1
=== comprehension in a with [spreads]
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    r = [careful(i) for i in range(10)]
=== comprehension in a try [spreads]
try:
    r = [failing_late(i) for i in range(10)]
except ZeroDivisionError as error:
    r = repr(error)
=== comprehension in a lambda [in order]
r = (lambda many: [slow__(i) for i in range(many)])(10)
=== comprehension in a function of the cell [spreads]
def run__(many, factor=2):
    return [slow__(i) * factor for i in range(many)]
r = run__(10)
=== comprehension in a function of an earlier cell [spreads]
def run__(many, factor=2):
    return [slow__(i) * factor for i in range(many)]
---
r = run__(10)
=== comprehension in a method [spreads]
class Runner:
    def __init__(self, factor): self.factor = factor
    def go(self, many): return [slow__(i) * self.factor for i in range(many)]
r = Runner(3).go(10)
=== comprehension in a closure [spreads]
def make(factor):
    def go(many): return [slow__(i) * factor for i in range(many)]
    return go
r = make(3)(10)
=== for loop in a function [spreads]
def run__(many):
    found = []
    for i in range(many):
        found.append(slow__(i))
    return found, i
r = run__(10)
=== for loop in a function with a return inside [in order]
def run__(many):
    for i in range(many):
        if slow__(i) > 13: return i
r = run__(10)
=== for loop in a generator function [in order]
def run__(many):
    for i in range(many):
        yield slow__(i)
r = list(run__(10))
=== map in list [spreads]
r = list(map(slow__, range(10)))
=== map in sum [spreads]
r = sum(map(slow__, xs))
=== map of a lambda [spreads]
r = list(map(lambda v: slow__(v) + n, xs))
=== map of a method [spreads]
r = sorted(map(node.work, xs))
=== map over two [in order]
r = list(map(lambda a, b: slow__(a) * b, xs, range(20)))
=== filter in list [either]
r = list(filter(lambda v: slow__(v) > 6, xs))
=== max by a slow key [either]
r = max(xs, key=slow__), sorted(xs, key=slow__)
=== serial [in order]
# scale --serial
r = [slow__(i) for i in range(10)]
=== nothing to call [in order]
r = [i + 1 for i in range(10)]
=== too short [in order]
r = [math.sqrt(i) for i in range(100)]
"""

SOURCES = """
=== over a list [spreads]
r = [slow__(x) for x in xs]
=== over a tuple, a set, a deque [spreads]
r = [slow__(x) for x in tuple(xs)], [slow__(x) for x in unique], [slow__(x) for x in xs[::-1]]
=== over a deque [spreads]
r = [slow__(x) for x in collections.deque(xs)]
=== over a text [spreads]
r = [slow__(ord(c)) for c in "hocus pocus"]
=== over a dict and its views [spreads]
r = [slow__(k) for k in table], [slow__(v[0]) for v in table.values()]
=== over items [spreads]
r = [(slow__(k), v) for k, v in table.items()]
---
[v is table[k // 2] for k, v in r]
=== over enumerate [spreads]
r = [slow__(i) + x for i, x in enumerate(xs, 3)]
=== over zip [spreads]
r = [(slow__(x), w) for x, w in zip(xs, letters)]
=== over enumerate of zip [spreads]
r = [(slow__(i), w) for i, (x, w) in enumerate(zip(xs, letters))]
=== over a reversed list [spreads]
r = [slow__(x) for x in reversed(xs)]
=== over sorted [spreads]
r = [slow__(x) for x in sorted(xs)]
=== over an array [spreads]
r = [slow__(x) for x in np.arange(10)]
---
type(r[0])
=== over the rows of an array [spreads]
r = [(slow__(1), row)[1] for row in grid]
---
r[0][0] = 50
---
grid[0], r[0].base is grid
=== over a series [spreads]
r = [slow__(x) for x in frame["x"]]
=== over a frame's columns [spreads]
r = [(slow__(len(c)), c) for c in frame]
=== over groupby [spreads]
r = [(slow__(len(part)), name) for name, part in frame.groupby("g")]
=== over iterrows [spreads]
r = [slow__(row["x"]) for i, row in frame.iterrows()]
=== over itertuples [spreads]
r = [slow__(row.x) for row in frame.itertuples()]
=== over product [spreads]
r = [(a, slow__(i)) for a, i in itertools.product("ab", range(5))]
=== over chain, pairwise and combinations [spreads]
r = [slow__(x) for x in itertools.chain(xs, xs)]
r = [slow__(x) for x, y in itertools.pairwise(xs)]
r = [slow__(x) for x, y in itertools.combinations(xs[:5], 2)]
=== over a pure generator expression [either]
r = [slow__(x) for x in (j + 1 for j in range(10))]
=== over a generator that looks at what iterations do [in order]
r = [remember(x) for x in (j + len(seen) for j in range(10))]
=== over a generator function that writes [either]
r = [(slow__(x), len(seen)) for x in generate(10)]
=== over an iterator of the user's [either]
r = [slow__(x) for x in Countdown(10)]
=== over an iterator that is used inside, too [in order]
r = [(slow__(1), x, next(shared)) for x in shared if x > 70]
=== over map [either]
r = [slow__(x) for x in map(abs, xs)]
=== over map of a slow function [either]
r = [x for x in map(slow__, xs)]
=== over tqdm [spreads]
r = [slow__(x) for x in tqdm(xs, disable=True)]
=== over enumerate of tqdm [spreads]
r = [slow__(x) for i, x in enumerate(tqdm(xs, disable=True))]
=== over range downwards [spreads]
r = [slow__(i) for i in range(10, 0, -1)]
=== over lambdas [spreads]
r = [slow__(f(3)) for f in [lambda v: v, lambda v, w=[2]: v + w[0], abs, tripled] * 3]
=== over nothing [in order]
r = [slow__(i) for i in []], [slow__(i) for i in range(0)]
=== over one item [in order]
r = [slow__(i) for i in [3]]
=== over something that cannot be looped over [in order]
r = [slow__(i) for i in 5]
=== over items that fail to unpack [either]
r = [slow__(a) for a, b in [(1, 2)] * 8 + [3] + [(1, 2)] * 5]
=== over equal items that are the same object [spreads]
r = [(slow__(len(z)), z)[1] for z in [xs] * 10]
---
[z is xs for z in r]
=== over items that refer to each other [spreads]
ring = [[] for _ in range(10)]
for k in range(10): ring[k].append(ring[k - 1])
---
r = [(slow__(1), z[0])[1] for z in ring]
---
[a is b for a, b in zip(r, ring)], r[1] is ring[0]
=== targets that unpack deeply [spreads]
r = [slow__(a) + b + len(c) for a, (b, *c) in [(k, (k, k, k)) for k in range(10)]]
=== a target that is an attribute [either]
r = [slow__(node.value) for node.value in range(10)]
"""

RESULTS = """
=== captured objects stay themselves [spreads]
r = [(slow__(i), seen, node, table, Node, slow__, grid) for i in range(10)]
---
wanted = seen, node, table, Node, slow__, grid
[all(a is b for a, b in zip(v[1:], wanted)) for v in r]
=== parts of captured objects stay themselves [spreads]
r = [(slow__(i), boxes[i % 8], node.tags, table[3]) for i in range(10)]
---
r[0][1] is boxes[0], r[1][2] is node.tags, r[2][3] is table[3]
=== views [spreads]
r = [(slow__(i), grid[i % 9])[1] for i in range(10)]
---
r[0][:] = 99
---
grid[0]
=== instances and classes [spreads]
r = [Node(slow__(i), [i]) for i in range(10)], [Node.build(i) for i in range(10)]
=== exceptions as values [spreads]
r = [(slow__(i), Failure("what", i))[1] for i in range(10)]
---
r[3].args, r[3].where
=== frames and series [spreads]
r = [frame.assign(z=slow__(i)) for i in range(10)]
=== generators as results [either]
r = [(slow__(i), iter([i]))[1] for i in range(10)]
r = [next(v) for v in r]
=== lambdas that keep the variable [in order]
r = [(slow__(i), lambda: i)[1] for i in range(10)]
---
[f() for f in r]
=== lambdas with a default [either]
r = [(slow__(i), lambda i=i: i)[1] for i in range(10)]
---
[f() for f in r]
=== functions made by a function [spreads]
r = [(slow__(i), scaled_by(i))[1] for i in range(10)]
---
r[2](3), r[1].__closure__[0].cell_contents
=== classes made inside [either]
def made_class(i):
    class Inner: value = slow__(i)
    return Inner
r = [made_class(i) for i in range(10)]
---
[v.__module__ for v in r], r[3].value
=== the module's own name [spreads]
r = [(slow__(i), __name__, slow__.__module__, Node.__module__) for i in range(10)]
=== one object for all iterations of a batch [spreads]
def given(i, made=Node(1)): slow__(i); return made
r = [given(i) for i in range(12)]
---
all(v is r[0] for v in r), r[0] is given.__defaults__[0]
=== equal texts and numbers [spreads]
r = [(slow__(i), "text" * 3, 10 ** 20, float("nan")) for i in range(10)]
=== the items themselves [spreads]
r = [(slow__(len(box)), box)[1] for box in boxes]
---
[a is b for a, b in zip(r, boxes)]
=== nested data classes and named tuples [spreads]
import dataclasses, typing
@dataclasses.dataclass
class Point:
    x: int
    tags: list = dataclasses.field(default_factory=list)
class Pair(typing.NamedTuple):
    a: int
    b: object
---
r = [Pair(slow__(i), Point(i, [seen])) for i in range(10)]
---
r[0].b.tags[0] is seen
=== results that cannot be pickled [either]
import threading
r = [(slow__(i), threading.Lock())[1] for i in range(10)]
r = len(r)
=== a set's order [spreads]
r = [(slow__(i), {"a", "b", "c", str(i)})[1] for i in range(10)]
---
[sorted(v) for v in r]
"""

EFFECTS = """
=== append [spreads]
for i in range(10):
    out.append(slow__(i))
---
out, i
=== append to a list made in the cell [spreads]
found = []
for i in range(10):
    found.append(slow__(i))
=== append of a temporary [spreads]
for x in xs:
    t = slow__(x)
    u = t * 2
    out.append((t, u))
---
t, u, x
=== several effects in an order [spreads]
for x in xs:
    t = slow__(x)
    out.append(t); print("x is", x); plain[x] = t; chosen.add(t); n += t
=== extend and += of a list [spreads]
for i in range(10):
    out.extend([slow__(i), i]); made += [i]
=== add to a set [spreads]
for x in xs: chosen.add(slow__(x))
=== an item of a dict [spreads]
for k, v in table.items():
    plain[k] = slow__(k)
---
list(plain)
=== an item of a dict by turns [spreads]
for i in range(12): plain[i % 3] = slow__(i)
---
list(plain.items())
=== update [spreads]
for x in xs: plain.update({x: slow__(x)}); counts.update([x])
=== an item of an array [spreads]
for i in range(12): array[i] = slow__(i)
=== an item of an array through a view [either]
for i in range(9): corner[i % 2, 1] = slow__(i)
---
grid
=== a row of a matrix [spreads]
for i in range(9): grid[i] = slow__(i), i, 0
---
corner
=== a cell of a frame [spreads]
for i in range(9): frame.loc[i, "y"] = slow__(i)
=== a new column and a new row of a frame [spreads]
for i in range(12): frame.loc[i, "new"] = slow__(i)
=== frame.at [spreads]
for i, row in frame.iterrows(): frame.at[i, "y"] = slow__(row["x"])
=== a sum [spreads]
for i in range(10): n += slow__(i)
=== a sum of floats [spreads]
total = 0.1
for i in range(10): total += slow__(i) * 0.1 + 1e15 * (i % 2)
=== a text [spreads]
for i in range(10): text += f"{slow__(i)} "
=== a sum by key [spreads]
for i in range(10): counts[i % 3] += slow__(i)
=== a list by key [spreads]
for i in range(10): lists[i % 3].append(slow__(i))
=== a missing key [in order]
for i in range(10): plain[i % 3] += slow__(i)
=== print [spreads]
for i in range(10): print(slow__(i), end=" ", sep="")
=== display [either]
for i in range(10): display(slow__(i))
=== objects displayed as they are at that moment [spreads]
for k in range(10):
    table = [k]; print("before", k); display(table); table.append(slow__(k)); out.append(table)
=== frames and text displayed by a function under another name [spreads]
from IPython.display import display as show_it, HTML
def look_at(k):
    show_it(HTML(f"<b>{k}</b>"), pd.DataFrame({"a": [k]})); print("after", k)
    return slow__(k)
r = sum(look_at(k) for k in range(10))
=== items that change are displayed [either]
for n in nodes:
    n.append(slow__(1)); display(n)
=== figures displayed [in order]
import matplotlib.pyplot as plt
for k in range(4):
    figure, axes = plt.subplots(); axes.plot([slow__(k), k]); plt.show()
=== lines drawn into one figure [in order]
import matplotlib.pyplot as plt
for k in range(4):
    y = slow__(k)
    plt.plot([k, y], "o"); plt.plot([y, k], "x")
plt.title("all of them"); plt.show()
=== lines drawn by a function that imports what it needs [in order]
def draw_line(k):
    from matplotlib import pyplot
    return len(pyplot.plot([k, slow__(k)], "o"))
r = [draw_line(k) for k in range(4)]
=== lines drawn into a figure that has a name [in order]
import matplotlib.pyplot as plt
named_figure, named_axes = plt.subplots()
for k in range(4): named_axes.plot([k, slow__(k)])
=== columns of a frame plotted into axes [in order]
import matplotlib.pyplot as plt
named_figure, both_axes = plt.subplots(1, 2)
for column, axes in zip("xy", both_axes): frame[column].plot(ax=axes, title=str(slow__(1)))
=== a figure's axes, each drawn by an inner loop [in order]
named_figure, both_axes = plt.subplots(2, 2)
for axes in both_axes.flat:
    for k in range(3): axes.plot(slow__(k), k, "o")
for k, axes in enumerate(both_axes.flat): axes.set_title(str(slow__(k)))
r = [axes.plot([slow__(1), k])[0].get_color() for k, axes in enumerate(both_axes.ravel())]
=== files that nobody closes [either]
import pathlib, warnings
for k in range(6): pathlib.Path(f"open{k}.txt").write_text(str(k))
def read_open(k): return open(f"open{k}.txt").read() + str(slow__(k))
---
with warnings.catch_warnings():
    warnings.simplefilter("always")
    r = [read_open(k) for k in range(6)]
---
for k in range(6): os.remove(f"open{k}.txt")
=== a display to be updated [in order]
for k in range(4): display(slow__(k), display_id=True)
=== print and display in turn [either]
for i in range(8):
    print("text", i); display(slow__(i))
=== warnings [spreads]
for i in range(10): out.append(careful(i))
=== warnings in the body [spreads]
for i in range(10): warnings.warn(f"odd {slow__(i) % 4}")
=== an attribute [either]
for i in range(10): node.value = slow__(i)
=== append to an attribute [spreads]
for i in range(10): node.tags.append(slow__(i))
=== append through an alias [either]
for i in range(10): alias.append(slow__(i))
---
seen
=== append to a subclass of list [either]
for i in range(10): stack.append(slow__(i))
---
stack.top
=== effects on a user's mapping [either]
class Loud(dict):
    def __setitem__(self, key, value):
        print("set", key, len(self)); super().__setitem__(key, value)
d = Loud()
for i in range(10): d[i] = slow__(i)
=== += of a user's number [either]
class Number:
    def __init__(self, v): self.v = v
    def __iadd__(self, other): self.v = self.v * 2 + other; return self
k = Number(1)
for i in range(10): k += slow__(i)
---
k.v
=== += of an array [either]
for i in range(10): array += slow__(i)
=== a name that holds the largest [either]
for i in range(10):
    t = slow__(i) % 7
    if t > best: best = t
=== a name that the last iterations do not bind [spreads]
for x in [*xs, 3, 6, 9, 12, 15]:
    if x % 3 == 0: continue
    t = slow__(x)
---
t
=== what it goes through is changed by what it calls [in order]
def mix(x):
    random.shuffle(xs); return slow__(x)
for x in xs:
    t = mix(x); print(x, t)
=== later items are changed by what it calls [in order]
def spoil(k, x):
    xs[(k + 3) % 10] = -k; return slow__(x)
r = [spoil(k, x) for k, x in enumerate(xs)]
=== values of what it goes through are changed by what it calls [in order]
def spoil_value(k, v):
    table[9] = [k]; return slow__(len(v) + v[0])
r = [spoil_value(k, v) for k, v in table.items()]
=== an array that is changed by what it calls [in order]
def lift(v):
    array[:] += 1; return slow__(int(v))
r = [lift(v) for v in array]
=== an iterator that iterations go on with, too [in order]
feed = iter(range(20)); r = [(slow__(j), next(feed)) for j in feed]; del feed
=== an iterator that is at its end afterwards [in order]
feed = iter(xs)
for x in feed: t = (slow__(x), random.random())
r = list(feed); del feed
=== continue [either]
for i in range(14):
    if i % 3 == 0: continue
    out.append(slow__(i))
=== if and else [spreads]
for i in range(12):
    if i % 2: out.append(slow__(i))
    else: plain[i] = slow__(i)
=== break [in order]
for i in range(12):
    t = slow__(i)
    if t > 13: break
    out.append(t)
=== break and else [in order]
for i in range(12):
    out.append(slow__(i))
    if i == 50: break
else:
    print("to the end")
=== else without break [either]
for i in range(12): out.append(slow__(i))
else: print("to the end", i)
=== try inside [either]
for i in range(12):
    try: out.append(failing(i))
    except Failure as failure: out.append(failure.where)
=== try and finally inside [either]
for i in range(12):
    try: out.append(failing_late(i))
    except ZeroDivisionError: continue
    finally: print("done", i)
=== for in for, the inner spread [either]
for k in range(2):
    for i in range(8): out.append(slow__(i) + k)
---
k, i
=== for in for, the outer spread [spreads]
for i in range(8):
    row = []
    for j in range(2): row.append(slow__(i * j))
    out.append(row)
---
i, j, row
=== for in for with effects outside [either]
for i in range(8):
    for j in range(2): out.append(slow__(i * j))
=== a while inside [either]
for i in range(8):
    t = i
    while t < 5: t = slow__(t)
    out.append(t)
=== a comprehension inside [either]
for i in range(8):
    t = [slow__(j) for j in range(2)]
    out.append(t)
=== a function made inside [either]
for i in range(8):
    t = slow__(i)
    def f(): return t
    out.append(f())
=== with inside [either]
for i in range(10):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        out.append(careful(i))
=== an import inside [either]
for i in range(10):
    import string
    out.append((slow__(i), string.digits[i % 9]))
=== names after an empty loop [in order]
for empty in []:
    inside = slow__(1)
    out.append(inside)
---
"empty" in globals(), "inside" in globals()
=== the loop's variable is changed [either]
for i in range(10):
    i = i * 2
    out.append(slow__(i))
---
i
=== a temporary deleted [either]
for i in range(10):
    t = slow__(i); out.append(t); del t
---
"t" in globals()
=== the statement with a semicolon [spreads]
for i in range(10): t = slow__(i); out.append(t);
=== tqdm around [either]
for x in tqdm(xs, disable=True): out.append(slow__(x))
=== a progress bar that is kept [either]
bar = tqdm(xs, disable=True)
for x in bar: out.append(slow__(x))
bar = bar.n
=== over a dict that the loop fills elsewhere [spreads]
for k in table: plain[k] = [slow__(k), table[k]]
---
plain[3][1] is table[3]
=== captured objects in effects [spreads]
for i in range(10): out.append((slow__(i), node, table)); plain[i] = seen
---
out[4][1] is node, out[9][2] is table, plain[2] is seen
=== one object in several effects [spreads]
for i in range(10):
    t = [slow__(i)]
    out.append(t); plain[i] = t; last = t
---
out[3] is plain[3], last is out[-1], t is last
"""

DEPENDENT = """
=== append inside a function [in order]
r = [remember(i) for i in range(10)]
=== append through an alias inside a function [in order]
r = [remember_alias(i) for i in range(10)]
=== a default argument [in order]
r = [default(i) for i in range(10)]
---
default.__defaults__
=== a global rebound [in order]
r = [counting(i) for i in range(10)]
=== a function's attribute [in order]
r = [tally(i) for i in range(10)]
---
tally.count
=== a closure [in order]
r = [bump(i) for i in range(10)]
---
read()
=== a memo in a dict [in order]
r = [memo(i) for i in range(24)]
---
known
=== a memo by lru_cache [in order]
r = [cached(i % 8) for i in range(24)]
---
cached.cache_info()
=== a memo that is warm already [in order]
cached(1), cached(2), cached(3)
---
r = [slow__(cached(i % 3 + 1)) for i in range(10)]
---
cached.cache_info()
=== random [in order]
r = [drawn(i) for i in range(10)]
---
random.random()
=== numpy.random [in order]
r = [drawn_numpy(i) for i in range(10)]
---
np.random.rand()
=== a generator of one's own [in order]
r = [drawn_generator(i) for i in range(10)]
---
rng.random()
=== seeded in each iteration [either]
def drawn_seeded(i):
    random.seed(i); np.random.seed(i)
    return slow__(i) + random.random() + np.random.rand()
r = [drawn_seeded(i) for i in range(10)]
---
random.random(), np.random.rand()
=== a generator for each iteration [spreads]
r = [seeded(i) for i in range(10)]
=== a class attribute [in order]
r = [node.make(i) for i in range(10)]
---
Node.made
=== an attribute of an instance [in order]
r = [node.count(i) for i in range(10)]
=== a shared iterator [in order]
r = [step(i) for i in range(10)]
---
next(shared)
=== an array through an alias [in order]
r = [fill(i) for i in range(10)]
---
corner
=== items changed [spreads]
r = [touch(box) for box in boxes]
=== attributes of items changed [spreads]
r = [touch(each) for each in nodes]
=== rows changed [in order]
r = [touch(row) for row in grid]
---
grid
=== the list that is looped over changed [in order]
r = [(slow__(x), xs.append(1) if len(xs) < 14 else 0) for x in xs]
=== a captured list read and appended to [in order]
for i in range(10):
    out.append(slow__(out[-1] if out else 0))
=== the length of what is appended to [in order]
for i in range(10):
    out.append(slow__(len(out)))
=== a dict read and written [in order]
for i in range(10):
    plain[i] = slow__(plain.get(i - 1, 1) % 5)
=== an array read and written [in order]
for i in range(1, 10):
    array[i] = array[i - 1] + slow__(1)
=== a running mean [in order]
for i in range(10):
    total = total * 0.5 + slow__(i)
    out.append(total)
=== n is added to and read [in order]
for i in range(10):
    n += slow__(i); out.append(n)
=== n is added to, and a function reads it [in order]
for i in range(10):
    n += reading(i)
=== what is appended to is read by a function [in order]
for i in range(10):
    seen.append(reading(i))
=== a temporary of the iteration before [in order]
for i in range(10):
    t = slow__(i); out.append((t, prev)); prev = t
=== a temporary before it is bound [in order]
for i in range(10):
    if i: out.append(u)
    u = slow__(i)
=== a temporary bound in one branch only [in order]
for i in range(10):
    t = slow__(i)
    if i % 3 == 0: u = t
    out.append(u)
=== an unbound temporary [in order]
for i in range(10):
    if i % 3 == 1: u = slow__(i)
    out.append((slow__(i), u))
=== a function reads the loop's variable [either]
for i in range(10): out.append(peek_i(0))
=== a function reads a temporary [either]
def doubled(): return t * 2
for i in range(10):
    t = slow__(i); out.append(doubled())
=== a comprehension's variable is no global [spreads]
i = 3
r = [peek_i(k) for k in range(10)]
=== walrus [in order]
r = [(last := slow__(k)) for k in range(10)]
---
last
=== a walrus that carries over [in order]
r = [n := n + slow__(k) for k in range(10)]
=== a file [in order]
r = [logged(k) for k in range(10)]
=== an environment variable [in order]
r = [setting(k) for k in range(10)]
---
os.environ["LOOP"]
=== exec inside [in order]
r = [exec("made.append(k)", {"made": made, "k": k}) or slow__(k) for k in range(10)]
=== globals inside [in order]
r = [slow__(k) + len(globals()["seen"]) for k in range(10)]
=== an iterator of the cell used in two places [in order]
feed = iter(range(20))
r = [(slow__(j), next(feed)) for j in feed]
del feed
=== a frame changed in place [in order]
def widen(k): frame[f"c{k}"] = slow__(k); return frame.shape[1]
r = [widen(k) for k in range(10)]
=== list appended in an expression [in order]
r = [(slow__(k), made.append(k), len(made)) for k in range(10)]
=== a changed order only [in order]
def turn(k): words.reverse(); return slow__(k)
r = [turn(k) for k in range(10)]
=== changed and changed back [either]
def there_and_back(k): seen.append(k); v = slow__(k); seen.pop(); return v
r = [there_and_back(k) for k in range(10)]
=== an id in a set that is remade [in order]
def swap(k):
    global chosen
    chosen = chosen | {k}
    return slow__(k)
r = [swap(k) for k in range(10)]
=== the last iteration only [either]
def late(k):
    if k == 11: seen.append(k)
    return slow__(k)
r = [late(k) for k in range(12)]
=== an iteration in the middle only [either]
def middle(k):
    if k == 6: node.value = 50
    return slow__(k) + node.value
r = [middle(k) for k in range(12)]
=== an object two names lead to [in order]
def write(k): boxes[-1].append(k); return slow__(k) + len(boxes[0])
r = [write(k) for k in range(10)]
=== a captured iterator of a library [in order]
def unpack(k, feed=itertools.count(5)): return slow__(k) + next(feed)
r = [unpack(k) for k in range(10)]
r, unpack = r, None
"""

FAILING = """
=== a cell that cannot be compiled [either]
class Runner:
    def go(self): return [slow__(i) for i in range(9)]
made.append(Runner().go())
for i in range(9):
    return
---
r = [slow__(k) for k in range(8)]
=== a cell that awaits, and defines a function [either]
import asyncio
def go(): return [slow__(i) for i in range(9)]
await asyncio.sleep(0)
made.append(go())
=== an exception in the middle [either]
r = [failing(i) for i in range(12)]
---
r
=== an exception at the first [in order]
r = [failing(i + 5) for i in range(12)]
=== an exception at the last [either]
r = [failing_late(i - 3) for i in range(10)]
=== two exceptions [either]
r = [1 / (i - 4) if i != 8 else {}[slow__(i)] for i in range(10) if slow__(i)]
=== text before the exception [either]
r = [noisy(failing(i)) for i in range(12)]
=== warnings before the exception [either]
r = [(careful(i), failing(i)) for i in range(12)]
=== effects before the exception [either]
for i in range(12):
    t = failing(i)
    out.append(t); plain[i] = t; print(t); n += t
---
i, t, n
=== effects before and after the exception in one iteration [either]
for i in range(12):
    print("begin", i)
    out.append(i)
    t = failing_late(i)
    out.append(t); n += t
=== an effect that fails [either]
for i in range(20): array[i] = slow__(i)
---
i, array
=== an effect of a wrong type [either]
for i in range(12): text += slow__(i) if i == 5 else str(slow__(i))
---
text, i
=== an item that is missing [either]
for i in range(12): table[i].append(slow__(i))
---
i
=== an assertion [either]
for i in range(12):
    assert slow__(i) != 13, f"at {i}"
    out.append(i)
=== caught around the loop [either]
try:
    for i in range(12): out.append(failing(i))
except Failure as failure:
    caught_at = failure.where, i, len(out)
=== caught around, with its cause [either]
def wrapping(i):
    try: return failing(i)
    except Failure as failure: raise KeyError(i) from failure
try: r = [wrapping(i) for i in range(12)]
except KeyError as error: r = error.args, error.__cause__.where
=== an exception changed on its way [either]
def noting(i):
    try: return failing(i)
    except Failure as failure: failure.add_note(f"note {i}"); raise
r = [noting(i) for i in range(12)]
=== an exception and a change [in order]
def both(i): seen.append(i); return failing(i)
r = [both(i) for i in range(12)]
---
seen
=== StopIteration in a generator [either]
def stopping(i):
    if i == 6: raise StopIteration(i)
    return slow__(i)
r = list(stopping(i) for i in range(12))
=== StopIteration in a map [either]
def stopping(i):
    if i == 6: raise StopIteration(i)
    return slow__(i)
r = list(map(stopping, range(12)))
=== SystemExit [either]
def leaving(i):
    if i == 6: raise SystemExit("out")
    return slow__(i)
r = [leaving(i) for i in range(12)]
=== an undefined name [either]
r = [slow__(i) if i < 6 else undefined for i in range(12)]
=== an unhashable element [either]
r = {slow__(i) if i < 6 else [i] for i in range(12)}
=== an element that cannot be compared [either]
r = max(slow__(i) if i != 6 else "text" for i in range(12))
=== an element that cannot be added [either]
r = sum(slow__(i) if i != 6 else "text" for i in range(12))
=== an element that cannot be joined [either]
r = "".join(str(slow__(i)) if i != 6 else 5 for i in range(12))
=== a wrong pair for a dict [either]
r = dict((i, slow__(i)) if i != 6 else (1, 2, 3) for i in range(12))
=== an iterable that fails late [either]
def feeding():
    for j in range(9):
        yield j
    raise Failure("fed", j)
r = [noisy(j) for j in feeding()]
=== recursion without end [either]
def deep(i): return deep(i) if slow__(0) and i == 5 else i
import sys; limit = sys.getrecursionlimit(); sys.setrecursionlimit(150)
try: r = [deep(i) for i in range(8)]
except RecursionError: r = "too deep"
sys.setrecursionlimit(limit)
"""

OUTPUT = """
=== print in a function [spreads]
r = [noisy(i) for i in range(10)]
=== print without line ends [spreads]
r = [loud(i) for i in range(10)]
=== both streams [spreads]
def both(i):
    import sys
    print("out", i); print("err", i, file=sys.stderr); return slow__(i)
r = [both(i) for i in range(10)]
=== warnings in a function [spreads]
r = [careful(i) for i in range(10)]
=== warnings again in the next cell [spreads]
r = [careful(i) for i in range(10)]
---
r = [careful(i) for i in range(10)]
=== warnings again after a reset [spreads]
r = [careful(i) for i in range(10)]
---
warnings.resetwarnings()
r = [careful(i) for i in range(10)]
=== warnings again when the registry is gone [spreads]
r = [careful(i) for i in range(10)]
---
# plain
del __warningregistry__
---
r = [careful(i) for i in range(10)]
=== warnings that are errors [either]
with warnings.catch_warnings():
    warnings.simplefilter("error")
    r = [careful(i) for i in range(10)]
=== warnings that are recorded [either]
with warnings.catch_warnings(record=True) as caught_warnings:
    warnings.simplefilter("always")
    r = [careful(i) for i in range(10)]
r = [str(w.message) for w in caught_warnings]
caught_warnings = None
=== print into a text [either]
import contextlib, io
with contextlib.redirect_stdout(io.StringIO()) as written:
    r = [noisy(i) for i in range(10)]
r = written.getvalue(); written = None
=== print into a text in each iteration [either]
import contextlib, io
def quiet(i):
    with contextlib.redirect_stdout(io.StringIO()) as written: v = noisy(i)
    return v, written.getvalue()
r = [quiet(i) for i in range(10)]
=== a print hook [either]
kept = []
def print(*parts): kept.append(parts)
---
for i in range(10): print(slow__(i))
---
# plain
del print
=== displays in a function [spreads]
def showing(i): display(i); return slow__(i)
r = [showing(i) for i in range(10)]
=== text and results around the loop [spreads]
print("before")
r = [noisy(i) for i in range(8)]
print("after")
len(r)
"""

AGAIN = """
=== the same loop twice [spreads]
r = [slow__(x) for x in xs]
---
r = [slow__(x) for x in xs]
=== the same loop after a capture changed [spreads]
r = [slow__(i) + n + len(seen) for i in range(10)]
---
n += 5; seen.append(1)
---
r = [slow__(i) + n + len(seen) for i in range(10)]
=== the same loop after a plain cell changed a capture [spreads]
r = [read_default(i) + node.value for i in range(10)]
---
# plain
node.value = 70; read_default.__defaults__[0][0] = 9
---
r = [read_default(i) + node.value for i in range(10)]
=== the same loop after its function changed [spreads]
def given(i): return slow__(i)
r = [given(i) for i in range(10)]
---
def given(i): return slow__(i) * 100
---
r = [given(i) for i in range(10)]
=== the same loop after a class changed [spreads]
r = [node.work(i) for i in range(10)]
---
Node.work = lambda self, i: slow__(i) * 7
---
r = [node.work(i) for i in range(10)]
=== in order once, independent later [spreads]
def given(i): return remember(i)
r = [given(i) for i in range(10)]
---
def given(i): return slow__(i)
---
r = [given(i) for i in range(10)]
=== independent once, dependent later [spreads]
mode = []
def given(i):
    if mode: seen.append(i)
    return slow__(i)
r = [given(i) for i in range(10)]
---
mode.append(1)
---
r = [given(i) for i in range(10)]
=== the results of one loop are the items of the next [spreads]
r = [Node(slow__(i), [i]) for i in range(10)]
---
s = [(slow__(v.value), v.tags) for v in r]
---
all(a.tags is b for a, (_, b) in zip(r, s))
=== a loop after one that failed [spreads]
r = [failing(i) for i in range(12)]
---
r = [slow__(i) for i in range(10)]
=== options of numpy and pandas [spreads]
np.set_printoptions(precision=2)
r = [f"{slow__(i)} {np.array([1.23456])}" for i in range(10)]
---
np.set_printoptions(precision=8)
r = [f"{slow__(i)} {np.array([1.23456])}" for i in range(10)]
"""

SLY = """
=== a consumer's key writes, too [either]
r = max((noisy(i) for i in range(10)), key=lambda v: print("key", v) or v)
=== a consumer's key changes what iterations read [in order]
r = max((slow__(len(seen)) for i in range(10)), key=lambda v: seen.append(v) or v)
=== a start of sum that writes [either]
class Sum:
    def __init__(self, v): self.v = v
    def __add__(self, other): print("add", other); return Sum(self.v + other)
r = sum((noisy(i) for i in range(10)), Sum(0)).v
=== a start of sum that changes what iterations read [in order]
class Sum:
    def __add__(self, other): seen.append(other); return self
r = sum((slow__(len(seen)) for i in range(10)), Sum())
=== hashes that write [either]
class Key:
    def __init__(self, v): self.v = v
    def __hash__(self): print("hash", self.v); return hash(self.v)
    def __eq__(self, other): return self.v == other.v
r = {Key(slow__(i)) for i in range(8)}
s = {Key(slow__(i)): i for i in range(8)}
r, s = len(r), len(s)
=== hashes that count [in order]
class Key:
    hashed = 0
    def __init__(self, v): self.v = v
    def __hash__(self): Key.hashed += 1; return hash(self.v)
r = {Key(slow__(i)) for i in range(8)}
r = len(r), Key.hashed
=== a join that is the user's, and keeps the generator [either]
class Rope:
    def join(self, parts): self.parts = parts; return self
rope = Rope().join(noisy(i) for i in range(8))
print("joined")
r = list(rope.parts); rope = None
=== a join that is the user's, and ends early [either]
class Rope:
    def join(self, parts): return [next(parts), next(parts)]
r = Rope().join(noisy(i) for i in range(8))
=== a sum that is the user's [either]
def sum(values): print("my sum"); return [next(values)]
r = sum(noisy(i) for i in range(8))
---
# plain
del sum
=== where a warning points to [spreads]
def old(i): warnings.warn("old", stacklevel=2); return slow__(i)
r = [old(i) for i in range(10)]
for i in range(10):
    out.append(old(i))
=== the frame of the caller [either]
import sys
def who(i): slow__(i); return sys._getframe(1).f_code.co_name
r = [who(i) for i in range(10)]
for i in range(10):
    out.append(who(i))
=== the names of the caller's frame [either]
import sys
def whose(i): slow__(i); return sorted(n for n in sys._getframe(1).f_locals if "__scale" in n)
for i in range(10):
    out.append(whose(i))
=== names of the namespace [either]
def named(i): slow__(i); return [name for name in globals() if "scale" in name]
r = [named(i) for i in range(10)]
=== a dict that grows [in order]
for k in table:
    table[k + 100] = slow__(k)
=== a set that grows [in order]
for k in unique:
    unique.add(slow__(k) + 100)
=== a dict whose values are set [either]
for k in table:
    table[k] = slow__(k)
=== a dict that is emptied [in order]
for k in table:
    slow__(k); del table[k]
=== a list that is looped over and appended to by another name [in order]
same = xs
for v in xs:
    if len(same) < 14: same.append(slow__(v))
---
xs
=== a list under enumerate and zip that is appended to [in order]
for j, (v, w) in enumerate(zip(xs, range(13))):
    xs.append(slow__(v))
---
xs, j
=== items set ahead of their turn [either]
for j, v in enumerate(xs[:9]):
    xs[j + 1] = slow__(v)
for j, v in enumerate(xs):
    if j < 9: xs[j + 1] = slow__(v) % 7
---
xs
=== rows set ahead of their turn [in order]
for j, row in enumerate(grid):
    grid[(j + 1) % 9, 0] = row[0] + slow__(j)
---
grid
=== a function binds the name that is appended to [either]
def anew(i):
    global out
    if i == 5: out = []
    return slow__(i)
for i in range(10):
    out.append(anew(i))
---
out
=== a function reads what is appended to, by another name [in order]
def behind(i): return slow__(i) + len(seen)
for i in range(10):
    alias.append(behind(i))
=== a function reads what is appended to, through an object [in order]
def behind(i): return slow__(i) + len(node.tags)
tags = node.tags
for i in range(10):
    tags.append(behind(i))
=== a function reads a view of what is set [in order]
def behind(i): return slow__(i) + corner.sum()
for i in range(9):
    grid[i, 0] = behind(i)
=== a function reads what is added to [in order]
def behind(i): return slow__(i) + n
for i in range(10):
    n += behind(i)
=== an item reads what is appended to [in order]
class Reader:
    def value(self): return slow__(len(out))
readers = [Reader() for _ in range(10)]
for each in readers:
    out.append(each.value())
=== an item is what is appended to [in order]
lots = [[k] for k in range(10)]
for lot in lots:
    lots[0].append(slow__(len(lot)))
---
lots[0]
=== an item holds what is appended to [in order]
seen.append(0)
holders = [Node(k, seen) for k in range(10)]
for each in holders:
    seen.append(slow__(len(each.tags)))
=== the operand is what is appended to [in order]
for i in range(10):
    out.append((slow__(i), list(map(len, [made, seen]))))
    made.append(i)
=== a property on the way [in order]
class Owner:
    def __init__(self): self.asked, self._items = 0, []
    @property
    def items(self): self.asked += 1; return self._items
owner = Owner()
for i in range(10): owner.items.append(slow__(i))
---
owner.asked
=== an append that is the user's, and looks around [in order]
class Log(list):
    def append(self, item): super().append((item, i, t))
log = Log()
for i in range(10):
    t = slow__(i)
    log.append(t)
---
list(log)
=== an item set by the user's class that reads the loop's variable [in order]
class Store:
    def __init__(self): self.d = {}
    def __setitem__(self, k, v): self.d[k] = (v, i)
store = Store()
for i in range(10): store[i] = slow__(i)
---
store.d
=== recursion with comprehensions [either]
def walk(depth): return [walk(depth - 1) for _ in range(2)] if depth else slow__(depth)
r = walk(4)
=== recursion with for loops [either]
def walk(depth, found):
    if not depth: return slow__(depth)
    for k in range(2): found.append((depth, k, walk(depth - 1, [])))
    return found
r = walk(3, [])
=== loops in threads [either]
import threading
def fill_in(k):
    for j in range(8): lists[k].append(slow__(j))
threads = [threading.Thread(target=fill_in, args=(k,)) for k in range(2)]
for thread in threads: thread.start()
for thread in threads: thread.join()
threads = thread = None
=== a loop in a nested function with nonlocal [either]
def outer():
    count = 0
    def bumped(k):
        nonlocal count
        count += 1
        return slow__(k) + count
    return [bumped(k) for k in range(10)], count
r = outer()
=== a for loop in a function, and a closure over its variable [either]
def outer():
    found = []
    def peeking(): return slow__(0) + k
    for k in range(10):
        found.append(peeking())
    return found
r = outer()
=== a for loop over arguments [either]
def run__(items, into, *more, by=2, **rest):
    for k, item in enumerate(items):
        into.append(slow__(item) * by + len(more) + len(rest))
    return k, item
r = run__(xs, out, 1, 2, by=3, z=4)
=== locals after a loop in a function [either]
def run__():
    for k in range(10):
        v = slow__(k)
    return sorted(locals().items())
r = run__()
=== an attribute of self [either]
class Model:
    def __init__(self): self.history, self.best = [], None
    def fit(self, k):
        for epoch in range(k):
            loss = slow__(epoch)
            self.history.append(loss)
            self.best = loss
        return self
    def predict(self, items): return [slow__(v) + len(self.history) for v in items]
r = Model().fit(10).predict(xs)
=== a training loop [in order]
weight = 0.0
for epoch in range(10):
    error = slow__(epoch) - weight
    weight += 0.5 * error
    out.append(error)
=== memory of the iteration before in an object [in order]
class Walk:
    at = 0
    def step(self): self.at += 1; return slow__(self.at)
walk = Walk()
for i in range(10): out.append(walk.step())
=== writing by sys.stdout [spreads]
import sys
def written(i): sys.stdout.write(f"w{i} "); sys.stdout.flush(); return slow__(i)
r = [written(i) for i in range(10)]
=== a bar that is told [either]
with tqdm(total=10, disable=True) as bar:
    for i in range(10):
        out.append(slow__(i)); bar.update(1)
bar = None
=== a bar that writes elsewhere [either]
import io
text_of_bar = io.StringIO()
for x in tqdm(xs, file=text_of_bar, bar_format="{n_fmt}/{total_fmt}", mininterval=9):
    out.append(slow__(x))
text_of_bar = text_of_bar.getvalue().split("\\r")[-1]
=== time inside [either]
def timed(i): started = time.perf_counter(); slow__(i); return time.perf_counter() > started
r = [timed(i) for i in range(10)]
=== an unequal copy of the same item [spreads]
shared_item = [0]
r = [(slow__(1), a is b) for a, b in [(shared_item, shared_item)] * 10]
=== items that share a part [spreads]
part = [0]
r = [(slow__(1), p)[1] for k, p in [(k, part) for k in range(10)]]
---
[p is part for p in r]
=== an item met again long after it was changed [either]
boxes = [[k] for k in range(200)]
boxes[150] = boxes[3]
def first_change(k, box):
    if k == 2: time.sleep(2)
    if k == 3: box[0] = -1
    return slow__(box[0])
r = [first_change(k, box) for k, box in enumerate(boxes)]
=== effects that share a part with items [either]
for k, p in [(k, seen) for k in range(10)]:
    out.append((slow__(k), p))
---
[p is seen for _, p in out]
=== a temporary that is an item [either]
for each in nodes:
    slow__(1); kept = each
---
kept is nodes[-1], each is kept
=== a view left by the loop [either]
for row in grid:
    slow__(1); half = row[:2]
half[0] = -5
---
grid[-1], half.base is not None
=== an iteration that takes long after a hundred short [either]
r = [slow__(k) if k > 100 else k for k in range(112)]
=== many items, few of them slow [either]
r = [slow__(k) if k % 50 == 0 else k for k in range(600)]
=== an error only in the operands of an effect [either]
for i in range(12):
    print("before", i); plain[i] = 1 / (i - 7) + slow__(i); print("after", i)
=== an effect on nothing [either]
nothing = None
for i in range(10):
    print("at", i); nothing.append(slow__(i))
=== an effect on an unbound name [either]
for i in range(10):
    print("at", i); never.append(slow__(i))
=== an effect on a tuple's item [either]
pair = ([], 1)
for i in range(10):
    pair[0].append(slow__(i))
=== an item of a tuple [either]
pair = ([], 1)
for i in range(10):
    print("at", i); pair[1] = slow__(i)
=== += of a tuple's list [either]
pair = ([], 1)
for i in range(10):
    print("at", i); pair[0] += [slow__(i)]
=== += of an alias [either]
same = out
for i in range(10):
    out += [slow__(i)]
---
same is out
=== += that makes a new object [either]
t0 = ()
for i in range(10):
    t0 += (slow__(i),)
---
t0
=== a frozen array [either]
array.flags.writeable = False
for i in range(10):
    print("at", i); array[i] = slow__(i)
=== an overflow in an effect [either]
small = np.zeros(10, dtype="int8")
for i in range(10):
    small[i] = slow__(i) * 20
=== a key made of the loop [either]
for i in range(10):
    plain[f"k{slow__(i)}", (i, i % 2)] = [i]
---
list(plain)[3]
=== slices set [either]
for i in range(4):
    array[4 * i : 4 * i + 4] = slow__(i), i, slow__(i), 0
for i in range(6): array[::2] = slow__(i)
=== a frame's rows by loc with a mask [either]
for k in range(9): frame.loc[frame.x == k, "y"] = slow__(k)
=== a frame's columns [either]
for c in "pqrstuvwxyz": frame[c] = slow__(ord(c))
=== a frame that grows by loc [either]
for k in range(9, 19): frame.loc[k] = [slow__(k), "z", 0.5]
=== a group kept in a dict [either]
for g, part in frame.groupby("g"):
    plain[g] = part.x.mean() + slow__(1)
=== apply and map of pandas [in order]
r = frame.x.map(slow__).tolist(), frame.apply(lambda row: slow__(row.x), axis=1).tolist()
"""

OPTIONS = """
=== files of their own, vouched for [spreads]
def keep(k):
    with open(f"kept{k}.txt", "w") as file: file.write(str(k))
    return slow__(k)
---
# scale --spread
r = [keep(k) for k in range(10)]
---
r = [open(f"kept{k}.txt").read() for k in range(10)]
for k in range(10): os.remove(f"kept{k}.txt")
=== vouched for, and changing nothing [spreads]
# scale --spread
r = [slow__(k) for k in range(10)]
=== vouched for, and failing [either]
# scale --spread
r = [failing(k) for k in range(10)]
=== serial, with all that could spread [in order]
# scale --serial
r = [slow__(k) for k in range(8)]
for k in range(8): out.append(slow__(k))
"""

TOPICS = {
    "forms": FORMS,
    "sources": SOURCES,
    "results": RESULTS,
    "effects": EFFECTS,
    "dependent": DEPENDENT,
    "failing": FAILING,
    "output": OUTPUT,
    "again": AGAIN,
    "sly": SLY,
    "options": OPTIONS,
}
CASES = {
    f"{topic}: {name}": case
    for topic, text in TOPICS.items()
    for name, case in _cases(text).items()
}
