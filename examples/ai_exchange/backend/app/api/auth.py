"""Registration, login, profile."""

from fastapi import APIRouter, HTTPException
from sqlmodel import select

from app.api.shapes import Login, Profile, Registration, Token, UserOut
from app.models import User
from app.security import CurrentUser, Database, make_token, passwords
from app.settings import get_settings

router = APIRouter(prefix="/api/auth", tags=["auth"])


@router.post("/register", status_code=201)
def register(asked: Registration, database: Database) -> UserOut:
    email = asked.email.lower()
    domains = get_settings().domains
    if domains and email.partition("@")[2] not in domains:
        raise HTTPException(403, "This e-mail domain may not register.")
    if database.exec(select(User).where(User.email == email)).first():
        raise HTTPException(409, "This e-mail is registered already.")
    user = User(
        email=email,
        full_name=asked.full_name,
        professional_role=asked.professional_role,
        password_hash=passwords.hash(asked.password),
    )
    database.add(user)
    database.commit()
    return UserOut.model_validate(user)


@router.post("/login")
def login(asked: Login, database: Database) -> Token:
    user = database.exec(select(User).where(User.email == asked.email.strip().lower())).first()
    if user is None or not passwords.verify(asked.password, user.password_hash):
        raise HTTPException(401, "E-mail or password is wrong.")
    return Token(access_token=make_token(user), expires_in=get_settings().token_minutes * 60)


@router.get("/me")
def me(user: CurrentUser) -> UserOut:
    return UserOut.model_validate(user)


@router.patch("/me")
def change_me(change: Profile, user: CurrentUser, database: Database) -> UserOut:
    for name, value in change.model_dump(exclude_unset=True, exclude_none=True).items():
        setattr(user, name, getattr(change, name) if name == "professional_role" else value)
    database.add(user)
    database.commit()
    return UserOut.model_validate(user)
