"""What a cell was at when it raised: read off the frames that the exception went through.

Nothing is kept while a cell runs: a failure's frames hold the names of the loops that they were in.
What no frame can tell (numbers of iterations, items whose worker died, calls in other processes) is
told by the loops and pools of the cell.
"""

from __future__ import annotations

import ast
import inspect
import types
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from jupyter_scale.analysis.around import Place, loops_around, target_text
from jupyter_scale.model.run import Inputs
from jupyter_scale.runner.host.brief import describe
from jupyter_scale.runner.host.frames import is_own
from jupyter_scale.shipping.ambient.modules import is_own_file

MOST_LOOPS = 4
_MOST_VALUES = 6
_MOST_FRAMES = 200
_MOST_CHAINED = 5
_COMPREHENSIONS = frozenset({"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"})
_MAP = "map()"


@dataclass(frozen=True, slots=True)
class Left:
    """A loop that was left before its end.

    Attributes
    ----------
    kind
        What kind of loop it is, as the analysis calls it.
    index
        The number of its last iteration, from 0; None where that is not known.
    error
        ``id()`` of the exception that went through it.
    item
        The short form of its item, where that is not what its names hold; else empty.
    """

    kind: str
    index: int | None
    error: int = 0
    item: str = ""


#: By the file name of its code, and its line there.
LeftLoops = dict[tuple[str, int], Left]


@dataclass(slots=True)
class Failure:
    """Looks at the exception with which a cell has ended.

    Parameters
    ----------
    tree_of
        Returns the syntax tree of a file name; None where that is no code of the user's.
    left
        Loops that were left.
    calls
        ``id(exception) → what the call was at`` of those that came from other processes.
    """

    tree_of: Callable[[str], ast.Module | None]
    left: LeftLoops
    calls: dict[int, Inputs]

    def inputs_of(self, error: BaseException) -> tuple[Inputs, ...]:
        """Return what iterations and calls the exception, or its cause, went through."""
        for each in _chain(error):
            found = [*self._loops(each)]
            if (call := self.calls.get(id(each))) is not None:
                found.append(call)
            if found:
                return tuple(found[-MOST_LOOPS:])
        return ()

    def _loops(self, error: BaseException) -> Iterator[Inputs]:
        """Yield what the loops in the frames of an exception were at, the outermost first."""
        mapped: Left | None = None
        line = 0
        for frame, place in _frames(error.__traceback__):
            if mapped is not None:
                yield Inputs(values=_arguments(frame), line=line, index=mapped.index)
                mapped = None
            tree = self.tree_of(frame.f_code.co_filename)
            if tree is not None:
                yield from self._around(tree, frame, place, error)
                line = place[0]
                left = self.left.get((frame.f_code.co_filename, line))
                # The next frame is the mapped function's, whose arguments are the item.
                mapped = left if left is not None and left.kind == _MAP else None

    def _around(
        self, tree: ast.Module, frame: types.FrameType, place: Place, error: BaseException
    ) -> Iterator[Inputs]:
        code = frame.f_code
        is_comprehension = code.co_name in _COMPREHENSIONS
        told = self._told(tree, code.co_filename, place, error)
        for loop in loops_around(tree, place, is_comprehension=is_comprehension):
            left = self.left.get((code.co_filename, loop.line))
            index = None if left is None else left.index
            if told is not None and told.line == loop.line:
                yield told
                return
            values = tuple(_values(frame, loop.names))
            if values:
                yield Inputs(values=values, line=loop.line, index=index)
        if told is not None:
            yield told

    def _told(
        self, tree: ast.Module, file: str, place: Place, error: BaseException
    ) -> Inputs | None:
        """Return what a loop says of its item that its names do not hold."""
        for (of_file, line), left in self.left.items():
            if of_file == file and left.item and left.error == id(error):
                name = target_text(tree, place, line)
                value = f"{name} = {left.item}" if name else left.item
                return Inputs(values=(value,), line=line, index=left.index)
        return None


def call_at(error: BaseException) -> Inputs | None:
    """Return what the outermost of the user's own functions was called with, if there is one."""
    for frame, _ in _frames(error.__traceback__):
        code = frame.f_code
        if frame.f_globals.get("__name__") == "__main__" or is_own_file(code.co_filename):
            return Inputs(values=_arguments(frame), call=code.co_name)
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception, and those that led to it as a traceback shows them."""
    for _ in range(_MOST_CHAINED):
        if error is None:
            return
        yield error
        is_hidden = error.__suppress_context__
        error = error.__cause__ or (None if is_hidden else error.__context__)


def _frames(
    traceback: types.TracebackType | None,
) -> Iterator[tuple[types.FrameType, Place]]:
    """Yield the frames that are not ours, and where in its source each of them is."""
    for _ in range(_MOST_FRAMES):
        if traceback is None:
            return
        code = traceback.tb_frame.f_code
        if not is_own(code):
            yield traceback.tb_frame, _place(code, traceback)
        traceback = traceback.tb_next


def _place(code: types.CodeType, traceback: types.TracebackType) -> Place:
    place = next(islice(code.co_positions(), traceback.tb_lasti // 2, None), None)
    if place is None or place[0] is None:
        return traceback.tb_lineno, None
    return place[0], place[2]


def _arguments(frame: types.FrameType) -> tuple[str, ...]:
    code = frame.f_code
    count = code.co_argcount + code.co_kwonlyargcount
    return tuple(_values(frame, code.co_varnames[:count]))


def _values(frame: types.FrameType, names: Iterable[str]) -> Iterator[str]:
    """Yield what names of a frame hold."""
    code, local = frame.f_code, frame.f_locals
    own = {*code.co_varnames, *code.co_cellvars, *code.co_freevars}
    is_function = bool(code.co_flags & inspect.CO_OPTIMIZED)
    for name in islice(names, _MOST_VALUES):
        scope = local if name in own or not is_function else frame.f_globals
        if type(scope) is dict and name in scope:  # of another kind, it may be the user's
            yield f"{name} = {describe(scope[name])}"
