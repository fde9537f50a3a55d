"""What the environment or .env may set."""

from functools import lru_cache

from pydantic import field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_file=".env", extra="ignore")

    name: str = "AI Exchange"
    database_url: str = "sqlite:///./ai_exchange.db"
    secret_key: str
    token_minutes: int = 60 * 12
    allowed_email_domains: str = ""
    frontend_dist: str = "../frontend/dist"
    argon2_rounds: int = 3

    @field_validator("secret_key")
    @classmethod
    def _long_enough(cls, value: str) -> str:
        if len(value) < 32:
            raise ValueError("set SECRET_KEY in .env: at least 32 characters (see .env.example)")
        return value

    @property
    def domains(self) -> list[str]:
        """Return the e-mail domains that may register, none for all."""
        return [each.strip().lower() for each in self.allowed_email_domains.split(",") if each.strip()]


@lru_cache
def get_settings() -> Settings:
    return Settings()
