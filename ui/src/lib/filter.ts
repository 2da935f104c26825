/**
 * The filter language as far as a field that is being typed into needs it: tokens, the first mistake,
 * and the comparisons that stand side by side. What it accepts the server accepts; see
 * docs/reference/search.md for the grammar.
 */

export interface Token {
  kind: "word" | "text" | "number" | "operator" | "bracket" | "comma" | "odd"
  text: string
  from: number
  to: number
}

export interface Mistake {
  from: number
  to: number
  message: string
}

/** A comparison that stands by itself: joined to others by AND at the top, or alone. */
export interface Chip {
  from: number
  to: number
  field: string
  text: string
}

export type Parsed =
  | { kind: "empty" }
  /** Plain words: sought in names, tags, notes and ids. */
  | { kind: "words"; text: string }
  | { kind: "filter"; text: string; chips: Chip[] }
  | { kind: "mistake"; mistake: Mistake }

const LEXER =
  /\s+|(?<text>'[^']*'|"[^"]*"|`[^`]*`)|(?<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w.]))|(?<word>[A-Za-z_]\w*\.(?:`[^`]*`|"[^"]*"|'[^']*')(?:\.\w+)?|[A-Za-z_][\w./:%@-]*)|(?<operator>!=|>=|<=|=|<|>)|(?<bracket>[()])|(?<comma>,)|(?<odd>.)/gsu

const ENTITIES = new Set(
  "metric metrics param params parameter parameters tag tags dataset datasets attribute attributes attr run model models".split(" "),
) // prettier-ignore
export const ATTRIBUTES = [
  "run_id",
  "run_name",
  "status",
  "start_time",
  "end_time",
  "duration",
  "user_id",
  "artifact_uri",
] as const
const ATTRIBUTE_NAMES = new Set<string>([
  ...ATTRIBUTES,
  "created",
  "Created",
  "run name",
  "Run name",
  "Run Name",
  "start time",
  "end time",
  "user",
  "lifecycle_stage",
])
const WORD_OPERATORS = /^(NOT|LIKE|ILIKE|RLIKE|IN|BETWEEN|IS)$/i
const KEYWORDS = /^(AND|OR|NOT|LIKE|ILIKE|RLIKE|IN|BETWEEN|IS|NULL)$/i

export function tokens(text: string): Token[] {
  const found: Token[] = []
  for (const match of text.matchAll(LEXER)) {
    const [kind] = Object.entries(match.groups ?? {}).find(([, part]) => part !== undefined) ?? []
    if (!kind) continue
    const from = match.index
    found.push({ kind: kind as Token["kind"], text: match[0], from, to: from + match[0].length })
  }
  return found
}

class Refused extends Error {
  constructor(readonly mistake: Mistake) {
    super(mistake.message)
  }
}

class Reader {
  private at = 0
  readonly chips: Chip[] = []

  constructor(
    private readonly list: Token[],
    private readonly source: string,
  ) {}

  whole(): Chip[] {
    const isPlain = this.either(true)
    const left = this.list[this.at]
    if (left)
      this.refuse(left, `“${left.text}” is not expected here; join comparisons by AND or OR.`)
    return isPlain ? this.chips : []
  }

  /** Whether all that was read are comparisons joined by AND. */
  private either(isTop: boolean): boolean {
    let isPlain = this.both(isTop)
    while (this.takes("OR")) {
      isPlain = false
      this.both(false)
    }
    return isPlain
  }

  private both(isTop: boolean): boolean {
    let isPlain = this.term(isTop)
    while (this.takes("AND")) isPlain = this.term(isTop) && isPlain
    return isPlain
  }

  private term(isTop: boolean): boolean {
    if (this.takes("NOT")) {
      this.term(false)
      return false
    }
    const open = this.list[this.at]
    if (open?.text === "(") {
      this.at++
      this.either(false)
      if (this.list[this.at]?.text !== ")")
        this.refuse(open, "This bracket is never closed; add ) at the end.")
      this.at++
      return false
    }
    this.comparison(isTop)
    return true
  }

  private comparison(isTop: boolean) {
    const field = this.next("A field is missing, such as metrics.loss or params.lr.")
    if (field.kind !== "word" && field.kind !== "text") {
      this.refuse(
        field,
        `“${field.text}” is no field; write metrics.KEY, params.KEY, tags.KEY or an attribute.`,
      )
    }
    this.checkField(field)
    const operator = this.next(`An operator is missing after ${field.text}, such as = or <.`)
    if (operator.kind === "operator") this.value(operator.text)
    else if (operator.kind === "word" && WORD_OPERATORS.test(operator.text))
      this.wordOperator(operator)
    else
      this.refuse(
        operator,
        `“${operator.text}” is no operator; use = != < <= > >= LIKE ILIKE RLIKE IN BETWEEN or IS NULL.`,
      )
    const last = this.list[this.at - 1] ?? operator
    if (isTop) {
      const text = this.source.slice(field.from, last.to)
      this.chips.push({ from: field.from, to: last.to, field: field.text, text })
    }
  }

  private checkField(field: Token) {
    const dot = field.text.indexOf(".")
    const entity = dot < 0 ? "" : field.text.slice(0, dot)
    if (dot < 0) {
      const name = field.text.replace(/^[`"']|[`"']$/g, "")
      if (ATTRIBUTE_NAMES.has(name)) return
      this.refuse(
        field,
        `There is no attribute “${field.text}”; a key needs its kind: metrics.${name} or params.${name}.`,
      )
    }
    if (!ENTITIES.has(entity)) {
      this.refuse(
        field,
        `“${entity}” is no kind of key; there are metrics, params, tags, attributes, datasets and models.`,
      )
    }
    if (dot === field.text.length - 1)
      this.refuse(field, `The key after “${field.text}” is missing.`)
  }

  private wordOperator(first: Token) {
    let operator = first.text.toUpperCase()
    if (operator === "NOT")
      operator = this.next("LIKE, IN or BETWEEN is missing after NOT.").text.toUpperCase()
    switch (operator) {
      case "IS":
        this.takes("NOT")
        if (!this.takes("NULL"))
          this.refuse(this.list[this.at] ?? first, "IS is followed by NULL or NOT NULL.")
        return
      case "IN":
        return this.list_(first)
      case "BETWEEN":
        this.value("BETWEEN")
        if (!this.takes("AND"))
          this.refuse(this.list[this.at] ?? first, "BETWEEN needs two values: BETWEEN 1 AND 2.")
        return this.value("BETWEEN")
      case "LIKE":
      case "ILIKE":
      case "RLIKE": {
        const pattern = this.next(`${operator} needs a pattern in quotes.`)
        if (pattern.kind !== "text")
          this.refuse(
            pattern,
            `${operator} takes a text in quotes: ${operator} '%${pattern.text}%'.`,
          )
        return
      }
      default:
        this.refuse(first, `“${operator}” is no operator.`)
    }
  }

  private list_(from: Token) {
    const open = this.next("IN needs a list: IN ('a', 'b').")
    if (open.text !== "(") this.refuse(open, "IN needs a list in brackets: IN ('a', 'b').")
    do {
      if (this.list[this.at]?.text === ")") break
      this.value("IN")
    } while (this.takesText(","))
    if (!this.takesText(")"))
      this.refuse(this.list[this.at] ?? from, "The list after IN is never closed; add ).")
  }

  private value(operator: string) {
    const value = this.next(`A value is missing after ${operator}.`)
    if (value.kind === "text" || value.kind === "number") return
    if (value.kind === "word" && !KEYWORDS.test(value.text)) {
      this.refuse(value, `A text stands in quotes: '${value.text}'.`)
    }
    this.refuse(value, `“${value.text}” is no value; write a number, or a text in quotes.`)
  }

  private next(missing: string): Token {
    const token = this.list[this.at++]
    if (!token) {
      const end = this.source.trimEnd().length
      throw new Refused({ from: Math.max(0, end - 1), to: Math.max(1, end), message: missing })
    }
    if (token.kind === "odd") {
      const isQuote = /['"`]/.test(token.text)
      this.refuse(
        token,
        isQuote ? "This quote is never closed." : `“${token.text}” means nothing here.`,
      )
    }
    return token
  }

  private takes(word: string): boolean {
    const token = this.list[this.at]
    const isThere = token?.kind === "word" && token.text.toUpperCase() === word
    if (isThere) this.at++
    return isThere
  }

  private takesText(text: string): boolean {
    const isThere = this.list[this.at]?.text === text
    if (isThere) this.at++
    return isThere
  }

  private refuse(token: Token, message: string): never {
    throw new Refused({ from: token.from, to: token.to, message })
  }
}

/** What a text in the query field means; the first mistake when it means nothing. */
export function parsed(text: string): Parsed {
  const trimmed = text.trim()
  if (!trimmed) return { kind: "empty" }
  const list = tokens(text)
  if (!list.some(isOfLanguage)) return { kind: "words", text: trimmed }
  try {
    return { kind: "filter", text: trimmed, chips: new Reader(list, text).whole() }
  } catch (error) {
    if (error instanceof Refused) return { kind: "mistake", mistake: error.mistake }
    throw error
  }
}

/** Words alone are sought; anything that reads like a comparison is one. */
function isOfLanguage({ kind, text }: Token): boolean {
  return (
    kind === "operator" ||
    (kind === "word" && (/^(LIKE|ILIKE|RLIKE|BETWEEN|IS)$/.test(text.toUpperCase()) ||
      (/\./.test(text) && ENTITIES.has(text.split(".")[0] ?? ""))))
  ) // prettier-ignore
}

/** A key as it stands after its kind: in backticks where it has odd characters. */
export function keyed(entity: string, key: string): string {
  return `${entity}.${/^[A-Za-z_]\w*$/.test(key) ? key : `\`${key}\``}`
}

/** A text as a value. */
export function literal(value: string): string {
  return value.includes("'") ? `"${value.replaceAll('"', "")}"` : `'${value}'`
}

/** *text* with another comparison at its end. */
export function joined(text: string, comparison: string): string {
  const before = text.trim()
  if (!before) return comparison
  const wrapped = /\bOR\b/i.test(before) && !/^\(.*\)$/.test(before) ? `(${before})` : before
  return `${wrapped} AND ${comparison}`
}

/** *text* without the chip, and without the AND that joined it. */
export function without(text: string, chip: Chip): string {
  const before = text.slice(0, chip.from).replace(/\s*\bAND\s*$/i, "")
  const after = text.slice(chip.to).replace(/^\s*AND\b\s*/i, "")
  return [before.trim(), after.trim()].filter(Boolean).join(" AND ")
}

/** What stands at the cursor and what could: a kind of key, a key of a kind, or a value of a field. */
export interface Place {
  from: number
  to: number
  typed: string
  wants: { kind: "entity" } | { kind: "key"; entity: string } | { kind: "value"; field: string } | { kind: "operator" } | { kind: "join" }
} // prettier-ignore

export function place(text: string, cursor: number): Place | null {
  const before = tokens(text.slice(0, cursor))
  const last = before.at(-1)
  const isTouching = last !== undefined && last.to === cursor
  const typedToken = isTouching ? last : undefined
  const previous = before.at(isTouching ? -2 : -1)
  const from = typedToken?.from ?? cursor
  const typed = typedToken?.text ?? ""
  const at = { from, to: cursor, typed }
  const isStart =
    previous === undefined || previous.text === "(" || /^(AND|OR|NOT)$/i.test(previous.text)
  if (isStart && (!typedToken || typedToken.kind === "word" || typedToken.kind === "odd")) {
    const dot = typed.indexOf(".")
    if (dot < 0) return { ...at, wants: { kind: "entity" } }
    const entity = typed.slice(0, dot)
    return {
      ...at,
      from: from + dot + 1,
      typed: typed.slice(dot + 1).replace(/^`/, ""),
      wants: { kind: "key", entity },
    }
  }
  if (
    previous &&
    (previous.kind === "operator" ||
      /^(LIKE|ILIKE|RLIKE)$/i.test(previous.text) ||
      previous.text === "(" ||
      previous.text === ",")
  ) {
    const field = before
      .slice(0, before.indexOf(previous))
      .findLast(({ kind, text: word }) => kind === "word" && !KEYWORDS.test(word))
    if (field)
      return {
        ...at,
        typed: typed.replace(/^['"]|['"]$/g, ""),
        wants: { kind: "value", field: field.text },
      }
  }
  if (!isTouching && previous?.kind === "word" && !KEYWORDS.test(previous.text))
    return { ...at, wants: { kind: "operator" } }
  if (
    !isTouching &&
    (previous?.kind === "text" || previous?.kind === "number" || previous?.text === ")")
  )
    return { ...at, wants: { kind: "join" } }
  return null
}
