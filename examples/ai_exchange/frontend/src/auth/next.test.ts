import { expect, it } from 'vitest'
import { nextPath } from './next'

it('leads back to the page that asked for a member', () => {
  expect(nextPath(new URLSearchParams('next=%2Fresources%2F3%3Fpage%3D2'))).toBe('/resources/3?page=2')
  expect(nextPath(new URLSearchParams(''))).toBe('/')
})

it.each(['https://evil.example', '//evil.example', '/\\evil.example', 'javascript:alert(1)'])(
  'never leads to %s',
  (next) => {
    expect(nextPath(new URLSearchParams({ next }))).toBe('/')
  },
)
