/**
 * What a cluster would cost, line by line.
 */
import type { JSX } from 'react';

export function PriceLines({
  lines
}: {
  readonly lines: readonly string[];
}): JSX.Element {
  return (
    <ul className="jp-scale-PriceLines">
      {lines.map(line => (
        <li key={line}>{line}</li>
      ))}
    </ul>
  );
}
