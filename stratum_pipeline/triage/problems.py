"""What the API refuses, as RFC 9457 problems: one function a kind."""

from .contract import Problem, Role

NAMES = "urn:stratum:problem:"


class ApiError(Exception):
    """The API refused; `problem` says what and why. The same in this process and over HTTP."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem


def _problem(name: str, title: str, status: int, detail: str, *errors: str) -> ApiError:
    return ApiError(
        Problem(type=NAMES + name, title=title, status=status, detail=detail, errors=errors)
    )


def invalid(detail: str, *errors: str) -> ApiError:
    return _problem("invalid", "The request is not valid", 422, detail, *errors)


def unauthenticated(detail: str) -> ApiError:
    return _problem("unauthenticated", "Who you are could not be verified", 401, detail)


def forbidden(detail: str) -> ApiError:
    return _problem("forbidden", "Your role does not allow this", 403, detail)


def role_needed(role: Role, has: Role) -> ApiError:
    return forbidden(f"this needs the role {role}; yours is {has}.")


def not_found(detail: str) -> ApiError:
    return _problem("not-found", "There is no such thing", 404, detail)


def conflict(detail: str) -> ApiError:
    return _problem("conflict", "Something changed in between", 409, detail)


def cursor_expired() -> ApiError:
    return _problem(
        "cursor-expired",
        "The list was rebuilt",
        410,
        "the queue was rebuilt since this cursor was made: start from the first page.",
    )


def no_queue() -> ApiError:
    return _problem(
        "no-queue",
        "Nothing was scanned yet",
        503,
        "there is no queue yet: run `stratum scan`, or `stratum demo` to try it.",
    )


def storage(detail: str) -> ApiError:
    return _problem("storage", "Data or vault cannot be read or written", 503, detail)


def not_recorded(detail: str) -> ApiError:
    return storage(f"{detail}. Nothing was recorded: send it again")


def unsure(detail: str) -> ApiError:
    return _problem(
        "unsure",
        "Whether it was recorded is not known",
        503,
        f"{detail.rstrip('.')}. It may have been recorded, or still be: under an Idempotency-Key "
        "it is safe to send again with the same key; else look at the activity first.",
    )
