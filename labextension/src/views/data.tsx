/**
 * The section of the data: what the notebook in front has on the cluster, and what its cells sent.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import {
  type JSX,
  type MutableRefObject,
  type RefObject,
  useCallback,
  useEffect,
  useMemo,
  useRef,
  useState
} from 'react';

import { baseName, formatBytes, formatSpan } from '../format';
import {
  type CountedRun,
  type HoldingKey,
  type IHeld,
  lastCells,
  sortHeld,
  sumTraffic
} from '../holdings';
import { CellLink } from './celllink';
import type { IPanelContext, ISectionProps } from './context';
import { Holding } from './holding';
import { SCROLLER, useWindowed } from './windowed';

/** From this width on each name has one line. */
const WIDE = 520;

const LINES_HEIGHT = 46;
const LINE_HEIGHT = 26;

/** While a cell runs for longer than this, it is said of when the answer is. */
const LONG_S = 2;

/** The notebook in front. */
export function Data({ context, state, now }: ISectionProps): JSX.Element {
  const { holdings, trans } = context;
  const { known, notebook, kernelId } = holdings;
  const cells = useMemo(
    () => lastCells(state?.runs ?? [], kernelId),
    [state?.runs, kernelId]
  );
  const rows = known?.rows ?? NONE;
  return (
    <>
      {notebook && (
        <h3 className="jp-scale-Group" title={notebook}>
          {known?.cluster
            ? trans.__('%1 on "%2"', baseName(notebook), known.cluster)
            : baseName(notebook)}
        </h3>
      )}
      <Hint context={context} now={now} />
      {cells.length > 0 && <LastCells cells={cells} context={context} />}
      {notebook && rows.length > 0 && <Names rows={rows} context={context} />}
    </>
  );
}

const NONE: readonly IHeld[] = [];

interface IHintProps {
  readonly context: IPanelContext;
  readonly now: number;
}

/** Why there is nothing to be seen, or how old it is. */
function Hint({ context, now }: IHintProps): JSX.Element | null {
  const { holdings, trans } = context;
  const { known, busyForS } = holdings;
  const text = hintText(context);
  if (text) {
    return <p className="jp-scale-Hint">{text}</p>;
  }
  return known && busyForS >= LONG_S ? (
    <p className="jp-scale-Hint">
      {trans.__(
        'A cell is running: this is as of %1 ago. Names can be freed and fetched when it has ended.',
        formatSpan(now - known.at)
      )}
    </p>
  ) : null;
}

function hintText({ holdings, trans }: IPanelContext): string {
  const { known, silence, isBusy, notebook } = holdings;
  if (!notebook) {
    return trans.__('What a notebook has on the cluster appears here.');
  }
  if (silence === 'version') {
    return trans.__(
      'This notebook’s kernel has another version of jupyter-scale than this page.'
    );
  }
  if (known) {
    return known.rows.length > 0
      ? ''
      : trans.__('The cluster holds nothing of this notebook.');
  }
  if (silence === 'unloaded') {
    return trans.__('No cell of this notebook has run on the cluster yet.');
  }
  return isBusy
    ? trans.__('The kernel is busy: it is asked when its cell has ended.')
    : trans.__('Asking the kernel…');
}

function totalText(rows: readonly IHeld[], trans: TranslationBundle): string {
  const bytes = rows.reduce((sum, row) => sum + (row.bytes ?? 0), 0);
  return trans._n('%1 name, %2', '%1 names, %2', rows.length, formatBytes(bytes));
}

interface ILastCellsProps {
  readonly cells: readonly CountedRun[];
  readonly context: IPanelContext;
}

/** What the last cells sent, and what they were spared; which of them, unfolds. */
function LastCells({ cells, context }: ILastCellsProps): JSX.Element {
  const { trans } = context;
  const { sent, reused } = sumTraffic(cells);
  const brief = trans._n(
    'The last cell sent %2 and was spared %3',
    'The last %1 cells sent %2 and were spared %3',
    cells.length,
    formatBytes(sent),
    formatBytes(reused)
  );
  return (
    <details className="jp-scale-Traffic">
      <summary>
        <span>{brief}</span>
        {reused > 0 && (
          <span className="jp-scale-Bar" aria-hidden="true">
            <span style={{ width: `${(100 * reused) / (sent + reused)}%` }} />
          </span>
        )}
      </summary>
      <ul className="jp-scale-List" aria-label={trans.__('What the last cells sent')}>
        {cells.map(run => (
          <li key={run.id} className="jp-scale-Row jp-scale-mod-small">
            <CellLink run={run} context={context} />
            <span className="jp-scale-Aside">
              {trans.__(
                'sent %1, spared %2',
                formatBytes(run.traffic.sent_bytes),
                formatBytes(run.traffic.reused_bytes)
              )}
            </span>
          </li>
        ))}
      </ul>
    </details>
  );
}

interface INamesProps {
  readonly rows: readonly IHeld[];
  readonly context: IPanelContext;
}

/** The names, of which only those are drawn that can be seen. */
function Names({ rows, context }: INamesProps): JSX.Element {
  const { actions, holdings, trans } = context;
  const [key, setKey] = useState<HoldingKey>('size');
  const sorted = useMemo(() => sortHeld(rows, key), [rows, key]);
  const ids = useMemo(() => sorted.map(({ id }) => id), [sorted]);
  const hasNodes = useMemo(() => new Set(rows.map(({ node }) => node)).size > 1, [rows]);
  const { listRef, range, measure, width } = useWindowed<HTMLUListElement>(
    ids,
    guessHeight
  );
  const isMine = useFocusKept(rows, listRef);
  const onFree = useCallback(
    (held: IHeld) => {
      isMine.current = true;
      void actions.free(held);
    },
    [actions, isMine]
  );
  const onFetch = useCallback(
    (held: IHeld) => {
      isMine.current = true;
      void actions.fetch(held);
    },
    [actions, isMine]
  );
  const busy = holdings.isBusy ? trans.__('The kernel is busy: wait for its cell') : '';
  return (
    <>
      <div className="jp-scale-Total">
        <span>{totalText(rows, trans)}</span>
        {rows.length > 3 && <SortChoice value={key} onChoose={setKey} trans={trans} />}
      </div>
      <ul
        ref={listRef}
        className={`jp-scale-List jp-scale-Names${width >= WIDE ? ' jp-scale-mod-wide' : ''}`}
        style={{ paddingTop: range.before, paddingBottom: range.after }}
        aria-label={trans.__('Names on the cluster')}
      >
        {sorted.slice(range.first, range.end).map((held, index) => (
          <li
            key={held.id}
            ref={measure(held.id)}
            className="jp-scale-Holding"
            aria-posinset={range.first + index + 1}
            aria-setsize={sorted.length}
          >
            <Holding
              held={held}
              node={hasNodes ? held.node : ''}
              hindrance={busy || (actions.isBusy(held.id) ? trans.__('Under way') : '')}
              onFetch={onFetch}
              onFree={onFree}
              trans={trans}
            />
          </li>
        ))}
      </ul>
    </>
  );
}

function guessHeight(width: number): number {
  return width >= WIDE ? LINE_HEIGHT : LINES_HEIGHT;
}

/** The focus goes to the section, not to the page, when the button that had it is gone. */
function useFocusKept(
  rows: readonly IHeld[],
  listRef: RefObject<HTMLElement>
): MutableRefObject<boolean> {
  const isMine = useRef(false);
  useEffect(() => {
    if (isMine.current && document.activeElement === document.body) {
      listRef.current?.closest<HTMLElement>(`.${SCROLLER}`)?.focus();
    }
    isMine.current = false;
  }, [rows, listRef]);
  return isMine;
}

interface ISortChoiceProps {
  readonly value: HoldingKey;
  readonly onChoose: (key: HoldingKey) => void;
  readonly trans: TranslationBundle;
}

function SortChoice({ value, onChoose, trans }: ISortChoiceProps): JSX.Element {
  return (
    <label className="jp-scale-Sort">
      {trans.__('Sort by')}
      <select
        className="jp-scale-Select"
        value={value}
        onChange={event => onChoose(event.target.value as HoldingKey)}
      >
        <option value="size">{trans.__('Size')}</option>
        <option value="name">{trans.__('Name')}</option>
        <option value="state">{trans.__('State')}</option>
      </select>
    </label>
  );
}
