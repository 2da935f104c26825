/** Arithmetic over metrics: `train/loss - val/loss`, `log(loss)`, `a / b * 100`.
 *
 * Names of metrics hold slashes, so division has blanks around it; a name with other characters
 * stands between backticks.
 */

import { points, type Series } from "./series"

const FUNCTIONS = {
  log: Math.log,
  log10: Math.log10,
  exp: Math.exp,
  sqrt: Math.sqrt,
  abs: Math.abs,
} as const

type Node =
  | { is: "number"; value: number }
  | { is: "metric"; key: string }
  | { is: "call"; of: keyof typeof FUNCTIONS; on: Node }
  | { is: "pair"; op: "+" | "-" | "*" | "/"; left: Node; right: Node }

export interface Expression {
  text: string
  root: Node
  /** The metrics that it needs. */
  keys: string[]
}

/** Where an expression is wrong, and why. */
export class ExpressionError extends Error {
  constructor(
    message: string,
    readonly at: number,
  ) {
    super(message)
  }
}

interface Token {
  kind: "number" | "name" | "sign" | "end"
  text: string
  at: number
}

const TOKEN =
  /\s*(?:(?<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+)(?=$|[\s()*+])|`(?<quoted>[^`]*)`|(?<name>[\p{L}_][\p{L}\p{N}_./:@-]*[\p{L}\p{N}_]|[\p{L}_])|(?<sign>[-+*/()]))/uy

function tokens(text: string): Token[] {
  const found: Token[] = []
  let at = 0
  while (text.slice(at).trim()) {
    TOKEN.lastIndex = at
    const match = TOKEN.exec(text)
    const blank = /^\s*/.exec(text.slice(at))?.[0].length ?? 0
    if (!match?.groups) {
      const what = text.slice(at + blank, at + blank + 1)
      throw new ExpressionError(`“${what}” has no meaning here.`, at + blank)
    }
    const { number, quoted, name, sign } = match.groups
    if (number !== undefined) found.push({ kind: "number", text: number, at: at + blank })
    else if (sign !== undefined) found.push({ kind: "sign", text: sign, at: at + blank })
    else found.push({ kind: "name", text: quoted ?? name ?? "", at: at + blank })
    at = TOKEN.lastIndex
  }
  found.push({ kind: "end", text: "", at: text.length })
  return found
}

/** Read *text*; raises `ExpressionError`. */
export function parseExpression(text: string): Expression {
  const list = tokens(text)
  const keys = new Set<string>()
  let at = 0
  const peek = () => list[at] as Token
  const is = (sign: string) => peek().kind === "sign" && peek().text === sign
  const expect = (sign: string) => {
    if (!is(sign)) throw new ExpressionError(`“${sign}” is missing.`, peek().at)
    at++
  }
  function sum(): Node {
    let left = product()
    while (is("+") || is("-")) {
      const op = peek().text as "+" | "-"
      at++
      left = { is: "pair", op, left, right: product() }
    }
    return left
  }
  function product(): Node {
    let left = factor()
    while (is("*") || is("/")) {
      const op = peek().text as "*" | "/"
      at++
      left = { is: "pair", op, left, right: factor() }
    }
    return left
  }
  function factor(): Node {
    const token = peek()
    at++
    if (token.kind === "number") return { is: "number", value: Number(token.text) }
    if (token.kind === "name") {
      if (is("(")) {
        const of = token.text as keyof typeof FUNCTIONS
        if (!(of in FUNCTIONS)) {
          const known = Object.keys(FUNCTIONS).join(", ")
          throw new ExpressionError(
            `There is no function ${token.text}; there are ${known}.`,
            token.at,
          )
        }
        at++
        const on = sum()
        expect(")")
        return { is: "call", of, on }
      }
      keys.add(token.text)
      return { is: "metric", key: token.text }
    }
    if (token.text === "(") {
      const inner = sum()
      expect(")")
      return inner
    }
    if (token.text === "-") {
      return { is: "pair", op: "-", left: { is: "number", value: 0 }, right: factor() }
    }
    throw new ExpressionError(
      token.kind === "end"
        ? "Something is missing at the end."
        : `“${token.text}” cannot stand here.`,
      token.at,
    )
  }
  const root = sum()
  if (peek().kind !== "end") throw new ExpressionError("An operator is missing.", peek().at)
  return { text: text.trim(), root, keys: [...keys] }
}

/** Whether it is more than the name of one metric. */
export function isComputed({ root }: Expression): boolean {
  return root.is !== "metric"
}

/** One series for each run that has all metrics, at the places x that all of them have. */
export function compute({ root, keys, text }: Expression, series: readonly Series[]): Series[] {
  const runs = Map.groupBy(series, ({ run }) => run)
  return [...runs].flatMap(([run, own]) => {
    const parts = keys.map((key) => own.find((one) => one.key === key))
    const [first, ...others] = parts
    if (!first || others.some((part) => !part)) return []
    const at = new Map(parts.flatMap((part) => (part ? [[part.key, indexOfX(part)] as const] : [])))
    const xs = first.x.filter((x) => keys.every((key) => at.get(key)?.has(x)))
    const columns = new Map(parts.flatMap((part) => (part ? [[part.key, part.y] as const] : [])))
    const y = xs.map((x) =>
      valueOf(root, (key) => columns.get(key)?.[at.get(key)?.get(x) ?? -1] ?? Number.NaN),
    )
    return [{ ...points(run, text, xs, y), isRaw: parts.every((part) => part?.isRaw) }]
  })
}

function indexOfX({ x }: Series): Map<number, number> {
  const found = new Map<number, number>()
  x.forEach((one, at) => found.set(one, at))
  return found
}

function valueOf(node: Node, value: (key: string) => number): number {
  switch (node.is) {
    case "number":
      return node.value
    case "metric":
      return value(node.key)
    case "call":
      return FUNCTIONS[node.of](valueOf(node.on, value))
    case "pair": {
      const left = valueOf(node.left, value)
      const right = valueOf(node.right, value)
      if (node.op === "+") return left + right
      if (node.op === "-") return left - right
      return node.op === "*" ? left * right : left / right
    }
  }
}
