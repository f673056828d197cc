// SPDX-License-Identifier: Apache-2.0
// What a person must say before a rollback is started.

import { useId } from "react";
import type { PlanAnswer } from "../api/contract";
import type { Entry, Mistakes } from "../model/order";

interface Props {
  answer: PlanAnswer;
  entry: Entry;
  mistakes: Mistakes;
  change: (entry: Entry) => void;
  submit: () => void;
  disabled: boolean;
}

export function OrderForm({ answer, entry, mistakes, change, submit, disabled }: Props) {
  const id = useId();
  return (
    <form
      className="rbk-order"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <label htmlFor={`${id}why`}>Why? (required; written to the deploy history)</label>
      <textarea
        id={`${id}why`}
        rows={2}
        required
        readOnly={disabled}
        value={entry.description}
        aria-invalid={Boolean(mistakes.description)}
        aria-describedby={`${id}why-hint`}
        onInput={(event) => change({ ...entry, description: event.currentTarget.value })}
      />
      <p id={`${id}why-hint`} className={mistakes.description ? "rbk-mistake" : "rbk-muted"}>
        {mistakes.description ?? `${[...entry.description.trim()].length} of ${answer.description_limit} characters`}
      </p>
      {answer.confirm_name !== null && (
        <>
          <label htmlFor={`${id}name`}>
            To accept the loss, type the Deployment's name: <strong>{answer.confirm_name}</strong>
          </label>
          <input
            id={`${id}name`}
            type="text"
            autoComplete="off"
            spellCheck={false}
            required
            readOnly={disabled}
            value={entry.typedName}
            aria-invalid={Boolean(mistakes.typedName)}
            aria-describedby={`${id}name-hint`}
            onInput={(event) => change({ ...entry, typedName: event.currentTarget.value })}
          />
          <p id={`${id}name-hint`} className="rbk-mistake">
            {mistakes.typedName}
          </p>
        </>
      )}
    </form>
  );
}
