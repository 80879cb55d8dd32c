//! What travels: the forms of bodies and answers. They are only described; `tests/it/documented.rs` compares them with
//! every answer that a test is given.
#![expect(dead_code, reason = "types that are only described, never made")]

mod accounts;
mod analytics;
mod configuration;
mod connector;
mod event;
mod forms;
mod hub;
mod instance;
mod poller;
mod requests;

pub(crate) use accounts::{
    NewOrganization, NewUser, OrganizationEntry, OrganizationMade, OwnSecrets, Replaced,
    Replacement, SignIn, Token, UserChanges, UserEntry, UserMade,
};
pub(crate) use analytics::{CountsOfAccounts, CountsOfInstances, EventCount, IntervalName};
pub(crate) use configuration::{ConfigurationEntry, EntryChange};
pub(crate) use connector::{Connector, ConnectorSummary, Metadata, Pong};
pub(crate) use event::{DeadLetter, Disposition, ErrorClassName, Event, StatusName, TestOutcome};
pub(crate) use hub::{Address, AddressFields, Record};
pub(crate) use instance::{HintUrl, Instance, InstanceChange, NewInstance, OneOrMany};
pub(crate) use poller::{Budget, PollerRecord, Quarantined};
pub(crate) use requests::{
    DeadLettersWanted, Discarded, Due, Redriven, ReplayRequest, Replayed, Rotated, RotationRequest,
};

use utoipa::ToSchema;

/// Why a request failed.
#[derive(ToSchema)]
#[schema(
    rename_all = "camelCase",
    example = json!({"requestId": "4bf92f3577b34da6a3ce929d0e0e4736", "message": "$.name: expected a name, got \"\""})
)]
pub(crate) struct Error {
    /// The request's id, by which the operator finds it.
    request_id: String,
    /// What is wrong and how to mend it.
    message: String,
    /// Insightly's own words, where it said something.
    #[schema(nullable = false)]
    provider_message: Option<String>,
}
