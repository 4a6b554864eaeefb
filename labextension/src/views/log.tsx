/**
 * The section of the log: what happened, the latest first, and what of it one wants to see.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import { type JSX, memo, type RefCallback, useMemo, useState } from 'react';

import type { ILogLine, LogLevel } from '../feed';
import { filterLog, type ILogFilter, type IPlace, placesOf } from '../log';
import type { ISectionProps } from './context';
import { useWindowed } from './windowed';

/** A line of this height has a text of one row. */
const ROW = 20;

/** All that happened, as far as it is wanted. */
export function Log({ context, state }: ISectionProps): JSX.Element {
  const { trans } = context;
  const [filter, setFilter] = useState<ILogFilter>({ level: 'info', place: '' });
  const log = state?.log ?? NONE;
  const places = useMemo(() => placesOf(log), [log]);
  const lines = useMemo(() => filterLog(log, filter), [log, filter]);
  return (
    <>
      <Filter filter={filter} places={places} onChange={setFilter} trans={trans} />
      <Latest lines={log} trans={trans} />
      {lines.length === 0 ? (
        <p className="jp-scale-Hint">
          {log.length > 0
            ? trans.__('Nothing of that kind so far.')
            : trans.__('What happens to clusters, nodes and cells appears here.')}
        </p>
      ) : (
        <Lines lines={lines} trans={trans} />
      )}
    </>
  );
}

const NONE: readonly ILogLine[] = [];

interface IFilterProps {
  readonly filter: ILogFilter;
  readonly places: readonly IPlace[];
  readonly onChange: (filter: ILogFilter) => void;
  readonly trans: TranslationBundle;
}

function Filter({ filter, places, onChange, trans }: IFilterProps): JSX.Element {
  const isKnown = places.some(({ id }) => id === filter.place);
  return (
    <div className="jp-scale-LogFilter">
      <select
        className="jp-scale-Select"
        aria-label={trans.__('Show from this level on')}
        value={filter.level}
        onChange={event => {
          onChange({ ...filter, level: event.target.value as LogLevel });
        }}
      >
        <option value="info">{trans.__('Everything')}</option>
        <option value="warning">{trans.__('Warnings and errors')}</option>
        <option value="error">{trans.__('Errors')}</option>
      </select>
      <select
        className="jp-scale-Select"
        aria-label={trans.__('Show of this cluster or node')}
        value={filter.place}
        onChange={event => onChange({ ...filter, place: event.target.value })}
      >
        <option value="">{trans.__('All clusters and nodes')}</option>
        {filter.place && !isKnown && (
          <option value={filter.place}>{trans.__('One that is gone')}</option>
        )}
        {places.map(({ id, name }) => (
          <option key={id} value={id}>
            {name}
          </option>
        ))}
      </select>
    </div>
  );
}

interface ILinesProps {
  readonly lines: readonly ILogLine[];
  readonly trans: TranslationBundle;
}

/** The latest trouble, for those who do not see it come; a start's steps would talk all the time. */
function Latest({ lines, trans }: ILinesProps): JSX.Element {
  const [first] = useState(lines.at(-1)?.number ?? 0);
  const line = lines.filter(({ level }) => level !== 'info').at(-1);
  return (
    <p className="jp-scale-Unseen" role="status">
      {line && line.number > first ? spoken(line, trans) : ''}
    </p>
  );
}

const Lines = memo(function Lines({ lines, trans }: ILinesProps): JSX.Element {
  const ids = useMemo(() => lines.map(({ number }) => String(number)), [lines]);
  const { listRef, range, measure } = useWindowed<HTMLUListElement>(ids, () => ROW);
  return (
    <ul
      ref={listRef}
      className="jp-scale-List jp-scale-LogLines"
      aria-label={trans.__('Log, the latest first')}
    >
      {range.before > 0 && <li aria-hidden style={{ height: range.before }} />}
      {lines.slice(range.first, range.end).map((line, index) => (
        <Line
          key={line.number}
          line={line}
          place={range.first + index + 1}
          all={lines.length}
          measure={measure(String(line.number))}
          trans={trans}
        />
      ))}
      {range.after > 0 && <li aria-hidden style={{ height: range.after }} />}
    </ul>
  );
});

interface ILineProps {
  readonly line: ILogLine;
  readonly place: number;
  readonly all: number;
  readonly measure: RefCallback<HTMLElement>;
  readonly trans: TranslationBundle;
}

function Line({ line, place, all, measure, trans }: ILineProps): JSX.Element {
  const { level, at, source, text } = line;
  const when = new Date(1000 * at);
  return (
    <li
      ref={measure}
      className={`jp-scale-LogLine jp-scale-mod-${level}`}
      title={`${when.toLocaleString()}\n${text}`}
      aria-posinset={place}
      aria-setsize={all}
    >
      <LevelIcon level={level} label={levelLabel(level, trans)} />
      <time dateTime={when.toISOString()}>{clock(when)}</time>
      <span>
        <b>{whereOf(line)}</b>{' '}
        {source && (
          <span className="jp-scale-LogSource" title={sourceLabel(source, trans)}>
            {source}
          </span>
        )}{' '}
        {text}
      </span>
    </li>
  );
}

/** For instance `14:03:21`, whatever the country: it is short, and digits stand below digits. */
function clock(when: Date): string {
  return [when.getHours(), when.getMinutes(), when.getSeconds()]
    .map(part => String(part).padStart(2, '0'))
    .join(':');
}

function whereOf({ name, cluster, node, run }: ILogLine): string {
  return node || name || (run ? '' : cluster);
}

function sourceLabel(source: string, trans: TranslationBundle): string {
  return trans.__('A program on the node says this: %1', source);
}

function spoken(line: ILogLine, trans: TranslationBundle): string {
  return `${levelLabel(line.level, trans)}: ${whereOf(line)} ${line.text}`;
}

function levelLabel(level: LogLevel, trans: TranslationBundle): string {
  switch (level) {
    case 'info':
      return trans.__('News');
    case 'warning':
      return trans.__('Warning');
    case 'error':
      return trans.__('Error');
  }
}

const PATHS: Record<LogLevel, string> = {
  info: 'M8 7.2a.8.8 0 1 0 0 1.6a.8.8 0 1 0 0-1.6z',
  warning: 'M8 2l6.5 11.5h-13zM8 6.2v3.6M8 11.6v.2',
  error: 'M4 4l8 8M12 4l-8 8'
};

interface ILevelIconProps {
  readonly level: LogLevel;
  readonly label: string;
}

/** A shape for a level: a dot, a triangle, a cross. */
function LevelIcon({ level, label }: ILevelIconProps): JSX.Element {
  return (
    <svg className="jp-scale-LevelIcon" viewBox="0 0 16 16" role="img" aria-label={label}>
      <path d={PATHS[level]} />
    </svg>
  );
}
