/** Why a request failed, with what helps to mend it and to find it in the server's log. */
export class ApiError extends Error {
  override readonly name = "ApiError"

  constructor(
    message: string,
    readonly code: string,
    /** 0 when no answer came. */
    readonly status: number,
    readonly requestId: string | null,
    readonly details: Readonly<Record<string, unknown>> = {},
  ) {
    super(message)
  }

  /** The way out: the sentence that ends the message. */
  get hint(): string | null {
    return text(this.details["hint"])
  }

  /** What is wrong in the request, such as "filter" or "order_by[0]". */
  get field(): string | null {
    return text(this.details["field"])
  }

  /** Where in the text of that field, by characters from 1. */
  get column(): number | null {
    const { column } = this.details
    return typeof column === "number" ? column : null
  }

  get isForbidden(): boolean {
    return this.status === 401 || this.status === 403
  }

  get isGone(): boolean {
    return this.status === 404
  }

  /** The server was there, and silent: who asks at once again waits as long again. */
  get isTimeout(): boolean {
    return this.code === "TIMEOUT"
  }
}

export async function errorOf(response: Response): Promise<ApiError> {
  const requestId = response.headers.get("x-request-id")
  try {
    const told = (await response.json()) as Record<string, unknown>
    const message = text(told["message"]) ?? text(told["detail"]) ?? text(told["title"])
    const code = text(told["error_code"]) ?? text(told["code"]) ?? String(response.status)
    return new ApiError(
      message ?? "The server gave no reason.",
      code,
      response.status,
      requestId,
      told,
    )
  } catch {
    const message = `The server answered ${response.status} without a reason.`
    return new ApiError(message, String(response.status), response.status, requestId)
  }
}

function text(value: unknown): string | null {
  return typeof value === "string" && value ? value : null
}
