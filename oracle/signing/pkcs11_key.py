"""A key in a hardware module (PKCS #11 v2.40): it signs there and never leaves.

The mechanism is CKM_ECDSA over the 32-byte digest; its answer is r ‖ s, each 32 bytes, s in either half.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oracle.errors import FilingGateError, InputError, UnreachableError
from oracle.signing.foreign_signature import address_of_point, registry_form

if TYPE_CHECKING:
    from pkcs11 import Session

__all__ = ["Pkcs11Signer"]

#: DER of the object identifier 1.3.132.0.10 (SEC 2, A.2.1): secp256k1.
_SECP256K1 = bytes.fromhex("06052b8104000a")

#: One for all keys: a module that is started anew closes the sessions of everybody in this process.
_LOCK = threading.Lock()


class Pkcs11Signer:
    """Implements `Signer` with one session that is opened anew when token or module went away. Thread-safe."""

    def __init__(
        self,
        module: Path,
        token: str,
        *,
        label: str | None = None,
        key_id: bytes | None = None,
        pin: Callable[[], str],
        where: str = "[key]",
    ) -> None:
        """Log in and find the key. InputError for module, PIN or key that is wrong, UnreachableError without a token.

        `pin` is asked at each login. A PIN that was refused is never tried again: tokens count and lock.
        """
        self._module, self._token, self._label, self._key_id = str(module), token, label, key_id
        self._pin = pin
        self._where = f"{where} token {token!r}"
        self._session: Session | None = None
        self._key: Any = None
        self._pin_refused = False
        try:
            import pkcs11
        except ModuleNotFoundError:
            raise InputError(
                "a key in a hardware module needs the package python-pkcs11",
                where=where,
                remedy="install filing-gate[pkcs11]",
            ) from None
        self._pkcs11: Any = pkcs11
        with _LOCK:
            self._address = self._open()

    def __repr__(self) -> str:
        return f"Pkcs11Signer({self._address})"

    @property
    def address(self) -> str:
        """The EIP-55 address of the key."""
        return self._address

    def sign(self, digest: bytes) -> bytes:
        """See `Signer.sign`. UnreachableError if the token is gone and does not come back at once."""
        if len(digest) != 32:
            raise FilingGateError(f"{len(digest)} bytes are no digest", where=self._where, remedy="sign 32 bytes")
        with _LOCK:
            raw = self._signed(digest)
        if len(raw) != 64:
            raise FilingGateError(
                f"its signature has {len(raw)} bytes, not 64", where=self._where, remedy="check the module"
            )
        r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
        return registry_form(digest, r, s, self._address, where=self._where)

    def close(self) -> None:
        """Log out and give back the session."""
        with _LOCK:
            self._drop()

    def _signed(self, digest: bytes) -> bytes:
        """r ‖ s. If token or module went away, tried anew with a new session, then with the module started anew."""
        if self._key is not None:
            try:
                return self._by_key(digest)
            except self._pkcs11.PKCS11Error:
                self._drop()
        try:
            return self._by_new_session(digest)
        except (UnreachableError, self._pkcs11.PKCS11Error):
            self._drop()
        try:
            # Only a module that is initialised anew sees tokens that came or went (PKCS #11, 5.4).
            self._pkcs11.lib(self._module).reinitialize()
            return self._by_new_session(digest)
        except (self._pkcs11.PKCS11Error, RuntimeError) as error:
            self._drop()
            raise UnreachableError(
                f"the token did not sign ({type(error).__name__})", where=self._where, remedy="check the device"
            ) from None

    def _by_new_session(self, digest: bytes) -> bytes:
        if self._open() != self._address:
            self._drop()
            raise FilingGateError(
                f"the token that came back holds another key than {self._address}",
                where=self._where,
                remedy="stop the node",
            )
        return self._by_key(digest)

    def _by_key(self, digest: bytes) -> bytes:
        return bytes(self._key.sign(digest, mechanism=self._pkcs11.Mechanism.ECDSA))

    def _drop(self) -> None:
        session, self._session, self._key = self._session, None, None
        if session is not None:
            try:
                session.close()
            except self._pkcs11.PKCS11Error:
                return  # it was gone already

    def _open(self) -> str:
        """Open a session, find the key, and return its address."""
        if self._pin_refused:
            raise InputError(
                "the token refused the PIN; it is not tried again, because tokens lock",
                where=self._where,
                remedy="correct the PIN and start the node again",
            )
        errors = self._pkcs11
        try:
            module = errors.lib(self._module)
        except (errors.PKCS11Error, RuntimeError, OSError) as error:
            raise InputError(
                f"the module can't be loaded ({type(error).__name__})",
                where=f"{self._where} of {self._module}",
                remedy="name the PKCS #11 library of the device",
            ) from None
        try:
            found = module.get_token(token_label=self._token)
            try:
                session = found.open(user_pin=self._pin())
            except errors.UserAlreadyLoggedIn:  # by another session of this process, which is enough for all of them
                session = found.open()
        except (errors.PinIncorrect, errors.PinInvalid, errors.PinLenRange, errors.PinLocked, errors.PinExpired) as why:
            self._pin_refused = True
            raise InputError(
                f"the token refused the PIN ({type(why).__name__})",
                where=self._where,
                remedy="check the variable or file that holds it before the next try: tokens lock",
            ) from None
        except errors.MultipleTokensReturned:
            raise InputError(
                "several tokens have this label", where=self._where, remedy="give each token a label of its own"
            ) from None
        except errors.NoSuchToken:
            raise UnreachableError(
                "no such token is there", where=self._where, remedy="plug it in, or correct its label"
            ) from None
        except errors.PKCS11Error as error:
            raise UnreachableError(
                f"the token can't be opened ({type(error).__name__})", where=self._where, remedy="check the device"
            ) from None
        self._session = session
        try:
            point = self._found(session)
            return address_of_point(point)
        except (errors.PKCS11Error, ValueError) as error:
            self._drop()
            raise InputError(
                f"the key can't be used: {str(error) or type(error).__name__}",
                where=self._where,
                remedy="name a secp256k1 key pair",
            ) from None

    def _found(self, session: Session) -> bytes:
        """Find the key pair; returns its point, uncompressed. ValueError says what is wrong with it."""
        attribute, kind = self._pkcs11.Attribute, self._pkcs11.ObjectClass
        named: dict[Any, Any] = {attribute.KEY_TYPE: self._pkcs11.KeyType.EC}
        if self._label is not None:
            named[attribute.LABEL] = self._label
        if self._key_id is not None:
            named[attribute.ID] = self._key_id
        private, public = (
            _only(list(session.get_objects({attribute.CLASS: half, **named})))
            for half in (kind.PRIVATE_KEY, kind.PUBLIC_KEY)
        )
        if bytes(public[attribute.EC_PARAMS]) != _SECP256K1:
            raise ValueError("it is on another curve than secp256k1")
        point = bytes(public[attribute.EC_POINT])
        # CKA_EC_POINT is the point as an OCTET STRING in DER; some modules leave the wrapping out.
        self._key = private
        return point[2:] if len(point) == 67 and point[:2] == b"\x04\x41" else point


def _only(found: list[Any]) -> Any:
    if not found:
        raise ValueError("no EC key pair with this label and id (both halves must be on the token)")
    if len(found) > 1:
        raise ValueError("several keys fit: give key_id as well")
    return found[0]
