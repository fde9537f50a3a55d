import { useRef, useState } from 'react'
import type { ApiError } from '../api/error'
import { asApiError } from '../lib/useLoad'
import { FormError } from './Field'
import { Icon } from './Icon'

/** A delete button that asks first, in a dialog of the browser's own kind. */
export function DeleteButton({ what, act }: { what: string; act(): Promise<void> }) {
  const dialog = useRef<HTMLDialogElement>(null)
  const [error, setError] = useState<ApiError | null>(null)
  async function confirmed() {
    try {
      await act()
      dialog.current?.close()
    } catch (failure) {
      setError(asApiError(failure))
    }
  }
  return (
    <>
      <button
        className="button button--quiet button--small button--danger"
        onClick={() => dialog.current?.showModal()}
        aria-label={`Delete this ${what}`}
      >
        <Icon name="trash" />
        Delete
      </button>
      <dialog ref={dialog} className="dialog" aria-label={`Delete this ${what}`}>
        <h2>Delete this {what}?</h2>
        <p>This cannot be taken back.</p>
        <FormError error={error} />
        <div className="dialog__actions">
          <button className="button button--quiet" onClick={() => dialog.current?.close()}>
            Keep it
          </button>
          <button className="button button--danger-fill" onClick={() => void confirmed()}>
            Delete
          </button>
        </div>
      </dialog>
    </>
  )
}
