// SPDX-License-Identifier: Apache-2.0
// The input that a rollback requires.

import { useId } from "react";
import type { PlanAnswer } from "../api/contract";
import type { Entry, FieldErrors } from "../model/start";

interface Props {
  answer: PlanAnswer;
  entry: Entry;
  fieldErrors: FieldErrors;
  change: (entry: Entry) => void;
  submit: () => void;
  disabled: boolean;
}

export function RollbackForm({ answer, entry, fieldErrors, change, submit, disabled }: Props) {
  const id = useId();
  return (
    <form
      className="rbk-form"
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
        aria-invalid={Boolean(fieldErrors.description)}
        aria-describedby={`${id}why-hint`}
        onInput={(event) => change({ ...entry, description: event.currentTarget.value })}
      />
      <p id={`${id}why-hint`} className={fieldErrors.description ? "rbk-error" : "rbk-muted"}>
        {fieldErrors.description ?? `${[...entry.description.trim()].length} of ${answer.description_limit} characters`}
      </p>
      {answer.confirm_name !== null && (
        <>
          <label htmlFor={`${id}name`}>
            To accept the loss, type the Deployment's name: <strong>
              <bdi>{answer.confirm_name}</bdi>
            </strong>
          </label>
          <input
            id={`${id}name`}
            type="text"
            autoComplete="off"
            spellCheck={false}
            required
            readOnly={disabled}
            value={entry.typedName}
            aria-invalid={Boolean(fieldErrors.typedName)}
            aria-describedby={`${id}name-hint`}
            onInput={(event) => change({ ...entry, typedName: event.currentTarget.value })}
          />
          <p id={`${id}name-hint`} className="rbk-error">
            {fieldErrors.typedName}
          </p>
        </>
      )}
    </form>
  );
}
