//! Who calls: `Authorization: User <secret>, Organization <secret>[, Element <token>]`, or `Bearer <token>` of
//! `POST /authentication` in place of the two secrets.

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use ie_model::Instance;
use ie_platform::secret::{ExposeSecret as _, SecretString};
use ie_store::Principal;
use sha2::{Digest as _, Sha256};

use crate::app::App;
use crate::error::{ApiError, Result};
use crate::tokens;

/// The form of the header, for errors.
const FORM: &str = "Authorization: User <user secret>, Organization <organization secret>";

/// Who calls, and for which instance when an Element token says so.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// The organization and the user.
    pub(crate) principal: Principal,
    /// The instance of the Element token.
    pub(crate) element: Option<Instance>,
}

/// The secrets of an `Authorization` header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Credentials<'a> {
    bearer: Option<&'a str>,
    user: Option<&'a str>,
    organization: Option<&'a str>,
    element: Option<&'a str>,
}

impl FromRequestParts<App> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        if let Some(known) = parts.extensions.get::<Self>() {
            return Ok(known.clone());
        }
        let header = header(&parts.headers)?;
        let credentials = parse(header).map_err(ApiError::unauthorized)?;
        let element = match credentials.element {
            None => None,
            Some(token) => Some(
                app.store
                    .instance_by_token(&hash(token))
                    .await?
                    .ok_or_else(|| refused("the Element token"))?,
            ),
        };
        let principal = principal(app, &credentials, element.as_ref()).await?;
        app.limits.admit(principal.user, app.clock.now())?;
        if !principal.role.may_change() && !parts.method.is_safe() {
            return Err(read_only());
        }
        if let Some(instance) = &element
            && instance.organization != principal.organization
        {
            return Err(refused("the Element token"));
        }
        let caller = Self { principal, element };
        // A request that is looked at twice counts once.
        parts.extensions.insert(caller.clone());
        Ok(caller)
    }
}

async fn principal(
    app: &App,
    credentials: &Credentials<'_>,
    element: Option<&Instance>,
) -> Result<Principal> {
    if let Some(token) = credentials.bearer {
        return Ok(tokens::session(app, token).await?.principal);
    }
    let user = hash(credentials.user.unwrap_or_default());
    let found = match (credentials.organization, element) {
        (Some(organization), _) => app.store.principal(&hash(organization), &user).await?,
        (None, Some(instance)) => app.store.member(instance.organization, &user).await?,
        (None, None) => None,
    };
    found.ok_or_else(|| refused("the User or Organization secret"))
}

/// What is stored of a secret: enough to know it again.
pub(crate) fn hash_secret(secret: &SecretString) -> String {
    hash(secret.expose_secret().trim())
}

/// What is stored of a secret that was sent.
pub(crate) fn hash(secret: &str) -> String {
    hex::encode(Sha256::digest(secret.as_bytes()))
}

/// Whoever may only look has tried to change something.
pub(crate) fn read_only() -> ApiError {
    ApiError::new(
        StatusCode::FORBIDDEN,
        "the role of this user is read-only, which allows to look and not to change; an admin of the organization can",
    )
}

fn refused(what: &str) -> ApiError {
    ApiError::unauthorized(format!("{what} is not known here; expected {FORM}"))
}

/// The token of `Authorization: Bearer <token>`.
pub(crate) fn bearer(headers: &HeaderMap) -> Result<&str> {
    let token = header(headers)
        .ok()
        .and_then(|header| header.split_once(char::is_whitespace));
    let token = token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    token.map(|(_, token)| token.trim()).ok_or_else(|| {
        ApiError::unauthorized("the request has no token; expected Authorization: Bearer <token>")
    })
}

fn header(headers: &HeaderMap) -> Result<&str> {
    let value = headers.get(AUTHORIZATION).ok_or_else(|| {
        ApiError::unauthorized(format!("the request has no credentials; expected {FORM}"))
    })?;
    value.to_str().map_err(|_| {
        ApiError::unauthorized(format!(
            "the credentials hold characters that no secret has; expected {FORM}"
        ))
    })
}

/// Reads the header: names and secrets, separated by commas, in any order.
fn parse(header: &str) -> Result<Credentials<'_>, String> {
    let mut credentials = Credentials::default();
    for part in header.split(',') {
        let (name, secret) = part
            .trim()
            .split_once(char::is_whitespace)
            .unwrap_or((part.trim(), ""));
        let secret = secret.trim();
        let slot = match name.to_ascii_lowercase().as_str() {
            "bearer" => &mut credentials.bearer,
            "user" => &mut credentials.user,
            "organization" => &mut credentials.organization,
            "element" => &mut credentials.element,
            _ => {
                return Err(format!(
                    "the credentials have another form; expected {FORM}"
                ));
            }
        };
        if secret.is_empty() {
            return Err(format!(
                "the secret after {name} is missing; expected {FORM}"
            ));
        }
        *slot = Some(secret);
    }
    if credentials.bearer.is_some() {
        return Ok(credentials);
    }
    if credentials.user.is_none() {
        return Err(format!("the User secret is missing; expected {FORM}"));
    }
    if credentials.organization.is_none() && credentials.element.is_none() {
        return Err(format!(
            "the Organization secret or an Element token is missing; expected {FORM}"
        ));
    }
    Ok(credentials)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("User u=, Organization o=", Some("o="), None)]
    #[case("User u=,Organization o=,Element e=", Some("o="), Some("e="))]
    #[case("user u=,  ELEMENT   e=", None, Some("e="))]
    #[case("Organization o=, User u=", Some("o="), None)]
    fn the_header_is_read_in_any_order(
        #[case] header: &str,
        #[case] organization: Option<&str>,
        #[case] element: Option<&str>,
    ) {
        let credentials = parse(header).unwrap();

        assert_eq!(
            credentials,
            Credentials {
                bearer: None,
                user: Some("u="),
                organization,
                element
            }
        );
    }

    #[test]
    fn a_token_stands_for_the_two_secrets() {
        let credentials = parse("Bearer b, Element e=").unwrap();

        assert_eq!(credentials.bearer, Some("b"));
        assert_eq!(credentials.element, Some("e="));
    }

    #[rstest]
    #[case("", "another form")]
    #[case("Basic abc", "another form")]
    #[case("Bearer", "the secret after Bearer is missing")]
    #[case("User , Organization ", "the secret after User is missing")]
    #[case("User", "the secret after User is missing")]
    #[case("Organization o", "the User secret is missing")]
    #[case("User u", "the Organization secret or an Element token is missing")]
    fn an_incomplete_header_is_refused(#[case] header: &str, #[case] why: &str) {
        let error = parse(header).unwrap_err();

        assert!(error.contains(why), "{error}");
        assert!(error.ends_with(FORM), "{error}");
    }
}
