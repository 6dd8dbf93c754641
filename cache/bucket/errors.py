"""What a store says when it refuses, as one sentence that repeats none of its words and no key."""

import os
import re
from urllib.parse import urlsplit

from unsinter.cache.errors import UnsinterError

ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
"""Variables of the environment that name a store other than that of AWS."""

_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_CODE = re.compile(r"<Code>([A-Za-z0-9.]{1,60})</Code>")
_STATUS = re.compile(r"status code: ([0-9]{3})")
_NO_CREDENTIALS = re.compile(
    r"http://169\.254\.(169\.254|170\.2)/|Missing (SecretAccessKey|AccessKeyId|Key)|read token file"
)
"""The machine was asked for those of its role, whatever it said, or one half of them alone is set."""
_KEPT = "what is stored stays"
_ANEW = f"set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN anew and run again: {_KEPT}"

_EXPIRED = ("the credentials have expired", _ANEW)
_NONE = ("there are no credentials for the store", _ANEW.replace(" anew", "", 1))
_UNKNOWN = ("the store does not know these credentials", _ANEW)
_FULL = ("the store is full or over its quota", f"make room there and run again: {_KEPT}")
_REGION = ("the bucket is in another region", "set AWS_REGION to the bucket's region and run again")
_CLOCK = (
    "the clock of this machine is too far from the store's",
    f"set it right (most stores allow 15 minutes) and run again: {_KEPT}",
)
_FORBIDDEN = (
    "these credentials may not do that",
    "allow them to list, get, put and delete there (or name another bucket) and run again",
)
_BUSY = ("the store gives no answer, after several attempts", f"run again when it does: {_KEPT}")
_UNCONDITIONAL = (
    "this store does not keep to conditional writes",
    "use one that does (If-None-Match, If-Match), as else of two writers one would undo the other's work",
)
_LARGE = ("an object is larger than the store takes at once", "use fewer rows per shard and run again")

_WORDS = {
    "ExpiredToken": _EXPIRED,
    "ExpiredTokenException": _EXPIRED,
    "TokenRefreshRequired": _EXPIRED,
    "RequestExpired": _CLOCK,
    "RequestTimeTooSkewed": _CLOCK,
    "InvalidToken": _UNKNOWN,
    "InvalidAccessKeyId": _UNKNOWN,
    "InvalidClientTokenId": _UNKNOWN,
    "SignatureDoesNotMatch": _UNKNOWN,
    "AccessDenied": _FORBIDDEN,
    "AllAccessDisabled": _FORBIDDEN,
    "AuthorizationHeaderMalformed": _REGION,
    "IllegalLocationConstraintException": _REGION,
    "PermanentRedirect": _REGION,
    "TemporaryRedirect": _REGION,
    "QuotaExceeded": _FULL,
    "XMinioStorageFull": _FULL,
    "XMinioAdminBucketQuotaExceeded": _FULL,
    "EntityTooLarge": _LARGE,
    "NotImplemented": _UNCONDITIONAL,
    "NoSuchBucket": ("there is no such bucket", "make it or name another, and run again"),
}
_BY_STATUS = {
    "301": _REGION,
    "307": _REGION,
    "401": _UNKNOWN,
    "403": _FORBIDDEN,
    "413": _LARGE,
    "501": _UNCONDITIONAL,
    "507": _FULL,
}


class BucketError(UnsinterError, RuntimeError):
    """A store of objects refused, or cannot be reached or used: why, and what to do.

    It is no error of a value or of a file, so that a store out of reach is never taken for a damaged file.
    """


def code_of(error: BaseException) -> str:
    """Return the store's code for what it refused; empty where it gave none."""
    code = _CODE.search(str(error))
    return code[1] if code else ""


def is_refusal(error: BaseException) -> bool:
    """Say whether a store refused without a word on why, as where no body is asked for."""
    return bool(_STATUS.search(str(error))) and not code_of(error)


def bucket_error(error: BaseException, place: str) -> BucketError:
    """Return the error for what a store refused."""
    text, code = str(error), code_of(error)
    status = _STATUS.search(text)
    if code in _WORDS:
        what, advice = _WORDS[code]
    elif not code and _NO_CREDENTIALS.search(text):
        what, advice = _NONE
    elif status and status[1] in _BY_STATUS:
        what, advice = _BY_STATUS[status[1]]
    elif status and status[1].startswith("5"):
        what, advice = _BUSY[0], f"{_BUSY[1]} (its status was {status[1]})"
    elif status:
        what = f"the store refused (status {status[1]}{' ' if code else ''}{code})"
        advice = f"see to the store and run again: {_KEPT}"
    elif "redential" in text:
        what, advice = _NONE
    else:
        what = f"{store_name()} cannot be reached"
        advice = f"see to the network and to AWS_ENDPOINT_URL{_plain_http()}, then run again: {_KEPT}"
    return BucketError(f"{place}: {what}; {advice}.")


def unconditional(place: str) -> BucketError:
    """Return the error for a store that leaves conditions out in silence."""
    what, advice = _UNCONDITIONAL
    return BucketError(f"{place}: {what}; {advice}.")


def no_store(place: str) -> BucketError:
    """Return the error for what answers as no store does, such as a page to log in at."""
    return BucketError(
        f"{place}: {store_name()} has an object of a name that was never used, as a web page would: it is "
        "no store that speaks S3; see to AWS_ENDPOINT_URL (the port of a console is another) and run again."
    )


def store_name() -> str:
    """Return the host and port of the store, without what else stands in its address."""
    endpoint = endpoint_url()
    if endpoint is None:
        return "the store of AWS"
    try:
        parts = urlsplit(endpoint)
        return f"the store at {parts.hostname}{'' if parts.port is None else f':{parts.port}'}"
    except ValueError:
        return "the store"


def endpoint_url() -> str | None:
    """Return the address of the store; None for that of AWS."""
    return next((os.environ[name] for name in ENDPOINTS if os.environ.get(name)), None)


def is_on_this_machine() -> bool:
    """Say whether the address of the store is one of this machine.

    Raises
    ------
    ValueError : it is no address.
    """
    return urlsplit(endpoint_url() or "").hostname in _LOOPBACK


def _plain_http() -> str:
    if (endpoint_url() or "").startswith("http:") and not is_on_this_machine():
        return " (plain http to another machine takes AWS_ALLOW_HTTP=true)"
    return ""
