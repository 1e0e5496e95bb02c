import { type Logger, pino } from 'pino';

export type { Logger } from 'pino';

/** What never reaches a log line, wherever it sits in a logged object. */
const secrets = [
  'password',
  '*.password',
  'authorization',
  '*.authorization',
  'cookie',
  '*.cookie',
  'req.headers.authorization',
  'req.headers.cookie',
  'res.headers["set-cookie"]',
  'accessToken',
  '*.accessToken',
];

/**
 * Opens the log of a program: one JSON line per entry on stderr, so that stdout keeps the lines other programs wait for
 * (`{"ready":true}`). `level` is pino's: `silent`, `fatal`, `error`, `warn`, `info`, `debug`, `trace`.
 */
export function openLog(name: string, level = 'info'): Logger {
  return pino({ name, level, redact: { paths: secrets, censor: '[secret]' } }, pino.destination({ fd: 2, sync: true }));
}
