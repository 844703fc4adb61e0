/** Asks before something is done to a peer, and tells when the hub would not do it. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiError } from './api.ts';

export interface Question {
  readonly title: string;
  /** What will happen. */
  readonly text: string;
  /** What the button says. */
  readonly action: string;
  readonly isDangerous?: boolean;
  run(): Promise<unknown>;
}

export function Confirm({ question, done }: { question: Question; done: (hasRun: boolean) => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [failure, setFailure] = useState('');
  const [isRunning, setIsRunning] = useState(false);
  useEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    return () => {
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  const run = async (): Promise<void> => {
    setIsRunning(true);
    setFailure('');
    try {
      await question.run();
      done(true);
    } catch (error) {
      setFailure(error instanceof ApiError ? error.message : String(error));
      setIsRunning(false);
    }
  };
  return (
    <dialog
      ref={dialog}
      aria-labelledby="confirm-title"
      onCancel={(event) => {
        event.preventDefault();
        done(false);
      }}
    >
      <h2 id="confirm-title">{question.title}</h2>
      <p>{question.text}</p>
      {failure === '' ? null : (
        <p class="note bad" role="alert">
          {failure}
        </p>
      )}
      <div class="buttons">
        <button type="button" onClick={() => done(false)}>
          Cancel
        </button>
        <button
          type="button"
          class={question.isDangerous === true ? 'danger' : 'primary'}
          disabled={isRunning}
          onClick={() => void run()}
        >
          {question.action}
        </button>
      </div>
    </dialog>
  );
}
