/** An answer of the API that is not a success, in words for a person. */
export class ApiError extends Error {
  constructor(
    /** The HTTP status; 0 when no answer came. */
    readonly status: number,
    message: string,
    /** What is wrong with each field of the form, by the field's name. */
    readonly fields: Record<string, string> = {},
  ) {
    super(message)
    this.name = 'ApiError'
  }
}

export function unreachable(): ApiError {
  return new ApiError(0, 'The server cannot be reached. Check the connection and try again.')
}

/** Read FastAPI's two shapes of `detail`: a sentence, or a list with one entry a field. */
export function apiErrorFrom(status: number, answer: unknown): ApiError {
  const detail = (answer as { detail?: unknown } | null)?.detail
  if (typeof detail === 'string') return new ApiError(status, detail)
  if (Array.isArray(detail)) {
    return new ApiError(status, 'Some fields need another look.', fieldMessages(detail))
  }
  return new ApiError(status, `The server answered with status ${status}.`)
}

function fieldMessages(detail: unknown[]): Record<string, string> {
  const fields: Record<string, string> = {}
  for (const entry of detail as { loc?: unknown[]; msg?: string }[]) {
    const field = entry.loc?.find((part) => typeof part === 'string' && part !== 'body')
    if (typeof field === 'string') fields[field] ??= sentence(entry.msg ?? 'This value is not valid')
  }
  return fields
}

// Pydantic prefixes the messages of our own validators.
function sentence(message: string): string {
  const text = message.replace(/^(Value|Assertion) error, /, '')
  return text.charAt(0).toUpperCase() + text.slice(1)
}
