"""Short notebooks, one a name: cells are parted by lines of three dashes.

A cell that begins with ``# plain`` is never put on the cluster.
"""

# ruff: noqa: E501 - an image is one line

PROGRAMS = {}


def _add(topic, text):
    for block in text.strip().split("\n=== ")[0:]:
        name, _, body = block.removeprefix("=== ").partition("\n")
        # A loop that had to run in order once does so again, and is known by its code.
        body = body.replace("work", f"work_{len(PROGRAMS)}")
        PROGRAMS[f"{topic}: {name.strip()}"] = [c.strip("\n") for c in body.split("\n---\n")]


_add(
    "names",
    """
=== bind, rebind, delete
a, b = 1, "two"
---
a += 1; c = a * 2
---
del b
c
---
b
=== bound again to the same constant
x, y, z = 5, "text", None
---
# plain
x = y = z = 0
---
x, y = 5, "text"
def f():
    global z
    z = None
f()
---
# plain
x, y, z
=== imported again
import math
---
# plain
math = 3
---
import math
---
# plain
math.pi
=== moved to another name
import numpy as np
a, d = [], np.arange(6.0)
---
a = []
---
# plain
a = d; del d; d = 0
---
b = a
---
a is b
=== chained and starred
first, *rest = range(5)
x = y = [first]
---
y.append(9)
x, rest
=== star import
from math import *
---
floor(pi) + ceil(e)
---
sqrt = 3
---
sqrt
=== import as and submodule
import os.path as p, json
import xml.etree.ElementTree as ET
---
p.join("a", "b"), json.dumps({"a": 1}), ET.fromstring("<a b='1'/>").attrib
=== global in a function
count = 0
def bump():
    global count, fresh
    count += 1
    fresh = "new"
---
bump(); bump()
---
count, fresh
=== walrus
if (n := 10) > 5:
    print(n)
[last := i for i in range(3)]
---
n, last
=== comprehension scopes
x = "outer"
ys = [x for x in range(3)]
d = {x: x * x for x in ys}
---
x, ys, d, sum(x for x in ys)
=== with, try, match
import contextlib
log = []
@contextlib.contextmanager
def ctx(name):
    log.append("enter " + name)
    try:
        yield name
    finally:
        log.append("exit " + name)
---
with ctx("a") as one, ctx("b") as two:
    log.append(one + two)
try:
    {}["k"]
except KeyError as error:
    key = error.args[0]
else:
    key = None
finally:
    log.append("finally")
match [1, {"a": 2}]:
    case [int(m), {"a": k}]:
        log.append((m, k))
---
log, key
---
error
=== loops leave their names
for i in range(3):
    for j in "ab":
        pass
while i:
    i -= 1
else:
    k = "done"
---
i, j, k
=== del in a function and then a NameError
v = 1
def drop():
    global v
    del v
---
drop()
---
print(v)
=== shadow a builtin
list = [1, 2]
---
len(list), list
---
del list
---
list("ab")
=== unpack a NameError in the middle
a = 1
b = nope
c = 3
---
a
---
c
=== annotations
a: int = 5
b: "str"
---
__annotations__, a
=== type aliases and dunder names
__all__ = ["a"]
__version__ = "1"
---
__all__, __version__, __name__
=== underscores
_private = 1
__very = 2
---
_private + __very
=== unicode names
größe = 1; 数 = 2
---
größe + 数
=== many names at once
for k in range(50):
    globals()[f"v{k}"] = k
---
sum(v for n, v in list(globals().items()) if n[0] == "v" and n[1:].isdigit())
=== exec and eval
exec("made = 1")
---
eval("made + 1")
""",
)

_add(
    "functions",
    """
=== reads a global that changes later
k = 1
def f(): return k
---
f()
---
k = 2
---
f()
---
# plain
k = 3
---
f()
=== through another function
base = [1]
def inner(x): return base + [x]
def outer(x): return inner(x) * 2
---
outer(5)
---
def inner(x): return [x]
---
outer(5)
=== recursion
def fact(n): return 1 if n < 2 else n * fact(n - 1)
def even(n): return n == 0 or odd(n - 1)
def odd(n): return n != 0 and even(n - 1)
---
fact(20), even(11)
=== closures share a cell
def make():
    n = 0
    def up():
        nonlocal n
        n += 1
        return n
    def get(): return n
    return up, get
up, get = make()
---
up(); up()
---
get()
---
# plain
up()
---
get()
=== a closure over a list that is also a name
def make(xs):
    def add(x):
        xs.append(x)
    return add
xs = []
add = make(xs)
---
add(1)
---
xs.append(2)
add(3)
---
xs
=== defaults and keyword defaults
acc = []
def f(x, into=acc, *, times=2): into.extend([x] * times)
---
f(1)
---
acc, f.__defaults__[0] is acc
---
f.__defaults__ = ([],)
f(5)
---
acc, f.__defaults__
=== attributes and redefinition
def f(): return f.n
f.n = 1
---
f.n += 1
f()
---
g = f
def f(): return "new"
---
f(), g.n
=== lambdas in containers
fs = [lambda x, i=i: x + i for i in range(3)]
late = [lambda x: x + i for i in range(3)]
---
[f(10) for f in fs], [f(10) for f in late]
=== decorators and wraps
import functools
calls = []
def traced(fn):
    @functools.wraps(fn)
    def wrapper(*a, **k):
        calls.append(fn.__name__)
        return fn(*a, **k)
    return wrapper
@traced
def add(a, b=2):
    "Add."
    return a + b
---
add(1), add(1, b=5)
---
calls, add.__doc__, add.__wrapped__ is not add
=== lru_cache
import functools
@functools.lru_cache
def slow(n):
    print("computing", n)
    return n * 2
---
slow(1)
---
slow(1)
---
# plain
slow(1), slow(2)
=== partial and methodcaller
import functools, operator
def power(a, b): return a ** b
square = functools.partial(power, b=2)
upper = operator.methodcaller("upper")
---
square(5), upper("a")
---
def power(a, b): return "new"
---
square(5)
=== bound methods as names
class A:
    def __init__(self): self.n = 0
    def hit(self): self.n += 1; return self.n
a = A()
hit = a.hit
---
hit(); hit()
---
a.n, hit.__self__ is a
=== generator function, consumed
def gen(n):
    for i in range(n):
        yield i * i
---
list(gen(4)), sum(gen(3))
=== singledispatch
import functools
@functools.singledispatch
def show(x): return "object"
@show.register
def _(x: int): return "int"
---
show(1), show("a")
---
@show.register
def _str(x: str): return "str"
---
show(1), show("a")
=== docstring, signature, source
import inspect
def f(a, b=1, *args, c, **kw) -> int:
    "Doc."
    return a
---
inspect.signature(f), f.__doc__, inspect.getsource(f)
""",
)

_add(
    "classes",
    """
=== instances keep their class
class P:
    def __init__(self, x): self.x = x
    def __repr__(self): return f"P({self.x})"
p = P(1)
---
q = P(2)
p.x += 10
---
isinstance(p, P), isinstance(q, P), type(p) is type(q), [p, q]
---
# plain
r = P(3)
---
isinstance(r, P), type(r) is type(p)
=== redefinition
class A:
    v = 1
a = A()
---
class A:
    v = 2
---
a.v, A.v, isinstance(a, A), A().v
=== attributes set and deleted later
class A:
    x = 1
    y = 2
---
A.z = [3]
del A.x
---
hasattr(A, "x"), A.z, A().y
---
# plain
A.z.append(4); A.w = 5; del A.y
---
A.z, A.w, hasattr(A, "y")
=== a method patched later
class A:
    def f(self): return 1
a = A()
---
a.f()
---
A.f = lambda self: 2
---
a.f()
=== inheritance and super
class A:
    def __init__(self): self.log = ["A"]
class B(A):
    def __init__(self):
        super().__init__()
        self.log.append("B")
class C(B):
    __slots__ = ("s",)
    def __init__(self):
        super().__init__()
        self.s = 1
c = C()
---
c.s += 1; c.log.append("C")
---
c.s, c.log, C.__mro__
=== slots only
class S:
    __slots__ = ("a", "b")
s = S(); s.a = [1]
---
s.a.append(2)
s.b = s.a
---
s.a is s.b, s.a
---
del s.b
---
hasattr(s, "b")
=== dataclasses
from dataclasses import dataclass, field, replace
@dataclass(order=True)
class D:
    n: int
    tags: list = field(default_factory=list)
@dataclass(frozen=True, slots=True)
class F:
    n: int
d, f = D(1), F(2)
---
d.tags.append("x"); e = D(0, d.tags); g = replace(f, n=5)
---
sorted([d, e]), f, g, {f: 1}[F(2)], e.tags is d.tags
=== enum
import enum
class Color(enum.Enum):
    RED = 1
    BLUE = 2
now = Color.RED
---
now is Color.RED, Color(2), list(Color), {Color.BLUE: 1}[Color.BLUE]
---
now = Color.BLUE
---
# plain
now is Color.BLUE
=== named tuples have no attributes of their own
import collections, typing
P = collections.namedtuple("P", "x y")
class Q(P):
    __slots__ = ()
class R(P): pass
class S(typing.NamedTuple):
    x: int = 1
p, q, r, s = P(1, 2), Q(1, 2), R(1, 2), S()
r.more = 3
---
[hasattr(t, "__dict__") for t in (p, q, r, s)], r.more, s._replace(x=2), p == q
---
# plain
[hasattr(t, "__dict__") for t in (p, q, r, s)], P.__slots__, type(p) is P, S._field_defaults
=== namedtuple, NamedTuple, TypedDict
import collections, typing
P = collections.namedtuple("P", "x y")
class Q(typing.NamedTuple):
    a: int
    b: str = "b"
p, q = P(1, 2), Q(1)
---
p._replace(x=5), q.b, isinstance(p, P), type(q) is Q
=== property, classmethod, static, cached_property
import functools
class A:
    made = 0
    def __init__(self): type(self).made += 1
    @property
    def half(self): return self.n / 2
    @half.setter
    def half(self, v): self.n = v * 2
    @classmethod
    def create(cls): return cls()
    @staticmethod
    def twice(x): return 2 * x
    @functools.cached_property
    def big(self): print("computed"); return 99
---
a = A.create(); a.half = 4
a.n, A.twice(3), a.big
---
a.big, A.made
=== metaclass and init_subclass
registry = []
class Meta(type):
    def __new__(m, name, bases, ns):
        registry.append(name)
        return super().__new__(m, name, bases, ns)
class Base(metaclass=Meta):
    def __init_subclass__(cls, **kw):
        registry.append("sub " + cls.__name__)
class Sub(Base): pass
---
registry
---
s = Sub()
class More(Sub): pass
---
registry, isinstance(s, Base), type(More)
=== custom hash in a set and a dict
class K:
    def __init__(self, n): self.n = n
    def __hash__(self): return hash(self.n)
    def __eq__(self, o): return self.n == o.n
ks = {K(1), K(2)}
d = {K(1): "one"}
---
ks.add(K(3)); d[K(2)] = "two"
---
sorted(k.n for k in ks), K(1) in ks, d[K(1)], d[K(2)]
=== subclasses of list, dict, int, str
class L(list): tag = None
class D(dict): pass
class I(int): pass
l, d, i = L([1]), D(a=1), I(5)
---
l.append(2); l.tag = "t"; d["b"] = l; i.extra = 1
---
l, l.tag, d, type(d), i + 1, i.extra, d["b"] is l
=== exceptions as classes
class MyError(ValueError):
    def __init__(self, code, msg):
        super().__init__(msg)
        self.code = code
---
try:
    raise MyError(42, "bad")
except ValueError as e:
    kept = e
    got = e.code
---
got, kept.args, type(kept) is MyError
=== abstract classes and protocols
import abc, typing
class Shape(abc.ABC):
    @abc.abstractmethod
    def area(self): ...
class Sq(Shape):
    def area(self): return 4
---
Sq().area(), isinstance(Sq(), Shape)
---
Shape()
=== generic and type params
import typing
T = typing.TypeVar("T")
class Box(typing.Generic[T]):
    def __init__(self, v: T): self.v = v
b = Box[int](3)
---
b.v, Box[int], T
=== operators and repr_html
class V:
    def __init__(self, x): self.x = x
    def __add__(self, o): return V(self.x + o.x)
    def _repr_html_(self): return f"<b>{self.x}</b>"
    def __repr__(self): return f"V{self.x}"
v = V(1)
---
v + V(2)
""",
)

_add(
    "mutation",
    """
=== every container in place
import collections
l, d, s = [1], {"a": 1}, {1}
q, b = collections.deque([1], maxlen=3), bytearray(b"a")
od, c = collections.OrderedDict(a=1), collections.Counter("aab")
dd = collections.defaultdict(list)
keep = [l, d, s, q, b, od, c, dd]
---
l.append(2); d["b"] = l; s.add(2); q.extend([2, 3, 4]); b.extend(b"bc")
od["b"] = 2; od.move_to_end("a"); c.update("ab"); dd["x"].append(l)
---
[x is y for x, y in zip(keep, [l, d, s, q, b, od, c, dd])]
---
keep
=== aliases
x = [1]; y = x; z = {"x": x}
---
y.append(2)
---
x, y, z, x is y is z["x"]
---
y = list(y)
---
x is y, x == y
---
x.append(3)
---
x, y, z
=== a row of a table that is also a name
data = {"rows": [[1], [2]]}
rows = data["rows"]; row = rows[0]
---
data["rows"].append([3]); row.append("r")
---
rows, data, row is data["rows"][0]
=== cycles
a = []; a.append(a)
d = {}; d["self"] = d
class N: pass
n, m = N(), N(); n.other, m.other = m, n
---
a.append(1); d["k"] = a; n.v = d
---
a[0] is a, d["self"] is d, m.other.v is d, d
=== a tuple that holds a list
t = ([1], "a"); u = t[0]
---
t[0].append(2)
---
t, u, u is t[0]
=== cleared and refilled
xs = [[i] for i in range(5)]
first = xs[0]
---
xs.clear()
---
xs.append(first); first.append(1)
---
xs, xs[0] is first
=== sort, reverse, slice
xs = [3, 1, 2]; ys = xs
---
xs.sort(); xs[1:2] = ["a", "b"]; xs.reverse()
---
xs, xs is ys
=== equal but another list
a = [1]; b = a
---
b = [1]
---
a is b
---
b = a
---
a is b
---
a += [2]
---
b
=== instance dict and setattr
class A: pass
a = A(); a.x = {"k": [1]}
inner = a.x["k"]
---
setattr(a, "y", inner); a.x["k"].append(2); del a.x
---
vars(a), inner is a.y
=== memoryview of a bytearray
b = bytearray(5)
---
b[1:3] = b"xy"
---
b, len(b)
""",
)

_add(
    "numpy",
    """
=== arrays in place
import numpy as np
a = np.arange(6.0); b = a
m = np.zeros((2, 3), order="F")
---
a[0] = 10; a *= 2; m[1] = a[:3]
---
a, m, a is b, m.flags.f_contiguous
=== limits of numbers
import numpy as np
info, small = np.finfo(float), np.finfo(np.float32); whole = np.iinfo(np.int16)
---
info is np.finfo(float), info.eps, small.max, whole.max, repr(info), repr(small)
=== views and bases
import numpy as np
base = np.zeros(10); v = base[2:5]; col = base.reshape(2, 5)[:, 1]
---
v[:] = 1; col[0] = 7
---
base, v, col, np.shares_memory(base, v)
---
base[3] = 99
---
v
=== a view made over there
import numpy as np
base = np.arange(8)
---
tail = base[4:]
---
tail[0] = -1
---
base, np.shares_memory(base, tail)
=== structured, object, bool, datetime
import numpy as np
s = np.zeros(2, dtype=[("a", "i4"), ("b", "f8")])
o = np.array([[1], None, "x"], dtype=object)
d = np.array(["2020-01-01"], dtype="datetime64[D]")
x = np.float64(2.5)
---
s["a"] = 3; o[0].append(2); o[1] = o[0]; d += 1; x = x * 2
---
s, o, d, x, o[0] is o[1]
=== readonly and masked
import numpy as np
r = np.arange(3); r.flags.writeable = False
m = np.ma.masked_array([1, 2], mask=[False, True])
---
m.mask[0] = True
---
m, r.flags.writeable
---
r[0] = 1
=== random state across cells
import numpy as np, random
np.random.seed(1); random.seed(2)
---
np.random.rand(2), random.random()
---
# plain
np.random.rand(2), random.random()
---
np.random.rand(2), random.random()
=== Generator objects
import numpy as np
rng = np.random.default_rng(0)
---
rng.random(2)
---
# plain
rng.random()
---
rng.integers(100)
=== random.Random
import random
r = random.Random(4)
---
r.random()
---
# plain
r.random()
---
r.random()
=== errstate and printoptions
import numpy as np
np.set_printoptions(precision=2)
---
np.array([1.23456])
---
# plain
np.set_printoptions(precision=8)
---
np.array([1.23456])
=== seterr and formatters
import numpy as np
digits = 2
old = np.seterr(divide="ignore"); np.set_printoptions(formatter={"float": lambda x: f"{x:.{digits}f}!"})
---
np.array([1.0]) / 0, np.geterr()
---
digits = 1
np.array([1.25])
---
np.seterr(**old); np.set_printoptions(formatter=None);
---
np.array([1.25]), np.geterr()
""",
)

_add(
    "pandas",
    """
=== frames in place
import pandas as pd
df = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}); same = df
---
df["c"] = df.a * 2; df.loc[0, "a"] = 10
---
same, same is df
---
df.drop(columns="b", inplace=True)
---
df
=== series, index, groupby
import pandas as pd
s = pd.Series([1, 2, 3], index=list("aab"), name="s")
---
s.groupby(level=0).sum()
---
s["a"] = 0
s
=== frame display is html
import pandas as pd
pd.DataFrame({"x": range(3)})
=== a column is no view
import pandas as pd
df = pd.DataFrame({"a": [1.0, 2.0]}); col = df["a"]
---
df.loc[0, "a"] = 9
---
col, df
=== query reads a local
import pandas as pd
df = pd.DataFrame({"a": [1, 2, 3]}); low = 1
---
df.query("a > @low")
=== options
import pandas as pd
pd.set_option("display.max_rows", 4)
---
pd.Series(range(100))
---
# plain
pd.reset_option("display.max_rows")
---
pd.Series(range(10))
=== apply with a function of the notebook
import pandas as pd
k = 10
def f(x): return x + k
df = pd.DataFrame({"a": [1, 2]})
---
df["a"].apply(f)
=== attrs and category
import pandas as pd
df = pd.DataFrame({"c": pd.Categorical(["x", "y"])}); df.attrs["note"] = [1]
---
df.attrs["note"].append(2)
---
df.attrs, df.c.cat.categories
=== more options
import pandas as pd
pd.options.display.precision = 2; pd.set_option("display.max_columns", 3)
---
pd.DataFrame({c: [1.23456] for c in "abcdef"})
---
with pd.option_context("display.precision", 4):
    shown = repr(pd.Series([1.23456789]))
pd.reset_option("display.max_columns"); pd.reset_option("display.precision")
---
shown, pd.get_option("display.precision"), pd.DataFrame({c: [1.23456] for c in "abcdef"})
=== sklearn set_config
import sklearn
from sklearn.preprocessing import StandardScaler
sklearn.set_config(transform_output="pandas")
---
import pandas as pd
StandardScaler().fit_transform(pd.DataFrame({"a": [1.0, 2.0]}))
---
sklearn.set_config(transform_output="default")
---
sklearn.get_config()["transform_output"]
=== sklearn fit
from sklearn.linear_model import LogisticRegression
import numpy as np
X = np.arange(20.0).reshape(-1, 1); y = (X[:, 0] > 9).astype(int)
model = LogisticRegression(); same = model
---
model.fit(X, y)
---
same.coef_.round(6), model.predict([[3.0], [15.0]]), same is model
---
model
""",
)

_add(
    "history",
    """
=== underscore and Out
40 + 2
---
_
---
_ + 1, Out[max(Out)]
=== silenced by a semicolon
x = [1]
x;
---
_
---
x.append(2); x
=== None is not shown
None
---
print("a")
---
[1] and None
=== the value is the object
xs = [1]
---
xs
---
_ is xs
---
# plain
_.append(5)
---
xs
=== In
In[-1], len(In[-1])
=== assigned underscore
_ = 5
---
_
---
7
---
_
=== the results before
10
---
20
---
_ + __
---
__, ___
=== other names of the history
6
---
_ih is In, _oh is Out, list(_oh.values()), _ih[-2], "x" in globals()
=== underscore in a loop and as a target
for _ in range(3): pass
---
# plain
_
---
7
---
_, a = 4, 5
---
_ + 1
---
del _
---
9
---
_
=== a value that minds being compared
class Picky:
    def __eq__(self, other): print("compared"); return NotImplemented
    def __repr__(self): return "picky"
p = Picky()
p
---
Picky()
---
p
=== last expression in a block is not shown
if True:
    5
---
for i in range(2): i
""",
)

_add(
    "display",
    """
=== rich displays in order
from IPython.display import display, HTML, Markdown
print("one"); display(HTML("<b>x</b>")); print("two"); display({"a": 1}, Markdown("*m*"))
---
HTML("<i>last</i>")
=== update and clear
from IPython.display import display, clear_output
h = display("first", display_id="same"); h.update("second")
---
print("gone"); clear_output(); print("kept")
---
clear_output(wait=True); print("x")
=== own representations
class A:
    def _repr_mimebundle_(self, include=None, exclude=None):
        return {"text/plain": "plain A", "application/json": {"a": [1]}}
a = A()
---
display(a)
a
=== ipython_display
class A:
    def _ipython_display_(self): print("I show myself")
---
A()
=== pretty printer
{"k" * 30: ["v" * 40, "w" * 40]}
---
set("cab"), (1,), 1.0, 1e300, float("nan")
=== png
from IPython.display import Image
import base64
raw = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII=")
---
Image(raw)
=== inline figure
%matplotlib inline
import matplotlib.pyplot as plt
---
plt.plot([1, 2, 3]); plt.title("t")
print("before")
---
fig, ax = plt.subplots(); ax.bar([1], [2])
fig
=== a figure without the magic
import matplotlib.pyplot as plt
plt.plot([3, 1]);
---
plt.hist([1, 1, 2]); plt.show(); print("after")
=== the error comes before the figure that was open
import matplotlib.pyplot as plt
print("first"); plt.plot([1, 2]); raise ValueError("then")
---
print("next")
=== rcParams
import matplotlib.pyplot as plt
plt.rcParams["lines.linewidth"] = 7
---
plt.rcParams["lines.linewidth"]
---
# plain
plt.rcParams["lines.linewidth"]
=== rcParams that wait for the import
# plain
import matplotlib.pyplot as plt
plt.rcParams["lines.linewidth"] = 9; plt.rcParams["font.family"] = ["serif"]
---
import matplotlib
matplotlib.rcParams["lines.linewidth"], list(matplotlib.rcParams["font.family"])
---
plt.rcParams["font.family"].append("monospace")
---
# plain
list(plt.rcParams["font.family"])
=== styles and contexts
import matplotlib.pyplot as plt
plt.style.use("ggplot")
---
plt.rcParams["axes.grid"], plt.rcParams["axes.prop_cycle"]
---
plt.rcdefaults()
with plt.rc_context({"lines.linewidth": 3}):
    inside = plt.rcParams["lines.linewidth"]
---
inside, plt.rcParams["lines.linewidth"], plt.rcParams["axes.grid"]
=== ioff
import matplotlib.pyplot as plt
plt.ioff();
---
plt.plot([1, 2]); plt.isinteractive()
---
plt.close("all"); plt.ion(); plt.isinteractive()
---
plt.isinteractive()
=== svg figures
%matplotlib inline
%config InlineBackend.figure_formats = {"png"}
%config InlineBackend.close_figures = False
---
from matplotlib_inline.backend_inline import set_matplotlib_formats
import matplotlib.pyplot as plt
set_matplotlib_formats("png", "jpeg"); fig = plt.figure(figsize=(1, 1))
---
fig
---
%config InlineBackend.close_figures = True
%config InlineBackend.figure_formats = {"svg"}
%config InlineBackend.figure_formats = {"png"}
---
plt.figure(figsize=(1, 1))
=== precision
import numpy as np
%precision 3
---
3.14159265, np.array([1.23456789])
---
%precision
---
3.14159265, np.array([1.23456789])
=== formatters of a class and of a library's
class Money:
    def __init__(self, n): self.n = n
import fractions
text = get_ipython().display_formatter.formatters["text/plain"]
html = get_ipython().display_formatter.formatters["text/html"]
unit = "EUR"
html.for_type(Money, lambda m: f"<b>{m.n} {unit}</b>")
text.for_type(fractions.Fraction, lambda f, p, cycle: p.text(f"{f.numerator} over {f.denominator}"));
del text, html
---
Money(3)
---
unit = "USD"
fractions.Fraction(1, 3)
---
Money(4)
---
get_ipython().display_formatter.formatters["text/html"].pop(Money)
get_ipython().display_formatter.formatters["text/plain"].pop(fractions.Fraction);
---
fractions.Fraction(1, 3)
=== all expressions
%config InteractiveShell.ast_node_interactivity = "all"
---
1
2
---
%config InteractiveShell.ast_node_interactivity = "last_expr"
---
1
2
=== an error mode
%xmode Plain
---
1 / 0
---
%xmode Context
=== an axes object from the cell before
import matplotlib.pyplot as plt
fig, ax = plt.subplots(); plt.close(fig)
---
ax.plot([1, 2])
---
fig
=== a formatter of the notebook
ip = get_ipython()
ip.display_formatter.formatters["text/plain"].for_type(complex, lambda o, p, c: p.text("complex!"))
---
1j
---
# plain
ip.display_formatter.formatters["text/plain"].pop(complex);
""",
)

_add(
    "output",
    """
=== stdout and stderr
import sys
print("a"); print("b", file=sys.stderr); print("c"); sys.stdout.write("no newline")
---
print("x", end=""); print("y", "z", sep="-")
=== unicode and control characters
print("ä 🎉 \\x1b[31mred\\x1b[0m \\t tab\\rcr")
---
print("\\udc80".encode("utf8", "surrogateescape"))
=== empty writes and flush
import sys
print(); print("", end="", flush=True); sys.stdout.flush(); print("x")
=== a shell command
!echo hello
---
out = !printf 'a\\nb\\n'
out
---
word = "world"
!echo $word {word.upper()}
=== a child writes
import subprocess
subprocess.run(["echo", "from a child"]).returncode
=== logging
import logging
logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", force=True)
log = logging.getLogger("mine")
---
log.info("hello %s", 1); log.debug("hidden")
---
# plain
log.warning("plain")
=== a handler of one's own
import logging
class Upper(logging.Formatter):
    def format(self, record): return super().format(record).upper()
log = logging.getLogger("mine.own"); log.setLevel(logging.DEBUG); log.propagate = False
handler = logging.StreamHandler(); handler.setFormatter(Upper("%(name)s: %(message)s"))
log.addHandler(handler)
---
log.debug("first"); handler is log.handlers[0]
---
handler.setLevel(logging.ERROR); log.debug("not this"); log.error("but this")
---
# plain
log.debug("not this"); log.error("but %s", "that"); handler is log.handlers[0]
---
log.removeHandler(handler); len(log.handlers)
---
len(log.handlers), log.level
=== log levels
import logging
logging.getLogger("quiet.one").setLevel(logging.CRITICAL); logging.disable(logging.INFO)
---
logging.getLogger("quiet.one").error("hidden"); logging.getLogger("other").warning("shown")
---
logging.disable(logging.NOTSET); logging.getLogger("quiet.one").setLevel(logging.NOTSET)
---
logging.getLogger("quiet.one").level, logging.root.manager.disable
=== warnings
import warnings
warnings.warn("careful")
---
def f(): warnings.warn("in f", DeprecationWarning, stacklevel=2)
---
f(); f()
---
warnings.simplefilter("ignore"); warnings.warn("not shown")
---
warnings.warn("not shown either")
---
# plain
warnings.warn("and not here"); warnings.resetwarnings()
=== tqdm
from tqdm import tqdm
import sys
for i in tqdm(range(3), file=sys.stdout, bar_format="{n_fmt}/{total_fmt}"): pass
=== redirect_stdout
import contextlib, io
buf = io.StringIO()
with contextlib.redirect_stdout(buf):
    print("caught")
---
buf.getvalue()
=== print to a StringIO of the notebook
import io
buf = io.StringIO()
---
print("into", file=buf)
---
print("more", file=buf)
---
buf.getvalue()
=== cell magics inside
%%time
x = sum(range(10))
---
x
=== capture
%%capture caught
print("inside")
---
caught.stdout
=== pprint and help
import pprint
pprint.pprint({i: "x" * 30 for i in range(4)})
---
def f(a):
    "The doc."
help(f)
=== traceback module
import traceback
try:
    1 / 0
except ZeroDivisionError:
    traceback.print_exc()
""",
)

_add(
    "errors",
    """
=== custom class with several args
class E(Exception):
    def __init__(self, a, b): super().__init__(a, b); self.b = b
---
raise E(1, "two")
---
import sys
sys.last_value.args, sys.last_value.b, type(sys.last_value) is E
=== cause, context and notes
def f():
    try:
        {}["k"]
    except KeyError as e:
        raise RuntimeError("outer") from e
---
try:
    f()
except RuntimeError as e:
    e.add_note("a note")
    raise
---
try:
    1 / 0
except ZeroDivisionError:
    undefined_name
=== from None
try:
    1 / 0
except ZeroDivisionError:
    raise ValueError("clean") from None
=== in a function of another cell
def deep(n):
    if n == 0:
        raise LookupError("bottom")
    return deep(n - 1)
---
deep(3)
---
# plain
deep(1)
=== in a method and a lambda
class A:
    def go(self, f): return f()
---
A().go(lambda: [][1])
=== after partial assignment
done = []
done.append(1); x = 1
done.append(2); raise ValueError("stop")
done.append(3)
---
done, x
=== SystemExit
print("before")
raise SystemExit(3)
---
import sys
sys.exit("a message")
---
"alive"
=== syntax error
x = 1
y = = 2
---
x
=== indentation error
def f():
return 1
---
  x = 1
 y = 2
=== unclosed
print("a"
=== return outside
return 5
=== await outside and nonlocal
def f():
    await x
=== name error with a suggestion
value = 1
print(valeu)
=== attribute error with a suggestion
class A:
    colour = 1
---
A().color
=== assertion
x = 3
assert x == 4, f"x is {x}"
=== exception group
raise ExceptionGroup("several", [ValueError(1), TypeError("two")])
=== error in a library
import json
json.loads("{bad")
=== numpy error
import numpy as np
np.zeros(3) @ np.zeros(4)
=== KeyboardInterrupt by hand
raise KeyboardInterrupt("mine")
=== error with unicode and newlines
raise ValueError("line one\\nline two ä")
=== error in a repr
class Bad:
    def __repr__(self): raise RuntimeError("no repr")
---
Bad()
=== recursion error
def f(): return f()
try:
    f()
except RecursionError as e:
    print(type(e).__name__, str(e)[:31])
=== error while a later cell works
x = [1]
x.append(2); int("z")
---
x
---
int("y")
=== magic that is not there
%nosuchmagic
=== cell magic that is not there
%%nosuchmagic
x
=== debugger state
def f(a):
    b = a + 1
    return 1 / 0
---
f(1)
---
import sys
sys.last_type.__name__
=== generator thrown into
def g():
    try:
        yield 1
    except ValueError:
        yield "caught"
---
it = g(); next(it); print(it.throw(ValueError())); del it
""",
)

_add(
    "here",
    """
=== generator as a name
g = (i * i for i in range(5))
---
next(g)
---
next(g), list(g)
=== a lock as an input
import threading
lock = threading.Lock()
---
with lock:
    x = "held"
---
x, lock.locked()
=== an open file
f = open("file.txt", "w")
---
f.write("hello"); f.close()
---
open("file.txt").read()
=== input
name = input("who? ")
print("hi", name)
---
name
=== iterators
it = iter([1, 2, 3]); e = enumerate("ab")
---
next(it), next(e)
---
list(it), list(e)
=== a thread that runs
import threading
t = threading.Thread(target=print, args=("in a thread",)); t.start(); t.join()
""",
)

_add(
    "ambient",
    """
=== environment
import os
os.environ["MINE"] = "1"
---
os.environ["MINE"], os.environ.pop("MINE")
---
# plain
os.environ.get("MINE"); os.environ["OTHER"] = "2"
---
os.environ["OTHER"]
=== working directory
import os
os.mkdir("sub_" + str(In.__len__())); here = os.getcwd()
os.chdir("/")
---
os.getcwd()
---
# plain
os.chdir(here)
---
os.getcwd() == here
=== cd
%cd /tmp
---
%pwd
=== sys.path and a module written by a cell
import sys, pathlib
pathlib.Path("written_here.py").write_text("VALUE = 5\\ndef get(): return VALUE\\n")
sys.path.insert(0, ".")
---
import written_here
written_here.get()
---
# plain
import written_here
written_here.VALUE
---
sys.path.remove("."); sys.modules.pop("written_here", None) is None
=== module globals changed
import string
string.mine = [1]
---
string.mine.append(2)
string.mine
---
# plain
string.mine
=== sys.modules and importlib
import sys, types
mod = types.ModuleType("made"); mod.x = 1; sys.modules["made"] = mod
---
import made
made.x
---
# plain
sys.modules.pop("made").x
=== an attribute of a library's class
import fractions
fractions.Fraction.half = lambda self: self / 2
fractions.default_base = {"base": 10}
---
fractions.default_base["base"] = 8
fractions.Fraction(1, 3).half()
---
# plain
fractions.Fraction(1, 5).half(), fractions.default_base
---
del fractions.Fraction.half, fractions.default_base
---
hasattr(fractions.Fraction, "half"), hasattr(fractions, "default_base")
=== a library's function replaced and restored
import string
scale_it = 3
old = string.capwords
string.capwords = lambda text: text.upper() * scale_it
---
string.capwords("ab c")
---
# plain
string.capwords("x")
---
scale_it = 2
string.capwords("y")
---
string.capwords = old
string.capwords("ab c")
---
# plain
string.capwords("ab c")
---
string.capwords("de f")
=== decimal flags and traps
import decimal
decimal.getcontext().traps[decimal.Inexact] = True
---
decimal.Decimal(1) / 3
---
# plain
decimal.getcontext().traps[decimal.Inexact] = False; decimal.getcontext().clear_flags()
---
decimal.Decimal(1) / 8, decimal.getcontext().traps[decimal.Inexact]
=== a locale
import locale
locale.setlocale(locale.LC_NUMERIC, "C.UTF-8")
---
locale.setlocale(locale.LC_NUMERIC)
---
# plain
locale.setlocale(locale.LC_NUMERIC, "C"), locale.setlocale(locale.LC_TIME)
=== own module's globals
import os, pathlib, sys
pathlib.Path("mymod.py").write_text('''
import collections
counter = 0
seen = []
table = {"a": [1]}
class Thing:
    made = 0
    def __init__(self): Thing.made += 1
def count():
    global counter
    counter += 1
    seen.append(counter)
    return counter
print("mymod runs")
''')
sys.path.insert(0, os.getcwd())
---
import mymod
alias = mymod.seen; mymod.count(); mymod.Thing()
---
mymod.count(), mymod.Thing.made, alias is mymod.seen
---
mymod.counter += 10; mymod.table["a"].append(2); t = mymod.Thing()
---
# plain
mymod.count(), alias, mymod.table, mymod.Thing.made, alias is mymod.seen
---
alias.append("x"); mymod.extra = {1}; del mymod.table
---
mymod.count(), mymod.seen, mymod.extra, hasattr(mymod, "table"), t.made
---
sys.path.remove(os.getcwd()); sys.modules.pop("mymod") is mymod
=== a class that a library makes in a function
import os, pathlib, sys
pathlib.Path("installed-1.0.dist-info").mkdir()
pathlib.Path("installed-1.0.dist-info/RECORD").touch()
pathlib.Path("installed.py").write_text('''
def make():
    class Meta(type):
        @property
        def __doc__(self): return "a text"
    class Lazy(metaclass=Meta):
        def __new__(cls): return 5
    return Lazy
lazy = make()
''')
sys.path.insert(0, os.getcwd())
---
import installed
from installed import *
---
one = lazy(); one, lazy is installed.lazy, lazy.__doc__
---
# plain
lazy is installed.lazy, lazy(), sys.path.remove(os.getcwd()), sys.modules.pop("installed") is installed
=== own module that holds what cannot be rebuilt
import os, pathlib, sys
pathlib.Path("oddmod.py").write_text('''
class Odd:
    def __new__(cls, x): return object.__new__(cls)
ODD = [Odd(1)]
count = 0
''')
sys.path.insert(0, os.getcwd())
---
import oddmod
oddmod.count += 1
---
oddmod.count += 1; oddmod.count, len(oddmod.ODD)
---
# plain
oddmod.count, len(oddmod.ODD), sys.path.remove(os.getcwd()), sys.modules.pop("oddmod") is oddmod
=== own module imported plain, then changed on disk
import os, pathlib, sys
pathlib.Path("edited.py").write_text("def f(): return 'old'\nstate = [0]\nprint('runs')\n")
sys.path.insert(0, os.getcwd())
---
# plain
import edited; edited.state.append(1)
---
# plain
_ = pathlib.Path("edited.py").write_text("def f(): return 'new one'\nstate = [100]\nprint('runs again')\n")
---
edited.f(), edited.state
---
import edited as again
again.f(), again is edited
---
# plain
import importlib; _ = importlib.reload(edited); edited.f()
---
edited.f(), edited.state
---
_ = pathlib.Path("edited.py").write_text("def f(): return 'third version'\nstate = [3]\n")
_ = importlib.reload(edited); edited.state.append(4)
---
edited.f(), edited.state
---
sys.modules.pop("edited"); sys.path.remove(os.getcwd())
=== own package with parts
import os, pathlib, sys
pathlib.Path("ownpkg").mkdir()
pathlib.Path("ownpkg/__init__.py").write_text("from .inner import LIMITS, limit\n")
pathlib.Path("ownpkg/inner.py").write_text("LIMITS = {'low': 1}\ndef limit(n): return LIMITS[n]\nclass Box:\n    def __init__(self, x): self.x = x\nbox = Box(LIMITS)\n")
sys.path.insert(0, os.getcwd())
---
# plain
import ownpkg; ownpkg.LIMITS["low"] = 5
---
ownpkg.limit("low"), ownpkg.LIMITS is ownpkg.inner.LIMITS, ownpkg.inner.box.x is ownpkg.LIMITS
---
ownpkg.inner.LIMITS["high"] = 9
---
# plain
ownpkg.limit("high"), ownpkg.inner.box.x
---
for name in ["ownpkg", "ownpkg.inner"]: sys.modules.pop(name)
sys.path.remove(os.getcwd())
=== a seed that a module's own code sets
import os, pathlib, random, sys
pathlib.Path("seeds.py").write_text("import random\nrandom.seed(7)\n")
sys.path.insert(0, os.getcwd())
---
# plain
import seeds; random.random()
---
a = random.random(); import seeds; a, random.random()
---
sys.modules.pop("seeds"); sys.path.remove(os.getcwd()); random.random()
=== functions of a module made by hand
import sys, types
made = types.ModuleType("made_by_hand"); made.store = {}
exec("def put(k, v): store[k] = v; return len(store)", made.__dict__)
sys.modules["made_by_hand"] = made
---
import made_by_hand
made_by_hand.put("a", 1), made_by_hand is made
---
# plain
made.put("b", 2), made.store
---
made.store.clear()
---
# plain
made.store, sys.modules.pop("made_by_hand") is made
=== recursion limit
import sys
sys.setrecursionlimit(2500)
---
sys.getrecursionlimit()
---
# plain
sys.getrecursionlimit(); sys.setrecursionlimit(3000)
=== decimal context and locale
import decimal
decimal.getcontext().prec = 5
---
decimal.Decimal(1) / 3
---
# plain
decimal.Decimal(1) / 3; decimal.getcontext().prec = 28
=== timezone and datetime
import datetime, zoneinfo
t = datetime.datetime(2020, 1, 1, tzinfo=zoneinfo.ZoneInfo("UTC"))
---
t + datetime.timedelta(days=1), t.tzinfo is zoneinfo.ZoneInfo("UTC")
=== files written
import pathlib
p = pathlib.Path("out.txt"); p.write_text("x")
---
p.read_text(), p.unlink()
=== future import
from __future__ import annotations
def f(x: Nope): pass
---
f.__annotations__
---
def g(y: AlsoNope): pass
---
# plain
g.__annotations__
=== top-level await
import asyncio
async def f(x):
    await asyncio.sleep(0)
    return x * 2
---
await f(4)
---
r = await asyncio.gather(f(1), f(2))
r
---
async with asyncio.Lock():
    print([i async for i in aiter_like()] if False else "in")
=== error in await
async def f(): raise ValueError("async")
---
await f()
=== question mark
len?
=== who and alias magics
zebra = 1
%who_ls int
=== autocall and line magic with assignment
files = %pwd
type(files).__name__
=== matplotlib magic again
%matplotlib inline
1
=== the name of the shell's class
kind = type(get_ipython())
kind.__name__, kind.__module__
---
type(get_ipython())
=== load_ext of another
%load_ext autoreload
%autoreload 0
---
2
""",
)

_add(
    "spread",
    """
=== results in order
import time
def work(i):
    time.sleep(0.02)
    return i * i
---
xs = [work(i) for i in range(12)]
xs
=== prints in order
import time
def work(i):
    time.sleep(0.02); print("item", i); return i
---
xs = [work(i) for i in range(10)]
print(xs)
=== exception in the middle
import time
seen = []
def work(i):
    time.sleep(0.02); print(i)
    if i == 7: raise ValueError(f"at {i}")
    return i
---
xs = [work(i) for i in range(12)]
---
work(7)
=== a function that changes a global
import time
seen = []
def work(i):
    time.sleep(0.02); seen.append(i); return len(seen)
---
[work(i) for i in range(8)]
---
seen
=== a global counter
import time
n = 0
def work(i):
    global n
    time.sleep(0.02); n += i; return n
---
[work(i) for i in range(8)]
---
n
=== numpy.random inside
import time, numpy as np
np.random.seed(3)
def work(i):
    time.sleep(0.02); return round(np.random.rand(), 6)
---
[work(i) for i in range(8)]
---
np.random.rand()
=== random inside
import time, random
random.seed(3)
---
[(time.sleep(0.02), random.random())[1] for i in range(8)]
---
random.random()
=== a Generator captured
import time, numpy as np
rng = np.random.default_rng(1)
def work(i):
    time.sleep(0.02); return rng.integers(1000)
---
[work(i) for i in range(8)]
---
rng.integers(1000)
=== items are changed
import time
rows = [[i] for i in range(8)]
def work(row):
    time.sleep(0.02); row.append("seen"); return len(row)
---
[work(r) for r in rows]
---
rows
=== items are returned
import time
rows = [[i] for i in range(8)]
---
out = [(time.sleep(0.02), r)[1] for r in rows]
---
all(a is b for a, b in zip(out, rows))
=== classes of the notebook
import time
class P:
    def __init__(self, i): self.i = i
    def __repr__(self): return f"P{self.i}"
def work(i):
    time.sleep(0.02); return P(i)
---
ps = [work(i) for i in range(8)]
ps
---
all(type(p) is P for p in ps), len(set(map(id, ps)))
=== results share an object
import time
shared = [0]
---
out = [(time.sleep(0.02), shared)[1] for i in range(8)]
---
all(o is shared for o in out)
=== in a function
import time
def work(i, k):
    time.sleep(0.02); return i * k
def run(k):
    return [work(i, k) for i in range(8)]
---
run(3)
=== sum of a generator argument
import time
def work(i): time.sleep(0.02); return i
---
sum(work(i) for i in range(8)), max(work(i) for i in range(4))
=== set and dict comprehensions
import time
def work(i): time.sleep(0.02); return i % 3
---
{work(i) for i in range(8)}, {i: work(i) for i in range(6)}
=== arrays
import time, numpy as np
X = np.arange(200_000.0)
def work(i): time.sleep(0.02); return X[i::8].sum()
---
[float(work(i)) for i in range(8)]
=== condition and nested
import time
def work(i): time.sleep(0.01); return i
---
[(i, j) for i in range(4) if i % 2 for j in range(3) if work(j)]
=== writes a file each
import time, pathlib
def work(i):
    time.sleep(0.02); pathlib.Path(f"part{i}.txt").write_text(str(i)); return i
---
[work(i) for i in range(6)]
---
[pathlib.Path(f"part{i}.txt").read_text() for i in range(6)]
=== environment changed inside
import time, os
def work(i):
    time.sleep(0.02); os.environ["COUNT"] = str(int(os.environ.get("COUNT", 0)) + 1)
    return os.environ["COUNT"]
---
[work(i) for i in range(6)]
---
os.environ.pop("COUNT")
=== class attribute changed inside
import time
class A: n = 0
def work(i):
    time.sleep(0.02); A.n += 1; return A.n
---
[work(i) for i in range(6)]
---
A.n
=== module state changed inside
import time, string
string.counter = 0
def work(i):
    time.sleep(0.02); string.counter += 1; return string.counter
---
[work(i) for i in range(6)]
---
string.counter
=== function attribute changed inside
import time
def work(i):
    time.sleep(0.02); work.n = getattr(work, "n", 0) + 1; return work.n
---
[work(i) for i in range(6)]
---
work.n
=== a default argument changed inside
import time
def work(i, acc=[]):
    time.sleep(0.02); acc.append(i); return len(acc)
---
[work(i) for i in range(6)]
---
work.__defaults__
=== a cached function
import time, functools
@functools.lru_cache
def work(i):
    time.sleep(0.02); print("miss", i); return i
---
[work(i % 3) for i in range(6)]
=== for loop with append
import time
def work(i): time.sleep(0.02); return i * 2
out = []
---
for i in range(8):
    out.append(work(i))
---
out, i
=== warning inside
import time, warnings
def work(i):
    time.sleep(0.02); warnings.warn("from work"); return i
---
[work(i) for i in range(6)]
=== display inside
import time
from IPython.display import display, HTML
def work(i):
    time.sleep(0.02); display(HTML(str(i))); return i
---
[work(i) for i in range(6)]
=== log inside
import time, logging
logging.basicConfig(level=logging.INFO, format="%(message)s", force=True)
def work(i):
    time.sleep(0.02); logging.info("log %d", i); return i
---
[work(i) for i in range(6)]
=== SystemExit inside
import time
def work(i):
    time.sleep(0.02)
    if i == 4: raise SystemExit("out")
    return i
---
[work(i) for i in range(8)]
=== stop iteration and custom errors
import time
class E(Exception):
    def __init__(self, a, b): super().__init__(a, b)
def work(i):
    time.sleep(0.02)
    if i > 4: raise E(i, "x")
    return i
---
[work(i) for i in range(8)]
=== identity test inside
import time
marker = object()
items = [marker, 1] * 4
def work(x): time.sleep(0.02); return x is marker
---
[work(x) for x in items]
""",
)

_add(
    "shared",
    """
=== generators that are shared
import numpy as np, random, io, array, itertools, collections, types
class Box:
    def __init__(s, v): s.v = v
rng = np.random.default_rng(0); b1 = Box(rng)
rs = np.random.RandomState(0); b2 = Box(rs)
rr = random.Random(0); b3 = Box(rr)
---
rng.random(), rs.rand(), rr.random()
---
# plain
b1.v.random(), b1.v is rng, b2.v.rand(), b2.v is rs, b3.v.random(), b3.v is rr
---
b1.v.random(), b2.v.rand(), b3.v.random()
---
# plain
rng.random(), rs.rand(), rr.random()
=== arrays of other kinds, buffers and files in memory
import numpy as np, io, array, collections
class Box:
    def __init__(s, v): s.v = v
ma = np.ma.masked_array([1., 2.], mask=[False, True]); b1 = Box(ma)
mat = np.matrix([[1, 2], [3, 4]]); b2 = Box(mat)
rec = np.rec.array([(1, 2.), (3, 4.)], dtype=[("a", "i4"), ("b", "f8")]); b3 = Box(rec)
ar = array.array("i", [1, 2]); b4 = Box(ar)
sio = io.StringIO("abc"); b5 = Box(sio)
bio = io.BytesIO(b"abc"); b6 = Box(bio)
---
ma[0] = 9; mat[0, 0] = 9; rec.a[0] = 9; ar.append(9); sio.read(1); sio.write("x"); bio.seek(1)
---
# plain
b1.v is ma, b1.v, b2.v is mat, b2.v, b3.v is rec, b3.v, b4.v is ar, b4.v, b5.v is sio, b5.v.getvalue(), b6.v.tell(), b6.v is bio
---
ma.mask[0] = True; b1.v
---
# plain
ma is b1.v, ma
=== sparse matrix
import scipy.sparse as sp, numpy as np
class Box:
    def __init__(s, v): s.v = v
m = sp.csr_matrix(np.eye(3)); b = Box(m)
---
m.data[0] = 5
m[1, 2] = 4
---
# plain
b.v is m, b.v.toarray()
=== groupby of a changed frame
import pandas as pd
df = pd.DataFrame({"g": ["a", "b", "a"], "v": [1, 2, 3]}); gb = df.groupby("g"); s = df["v"]
---
df["w"] = df.v * 2
df.loc[0, "v"] = 100
gb.v.sum(), s
---
# plain
df, gb.v.sum(), s
=== functions of the global generators
from random import random, randint, shuffle, seed
from numpy.random import rand, randn, seed as nseed
import random as rnd, numpy as np
gr = np.random.mtrand._rand
xs = [random, rand]
---
seed(1); nseed(2)
random(), rand(), xs[0](), xs[1]()
---
# plain
random(), randint(1, 100), rand(), rnd.random(), np.random.rand(), xs[0](), gr.rand()
---
random(), randint(1, 100), rand(), rnd.random(), np.random.rand(), xs[0](), gr.rand()
---
# plain
random(), rand(), gr is np.random.mtrand._rand
=== the notebook's own objects in a frame
import pandas as pd
class Node:
    kind = []
    def __init__(self, v): self.v = v
    def get(self): return (self.v, extra)
extra = 1
kinds = Node.kind
e = Node(4); d = pd.DataFrame({"x": [1, 2]})
---
d[0] = [e, e]
---
# plain
d[0][0].get(), type(d[0][0]) is Node, Node.kind is kinds
---
Node.kind.append(1); d["y"] = 5
---
# plain
extra = 7; d[0][0].get(), Node.kind is kinds, kinds
---
d[0][0].get(), Node.kind
---
Node.kind.append(2); Node.more = d
---
# plain
Node.kind, kinds, Node.more is d, d[0][0].get()
---
class Node:
    def get(self): return "new"
d[0][0].get(), type(d[0][0]) is Node
---
# plain
d[0][0].get(), type(d[0][0]) is Node, kinds
---
s = d[0].map(lambda n: n.get()); f = {"f": pd.Series([len, max]), "g": pd.Series([lambda: extra])}
---
# plain
s, f["g"][0]()
=== a class changed through an instance
class Node:
    kind = []
    def __init__(self, value=None): self.value = value
e = Node([4])
---
# plain
5
---
e.kind.append(0)
---
# plain
Node.kind, e.kind
=== a base class, and an exception with two names
class Base:
    shared = [1]
class Sub(Base): pass
s = Sub(); other = Base.shared
try:
    [][1]
except IndexError as error:
    b = error
---
a = b
s.shared.append(2)
---
# plain
a is b, Base.shared, other
---
b.note = 5; b.add_note("n")
---
# plain
a.note, a.__notes__, a is b
=== files that were closed
with open("a.txt", "w") as f:
    f.write("hello")
---
# plain
f, f.closed, f.name, f.mode
---
with open("a.txt", "rb") as g: data = g.read()
g.closed, data
---
# plain
g, g.mode
---
f = open("a.txt"); x = f.read(); f.close()
---
# plain
f, x
=== changed before it was unbound
def put(x): return x
f = put
a = [1]; b = a
xs = [a]
---
f.memo = a
def f(): pass
---
# plain
put.memo is a
---
a.append(2)
a = 5
---
# plain
b, xs
---
b.append(3); del b
---
# plain
xs
---
x = xs
x[0].append(4)
xs = [x]
---
# plain
x, put.memo, xs
---
# plain
x[0].append(5)
---
x[0], put.memo
=== mappings and namespaces
import pandas as pd, collections
class Box:
    def __init__(s, v): s.v = v
ea = pd.array([1, None]); b2 = Box(ea)
ud = collections.UserDict(a=1); b3 = Box(ud)
cm = collections.ChainMap({"a": 1}, {}); b4 = Box(cm)
ns = __import__("types").SimpleNamespace(a=[1]); b5 = Box(ns)
---
ea[0] = 5; ud["b"] = 2; cm["z"] = 1; ns.a.append(2); ns.c = 1
---
# plain
b2.v is ea, b2.v, b3.v is ud, b3.v, b4.v is cm, b4.v, b5.v is ns, b5.v
=== classes whose hooks ran once
import abc, typing, dataclasses, enum
reg = []
class Base:
    def __init_subclass__(cls, tag=None, **kw):
        super().__init_subclass__(**kw); reg.append((cls.__name__, tag))
class A(Base, tag="a"): pass
class M(abc.ABCMeta):
    def __init__(cls, n, b, d, **kw):
        super().__init__(n, b, d); reg.append("init " + n)
    def __call__(cls, *a):
        reg.append("call"); return super().__call__(*a)
class B(A, metaclass=M, tag="b"):
    @abc.abstractmethod
    def f(self): ...
class C(B):
    def f(self): return 1
class D(dict, Base): pass
class E(Base):
    __slots__ = ("q",)
@dataclasses.dataclass
class F(Base):
    x: int = 0
T = typing.TypeVar("T")
class G(typing.Generic[T], Base): pass
class Desc:
    def __set_name__(self, owner, name): reg.append(("set", owner.__name__, name)); self.name = name
    def __get__(self, o, t=None): return self.name
class H(Base):
    d = Desc()
class P(typing.Protocol):
    def f(self) -> int: ...
class Q(typing.NamedTuple):
    a: int
class Col(enum.Enum):
    R = 1
---
reg
---
# plain
reg, C().f(), D(a=1), E(), F(3), G[int], H.d, H().d, Q(1), Col.R
---
class C2(C, tag="c2"): pass
reg, C2().f(), isinstance(C2(), B), issubclass(D, Base)
---
# plain
class H2(H): e = Desc()
reg
---
x = [C(), D(), E(), F(), G(), H2(), C2(), Q(2), Col.R]
[type(i).__mro__ for i in x], reg
---
# plain
[type(i).__mro__ for i in x], isinstance(x[0], P) if False else None, [type(x[0]) is C, type(x[1]) is D, type(x[5]) is H2, type(x[6]) is C2]
=== attributes of frames
import pandas as pd
a=[1,2]
d=pd.DataFrame({'x':[1.0,2.0]})
s=pd.Series([1,2],name='q')
---
d.args=(a,)
s.note={'k':a}
---
# plain
d.args[0].append(3); d.x.note='hi'
---
print(d.args, s.note, d.args[0] is a, s.note['k'] is a)
---
a.append(9); d.args=(s.note,)
---
# plain
d['x'] += 1; s.note['z']=d
---
print(d.args[0] is s.note, s.note['z'] is d, a, s.note); del d.args; d.loc[0,'x']=7
---
print(hasattr(d,'args'), d)
=== containers that are filled by methods of their own
class Loud(dict):
    def __setitem__(self, k, v): print("set", k); super().__setitem__(k, v)
class Loud2(list):
    def append(self, v): print("app", v); super().append(v)
    def extend(self, v): print("ext", v); super().extend(v)
d = Loud(); l = Loud2()
---
for i in range(3): d[i] = i
l.append(1); l.extend([2]); d
---
# plain
d[7]=8; l.append(9); d.x=5
---
d, l, d.x, Loud({1:2}), [Loud2([3])]
=== classes that functions make
def mk(i):
    class Inner:
        v = i
        def m(self): return self.v
    return Inner
def mk2():
    import enum, dataclasses
    class E(enum.Enum):
        A=1
    @dataclasses.dataclass
    class D:
        x: int = 1
    class S:
        __slots__=("a",)
    return E, D, S
---
J = mk(1); E, D, S = mk2(); j = J(); d = D(2)
---
# plain
J.v = 7
---
J.__qualname__, j.m(), J.m.__qualname__, E.A, d, S.__qualname__, type(d).__qualname__
---
J.w = 8
---
# plain
J.w, J.__qualname__, repr(d), repr(E)
=== indexes of pandas
import pandas as pd
c = e = pd.date_range('2024-01-01', periods=3)
m = pd.MultiIndex.from_tuples([(1,2),(3,4)], names=['a','b'])
n = pd.Index(['u','v']); box=[c, m, n]
def g(): pass
---
g.cause = c; b = len(c); box.append(n); n.name = 'q'
---
# plain
c.name = 'zz'; m.names = ['x','y']; c is e, box[0] is c, g.cause is e, n.name
---
box[0] is c, g.cause is c, e is c, c.name, m.names, box[2].name, box[3] is n
---
d = pd.DataFrame({'v':[1,2,3]}, index=c); d.index is c, d
---
d.loc[c[0]], c.freq
=== closures that share a variable, met one by one
# plain
def counter():
    count = 0
    def bump(by=1):
        nonlocal count
        count += by
        return count
    def read(): return count
    return bump, read
g, h = counter()
---
g
---
g(1), h()
""",
)

_add(
    "here",
    """
=== iterators
class Box:
    def __init__(s, v): s.v = v
it = iter([1, 2, 3]); b = Box(it)
di = iter({"a": 1});
import itertools
c = itertools.count(); b2 = Box(c)
e = enumerate("abc"); b3 = Box(e)
z = zip([1, 2], "ab"); b4 = Box(z)
---
next(it), next(c), next(e), next(z)
---
# plain
next(b.v), b.v is it, next(b2.v), b2.v is c, next(b3.v), next(b4.v)
""",
)
