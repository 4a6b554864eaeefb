/**
 * Paints what workers did: a row for each worker, from left to right the time.
 *
 * A run is told by colour, by pattern, and by its number where there is room. A bar that is not as
 * high as its row stands for short tasks with pauses between them. Failed tasks are crossed.
 */
import { firstAfter, type ILane, type ISpan } from './tasktape';

/** The height of a worker's row, and of the scale above all of them. */
export const ROW = 16;
export const SCALE = 18;

const GAP = 2;

/** Narrower bars are not seen. */
const NARROWEST = 1;

/** Bars that are so wide say whose they are. */
const LABELLED = 34;

const COLOURS = [
  '--jp-brand-color1',
  '--jp-success-color1',
  '--jp-warn-color0',
  '--jp-accent-color1',
  '--jp-info-color0'
];
const PATTERNS = ['plain', 'rising', 'level', 'falling', 'dotted', 'upright'] as const;

/** How a run looks: the first runs differ in colour and in pattern. */
export interface ILook {
  readonly colour: string;
  readonly pattern: (typeof PATTERNS)[number];
}

/** The look of the run that appeared at that place; of no known run at all for -1. */
export function lookOf(place: number): ILook {
  if (place < 0) {
    return { colour: '--jp-ui-font-color3', pattern: 'plain' };
  }
  return {
    colour: COLOURS[place % COLOURS.length] ?? '',
    pattern: PATTERNS[place % PATTERNS.length] ?? 'plain'
  };
}

/** What is painted. */
export interface IPicture {
  readonly lanes: readonly ILane[];
  /** How far the rows are scrolled, in pixels. */
  readonly top: number;
  readonly width: number;
  readonly height: number;
  /** Unix seconds at the left and at the right edge, and now. */
  readonly from: number;
  readonly to: number;
  readonly now: number;
  readonly placeOf: (run: string) => number;
  readonly labelOf: (run: string) => string;
  /** What has the cursor. */
  readonly chosen: { readonly lane: number; readonly span: ISpan | null } | null;
}

/** A mark of the scale takes so many pixels. */
const MARK = 64;

/** The seconds between two marks of a scale that is so wide. */
export function markEvery(seconds: number, width: number): number {
  const most = Math.max(1, Math.min(8, Math.floor(width / MARK)));
  return [5, 10, 15, 30, 60, 120].find(step => seconds / step <= most) ?? seconds;
}

/** Paint it all; the canvas has the picture's size. */
export function paint(canvas: HTMLCanvasElement, picture: IPicture): void {
  const ctx = canvas.getContext('2d');
  if (!ctx) {
    return;
  }
  const { width, height, lanes, top } = picture;
  const scale = window.devicePixelRatio || 1;
  const [wide, high] = [Math.round(width * scale), Math.round(height * scale)];
  if (canvas.width !== wide || canvas.height !== high) {
    canvas.width = wide;
    canvas.height = high;
  }
  const style = getComputedStyle(canvas);
  const theme = (name: string): string => style.getPropertyValue(name).trim() || '#888';
  ctx.setTransform(scale, 0, 0, scale, 0, 0);
  ctx.clearRect(0, 0, width, height);
  ctx.font = `10px ${style.fontFamily}`;
  paintScale(ctx, picture, theme);
  ctx.save();
  ctx.beginPath();
  ctx.rect(0, SCALE, width, height - SCALE);
  ctx.clip();
  const first = Math.max(0, Math.floor(top / ROW));
  const end = Math.min(lanes.length, Math.ceil((top + height - SCALE) / ROW));
  paintBars(ctx, picture, first, end, theme);
  ctx.restore();
}

type Theme = (name: string) => string;

function paintScale(
  ctx: CanvasRenderingContext2D,
  picture: IPicture,
  theme: Theme
): void {
  const { from, to, now, width, height } = picture;
  const step = markEvery(to - from, width);
  ctx.fillStyle = theme('--jp-ui-font-color2');
  ctx.strokeStyle = theme('--jp-border-color2');
  ctx.lineWidth = 1;
  ctx.textBaseline = 'middle';
  ctx.beginPath();
  for (let ago = step * Math.ceil((now - to) / step); now - ago >= from; ago += step) {
    const x = Math.round(((now - ago - from) / (to - from)) * width) - 0.5;
    ctx.moveTo(x, SCALE);
    ctx.lineTo(x, height);
    ctx.textAlign = x > width - 20 ? 'right' : x < 20 ? 'left' : 'center';
    ctx.fillText(ago === 0 ? '0 s' : `−${ago} s`, Math.min(x, width - 2), SCALE / 2);
  }
  ctx.stroke();
}

interface IBar {
  readonly x: number;
  readonly y: number;
  readonly wide: number;
  readonly span: ISpan;
}

function paintBars(
  ctx: CanvasRenderingContext2D,
  picture: IPicture,
  first: number,
  end: number,
  theme: Theme
): void {
  const { chosen, labelOf, placeOf } = picture;
  const bars = new Map<string, IBar[]>();
  for (let lane = first; lane < end; lane++) {
    collectBars(picture, lane, bars);
  }
  for (const [run, those] of bars) {
    ctx.fillStyle = fillOf(ctx, lookOf(placeOf(run)), theme);
    ctx.beginPath(); // one path for all of a run: that is what makes it fast
    for (const { x, y, wide, span } of those) {
      const high = barHeight(span);
      ctx.rect(x, y + ROW - GAP - high, wide, high);
    }
    ctx.fill();
    paintLabels(ctx, labelOf(run), those, theme);
    paintFailures(ctx, those, theme);
  }
  if (chosen) {
    paintChosen(ctx, picture, chosen, theme);
  }
}

function collectBars(picture: IPicture, lane: number, bars: Map<string, IBar[]>): void {
  const { lanes, from, to, top, width } = picture;
  const spans = lanes[lane]?.spans ?? [];
  const perSecond = width / (to - from);
  for (let index = firstAfter(spans, from); index < spans.length; index++) {
    const span = spans[index];
    if (!span || span.start >= to) {
      return;
    }
    const x = Math.max(0, (span.start - from) * perSecond);
    const right = (Math.min(span.stop, to) - from) * perSecond;
    const bar = { x, y: rowTop(lane, top), wide: Math.max(NARROWEST, right - x), span };
    const known = bars.get(span.run);
    if (known) {
      known.push(bar);
    } else {
      bars.set(span.run, [bar]);
    }
  }
}

function rowTop(lane: number, top: number): number {
  return SCALE + lane * ROW - top + GAP / 2;
}

/** As high as the part of its time that was work, and never too low to be seen. */
function barHeight({ start, stop, busyS, tasks }: ISpan): number {
  const share = tasks === 0 || stop <= start ? 1 : busyS / (stop - start);
  return (ROW - GAP) * Math.min(1, Math.max(0.25, share));
}

function paintLabels(
  ctx: CanvasRenderingContext2D,
  label: string,
  bars: readonly IBar[],
  theme: Theme
): void {
  const wide = ctx.measureText(label).width + 4;
  ctx.textAlign = 'left';
  for (const bar of bars) {
    if (label && bar.wide >= Math.max(LABELLED, wide + 8)) {
      ctx.fillStyle = theme('--jp-layout-color1');
      ctx.fillRect(bar.x + 3, bar.y + 2, wide, ROW - GAP - 4);
      ctx.fillStyle = theme('--jp-ui-font-color1');
      ctx.fillText(label, bar.x + 5, bar.y + (ROW - GAP) / 2 + 0.5);
    }
  }
}

function paintFailures(
  ctx: CanvasRenderingContext2D,
  bars: readonly IBar[],
  theme: Theme
): void {
  ctx.strokeStyle = theme('--jp-error-color1');
  ctx.lineWidth = 2;
  ctx.beginPath();
  for (const { x, y, wide, span } of bars) {
    if (span.failed > 0) {
      const [left, size] = [x + Math.max(0, wide - 10), ROW - GAP - 4];
      ctx.moveTo(left, y + 2);
      ctx.lineTo(left + size, y + 2 + size);
      ctx.moveTo(left + size, y + 2);
      ctx.lineTo(left, y + 2 + size);
    }
  }
  ctx.stroke();
}

function paintChosen(
  ctx: CanvasRenderingContext2D,
  picture: IPicture,
  { lane, span }: NonNullable<IPicture['chosen']>,
  theme: Theme
): void {
  const { from, to, top, width } = picture;
  const y = rowTop(lane, top) - GAP / 2;
  ctx.strokeStyle = theme('--jp-ui-font-color1');
  ctx.lineWidth = 1;
  ctx.setLineDash([2, 2]);
  ctx.strokeRect(0.5, y + 0.5, width - 1, ROW - 1);
  ctx.setLineDash([]);
  if (span) {
    const perSecond = width / (to - from);
    const x = Math.max(0, (span.start - from) * perSecond);
    const right = (Math.min(span.stop, to) - from) * perSecond;
    ctx.lineWidth = 2;
    ctx.strokeRect(x, y + 1, Math.max(2, right - x), ROW - 2);
  }
}

/** A small picture of a look, for the list of runs. */
export function paintSwatch(canvas: HTMLCanvasElement, look: ILook): void {
  const ctx = canvas.getContext('2d');
  if (ctx) {
    const style = getComputedStyle(canvas);
    const theme = (name: string): string => style.getPropertyValue(name).trim() || '#888';
    ctx.clearRect(0, 0, canvas.width, canvas.height);
    ctx.fillStyle = fillOf(ctx, look, theme);
    ctx.fillRect(0, 0, canvas.width, canvas.height);
  }
}

const TILE = 8;

function fillOf(
  ctx: CanvasRenderingContext2D,
  { colour, pattern }: ILook,
  theme: Theme
): string | CanvasPattern {
  const plain = theme(colour);
  if (pattern === 'plain') {
    return plain;
  }
  const tile = document.createElement('canvas');
  tile.width = tile.height = TILE;
  const part = tile.getContext('2d');
  if (!part) {
    return plain;
  }
  part.fillStyle = plain;
  part.fillRect(0, 0, TILE, TILE);
  part.strokeStyle = part.fillStyle = theme('--jp-layout-color1');
  part.lineWidth = 1.6;
  part.beginPath();
  switch (pattern) {
    case 'rising':
      line(part, -2, 2, 2, -2);
      line(part, -2, TILE + 2, TILE + 2, -2);
      line(part, TILE - 2, TILE + 2, TILE + 2, TILE - 2);
      break;
    case 'falling':
      line(part, -2, -2, TILE + 2, TILE + 2);
      line(part, TILE - 2, -2, TILE + 2, 2);
      line(part, -2, TILE - 2, 2, TILE + 2);
      break;
    case 'level':
      line(part, 0, 2, TILE, 2);
      line(part, 0, 6, TILE, 6);
      break;
    case 'upright':
      line(part, 3, 0, 3, TILE);
      break;
    case 'dotted':
      part.fillRect(1, 1, 2, 2);
      part.fillRect(5, 5, 2, 2);
      break;
  }
  part.stroke();
  return ctx.createPattern(tile, 'repeat') ?? plain;
}

function line(
  ctx: CanvasRenderingContext2D,
  x: number,
  y: number,
  toX: number,
  toY: number
): void {
  ctx.moveTo(x, y);
  ctx.lineTo(toX, toY);
}
