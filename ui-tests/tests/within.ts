/**
 * An end to waiting for what Playwright itself sets none, such as `page.evaluate`.
 */

/** The same promise, but an error that names it when it takes longer. */
export async function within<T>(
  atMostMs: number,
  what: string,
  promise: Promise<T>
): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`not within ${atMostMs} ms: ${what}`));
    }, atMostMs);
  });
  try {
    return await Promise.race([promise, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}
