import { afterEach, describe, expect, it, vi } from 'vitest'
import { createClient } from './client'
import { ApiError } from './error'

const rejected = vi.fn()
const send = createClient('http://api.test', { token: () => 'abc', rejected })
const guest = createClient('http://api.test', { token: () => null, rejected })

function answer(status: number, body: unknown, type = 'application/json') {
  const text = type.includes('json') ? JSON.stringify(body) : String(body)
  const reply = new Response(status === 204 ? null : text, { status, headers: { 'Content-Type': type } })
  const fetched = vi.fn<typeof fetch>().mockResolvedValue(reply)
  vi.stubGlobal('fetch', fetched)
  return fetched
}

async function failureOf(call: Promise<unknown>): Promise<ApiError> {
  const failure = await call.then(() => null, (error: unknown) => error)
  expect(failure).toBeInstanceOf(ApiError)
  return failure as ApiError
}

afterEach(() => {
  vi.unstubAllGlobals()
  rejected.mockClear()
})

describe('requests', () => {
  it('carry the token, the method and a JSON body', async () => {
    const fetched = answer(201, { id: 1 })
    expect(await send('/api/resources', { method: 'POST', body: { title: 'T' } })).toEqual({ id: 1 })
    const [url, init] = fetched.mock.calls[0]!
    const headers = init!.headers as Headers
    expect(url).toBe('http://api.test/api/resources')
    expect(init!.method).toBe('POST')
    expect(init!.body).toBe('{"title":"T"}')
    expect(headers.get('Authorization')).toBe('Bearer abc')
    expect(headers.get('Content-Type')).toBe('application/json')
  })

  it('carry no Authorization for a guest', async () => {
    const fetched = answer(200, {})
    await guest('/api/meta')
    expect((fetched.mock.calls[0]![1]!.headers as Headers).has('Authorization')).toBe(false)
  })

  it('take 204 for an empty answer', async () => {
    answer(204, null)
    expect(await send('/api/comments/1', { method: 'DELETE' })).toBeUndefined()
  })
})

describe('refusals', () => {
  it('say what the server said', async () => {
    answer(409, { detail: 'This e-mail is taken.' })
    const error = await failureOf(send('/api/auth/register', { method: 'POST', body: {} }))
    expect(error).toMatchObject({ status: 409, message: 'This e-mail is taken.', fields: {} })
  })

  it('are told field by field', async () => {
    answer(422, {
      detail: [
        { loc: ['body', 'password'], msg: 'Value error, too short' },
        { loc: ['body', 'tags', 0], msg: 'String should have at most 40 characters' },
      ],
    })
    const error = await failureOf(send('/api/resources', { method: 'POST', body: {} }))
    expect(error.fields).toEqual({
      password: 'Too short',
      tags: 'String should have at most 40 characters',
    })
  })

  it('end the session when the token is refused, and only then', async () => {
    answer(401, { detail: 'Expired' })
    await failureOf(send('/api/auth/me'))
    expect(rejected).toHaveBeenCalledTimes(1)
    answer(401, { detail: 'Wrong password' })
    await failureOf(guest('/api/auth/login', { method: 'POST', body: {} }))
    answer(403, { detail: 'Not yours' })
    await failureOf(send('/api/resources/1', { method: 'DELETE' }))
    expect(rejected).toHaveBeenCalledTimes(1)
  })
})

describe('broken answers', () => {
  it('are told apart: no answer at all', async () => {
    vi.stubGlobal('fetch', vi.fn().mockRejectedValue(new TypeError('fetch failed')))
    expect((await failureOf(send('/api/meta'))).status).toBe(0)
  })

  it('are told apart: a page of a proxy instead of JSON', async () => {
    answer(502, '<h1>Bad gateway</h1>', 'text/html')
    expect((await failureOf(send('/api/meta'))).message).toBe('The server answered with status 502.')
    answer(200, '<!doctype html>', 'text/html')
    expect((await failureOf(send('/api/meta'))).message).toMatch(/not JSON/)
  })

  it('leave an abandoned request to its caller', async () => {
    const aborter = new AbortController()
    aborter.abort()
    const abort = new DOMException('aborted', 'AbortError')
    vi.stubGlobal('fetch', vi.fn().mockRejectedValue(abort))
    await expect(send('/api/meta', { signal: aborter.signal })).rejects.toBe(abort)
  })
})
