/**
 * What went wrong, in one line; all of it on demand, also by keyboard; and what can be done.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import type { JSX } from 'react';

import { adviceIn, firstLine } from '../format';

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

interface IFailureProps {
  readonly text: string;
  readonly trans: TranslationBundle;
}

/** An error of the server's, and below it what its text says that can be done. */
export function Failure({ text, trans }: IFailureProps): JSX.Element {
  const advice = adviceIn(text);
  return (
    <>
      <ErrorText brief={firstLine(text)} text={text} />
      {advice && (
        <p className="jp-scale-Advice">
          <strong>{trans.__('What to do:')}</strong> {advice}
        </p>
      )}
    </>
  );
}

/** Something to be looked at; a sign and words, not colour alone. */
export function WarningText({ text }: { readonly text: string }): JSX.Element {
  return (
    <p className="jp-scale-Warning" role="status">
      <svg viewBox="0 0 16 16" aria-hidden="true">
        <path d="M8 2l6.5 11.5h-13zM8 6.2v3.6M8 11.6v.2" />
      </svg>
      <span>{text}</span>
    </p>
  );
}
