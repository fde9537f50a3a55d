"""Passwords (argon2) and signed tokens, and who is asking."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import jwt
from fastapi import Depends, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlmodel import Session

from app.database import get_session
from app.models import User
from app.settings import get_settings

_ALGORITHM = "HS256"
_bearer = HTTPBearer(auto_error=False)
passwords = PasswordHash((Argon2Hasher(time_cost=get_settings().argon2_rounds),))


def make_token(user: User) -> str:
    expires = datetime.now(UTC) + timedelta(minutes=get_settings().token_minutes)
    return jwt.encode({"sub": str(user.id), "exp": expires}, get_settings().secret_key, _ALGORITHM)


def current_user(
    session: Annotated[Session, Depends(get_session)],
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> User:
    refused = HTTPException(401, "Sign in first.", {"WWW-Authenticate": "Bearer"})
    if credentials is None:
        raise refused
    try:
        claims = jwt.decode(credentials.credentials, get_settings().secret_key, [_ALGORITHM])
    except jwt.InvalidTokenError:
        raise refused from None
    user = session.get(User, int(claims["sub"]))
    if user is None:
        raise refused
    return user


CurrentUser = Annotated[User, Depends(current_user)]
Database = Annotated[Session, Depends(get_session)]
