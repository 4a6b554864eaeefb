"""Cells that ask for GPUs, on machines of which one has some; the driver is a fake."""

import fakenvml
from laptop import Laptop, assert_clean, write_profile

DRIVER = "SetEnv LD_LIBRARY_PATH=/root/driver"


@fakenvml.needs_compiler
def test_a_cell_that_asks_for_a_gpu_runs_where_there_is_one(fresh, tmp_path):
    fresh.add()
    machine = fresh.add(options=DRIVER, start=False)
    (machine.home / "driver").mkdir()
    fakenvml.build(machine.home / "driver")  # of two GPUs
    machine.start()
    write_profile(tmp_path / "notebooks", fresh, ["h1", "h2"], workers=3)
    laptop = Laptop(fresh, tmp_path / "notebooks", tmp_path / "home")
    try:
        laptop.run("%load_ext jupyter_scale\nimport os, socket, time")
        laptop.run(
            "def there(i):\n    time.sleep(0.06)\n"
            "    return os.getpid(), socket.gethostname(), os.environ.get('CUDA_VISIBLE_DEVICES')"
        )
        assert "6 workers" in laptop.run("%scale up lab")
        laptop.run(
            "%%scale --gpu 1\nme = os.getpid()\nwhere = there(0)\nr = [there(i) for i in range(60)]"
        )
        assert laptop.run("print(where[1:])") == "('h2', None)\n"  # the cell itself sees them all
        seen = laptop.run("print(sorted({one[1:] for one in r if one[0] != me}))")
        assert seen == "[('h2', '0'), ('h2', '1')]\n"
        laptop.run("%%scale\nr = [there(i) for i in range(90)]")
        seen = laptop.run("print({one[2] for one in r if one[1] == 'h2'} <= {'0', '1', ''})")
        assert seen == "True\n"
        error = laptop.fails("%%scale --gpu 3\nran = True")
        assert "No node has --gpu 3" in error
        assert "h1 (pool cpu, 0 GPUs" in error
        assert "h2 (pool cpu, 2 GPUs" in error
        assert laptop.run("print('ran' in globals(), os.environ.get('CUDA_VISIBLE_DEVICES'))") == (
            "False None\n"
        )
        laptop.run("%scale down")
        assert_clean(fresh)
    finally:
        laptop.close()
