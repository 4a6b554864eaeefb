/**
 * Lines of logs: which of them tell of trouble. Pure.
 */
const TROUBLE =
  /\b(WARNING|WARN|ERROR|CRITICAL|FATAL|Traceback|\w+(?:Error|Exception|Warning)):?\b/;

/** Whether a line is a warning or an error, as Python's programs write them. */
export function isTroubled(line: string): boolean {
  return TROUBLE.test(line);
}
