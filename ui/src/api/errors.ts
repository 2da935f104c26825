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

  get isForbidden(): boolean {
    return this.status === 401 || this.status === 403
  }

  get isGone(): boolean {
    return this.status === 404
  }

  /** No answer at all: the server, or the way to it, is away. */
  get isOffline(): boolean {
    return this.status === 0
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
