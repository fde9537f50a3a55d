/** The records of the API, field for field. */
export interface Author {
  id: number | string
  full_name: string
  professional_role: string
}

export interface User extends Author {
  email: string
  created_at: string
}

export interface Resource {
  id: number | string
  kind: string
  title: string
  summary: string
  body: string
  url: string | null
  tags: string[]
  author: Author
  created_at: string
  updated_at: string
  comment_count: number
}

export interface Comment {
  id: number | string
  body: string
  author: Author
  created_at: string
}

export interface Page<T> {
  items: T[]
  total: number
  page: number
  size: number
  pages: number
}

export interface Option {
  value: string
  label: string
}

export interface KindCount extends Option {
  count: number
}

export interface Meta {
  name: string
  kinds: KindCount[]
  professional_roles: Option[]
  resources: number
  members: number
  allowed_domains: string[]
}

export interface TagCount {
  name: string
  count: number
}

export interface Token {
  access_token: string
  token_type: string
  expires_in: number
}

export interface ResourceDraft {
  kind: string
  title: string
  summary: string
  body: string
  url: string | null
  tags: string[]
}

export interface Registration {
  email: string
  password: string
  full_name: string
  professional_role: string
}
