/**
 * What went wrong, in one line; all of it on demand, also by keyboard.
 */
import type { JSX } from 'react';

/** Longer than this, a line does not fit where three lines are shown of it. */
const BRIEF_LENGTH = 110;

interface IErrorTextProps {
  /** The line of it that says most. */
  readonly brief: string;
  readonly text: string;
}

/** An error; what the line does not say is folded below it. */
export function ErrorText({ brief, text }: IErrorTextProps): JSX.Element {
  if (text.trim() === brief && brief.length <= BRIEF_LENGTH) {
    return <p className="jp-scale-Error">{brief}</p>;
  }
  return (
    <details className="jp-scale-Error">
      <summary>
        <span>{brief}</span>
      </summary>
      <pre>{text.trim()}</pre>
    </details>
  );
}
