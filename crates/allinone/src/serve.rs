//! Without a command: everything embedded, until a signal.

use std::process::ExitCode;

use ie_platform::Options;

use crate::cli::RunOptions;
use crate::data::{self, Created};
use crate::{Config, PROCESS, output, services};

/// Runs until a signal.
pub(crate) fn serve(run: &RunOptions) -> ExitCode {
    let mut created = Created::default();
    let prepare = |config: &mut Config| {
        created = data::prepare(&run.data, config)?;
        show(
            &created,
            run,
            (&config.api.address, &config.api.bootstrap_user),
        );
        Ok(())
    };
    ie_platform::run_with(
        PROCESS,
        options(run),
        prepare,
        async |context, config: Config| {
            let running = services::start(&context, config).await?;
            tracing::info!(address = %running.address, "insightly-events is ready");
            Ok(())
        },
    )
}

/// Asks the process that runs with this configuration whether it is ready.
pub(crate) fn healthcheck(run: &RunOptions) -> ExitCode {
    ie_platform::healthcheck::<Config>(options(run))
}

/// Shows what a running process logs, or changes it.
pub(crate) fn log_filter(run: &RunOptions, filter: Option<&str>, url: Option<&str>) -> ExitCode {
    ie_platform::log_filter::<Config>(options(run), filter, url)
}

/// Shows the effective configuration, or its problems.
pub(crate) fn check_config(run: &RunOptions) -> ExitCode {
    ie_platform::check_config(options(run), |config| data::preview(&run.data, config))
}

fn options(run: &RunOptions) -> Options {
    Options {
        config: run.config.clone(),
    }
}

/// What the first start created is shown this once.
///
/// `dashboard` is where one signs in, and as whom.
fn show(created: &Created, run: &RunOptions, dashboard: (&str, &str)) {
    if let Some(path) = &created.master_key {
        output::warn(&format!(
            "first start: the master key is in {}; without it the stored Insightly keys cannot be read, so back it up",
            path.display()
        ));
    }
    if let Some(credentials) = &created.credentials {
        output::warn(&format!(
            "first start: the credentials of the API and of the dashboard, kept in {}/credentials.toml and shown only \
             now:\n\n  Authorization: User {}, Organization {}\n\n  Dashboard: http://{}/dashboard\n  \
             User name: {}\n  Password:  {}\n",
            run.data.display(),
            credentials.user_secret,
            credentials.organization_secret,
            dashboard.0,
            dashboard.1,
            credentials
                .dashboard_password
                .as_deref()
                .unwrap_or_default(),
        ));
    }
}
