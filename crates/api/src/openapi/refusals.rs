//! What operations may answer beside their own answers: errors of one form.

use std::collections::BTreeMap;

use utoipa::openapi::path::{HttpMethod, Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::{
    ContentBuilder, HeaderBuilder, ObjectBuilder, OpenApi, Ref, RefOr, Required, Response,
    ResponseBuilder, SecurityRequirement, Type,
};
use utoipa::{IntoResponses, PartialSchema as _, ToSchema as _};

use super::described::OF_TOKEN;
use super::schemas::Error;
use super::tags;

const REQUEST_ID: &str = "Elements-Request-Id";
const NEXT_PAGE: &str = "Elements-Next-Page-Token";

const BAD_REQUEST: (&str, &str, &str) = (
    "400",
    "BadRequest",
    "The request cannot be understood or done as it is; `message` names the field and how to mend it.",
);
const UNAUTHORIZED: (&str, &str, &str) = (
    "401",
    "Unauthorized",
    "The credentials are missing or not known; from the hub also: Insightly refuses the instance's key.",
);
const FORBIDDEN: (&str, &str, &str) = (
    "403",
    "Forbidden",
    "The user may look and not change; from the hub also: Insightly does not allow it to the key's user.",
);
const NOT_FOUND: (&str, &str, &str) = (
    "404",
    "NotFound",
    "There is no such thing, or it is another organization's.",
);
const NOT_ALLOWED: (&str, &str, &str) = (
    "405",
    "MethodNotAllowed",
    "Insightly does not offer this for the resource.",
);
const CONFLICT: (&str, &str, &str) = (
    "409",
    "Conflict",
    "Another request changed the same at the same time, or has the same `Idempotency-Key` and is under way or without an \
     end; from the accounts: the name is taken, or there is no copy of the secret. Nothing of this one is stored.",
);
const SLOW: (&str, &str, &str) = (
    "408",
    "RequestTimeout",
    "The body did not arrive within `api.body_timeout`.",
);
const ANOTHER: (&str, &str, &str) = (
    "422",
    "UnprocessableContent",
    "The `Idempotency-Key` was used for another request.",
);
const TOO_LARGE: (&str, &str, &str) = (
    "413",
    "PayloadTooLarge",
    "The body is larger than `api.body_limit`.",
);
const LIMITED: (&str, &str, &str) = (
    "429",
    "TooManyRequests",
    "Insightly's limits leave no request for this now, or the user sends more than `api.requests_per_second`; nothing was \
     done, `Retry-After` says when it is worth trying.",
);
const INTERNAL: (&str, &str, &str) = (
    "500",
    "Internal",
    "A defect of the service; the operator finds it by `requestId`.",
);
const BAD_GATEWAY: (&str, &str, &str) = (
    "502",
    "BadGateway",
    "Insightly cannot be reached, fails, or its answer cannot be read.",
);
const UNAVAILABLE: (&str, &str, &str) = (
    "503",
    "Unavailable",
    "The store is away, the request took longer than `api.request_timeout`, or there are too many like it. Try again.",
);
const LATE: (&str, &str, &str) = ("504", "GatewayTimeout", "Insightly did not answer in time.");

const ALL: [(&str, &str, &str); 14] = [
    BAD_REQUEST,
    UNAUTHORIZED,
    FORBIDDEN,
    NOT_FOUND,
    NOT_ALLOWED,
    SLOW,
    CONFLICT,
    TOO_LARGE,
    ANOTHER,
    LIMITED,
    INTERNAL,
    BAD_GATEWAY,
    UNAVAILABLE,
    LATE,
];

/// What is answered when Insightly is asked for a client of the hub.
pub(crate) struct OfInsightly;

/// What is answered when Insightly is asked whose key it is.
pub(crate) struct OfKeyCheck;

/// What is answered when an instance is changed.
pub(crate) struct OfChange;

/// What is answered when a query or a body names something that is not there.
pub(crate) struct OfNames;

/// What is answered when events are counted.
pub(crate) struct OfCounting;

/// What is answered to somebody who signs in.
pub(crate) struct OfSignIn;

/// What is answered to somebody who asks for secrets.
pub(crate) struct OfSecrets;

/// What is answered to the operator.
pub(crate) struct OfAdmin;

impl IntoResponses for OfCounting {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        references(&[FORBIDDEN])
    }
}

impl IntoResponses for OfSignIn {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        references(&[UNAUTHORIZED, LIMITED])
    }
}

impl IntoResponses for OfSecrets {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        references(&[CONFLICT, LIMITED])
    }
}

impl IntoResponses for OfAdmin {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        references(&[UNAUTHORIZED, NOT_FOUND, CONFLICT])
    }
}

impl IntoResponses for OfInsightly {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        references(&[
            BAD_REQUEST,
            FORBIDDEN,
            NOT_FOUND,
            NOT_ALLOWED,
            LIMITED,
            BAD_GATEWAY,
            LATE,
        ])
    }
}

impl IntoResponses for OfKeyCheck {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        references(&[BAD_REQUEST, LIMITED, BAD_GATEWAY])
    }
}

impl IntoResponses for OfNames {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        references(&[NOT_FOUND])
    }
}

impl IntoResponses for OfChange {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        references(&[CONFLICT])
    }
}

/// Adds the refusals that follow from what an operation takes, and the header that every answer has.
pub(super) fn complete(document: &mut OpenApi) {
    for (path, item) in &mut document.paths.paths {
        let methods = [
            (HttpMethod::Get, &mut item.get),
            (HttpMethod::Put, &mut item.put),
            (HttpMethod::Post, &mut item.post),
            (HttpMethod::Delete, &mut item.delete),
            (HttpMethod::Patch, &mut item.patch),
        ];
        for (method, operation) in methods {
            if let Some(operation) = operation {
                if is_once(&method, operation) {
                    let parameters = operation.parameters.get_or_insert_default();
                    parameters.push(RefOr::T(idempotency_key()));
                }
                let common = references(&common(path, &method, operation));
                let is_paged = takes(operation, "nextPage");
                let responses = &mut operation.responses.responses;
                for (status, response) in common {
                    responses.entry(status).or_insert(response);
                }
                for response in responses.values_mut() {
                    with_header(
                        response,
                        REQUEST_ID,
                        "The id of the request, by which the operator finds it.",
                    );
                }
                if is_paged {
                    let pages = responses.get_mut("200").into_iter();
                    pages.for_each(|page| {
                        with_header(
                            page,
                            NEXT_PAGE,
                            "The token of the next page; absent on the last.",
                        )
                    });
                }
            }
        }
    }
    let components = document.components.get_or_insert_default();
    components
        .schemas
        .insert(Error::name().into_owned(), Error::schema());
    let responses = ALL.map(|(status, name, text)| (name.to_owned(), response(status, text)));
    components.responses.extend(responses);
}

fn common(
    path: &str,
    method: &HttpMethod,
    operation: &Operation,
) -> Vec<(&'static str, &'static str, &'static str)> {
    let is_open = operation.security.as_deref().is_some_and(is_nothing);
    let is_of_users = operation.security.is_none();
    let has_body = operation.request_body.is_some();
    let parameters = operation.parameters.iter().flatten();
    let has_query = parameters.into_iter().any(
        |parameter| matches!(parameter, RefOr::T(own) if own.parameter_in != ParameterIn::Path),
    );
    let by_token = needs_token(operation);
    let mut refusals = vec![INTERNAL, UNAVAILABLE];
    if !is_open {
        refusals.push(UNAUTHORIZED);
    }
    if is_of_users {
        refusals.push(LIMITED);
    }
    if is_of_users && *method != HttpMethod::Get {
        refusals.push(FORBIDDEN);
    }
    if is_once(method, operation) {
        refusals.extend([CONFLICT, ANOTHER, SLOW, TOO_LARGE]);
    }
    if has_body || has_query || by_token {
        refusals.push(BAD_REQUEST);
    }
    if has_body {
        refusals.extend([TOO_LARGE, SLOW]);
    }
    // Path parameters are text before they are looked up: bytes that are none are a bad request.
    if path.contains('{') {
        refusals.extend([NOT_FOUND, BAD_REQUEST]);
    }
    refusals
}

/// Whether nobody has to say who asks.
fn is_nothing(security: &[SecurityRequirement]) -> bool {
    security
        .iter()
        .all(|one| *one == SecurityRequirement::default())
}

/// Whether an `Idempotency-Key` holds.
fn is_once(method: &HttpMethod, operation: &Operation) -> bool {
    *method == HttpMethod::Post && operation.security.is_none()
}

fn idempotency_key() -> Parameter {
    let text = "A request that is sent again with the same key is not done again: its first answer is given, with the \
         header `Idempotency-Replayed`.";
    ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(text))
        .schema(Some(
            ObjectBuilder::new()
                .schema_type(Type::String)
                .pattern(Some("^[!-~]{1,255}$")),
        ))
        .example(Some("0b6a3c1e-8a51-4f0a-9d3c-5d8a1f0c6b9e".into()))
        .build()
}

fn takes(operation: &Operation, name: &str) -> bool {
    let mut parameters = operation.parameters.iter().flatten();
    parameters.any(|parameter| matches!(parameter, RefOr::T(own) if own.name == name))
}

/// Whether it is refused without an Element token.
fn needs_token(operation: &Operation) -> bool {
    let of_hub = operation.tags.iter().flatten().any(|tag| tag == tags::HUB);
    of_hub
        || operation
            .operation_id
            .as_ref()
            .is_some_and(|id| id.contains(OF_TOKEN))
}

fn references(refusals: &[(&str, &str, &str)]) -> BTreeMap<String, RefOr<Response>> {
    let reference = |name: &str| RefOr::Ref(Ref::new(format!("#/components/responses/{name}")));
    let entries = refusals
        .iter()
        .map(|(status, name, _)| ((*status).to_owned(), reference(name)));
    entries.collect()
}

fn response(status: &str, text: &str) -> RefOr<Response> {
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name(Error::name())))
        .build();
    let mut response = ResponseBuilder::new()
        .description(text)
        .content("application/json", content);
    if ["429", "502", "503"].contains(&status) {
        let seconds = ObjectBuilder::new().schema_type(Type::Integer);
        let header = HeaderBuilder::new()
            .schema(Some(seconds))
            .description(Some(
                "Seconds after which it is worth trying again, where they are known.",
            ))
            .build();
        response = response.header("Retry-After", header);
    }
    let mut response = RefOr::T(response.build());
    with_header(
        &mut response,
        REQUEST_ID,
        "The id of the request, by which the operator finds it.",
    );
    response
}

fn with_header(response: &mut RefOr<Response>, name: &str, text: &str) {
    let RefOr::T(response) = response else {
        return;
    };
    let header = HeaderBuilder::new()
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
        .description(Some(text))
        .build();
    response.headers.insert(name.to_owned(), RefOr::T(header));
}
