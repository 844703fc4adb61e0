/**
 * The access rules: a draft to edit, what it would remove, and to apply it. The hub counts before anything changes, and
 * a draft that was made of rules which another operator has replaced since is not applied unasked.
 */
import { useEffect, useRef, useState } from 'preact/hooks';
import { isPattern, PATTERN_ACCEPTED } from '../../src/access/pattern.ts';
import { ACCESS_RULES_MAX } from '../../src/limits.ts';
import { messageOf } from './api.ts';
import { Confirm, type Question } from './confirm.tsx';
import { integer } from './format.ts';
import { ErrorNote, Panel } from './parts.tsx';
import { type AccessRule, dryRunRules, readRules, setRules } from './rules-api.ts';

/** A rule of the draft; `key` stays with it when it moves. */
type DraftRule = AccessRule & { readonly key: number };

let keys = 0;
const draftOf = (rules: readonly AccessRule[]): DraftRule[] =>
  rules.map((rule) => ({ ...rule, key: ++keys }));
const plain = (rules: readonly AccessRule[]): AccessRule[] =>
  rules.map(({ device, subscriber, access }) => ({ device, subscriber, access }));
const isSame = (one: readonly AccessRule[], other: readonly AccessRule[]): boolean =>
  JSON.stringify(plain(one)) === JSON.stringify(plain(other));

/** @param startedAt of the hub: another one is asked for its rules, unless there is a draft to lose */
export function Rules({ startedAt }: { startedAt: number }) {
  const [inForce, setInForce] = useState<readonly AccessRule[]>();
  const [draft, setDraft] = useState<readonly DraftRule[]>([]);
  const [failure, setFailure] = useState('');
  const [notice, setNotice] = useState('');
  const [question, setQuestion] = useState<Question>();

  const latest = useRef(draft);
  latest.current = draft;

  const edit = (next: readonly DraftRule[]): void => {
    setDraft(next);
    setNotice('');
  };
  const load = (): void => {
    readRules()
      .then((rules) => {
        setInForce(rules);
        // What was edited since stays.
        if (latest.current === draft) edit(draftOf(rules));
        setFailure('');
      })
      .catch((error: unknown) => setFailure(messageOf(error)));
  };
  const isChanged = inForce !== undefined && !isSame(inForce, draft);
  useEffect(() => {
    if (!isChanged) load();
  }, [startedAt]);

  const isGood = draft.every(({ device, subscriber }) => isPattern(device) && isPattern(subscriber));

  /**
   * Counts first.
   * @param then with the count, and whether the rules are still those that the draft was made of; not called when the
   *   draft is another by then
   */
  const check = (then: (removed: number, isStale: boolean) => void): void => {
    setFailure('');
    setNotice('');
    Promise.all([dryRunRules(plain(draft)), readRules()])
      .then(([{ removed }, now]) => {
        if (latest.current === draft) then(removed, inForce !== undefined && !isSame(now, inForce));
      })
      .catch((error: unknown) => setFailure(messageOf(error)));
  };
  const apply = (removed: number, isStale: boolean): void =>
    setQuestion({
      title: 'Apply these rules?',
      text: `${isStale ? 'Another operator has changed the rules since you loaded them; yours replace them. ' : ''}${removed === 0 ? 'They remove no live subscription.' : `They remove ${subscriptionsText(removed)}, and the hub tells the subscribers.`}`,
      action: 'Apply',
      isDangerous: removed > 0 || isStale,
      run: async () => {
        const answer = await setRules(plain(draft));
        setInForce(answer.rules);
        setDraft(draftOf(answer.rules));
        setNotice(`Applied: ${subscriptionsText(answer.removed)} removed.`);
      },
    });

  return (
    <Panel
      title="Access rules"
      note="The first rule that matches decides, unless an operator has set a status for the pair. If none matches, DAT_DEFAULT_ACCESS decides."
      wide
    >
      {failure === '' ? null : (
        <ErrorNote message={failure} {...(inForce === undefined ? { retry: load } : {})} />
      )}
      {inForce === undefined ? (
        <p class="note muted">{failure === '' ? 'Loading…' : 'The rules could not be loaded.'}</p>
      ) : (
        <>
          <Draft draft={draft} change={edit} />
          <div class="filter rule-actions">
            <button
              type="button"
              disabled={draft.length >= ACCESS_RULES_MAX}
              onClick={() => edit([...draft, ...draftOf([{ device: '*', subscriber: '*', access: 'deny' }])])}
            >
              Add rule
            </button>
            <button
              type="button"
              disabled={!isGood}
              onClick={() =>
                check((removed, isStale) =>
                  setNotice(
                    `These rules would remove ${subscriptionsText(removed)}.${isStale ? ' Another operator has changed the rules since you loaded them.' : ''}`,
                  ),
                )
              }
            >
              Dry run
            </button>
            <button
              type="button"
              class="primary"
              disabled={!isGood || !isChanged}
              onClick={() => check(apply)}
            >
              Apply…
            </button>
            <button type="button" onClick={load}>
              {isChanged ? 'Discard changes' : 'Reload'}
            </button>
            <span class="muted" role="status">
              {notice !== ''
                ? notice
                : isChanged
                  ? 'Not applied yet.'
                  : `${integer(draft.length)} of at most ${integer(ACCESS_RULES_MAX)} rules, in force`}
            </span>
          </div>
        </>
      )}
      {question === undefined ? null : <Confirm question={question} done={() => setQuestion(undefined)} />}
    </Panel>
  );
}

function subscriptionsText(count: number): string {
  return `${count === 0 ? 'no' : integer(count)} live ${count === 1 ? 'subscription' : 'subscriptions'}`;
}

function Draft(props: { draft: readonly DraftRule[]; change: (draft: readonly DraftRule[]) => void }) {
  const { draft, change } = props;
  const set = (index: number, rule: Partial<AccessRule>): void =>
    change(draft.map((each, at) => (at === index ? { ...each, ...rule } : each)));
  const move = (from: number, to: number): void => {
    const moved = [...draft];
    moved.splice(to, 0, ...moved.splice(from, 1));
    change(moved);
  };
  if (draft.length === 0) return <p class="note muted">No rules.</p>;
  return (
    <ol class="rules">
      {draft.map((rule, index) => (
        <li key={rule.key} aria-label={`Rule ${index + 1}`}>
          <span class="rule-number muted">{index + 1}</span>
          <Pattern name="Device" value={rule.device} set={(device) => set(index, { device })} />
          <Pattern
            name="Subscriber"
            value={rule.subscriber}
            set={(subscriber) => set(index, { subscriber })}
          />
          <label>
            <span>Access</span>
            <select
              value={rule.access}
              onChange={(event) =>
                set(index, { access: event.currentTarget.value === 'allow' ? 'allow' : 'deny' })
              }
            >
              <option value="allow">allow</option>
              <option value="deny">deny</option>
            </select>
          </label>
          <span class="rule-buttons">
            <button
              type="button"
              class="small"
              disabled={index === 0}
              aria-label={`Move rule ${index + 1} up`}
              onClick={() => move(index, index - 1)}
            >
              ↑
            </button>
            <button
              type="button"
              class="small"
              disabled={index === draft.length - 1}
              aria-label={`Move rule ${index + 1} down`}
              onClick={() => move(index, index + 1)}
            >
              ↓
            </button>
            <button
              type="button"
              class="small danger"
              aria-label={`Delete rule ${index + 1}`}
              onClick={() => change(draft.filter((_, at) => at !== index))}
            >
              Delete
            </button>
          </span>
        </li>
      ))}
    </ol>
  );
}

function Pattern(props: { name: string; value: string; set: (value: string) => void }) {
  const { name, value, set } = props;
  const isBad = !isPattern(value);
  return (
    <label class="pattern">
      <span>{name}</span>
      <input
        value={value}
        autocomplete="off"
        autocapitalize="off"
        spellcheck={false}
        maxLength={129}
        aria-invalid={isBad}
        title={isBad ? `Accepted: ${PATTERN_ACCEPTED}` : undefined}
        onInput={(event) => set(event.currentTarget.value)}
      />
      {isBad ? (
        <small class="bad" role="alert">
          {PATTERN_ACCEPTED}
        </small>
      ) : null}
    </label>
  );
}
