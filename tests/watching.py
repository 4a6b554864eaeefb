"""The facts of a notebook's runs, as the server of its Jupyter would hear them."""

import json
import threading
from dataclasses import fields

from jupyter_scale.monitor.observer import Observers, Place, Told
from waiting import eventually


def told(**wanted):
    """Return who is told of what is wanted, and hears nothing else."""
    return Told(**{field.name: lambda *_: None for field in fields(Told)} | wanted)


class Watcher:
    """Hears the facts of the one cluster that a notebook has started."""

    def __init__(self, notebook):
        [state] = (notebook.runtime / "jupyter_scale").glob("*/state.json")
        self.cluster = state.parent.name
        address = json.loads((state.parent / "scheduler.json").read_text())["address"]
        self._lock, self._facts = threading.Lock(), {}
        self.observers = Observers(told(on_fact=self._take))
        self.observers.watch({self.cluster: Place(address, state.parent / "tls")})

    def _take(self, _cluster, fact):
        with self._lock:
            known = self._facts.get(fact.id)
            if known is None or known.seq < fact.seq:
                self._facts[fact.id] = fact

    def latest(self, first_line):
        """Return the newest fact of the latest run whose cell begins so; None if there is none."""
        with self._lock:
            known = [fact for fact in self._facts.values() if fact.first_line == first_line]
        return max(known, key=lambda fact: fact.started_at, default=None)

    def wait(self, first_line, is_so, timeout_s=30):
        """Wait until what is known of a run is so, and return it."""
        found = []

        def look():
            fact = self.latest(first_line)
            if fact is not None and is_so(fact):
                found.append(fact)
            return bool(found)

        assert eventually(look, timeout_s), self.latest(first_line)
        return found[0]

    def ended(self, first_line):
        """Wait for the end of a run."""
        return self.wait(first_line, lambda fact: fact.ended_at is not None)

    def loop_under_way(self, first_line, line):
        """Wait until a loop of a run is at workers, and return the run and the loop."""

        def under_way(fact):
            return [each for each in fact.loops if each.line == line and not each.is_over]

        fact = self.wait(first_line, under_way)
        return fact, under_way(fact)[0]

    def stop_loop(self, fact, loop):
        """Press the stop button of a loop, and return what became of that."""
        return self.observers.stop_loop(self.cluster, fact, loop.number).result(10)

    def close(self):
        self.observers.close()
