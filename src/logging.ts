/**
 * The hub's log: NDJSON on stderr, or pretty when stderr is a terminal. Lines are written synchronously, so none is
 * lost when the process ends right after. Nothing logs per event: a line blocks its thread until it is written.
 */
import { type DestinationStream, type Logger, pino, stdTimeFunctions } from 'pino';
import { prettyFactory } from 'pino-pretty';
import { LogOutput } from './log-output.ts';
import type { Settings } from './settings/schema.ts';

const STDERR = 2;
const HIDDEN = '[hidden]';

/** Shared by all loggers of this thread: it counts the lines that could not be written. */
export const stderrLines = new LogOutput(STDERR);

/** Fields that hold a secret, at the top of a line and one level below. */
const SECRET_FIELDS = [
  'adminToken',
  'token',
  'authorization',
  'cookie',
  'headers.authorization',
  'headers.cookie',
];
const redactedPaths = SECRET_FIELDS.flatMap((field) => [field, `*.${field}`]);

/** Tokens inside text: in a URL's query and behind `Bearer`. Quotes and backslashes end them, so JSON stays JSON. */
const TOKEN_IN_TEXT = /([?&]token=|\bBearer )[^&\s"'\\]+/gi;

export interface LoggerOptions {
  /** Pretty lines instead of NDJSON; by default where stderr is a terminal. */
  readonly terminal?: boolean;
  /** Where lines go; by default stderr. */
  readonly destination?: DestinationStream;
}

export interface ListeningOn {
  readonly devicePort: number;
  readonly subscriberPort: number;
  readonly adminPort: number;
  readonly [field: string]: unknown;
}

/** Makes the logger of a thread; tell threads apart with `child({ thread })`. */
export function createLogger(settings: Pick<Settings, 'logLevel'>, options: LoggerOptions = {}): Logger {
  const out = options.destination ?? stderrLines;
  const terminal = options.terminal ?? process.stderr.isTTY === true;
  return pino(
    {
      level: settings.logLevel,
      // No process id and host name: whoever collects the lines knows both.
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: redactedPaths, censor: HIDDEN },
      hooks: { streamWrite: hideTokens },
    },
    terminal ? prettyLines(out) : out,
  );
}

/** Logs `listening` with the bound ports, whatever the level: whoever started the hub with port 0 reads them here. */
export function logListening(logger: Logger, listening: ListeningOn): void {
  logger.child({}, { level: 'info' }).info(listening, 'listening');
}

function hideTokens(line: string): string {
  return line.replace(TOKEN_IN_TEXT, `$1${HIDDEN}`);
}

/** Pretty-prints each line before it is written, in this thread: a transport's thread would lose the last ones. */
function prettyLines(out: DestinationStream): DestinationStream {
  const pretty = prettyFactory({ translateTime: 'SYS:HH:MM:ss.l' });
  return {
    write: (line) => {
      const text = pretty(line);
      if (text !== undefined) out.write(text);
    },
  };
}
