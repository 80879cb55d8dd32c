//! `insightly-events organization …` and `insightly-events user …`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use ie_model::Role;

/// Where the accounts are: in the store of this machine's configuration, or behind a server's API.
#[derive(Clone, Debug, Args)]
pub(crate) struct Operator {
    /// The server's address; without --admin-token the store of this machine's configuration is changed itself
    #[arg(long, global = true, env = "IE_URL")]
    pub(crate) url: Option<String>,
    /// The server's api.admin_token
    #[arg(long, global = true, env = "IE_ADMIN_TOKEN", hide_env_values = true)]
    pub(crate) admin_token: Option<String>,
    /// Print JSON instead of a table
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// `insightly-events organization …`
#[derive(Debug, Subcommand)]
pub(crate) enum OrganizationCommand {
    /// Create an organization, and show its secret
    Create {
        /// Its name
        #[arg(long, value_name = "NAME")]
        name: String,
    },
    /// List the organizations
    List,
    /// Give an organization a fresh secret; the one before stays good for a while
    RotateSecret {
        /// Its name
        #[arg(long, value_name = "NAME")]
        name: String,
        #[command(flatten)]
        grace: Grace,
    },
}

/// `insightly-events user …`
#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Create a user, and show its secret
    Create {
        #[command(flatten)]
        who: Who,
        /// What it may do: admin, or read-only
        #[arg(long, default_value = "admin", value_name = "ROLE")]
        role: Role,
        #[command(flatten)]
        password: PasswordFrom,
        /// It uses the API and never signs in: no password is asked for
        #[arg(long, conflicts_with = "password_file")]
        no_password: bool,
    },
    /// List the users of an organization
    List {
        /// The name of the organization
        #[arg(long, default_value = "default", value_name = "NAME")]
        organization: String,
    },
    /// Give a user another password, and end its sessions
    Password {
        #[command(flatten)]
        who: Who,
        #[command(flatten)]
        password: PasswordFrom,
    },
    /// Give a user a fresh secret; the one before stays good for a while
    RotateSecret {
        #[command(flatten)]
        who: Who,
        #[command(flatten)]
        grace: Grace,
    },
    /// Keep a user out, and end its sessions
    Disable {
        #[command(flatten)]
        who: Who,
    },
    /// Let a user in again
    Enable {
        #[command(flatten)]
        who: Who,
    },
    /// Change what a user may do
    Role {
        #[command(flatten)]
        who: Who,
        /// admin, or read-only
        role: Role,
    },
    /// Delete a user; its instances stay
    Delete {
        #[command(flatten)]
        who: Who,
    },
}

/// Which user.
#[derive(Clone, Debug, Args)]
pub(crate) struct Who {
    /// The user's name, by which it signs in
    #[arg(long, value_name = "NAME")]
    pub(crate) name: String,
    /// The name of its organization
    #[arg(long, default_value = "default", value_name = "NAME")]
    pub(crate) organization: String,
}

/// Where a password comes from: it is asked for, or read from standard input when that is no terminal.
#[derive(Clone, Debug, Args)]
pub(crate) struct PasswordFrom {
    /// Read the password from this file
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
}

/// How long the secret before stays good.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Grace {
    /// For so many minutes; 0 ends it at once [default: api.secret_grace]
    #[arg(long, value_name = "MINUTES", value_parser = clap::value_parser!(u32).range(0..=43_200))]
    pub(crate) grace_minutes: Option<u32>,
}
