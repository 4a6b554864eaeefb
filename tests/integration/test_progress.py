"""What a cell shows while it waits, and what of it stays."""

LOOP = "%%scale\nimport time\nys = [time.sleep(0.05) or i for i in range({count})]\n"
VIEW = "application/vnd.jupyter.widget-view+json"


def test_progress_is_one_output_and_becomes_the_summary(notebook):
    shown = notebook.run(LOOP.format(count=60))
    assert shown.error is None, shown
    assert "line 2: " in shown.widgets
    assert "1 node · sent " in shown.widgets
    [(first, progress, *_), (second, summary, *_)] = shown.outputs
    assert (first, second) == ("display", "update")
    assert VIEW in progress
    assert set(summary) == {"text/plain", "text/html"}
    assert summary["text/plain"].startswith("cluster · ")


def test_below_other_output_the_summary_comes_last(notebook):
    shown = notebook.run(LOOP.format(count=60) + "print('done')\n'result'")
    kinds = [output[0] for output in shown.outputs]
    assert kinds == ["display", "stdout", "result", "update", "display"]
    assert shown.displays[1][0] == {}  # nothing of the progress stays
    assert shown.displays[2][0]["text/plain"].startswith("cluster · ")


def test_each_loop_has_a_bar(notebook):
    shown = notebook.run(LOOP.format(count=40) + "zs = [time.sleep(0.05) for _ in range(50)]")
    assert "line 2: 40/40" in shown.widgets
    assert "line 3: 50/50" in shown.widgets
    assert [output[0] for output in shown.outputs] == ["display", "update"]


def test_an_interrupted_cell_leaves_no_progress(notebook):
    cell = notebook.start(LOOP.format(count=2000))
    cell.wait_for("line 2: ")
    notebook.interrupt()
    shown = cell.finish()
    assert shown.ename == "KeyboardInterrupt"
    assert {} in [bundle for bundle, *_ in shown.displays] or shown.displays[-1][0]["text/plain"]
    assert VIEW not in shown.displays[-1][0]


def test_a_quick_cell_and_a_quiet_one_show_no_progress(notebook):
    assert [output[0] for output in notebook.run("%%scale\nx = 1").outputs] == ["display"]
    notebook.run("%scale quiet")
    try:
        assert notebook.run(LOOP.format(count=60)).outputs == []
    finally:
        notebook.run("%scale quiet off")


def test_a_button_stops_the_cell_where_the_page_is_heard_meanwhile(notebook):
    """As JupyterLab does it: what widgets say goes to a subshell, which it has the kernel make."""
    client = notebook.client
    client.control_channel.send(client.session.msg("create_subshell_request", {}))
    subshell = client.get_control_msg(timeout=10)["content"]["subshell_id"]
    cell = notebook.start(LOOP.format(count=2000))
    cell.wait_for("line 2: ")
    cell.wait_for("'description': 'Stop'")
    made = cell.outputs.made.items()
    [button] = [widget for widget, state in made if state.get("description") == "Stop"]
    cell.wait_for(f"IPY_MODEL_{button}")  # a page shows it, and not before it can be clicked
    click = {"method": "custom", "content": {"event": "click"}}
    message = client.session.msg("comm_msg", {"comm_id": button, "data": click})
    message["header"]["subshell_id"] = subshell
    client.shell_channel.send(message)
    assert cell.finish().ename == "KeyboardInterrupt"
