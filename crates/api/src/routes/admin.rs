//! `/admin`: organizations and their users, for whoever has `api.admin_token`.

use std::time::Duration;

use axum::Json;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};
use ie_model::{OrganizationId, Role, UserId};
use ie_platform::secret::{ExposeSecret as _, SecretString};
use ie_store::{Organization, User};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use utoipa_axum::routes;

use super::body::{Body, OptionalBody, members, needed};
use super::query::Query;
use super::{answer, paging};
use crate::accounts::{Accounts, Change, Error, LONGEST_GRACE, Rotated, Told, Wanted};
use crate::app::App;
use crate::auth;
use crate::draft::{Reader, shown};
use crate::error::{ApiError, Result};
use crate::openapi::described::Described;
use crate::openapi::parameters::{Named, OneOrganization, OneUser, Paging};
use crate::openapi::refusals::OfAdmin;
use crate::openapi::schemas::{
    NewOrganization, NewUser, OrganizationEntry, OrganizationMade, Replaced, Replacement,
    UserChanges, UserEntry, UserMade,
};
use crate::openapi::tags;

/// The operator's routes.
pub(super) fn routes() -> Described {
    Described::new()
        .with(routes!(organizations, create_organization))
        .with(routes!(rotate_organization))
        .with(routes!(users, create_user))
        .with(routes!(change_user, delete_user))
        .with(routes!(rotate_user))
}

/// Whoever has the operator's token, and what it manages.
struct Operator(Accounts);

impl FromRequestParts<App> for Operator {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let Some(token) = &app.config.admin_token else {
            return Err(ApiError::not_found(
                "/admin is off: the operator turns it on with api.admin_token",
            ));
        };
        let shown = auth::bearer(&parts.headers)?;
        // Of equal length, so that the time tells nothing.
        let [expected, shown] = [token.expose_secret().trim(), shown].map(Sha256::digest);
        if !bool::from(expected.ct_eq(&shown)) {
            return Err(ApiError::unauthorized(
                "the token is not api.admin_token; expected Authorization: Bearer <admin token>",
            ));
        }
        let (store, sealer) = (app.store.clone(), app.sealer.clone());
        Ok(Self(Accounts::new(store, sealer, app.clock.clone())))
    }
}

/// Lists the organizations, or the one of a name.
#[utoipa::path(
    get, path = "/admin/organizations", tag = tags::ACCOUNTS, operation_id = "listOrganizations",
    security(("operator" = [])), params(Named, Paging),
    responses((status = 200, description = "A page of organizations.", body = Vec<OrganizationEntry>), OfAdmin)
)]
async fn organizations(
    State(app): State<App>,
    Operator(accounts): Operator,
    query: Query,
) -> Result<Response> {
    let page = paging::wanted(&query, &app.config)?;
    let found = accounts.organizations(query.get("name"), paging::one_more(page));
    let (found, headers) = paging::cut(found.await?, page, |one| one.id.get());
    let list: Vec<Value> = found.iter().map(organization).collect();
    Ok((headers, Json(list)).into_response())
}

/// Makes an organization; the answer has its secret, this once.
#[utoipa::path(
    post, path = "/admin/organizations", tag = tags::ACCOUNTS, operation_id = "createOrganization",
    security(("operator" = [])), request_body = NewOrganization,
    responses((status = 200, description = "The organization.", body = OrganizationMade), OfAdmin)
)]
async fn create_organization(
    Operator(accounts): Operator,
    Body(body): Body,
) -> Result<Json<Value>> {
    let name = members(Some(&body), &["name"], |reader| {
        needed(reader, "name", "the name of the organization")
    })?;
    let told = accounts.create_organization(&name).await?;
    Ok(Json(with_secret(organization(&told.made), &told)))
}

/// Replaces an organization's secret.
#[utoipa::path(
    post, path = "/admin/organizations/{id}/secret", tag = tags::ACCOUNTS, operation_id = "replaceOrganizationSecret",
    security(("operator" = [])), params(OneOrganization), request_body(content = Replacement, description = "May be left out."),
    responses((status = 200, description = "The fresh secret.", body = Replaced), OfAdmin)
)]
async fn rotate_organization(
    State(app): State<App>,
    Operator(accounts): Operator,
    Path(id): Path<String>,
    OptionalBody(body): OptionalBody,
) -> Result<Json<Value>> {
    let id = organization_id(&id)?;
    let grace = grace(&app, body.as_ref())?;
    Ok(rotated(&accounts.rotate_organization(id, grace).await?))
}

/// Lists an organization's users, or the one of a name.
#[utoipa::path(
    get, path = "/admin/organizations/{id}/users", tag = tags::ACCOUNTS, operation_id = "listUsers",
    security(("operator" = [])), params(OneOrganization, Named, Paging),
    responses((status = 200, description = "A page of users.", body = Vec<UserEntry>), OfAdmin)
)]
async fn users(
    State(app): State<App>,
    Operator(accounts): Operator,
    Path(id): Path<String>,
    query: Query,
) -> Result<Response> {
    let page = paging::wanted(&query, &app.config)?;
    let found = accounts.users(
        organization_id(&id)?,
        query.get("name"),
        paging::one_more(page),
    );
    let (found, headers) = paging::cut(found.await?, page, |one| one.id.get());
    let list: Vec<Value> = found.iter().map(user).collect();
    Ok((headers, Json(list)).into_response())
}

/// Makes a user; the answer has its secret, this once.
#[utoipa::path(
    post, path = "/admin/organizations/{id}/users", tag = tags::ACCOUNTS, operation_id = "createUser",
    security(("operator" = [])), params(OneOrganization), request_body = NewUser,
    responses((status = 200, description = "The user.", body = UserMade), OfAdmin)
)]
async fn create_user(
    Operator(accounts): Operator,
    Path(id): Path<String>,
    Body(body): Body,
) -> Result<Json<Value>> {
    let id = organization_id(&id)?;
    let keys = ["name", "role", "password"];
    let wanted = members(Some(&body), &keys, |reader| Wanted {
        name: needed(reader, "name", "the name of the user"),
        role: role(reader).unwrap_or_default(),
        password: password(reader),
    })?;
    let told = accounts.create_user(id, wanted).await?;
    Ok(Json(with_secret(user(&told.made), &told)))
}

/// Changes of a user what is given.
#[utoipa::path(
    patch, path = "/admin/users/{id}", tag = tags::ACCOUNTS, operation_id = "changeUser",
    security(("operator" = [])), params(OneUser), request_body = UserChanges,
    responses((status = 200, description = "The user.", body = UserEntry), OfAdmin)
)]
async fn change_user(
    Operator(accounts): Operator,
    Path(id): Path<String>,
    Body(body): Body,
) -> Result<Json<Value>> {
    let id = user_id(&id)?;
    let keys = ["role", "disabled", "password"];
    let change = members(Some(&body), &keys, |reader| Change {
        role: role(reader),
        disabled: reader.boolean("disabled"),
        password: password(reader),
    })?;
    let changed = accounts.change_user(id, change).await?;
    Ok(Json(user(&changed)))
}

/// Deletes a user; its instances stay with the organization.
#[utoipa::path(
    delete, path = "/admin/users/{id}", tag = tags::ACCOUNTS, operation_id = "deleteUser",
    security(("operator" = [])), params(OneUser),
    responses((status = 200, description = "It is deleted."), OfAdmin)
)]
async fn delete_user(Operator(accounts): Operator, Path(id): Path<String>) -> Result<StatusCode> {
    accounts.delete_user(user_id(&id)?).await?;
    Ok(StatusCode::OK)
}

/// Replaces a user's secret.
#[utoipa::path(
    post, path = "/admin/users/{id}/secret", tag = tags::ACCOUNTS, operation_id = "replaceUserSecret",
    security(("operator" = [])), params(OneUser), request_body(content = Replacement, description = "May be left out."),
    responses((status = 200, description = "The fresh secret.", body = Replaced), OfAdmin)
)]
async fn rotate_user(
    State(app): State<App>,
    Operator(accounts): Operator,
    Path(id): Path<String>,
    OptionalBody(body): OptionalBody,
) -> Result<Json<Value>> {
    let id = user_id(&id)?;
    let grace = grace(&app, body.as_ref())?;
    Ok(rotated(&accounts.rotate_user(id, grace).await?))
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        match error {
            Error::Name(_) | Error::Password(_) => Self::bad_request(error.to_string()),
            Error::Taken(_) => Self::new(StatusCode::CONFLICT, error.to_string()),
            Error::NoOrganization(_) | Error::NoUser(_) => Self::not_found(error.to_string()),
            Error::Store(error) => error.into(),
            Error::Hash(cause) => Self::internal(cause),
        }
    }
}

fn organization(organization: &Organization) -> Value {
    json!({ "id": organization.id, "name": organization.name })
}

fn user(user: &User) -> Value {
    json!({
        "id": user.id,
        "organizationId": user.organization,
        "name": user.name,
        "role": user.role,
        "disabled": user.disabled,
        "signsIn": user.has_password,
    })
}

fn with_secret<T>(mut made: Value, told: &Told<T>) -> Value {
    made["secret"] = json!(told.secret.expose_secret());
    made
}

fn rotated(rotated: &Rotated) -> Json<Value> {
    Json(json!({
        "secret": rotated.secret.expose_secret(),
        "previousUntil": rotated.previous_until.map(answer::date),
    }))
}

fn organization_id(text: &str) -> Result<OrganizationId> {
    text.parse()
        .map_err(|_| ApiError::not_found(format!("there is no organization {text:?}")))
}

fn user_id(text: &str) -> Result<UserId> {
    text.parse()
        .map_err(|_| ApiError::not_found(format!("there is no user {text:?}")))
}

fn role(reader: &mut Reader<'_>) -> Option<Role> {
    let expected = "admin or read-only";
    let text = reader.text("role", expected)?;
    let role = text.parse().ok();
    if role.is_none() {
        let got = shown(&Value::from(text));
        reader.refuse("role", format!("expected {expected}, got {got}"));
    }
    role
}

/// As it was sent: unlike a name, a password may begin or end with a blank.
fn password(reader: &mut Reader<'_>) -> Option<SecretString> {
    reader.given("password")?;
    Some(needed(reader, "password", "a password").into())
}

fn grace(app: &App, body: Option<&Value>) -> Result<Duration> {
    let most = u32::try_from(LONGEST_GRACE.as_secs() / 60).unwrap_or(u32::MAX);
    let minutes = members(body, &["graceMinutes"], |reader| {
        reader.whole("graceMinutes", 0..=most, "minutes")
    })?;
    let given = minutes.map(|minutes| Duration::from_secs(60 * u64::from(minutes)));
    Ok(given.unwrap_or(app.config.secret_grace))
}
