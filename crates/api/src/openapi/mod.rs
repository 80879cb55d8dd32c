//! The API's description: OpenAPI 3.1, made of what stands beside each handler, and a Postman collection made of it.
//!
//! `described` is the router that takes no handler without its description, and puts operations under their other
//! addresses. `schemas` says what travels, `parameters` what requests are narrowed by, `refusals` what may be answered
//! beside an operation's own answers. `page` serves it all.

pub(crate) mod described;
pub(crate) mod examples;
pub(crate) mod page;
pub(crate) mod parameters;
mod postman;
pub(crate) mod refusals;
pub(crate) mod schemas;

use std::sync::LazyLock;

use serde_json::Value;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    Components, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, SecurityRequirement, Server,
};

use crate::routes;

/// The names of the security schemes.
const SECRETS: &str = "secrets";
const TOKEN: &str = "token";
const OPERATOR: &str = "operator";

/// What the scheme's header looks like.
const FORM: &str = "`User <user secret>, Organization <organization secret>` for the account, and with \
     `, Element <instance token>` at its end for one instance: operations that name no instance in their path are about \
     that one. The Organization may be left out when there is an Element; `Bearer <token>` stands for both secrets.";

const ABOUT: &str = "\
insightly-events polls Insightly CRM and delivers every change of a record to your callback. It speaks the API of SAP \
Open Connectors: what was written for that product works by changing the base URL.\n\n\
Each answer has the header `Elements-Request-Id`; an error's body has the same id, says what is wrong and how to mend \
it. What belongs to another organization does not exist: 404.";

/// The groups of operations.
pub(crate) mod tags {
    pub(crate) const INSTANCES: &str = "Instances";
    pub(crate) const EVENTS: &str = "Events";
    pub(crate) const DEAD_LETTERS: &str = "Dead letters";
    pub(crate) const CONNECTOR: &str = "Connector";
    pub(crate) const ACCOUNTS: &str = "Accounts";
    pub(crate) const HUB: &str = "Hub";
    pub(crate) const HINTS: &str = "Hints";
    /// Of operations that stand under `/elements/{element}` as well.
    pub(crate) const SYNONYMS: &str = "Synonyms";
}

const TAGS: [(&str, &str); 8] = [
    (
        tags::INSTANCES,
        "Connector instances: an Insightly key, the resources to watch, a callback.",
    ),
    (tags::EVENTS, "What was notified, and how that went."),
    (
        tags::DEAD_LETTERS,
        "What could not be delivered, and its second chance.",
    ),
    (tags::CONNECTOR, "The connector and what it can be told."),
    (
        tags::HUB,
        "Insightly's records, for the instance of the Element token. Every request counts against the account's budget.",
    ),
    (
        tags::ACCOUNTS,
        "Signing in, and what the operator does about organizations and their users.",
    ),
    (
        tags::HINTS,
        "What Insightly's workflow rules call. It makes pollers due, and nothing depends on it.",
    ),
    (
        tags::SYNONYMS,
        "The operations of `/instances`, under the connector's address as well.",
    ),
];

static DOCUMENT: LazyLock<OpenApi> = LazyLock::new(|| {
    let mut document = routes::described().into_document();
    refusals::complete(&mut document);
    document
});

/// The description, as it is served and as `docs/openapi.json` has it.
///
/// # Errors
/// It cannot be written as JSON, which is a defect.
pub fn document() -> serde_json::Result<String> {
    DOCUMENT.to_pretty_json().map(|text| text + "\n")
}

/// The same as a collection of Postman, as `docs/postman.json` has it.
///
/// # Errors
/// It cannot be written as JSON, which is a defect.
pub fn collection() -> serde_json::Result<String> {
    let document: Value = serde_json::to_value(&*DOCUMENT)?;
    serde_json::to_string_pretty(&postman::collection(&document)).map(|text| text + "\n")
}

/// A description without operations.
pub(crate) fn empty() -> OpenApi {
    let info = InfoBuilder::new()
        .title("insightly-events")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(ABOUT))
        .license(Some(
            LicenseBuilder::new()
                .name("Apache-2.0")
                .identifier(Some("Apache-2.0"))
                .build(),
        ))
        .build();
    let tags =
        TAGS.map(|(name, text)| TagBuilder::new().name(name).description(Some(text)).build());
    let header = ApiKeyValue::with_description("Authorization", FORM);
    let mut components = Components::new();
    components.add_security_scheme(SECRETS, SecurityScheme::ApiKey(ApiKey::Header(header)));
    for (name, text) in [
        (TOKEN, "The token of `POST /authentication`."),
        (OPERATOR, "`api.admin_token`."),
    ] {
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some(text));
        components.add_security_scheme(name, SecurityScheme::Http(bearer.build()));
    }
    OpenApiBuilder::new()
        .info(info)
        .servers(Some([Server::new("/")]))
        .tags(Some(tags))
        .security(Some([SECRETS, TOKEN].map(|name| {
            SecurityRequirement::new::<_, [&str; 0], _>(name, [])
        })))
        .components(Some(components))
        .build()
}
