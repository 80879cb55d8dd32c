//! What a request of the hub is about: the instance of the Element token, the object, and the record.

use std::borrow::Cow;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use ie_model::Instance;
use ie_model::catalog::{self, FieldKind, Object};

use super::super::subject::parameter;
use crate::app::App;
use crate::auth::Caller;
use crate::connector;
use crate::draft;
use crate::error::{ApiError, Result};

/// The hub's name of the user of a key.
const USERS: &str = "users";

/// An object of Insightly, as the instance's key sees it.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) instance: Instance,
    pub(super) object: Cow<'static, Object>,
    /// Whether the request may change something.
    pub(super) changes: bool,
}

/// The users, for the one of the key.
#[derive(Clone, Debug)]
pub(super) struct User(pub(super) Target);

/// A record of an object.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) target: Target,
    pub(super) id: String,
}

impl Target {
    /// Whether null fields are left out of answers.
    pub(super) fn drops_nulls(&self) -> bool {
        draft::drops_nulls(&self.instance.configuration)
    }

    async fn of(parts: &mut Parts, app: &App, resource: &str) -> Result<Self> {
        let caller = Caller::from_request_parts(parts, app).await?;
        let instance = caller.element.ok_or_else(|| {
            ApiError::bad_request(
                "which instance? /hubs needs its Element token in the Authorization header",
            )
        })?;
        Ok(Self {
            instance,
            object: object(resource)?,
            changes: !parts.method.is_safe(),
        })
    }
}

impl FromRequestParts<App> for Target {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let resource = parameter(parts, "resource").await?;
        Self::of(parts, app, &resource.unwrap_or_default()).await
    }
}

impl FromRequestParts<App> for User {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        Target::of(parts, app, USERS).await.map(Self)
    }
}

impl FromRequestParts<App> for Record {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let target = Target::from_request_parts(parts, app).await?;
        let id = parameter(parts, "record").await?.unwrap_or_default();
        check_id(&target.object, &id)?;
        Ok(Self { target, id })
    }
}

/// The object of that name, custom ones included.
fn object(resource: &str) -> Result<Cow<'static, Object>> {
    catalog::resource(resource).ok_or_else(|| {
        let nearest = catalog::nearest(resource, connector::resource_names());
        let hint = nearest.map_or_else(String::new, |name| format!("; did you mean {name}?"));
        ApiError::not_found(format!(
            "there is no resource {resource:?} in the hub{hint} GET /hubs/crm/objects lists them"
        ))
    })
}

/// Other words in an id's place are other addresses of Insightly, such as `Search`.
fn check_id(object: &Object, id: &str) -> Result<()> {
    let field = object.field(&object.id_field);
    let is_text = field.is_some_and(|field| field.kind == FieldKind::String);
    let digits = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit());
    let good = if is_text {
        !["", ".", "..", "Search"].contains(&id) && !id.contains(['/', '\\'])
    } else {
        digits && id.parse::<i64>().is_ok()
    };
    if good {
        return Ok(());
    }
    let expected = if is_text { "text" } else { "whole number" };
    Err(ApiError::bad_request(format!(
        "id: expected the {expected} that {} has, got {id:?}",
        object.id_field
    )))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("contacts", "318219", true)]
    #[case("contacts", "Search", false)]
    #[case("contacts", "..", false)]
    #[case("contacts", "+5", false)]
    #[case("contacts", "99999999999999999999", false)]
    #[case("contacts", "7/Notes", false)]
    #[case("users", "Me", false)]
    #[case("tickets", "7", true)]
    #[case("tickets", "seven", false)]
    #[case("countries", "Côte d'Ivoire", true)]
    #[case("countries", "..", false)]
    #[case("Project_Site__c", "7", true)]
    fn an_id_is_no_other_address(#[case] resource: &str, #[case] id: &str, #[case] good: bool) {
        let object = object(resource).unwrap();

        assert_eq!(check_id(&object, id).is_ok(), good);
    }

    #[test]
    fn a_resource_that_is_not_there_suggests_one_that_is() {
        let error = object("contact").unwrap_err();

        assert!(
            error.message().contains("did you mean contacts?"),
            "{error:?}"
        );
    }
}
