/**
 * The log of a node, as it grows.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import { type JSX, useEffect, useLayoutEffect, useRef, useState } from 'react';

import { isTroubled } from '../loglines';
import { Check } from './check';

/** A file tells nobody that it grows: it is looked at so often. */
const LOOK_MS = 2000;

/** From the end by so many pixels, one follows what comes. */
const FOLLOWING = 24;

interface ILogProps {
  /** How many workers the node has: each has a log of its own. */
  readonly workers: number;
  /** Read one: `node`, or `worker/NUMBER`. */
  readonly read: (log: string) => Promise<readonly string[]>;
  readonly trans: TranslationBundle;
}

/** A log with its choices; it follows the end while that is seen. */
export function LogView({ workers, read, trans }: ILogProps): JSX.Element {
  const [log, setLog] = useState('node');
  const [onlyTrouble, setOnlyTrouble] = useState(false);
  const { lines, problem } = useLines(read, log);
  const shown = onlyTrouble ? lines?.filter(isTroubled) : lines;
  const text = shown?.join('\n');
  const box = useRef<HTMLPreElement>(null);
  const isAtEnd = useRef(true);
  useLayoutEffect(() => {
    if (box.current && isAtEnd.current) {
      box.current.scrollTop = box.current.scrollHeight;
    }
  }, [text]);
  return (
    <>
      <div className="jp-scale-Choices">
        <label>
          {trans.__('Log of')}
          <select
            className="jp-scale-Select"
            value={log}
            onChange={event => setLog(event.target.value)}
          >
            <option value="node">{trans.__('the node')}</option>
            {Array.from({ length: workers }, (_, index) => (
              <option key={index} value={`worker/${index}`}>
                {trans.__('worker %1', index)}
              </option>
            ))}
          </select>
        </label>
        <Check
          label={trans.__('Only warnings and errors')}
          isChecked={onlyTrouble}
          onChange={setOnlyTrouble}
        />
      </div>
      {problem && <p className="jp-scale-Error">{problem}</p>}
      <pre
        ref={box}
        className="jp-scale-Log"
        role="log"
        aria-label={trans.__('Log')}
        tabIndex={0}
        onScroll={({ currentTarget: { scrollHeight, scrollTop, clientHeight } }) => {
          isAtEnd.current = scrollHeight - scrollTop - clientHeight < FOLLOWING;
        }}
      >
        {shown?.length === 0
          ? trans.__('Nothing so far.')
          : (text ?? trans.__('Reading…'))}
      </pre>
    </>
  );
}

interface ILines {
  /** Null before the first answer. */
  readonly lines: readonly string[] | null;
  readonly problem: string;
}

/** The lines of a log, read again and again for as long as they are shown in a page that is seen. */
function useLines(read: ILogProps['read'], log: string): ILines {
  const [found, setFound] = useState<ILines>({ lines: null, problem: '' });
  useEffect(() => {
    let isOver = false;
    let timer: ReturnType<typeof setTimeout>;
    const look = async (): Promise<void> => {
      try {
        const lines = document.visibilityState === 'visible' ? await read(log) : null;
        if (!isOver && lines) {
          setFound({ lines, problem: '' });
        }
      } catch (error) {
        if (!isOver) {
          const problem = error instanceof Error ? error.message : String(error);
          setFound(({ lines }) => ({ lines: lines ?? [], problem }));
        }
      }
      if (!isOver) {
        timer = setTimeout(() => void look(), LOOK_MS);
      }
    };
    setFound({ lines: null, problem: '' });
    void look();
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  }, [read, log]);
  return found;
}
