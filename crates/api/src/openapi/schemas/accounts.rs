//! Organizations, users, their secrets and how they sign in.

use chrono::{DateTime, Utc};
use utoipa::ToSchema;

/// Who signs in.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"username": "kim", "password": "a long password"}))]
pub(crate) struct SignIn {
    /// The name of a user that has a password.
    #[schema(min_length = 1)]
    username: String,
    /// Its password.
    #[schema(min_length = 1)]
    password: String,
}

/// What a sign-in gives.
#[derive(ToSchema)]
pub(crate) struct Token {
    /// For `Authorization: Bearer <token>`, good for `api.token_lifetime`.
    token: String,
}

/// What `Authorization: User …, Organization …` is made of.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct OwnSecrets {
    /// The user's.
    user_secret: String,
    /// Its organization's.
    organization_secret: String,
}

/// An organization to be made.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "acme"}))]
pub(crate) struct NewOrganization {
    /// A name that no other has.
    #[schema(min_length = 1)]
    name: String,
}

/// An organization.
#[derive(ToSchema)]
pub(crate) struct OrganizationEntry {
    /// Its id.
    id: i64,
    /// Its name.
    name: String,
}

/// An organization that was made.
#[derive(ToSchema)]
pub(crate) struct OrganizationMade {
    /// Its id.
    id: i64,
    /// Its name.
    name: String,
    /// Its secret, told this once.
    secret: String,
}

/// What a user may do.
#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub(crate) enum RoleName {
    Admin,
    ReadOnly,
}

/// A user to be made.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "kim", "role": "read-only"}))]
pub(crate) struct NewUser {
    /// A name that no other user of the organization has, nor any other with a password.
    #[schema(min_length = 1)]
    name: String,
    /// `admin` without it.
    role: Option<RoleName>,
    /// Without one it cannot sign in.
    password: Option<String>,
}

/// What of a user changes: what is given.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"disabled": true}))]
pub(crate) struct UserChanges {
    role: Option<RoleName>,
    /// A disabled user can do nothing.
    disabled: Option<bool>,
    /// Another password, which ends its sessions.
    password: Option<String>,
}

/// A user.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct UserEntry {
    /// Its id.
    id: i64,
    /// Whose it is.
    organization_id: i64,
    /// Its name.
    name: String,
    role: RoleName,
    /// Whether it can do nothing.
    disabled: bool,
    /// Whether it has a password.
    signs_in: bool,
}

/// A user that was made.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct UserMade {
    /// Its id.
    id: i64,
    /// Whose it is.
    organization_id: i64,
    /// Its name.
    name: String,
    role: RoleName,
    /// Whether it can do nothing.
    disabled: bool,
    /// Whether it has a password.
    signs_in: bool,
    /// Its secret, told this once.
    secret: String,
}

/// How a secret gives way to another one.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({"graceMinutes": 60}))]
pub(crate) struct Replacement {
    /// How long the one before stays good; `api.secret_grace` without it.
    #[schema(minimum = 0, maximum = 43200)]
    grace_minutes: Option<u32>,
}

/// The secret that is good from now on.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct Replaced {
    /// The secret, told this once.
    secret: String,
    /// Until when the one before is good as well; null when it is not.
    #[schema(required)]
    previous_until: Option<DateTime<Utc>>,
}
