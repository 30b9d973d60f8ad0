"""Errors of models on the hub."""

import errno

from huggingface_hub import constants
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
    RevisionResolutionError,
)

from service.engine.errors import ModelError
from service.hub.id import HubId

_BY_TYPE: tuple[tuple[type[Exception], str], ...] = (
    (
        GatedRepoError,
        "the model is gated: request access at {page}, and set HF_TOKEN to a token that may read it",
    ),
    (RepositoryNotFoundError, "no such path, and no such model on the hub; if it is private, set HF_TOKEN"),
    (RevisionNotFoundError, "the hub has no such revision; {page}/tree/main lists branches and tags"),
    (HFValidationError, "no such path, and not a valid model name on the hub: {text}"),
    (OfflineModeIsEnabled, "the cache, {cache}, lacks some of its files, and HF_HUB_OFFLINE forbids downloads"),
)
"""The first match counts, since some types are subclasses of others."""
_NO_TOKEN = "the hub rejects the token ({status}): set HF_TOKEN to one that may read the model, or unset it"  # noqa: S105
_BY_STATUS = {401: _NO_TOKEN, 403: _NO_TOKEN}
_FULL = "the disk of the cache, {cache}, is full: free space, or set HF_HUB_CACHE to another directory"
_READ_ONLY = "the cache, {cache}, is not writable: {text}; set HF_HUB_CACHE to a writable directory"
_BY_ERRNO = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EACCES: _READ_ONLY,
    errno.EPERM: _READ_ONLY,
    errno.EROFS: _READ_ONLY,
}
_BAD_STATUS = "{hub} answers {status}: try again later"
_DOWNLOAD_FAILED = "the download from {hub} failed ({text}): check the network, a proxy and HF_ENDPOINT, and restart"


class HubError(ModelError):
    """A model is not available from the hub; the message gives the cause and a remedy."""

    @classmethod
    def of(cls, model: HubId, error: BaseException) -> "HubError":
        """Return the error for operators that explains an error of huggingface_hub or of a library below it."""
        if isinstance(error, (LocalEntryNotFoundError, RevisionResolutionError)) and error.__cause__:
            error = error.__cause__  # The hub's failure; `error` only adds that the cache lacks the file.
        status = error.response.status_code if isinstance(error, HfHubHTTPError) else 0
        number = error.errno if isinstance(error, OSError) else None
        template = (
            next((template for type_, template in _BY_TYPE if isinstance(error, type_)), None)
            or _BY_STATUS.get(status)
            or _BY_ERRNO.get(number or 0)
            or (_BAD_STATUS if status else _DOWNLOAD_FAILED)
        )
        reason = template.format(
            page=f"{constants.ENDPOINT}/{model.repository}",
            hub=constants.ENDPOINT,
            cache=constants.HF_HUB_CACHE,
            status=status,
            text=str(error).strip().partition("\n")[0] or type(error).__name__,
        )
        return cls(f"model {model}: {reason}")
