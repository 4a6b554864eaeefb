/**
 * The chart of a task stream: a canvas of which only the rows are painted that are seen.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import {
  type JSX,
  type KeyboardEvent,
  type PointerEvent,
  type RefObject,
  useEffect,
  useLayoutEffect,
  useRef,
  useState
} from 'react';

import { formatElapsed } from '../format';
import { lookOf, paint, paintSwatch, ROW, SCALE } from '../taskpaint';
import { type ILane, type ISpan, spanNear } from '../tasktape';

interface ITaskChartProps {
  readonly lanes: readonly ILane[];
  /** All that are seen: their places say how they look. */
  readonly runs: readonly string[];
  readonly from: number;
  readonly to: number;
  readonly now: number;
  readonly summary: string;
  readonly nameOf: (run: string) => string;
  readonly labelOf: (run: string) => string;
  readonly trans: TranslationBundle;
}

interface IChosen {
  readonly lane: number;
  readonly time: number;
}

interface ISize {
  readonly width: number;
  readonly height: number;
  readonly top: number;
}

/** Workers and time; with the arrow keys one goes from worker to worker, and from task to task. */
export function TaskChart(props: ITaskChartProps): JSX.Element {
  const { lanes, runs, from, to, now, summary, nameOf, labelOf, trans } = props;
  const box = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [chosen, setChosen] = useState<IChosen | null>(null);
  const size = useSize(box, canvas);
  const lane = chosen ? lanes[chosen.lane] : undefined;
  const span = chosen && lane ? spanNear(lane, chosen.time, 0) : null;
  useLayoutEffect(() => {
    if (canvas.current && size.width > 0) {
      paint(canvas.current, {
        ...size,
        lanes,
        from,
        to,
        now,
        placeOf: run => (run ? runs.indexOf(run) : -1),
        labelOf,
        chosen: chosen && { lane: chosen.lane, span }
      });
    }
  });

  const onPointer = (event: PointerEvent<HTMLCanvasElement>): void => {
    const { left, top } = event.currentTarget.getBoundingClientRect();
    const at = Math.floor((event.clientY - top - SCALE + size.top) / ROW);
    const time = from + ((event.clientX - left) / size.width) * (to - from);
    setChosen(lanes[at] && event.clientY - top > SCALE ? { lane: at, time } : null);
  };

  const onKey = (event: KeyboardEvent): void => {
    const moved = moveBy(event.key, chosen ?? { lane: 0, time: to }, lanes);
    if (moved) {
      event.preventDefault();
      setChosen(moved);
      showRow(box.current, moved.lane);
    }
  };

  const first = Math.max(0, Math.floor(size.top / ROW));
  const end = Math.min(lanes.length, Math.ceil((size.top + size.height - SCALE) / ROW));
  return (
    <>
      <div
        ref={box}
        className="jp-scale-Stream"
        role="group"
        aria-roledescription={trans.__('task stream')}
        aria-label={summary}
        tabIndex={0}
        onKeyDown={onKey}
      >
        <div
          className="jp-scale-Stream-all"
          style={{ height: SCALE + ROW * lanes.length }}
        >
          <div className="jp-scale-Stream-seen">
            <div className="jp-scale-Stream-names" aria-hidden="true">
              {lanes.slice(first, end).map(({ worker }, index) => (
                <span
                  key={worker}
                  title={worker}
                  style={{ top: SCALE + (first + index) * ROW - size.top }}
                >
                  {worker}
                </span>
              ))}
            </div>
            <canvas
              ref={canvas}
              role="img"
              style={{ height: size.height }}
              aria-label={summary}
              onPointerMove={onPointer}
              onPointerDown={onPointer}
              onPointerLeave={() => setChosen(null)}
            />
          </div>
        </div>
      </div>
      <p className="jp-scale-Stream-said" role="status">
        {lane
          ? `${lane.worker}: ${spanText(span, now, nameOf, trans)}`
          : trans.__('Point at a bar, or use the arrow keys in the chart.')}
      </p>
    </>
  );
}

function spanText(
  span: ISpan | null,
  now: number,
  nameOf: (run: string) => string,
  trans: TranslationBundle
): string {
  if (!span) {
    return trans.__('idle');
  }
  const { start, stop, tasks, failed, run } = span;
  const name = nameOf(run);
  if (tasks === 0) {
    return trans.__('%1, at work for %2', name, formatElapsed(now - start));
  }
  const what = trans._n('%1 task', '%1 tasks', tasks);
  return [
    trans.__('%1, %2 in %3', name, what, formatElapsed(stop - start)),
    trans.__('%1 ago', formatElapsed(now - stop)),
    failed > 0 && trans.__('%1 failed', failed)
  ]
    .filter(Boolean)
    .join(', ');
}

/** Where a key leads; null for keys that lead nowhere. */
function moveBy(
  key: string,
  { lane, time }: IChosen,
  lanes: readonly ILane[]
): IChosen | null {
  const within = (place: number): number =>
    Math.max(0, Math.min(lanes.length - 1, place));
  const here = lanes[within(lane)];
  switch (key) {
    case 'ArrowUp':
      return { lane: within(lane - 1), time };
    case 'ArrowDown':
      return { lane: within(lane + 1), time };
    case 'ArrowLeft':
    case 'ArrowRight': {
      const next = here && spanNear(here, time, key === 'ArrowLeft' ? -1 : 1);
      return { lane: within(lane), time: next ? next.start : time };
    }
    default:
      return null;
  }
}

function showRow(box: HTMLElement | null, lane: number): void {
  if (box) {
    const [top, room] = [lane * ROW, box.clientHeight - SCALE - ROW];
    box.scrollTop = Math.min(top, Math.max(box.scrollTop, top - room));
  }
}

/** How large the chart is, and how far it is scrolled. */
function useSize(
  box: RefObject<HTMLDivElement>,
  canvas: RefObject<HTMLCanvasElement>
): ISize {
  const [size, setSize] = useState<ISize>({ width: 0, height: 0, top: 0 });
  useEffect(() => {
    const [outer, inner] = [box.current, canvas.current];
    if (!outer || !inner) {
      return;
    }
    const look = (): void => {
      setSize({
        width: inner.clientWidth,
        height: outer.clientHeight,
        top: outer.scrollTop
      });
    };
    const observer = new ResizeObserver(look);
    observer.observe(outer);
    outer.addEventListener('scroll', look, { passive: true });
    look();
    return () => {
      observer.disconnect();
      outer.removeEventListener('scroll', look);
    };
  }, [box, canvas]);
  return size;
}

/** How a run looks. */
export function Swatch({ place }: { readonly place: number }): JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null);
  useLayoutEffect(() => {
    if (canvas.current) {
      paintSwatch(canvas.current, lookOf(place)); // always: the theme may be another
    }
  });
  return (
    <canvas
      ref={canvas}
      className="jp-scale-Swatch"
      width={24}
      height={14}
      aria-hidden="true"
    />
  );
}
