/**
 * A cell that shows something of each kind, and waits in between for the file `go`.
 */
export const SLOW_CELL = [
  '%%scale',
  'import pathlib, time',
  'from IPython.display import display, HTML',
  'print("begun")',
  'while not pathlib.Path("go").exists():',
  '    time.sleep(0.05)',
  'display(HTML("<b>in between</b>"))',
  'print("ended")',
  'answer = 42',
  'answer'
].join('\n');

/** The texts of its outputs. */
export const WHOLE = ['begun\n', 'in between', 'ended\n', '42'];

/** The types of its outputs, as the file has them. */
export const TYPES = ['stream', 'display_data', 'stream', 'execute_result'];
