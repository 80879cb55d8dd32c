//! People who sign in with a name and a password, and for how long.
//!
//! Indexes: `users_by_sign_in`; `sessions` by token, `sessions_by_expiry`.

use chrono::{DateTime, Utc};
use ie_model::UserId;

use crate::accounts::principal;
use crate::sql::Sql;
use crate::timer::Timer;
use crate::{Principal, Result, Store, time};

/// What is known of a name that somebody signs in with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignIn {
    /// Whose name it is.
    pub principal: Principal,
    /// The password as a PHC string.
    pub password_hash: String,
}

/// Somebody who has signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Who.
    pub principal: Principal,
    /// The user's name.
    pub user: String,
    /// The organization's name.
    pub organization: String,
}

impl Store {
    /// Gives a user a password unless it has one; whether it had none.
    pub async fn give_password(&self, user: UserId, password_hash: &str) -> Result<bool> {
        let _timer = Timer::start("give_password");
        let sql =
            Sql::new("UPDATE users SET password_hash = $2 WHERE id = $1 AND password_hash IS NULL");
        let sql = sql.bind(user).bind(password_hash);
        Ok(self.database.write(sql).await? > 0)
    }

    /// Whether a user has a password.
    pub async fn has_password(&self, user: UserId) -> Result<bool> {
        let _timer = Timer::start("has_password");
        let sql = Sql::new("SELECT id FROM users WHERE id = $1 AND password_hash IS NOT NULL");
        let found: Option<(i64,)> = self.database.optional(sql.bind(user)).await?;
        Ok(found.is_some())
    }

    /// Who signs in by this name, if anybody can.
    pub async fn sign_in(&self, name: &str) -> Result<Option<SignIn>> {
        let _timer = Timer::start("sign_in");
        let sql = Sql::new(
            "SELECT organization_id, id, role, password_hash FROM users \
             WHERE name = $1 AND password_hash IS NOT NULL AND disabled = FALSE",
        );
        let found: Option<(i64, i64, String, String)> =
            self.database.optional(sql.bind(name)).await?;
        let sign_in = |(organization, user, role, password_hash)| {
            Ok(SignIn {
                principal: principal((organization, user, role))?,
                password_hash,
            })
        };
        found.map(sign_in).transpose()
    }

    /// Notes that a user has signed in, until a time; forgets the sessions that have ended by then.
    pub async fn open_session(
        &self,
        token_hash: &str,
        user: UserId,
        (now, expires_at): (DateTime<Utc>, DateTime<Utc>),
    ) -> Result<()> {
        let _timer = Timer::start("open_session");
        let open =
            Sql::new("INSERT INTO sessions (token_hash, user_id, expires_at) VALUES ($1, $2, $3)");
        let forget = Sql::new("DELETE FROM sessions WHERE expires_at <= $1");
        let mut tx = self.database.begin().await?;
        tx.execute(forget.bind(now)).await?;
        tx.execute(open.bind(token_hash).bind(user).bind(expires_at))
            .await?;
        tx.commit().await
    }

    /// Who has signed in with this token, unless that has ended.
    pub async fn session(&self, token_hash: &str, now: DateTime<Utc>) -> Result<Option<Session>> {
        let _timer = Timer::start("session");
        let sql = Sql::new(
            "SELECT users.organization_id, users.id, users.role, users.name, organizations.name FROM sessions \
             JOIN users ON users.id = sessions.user_id \
             JOIN organizations ON organizations.id = users.organization_id \
             WHERE sessions.token_hash = $1 AND sessions.expires_at > $2 AND users.disabled = FALSE",
        );
        let sql = sql.bind(token_hash).bind(time::to_ms(now));
        let found: Option<(i64, i64, String, String, String)> = self.database.optional(sql).await?;
        let session = |(id, user, role, name, organization)| {
            Ok(Session {
                principal: principal((id, user, role))?,
                user: name,
                organization,
            })
        };
        found.map(session).transpose()
    }

    /// Ends a session.
    pub async fn close_session(&self, token_hash: &str) -> Result<()> {
        let _timer = Timer::start("close_session");
        let sql = Sql::new("DELETE FROM sessions WHERE token_hash = $1");
        self.database.write(sql.bind(token_hash)).await?;
        Ok(())
    }
}
