/**
 * What a cluster costs: so far, an hour, and of what it may cost; a warning when that is near.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import type { JSX } from 'react';

import { costAt, formatPerHour, formatUsd, spentShare, WARNED_SHARE } from '../cost';
import type { ICostView } from '../feed';
import { formatPercent } from '../format';
import { WarningText } from './errortext';
import { Meter } from './meter';

interface IBillProps {
  readonly cost: ICostView;
  readonly now: number;
  readonly trans: TranslationBundle;
}

export function Bill({ cost, now, trans }: IBillProps): JSX.Element {
  const spent = costAt(cost, now);
  const share = spentShare(cost, now);
  const limit = cost.max_usd;
  return (
    <>
      <p className="jp-scale-Detail">
        {[
          spent === null
            ? trans.__('cost so far unknown')
            : limit === null
              ? trans.__('%1 so far', formatUsd(spent))
              : trans.__('%1 of %2', spent.toFixed(2), formatUsd(limit)),
          formatPerHour(cost.usd_per_h, trans),
          limit === null && trans.__('no cost limit')
        ]
          .filter(Boolean)
          .join(' · ')}
      </p>
      {limit !== null && share !== null && (
        <Meter
          label={trans.__('Spent')}
          text={formatPercent(share)}
          part={share}
          title={trans.__(
            '%1 of the %2 that it may cost are spent',
            formatPercent(share),
            formatUsd(limit)
          )}
          isScarce
        />
      )}
      {limit !== null && share === null && (
        <p className="jp-scale-Detail">
          {trans.__(
            'May cost %1; how much of it is spent is not known',
            formatUsd(limit)
          )}
        </p>
      )}
      {share !== null && limit !== null && share >= WARNED_SHARE && (
        <WarningText
          text={trans.__(
            '%1 of the cost limit are spent. Its machines end themselves when all is.',
            formatPercent(share)
          )}
        />
      )}
    </>
  );
}
