"""Settings: environment variables named STRATUM_*, each with a default for a laptop."""

from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

Words = Annotated[tuple[str, ...], NoDecode]
"""A comma-separated list."""


class Settings(BaseSettings):
    """What can be set; AWS's own settings (AWS_PROFILE, AWS_ENDPOINT_URL, ...) stay the SDK's."""

    model_config = SettingsConfigDict(env_prefix="STRATUM_", frozen=True, extra="forbid")

    data: str = Field(
        default=".stratum/data", description="folder or s3://bucket/prefix; can be rebuilt"
    )
    vault: str = Field(
        default=".stratum/vault",
        description="folder or s3://bucket/prefix; never rewritten: keep it safe",
    )
    role: str = Field(
        default="stratum/scan-{module}",
        description="path and name of the role to assume in each account; {module} is filled in",
    )
    external_id: str = Field(default="", description="ExternalId that the role's trust asks for")
    regions: Words = Field(
        default=(), description="regions to scan; empty: those each account enables"
    )
    modules: Words = Field(default=(), description="modules to run; empty: all")
    accounts_per_run: int = Field(
        default=50, ge=1, le=1000, description="accounts in one Dagster run"
    )
    accounts_at_once: int = Field(
        default=4, ge=1, le=64, description="accounts read at the same time"
    )
    dagster_home: str = Field(
        default=".stratum/dagster", description="where Dagster keeps runs, on a laptop"
    )
    identity: Literal["local", "alb", "oidc"] = Field(
        default="local",
        description="who says who a person is: local: the operating system, on this machine "
        "only; alb: the Application Load Balancer; oidc: the app's own login",
    )
    local_role: Literal["viewer", "triager", "approver", "operator"] = Field(
        default="operator", description="role of whoever uses this machine, in mode local"
    )
    alb_arn: str = Field(
        default="", description="the load balancer that signs people in, in mode alb"
    )
    oidc_issuer: str = Field(
        default="", description="the identity provider's issuer URL, exactly as its tokens say"
    )
    oidc_client_id: str = Field(
        default="", description="client id the load balancer or the app has at the provider"
    )
    groups_claim: str = Field(
        default="groups",
        description='claim that lists a person\'s groups; "cognito:groups" with Amazon Cognito',
    )
    group_roles: str = Field(
        default="",
        description="which groups have which role, the highest counts: "
        '"viewer=*,triager=sec-team|platform,operator=oncall"; * is everybody who signed in',
    )
    session_key: SecretStr = Field(
        default=SecretStr(""),
        description="secret of 32 bytes or more that signs sessions, the same in every process "
        "of the API; empty: made at start, so that sessions end with the process",
    )
    session_minutes: int = Field(
        default=60,
        ge=1,
        le=720,
        description="minutes until a person must sign in again; groups are looked at then",
    )

    @field_validator("regions", "modules", mode="before")
    @classmethod
    def _words(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(word.strip() for word in value.split(",") if word.strip())
        return value

    @field_validator("role")
    @classmethod
    def _role(cls, value: str) -> str:
        value.format(module="x")  # a stray brace fails here, not in the middle of a scan
        return value
