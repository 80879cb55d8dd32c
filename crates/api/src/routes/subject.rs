//! The instance that a request is about: by the path, or else by the Element token.

use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{FromRequestParts, RawPathParams, Request};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;
use ie_model::{Instance, InstanceId, OrganizationId};

use crate::app::App;
use crate::auth::Caller;
use crate::error::{ApiError, Result};

/// An instance of the caller's organization.
#[derive(Clone, Debug)]
pub(super) struct Subject(pub(super) Instance);

impl FromRequestParts<App> for Subject {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let caller = Caller::from_request_parts(parts, app).await?;
        let id = parameter(parts, "id").await?;
        match (id, caller.element) {
            (Some(id), _) => {
                let organization = caller.principal.organization;
                owned(app, organization, &id).await.map(Self)
            }
            (None, Some(instance)) => Ok(Self(instance)),
            (None, None) => Err(ApiError::bad_request(
                "which instance? name its id in the path, or its Element token in the Authorization header",
            )),
        }
    }
}

/// Refuses a path whose parameters are no text, before a handler reads them.
pub(super) async fn readable(request: Request, next: Next) -> Result<Response> {
    let (mut parts, body) = request.into_parts();
    match RawPathParams::from_request_parts(&mut parts, &()).await {
        // A path without parameters has none to be read.
        Ok(_) | Err(RawPathParamsRejection::MissingPathParams(_)) => {}
        Err(error) => return Err(unreadable(error)),
    }
    Ok(next.run(Request::from_parts(parts, body)).await)
}

fn unreadable(error: RawPathParamsRejection) -> ApiError {
    ApiError::bad_request("the path holds percent-encoded bytes that are no text").because(error)
}

/// A parameter of the path, decoded; none when the route has none of that name.
pub(super) async fn parameter(parts: &mut Parts, name: &str) -> Result<Option<String>> {
    let params = RawPathParams::from_request_parts(parts, &()).await;
    let params = params.map_err(unreadable)?;
    let found = params.iter().find(|(known, _)| *known == name);
    Ok(found.map(|(_, value)| value.to_owned()))
}

/// The organization's instance of that id; another's does not exist for it.
pub(crate) async fn owned(app: &App, organization: OrganizationId, id: &str) -> Result<Instance> {
    let found = match id.parse::<InstanceId>() {
        Ok(id) => app.store.instance(id).await?,
        Err(_) => None,
    };
    found
        .filter(|instance| instance.organization == organization)
        .ok_or_else(|| ApiError::not_found(format!("there is no instance {id:?}")))
}
