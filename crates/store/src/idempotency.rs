//! Requests that are done once however often they are sent: whoever comes first takes the key, and its answer is kept.
//!
//! A claim is a row without an answer. Only its holder may note the answer, so whoever was overtaken stores nothing.
//! Indexes: `idempotency_keys` by user and key, `idempotency_keys_by_expiry`.

use chrono::{DateTime, Utc};
use ie_model::UserId;

use crate::database::Tx;
use crate::sql::Sql;
use crate::timer::Timer;
use crate::{Error, Result, Store, time};

/// A request under a key, by somebody who wants to do it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Whose key it is.
    pub user: UserId,
    /// The hash of the key.
    pub key_hash: String,
    /// The hash of what is asked.
    pub request_hash: String,
    /// A name that no other claim has.
    pub token: String,
    /// When it began.
    pub began_at: DateTime<Utc>,
    /// When another may take it over if it has no answer by then: only where what has no answer had no effect.
    pub resumable_at: Option<DateTime<Utc>>,
    /// When the key is free again.
    pub expires_at: DateTime<Utc>,
}

/// What is known of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// The claim holds: do it, and note the answer.
    Fresh,
    /// It was done.
    Answered {
        /// The status of the answer.
        status: u16,
        /// The body of the answer, sealed.
        answer: String,
    },
    /// The key belongs to another request.
    Another,
    /// Another is at it, or ended before it could note an answer.
    UnderWay {
        /// When it began.
        began_at: DateTime<Utc>,
        /// When it may be taken over, if ever.
        resumable_at: Option<DateTime<Utc>>,
    },
}

/// The answer of a claim.
#[derive(Clone, Copy, Debug)]
pub struct Receipt<'a> {
    /// The claim.
    pub claim: &'a Claim,
    /// The status of the answer.
    pub status: u16,
    /// The body of the answer, sealed.
    pub answer: &'a str,
}

const CLAIM: &str = "INSERT INTO idempotency_keys \
     (user_id, key_hash, request_hash, claim, began_at, resumable_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7) \
     ON CONFLICT (user_id, key_hash) DO UPDATE SET request_hash = $3, claim = $4, began_at = $5, resumable_at = $6, \
     expires_at = $7, status = NULL, answer = NULL \
     WHERE idempotency_keys.expires_at <= $5 OR (idempotency_keys.status IS NULL \
     AND idempotency_keys.resumable_at <= $5 AND idempotency_keys.request_hash = $3) RETURNING user_id";

pub(crate) const SELECT_KEY: &str = "SELECT request_hash, status, answer, began_at, resumable_at \
     FROM idempotency_keys WHERE user_id = $1 AND key_hash = $2";

const NOTE: &str = "UPDATE idempotency_keys SET status = $4, answer = $5 \
     WHERE user_id = $1 AND key_hash = $2 AND claim = $3 AND status IS NULL";

pub(crate) const FORGET: &str = "DELETE FROM idempotency_keys WHERE (user_id, key_hash) IN \
     (SELECT user_id, key_hash FROM idempotency_keys WHERE expires_at <= $1 LIMIT $2)";

impl Store {
    /// Takes a key, or says what is known of it.
    pub async fn claim_key(&self, claim: &Claim) -> Result<Claimed> {
        let _timer = Timer::start("claim_key");
        let take = of(CLAIM, claim.user, &claim.key_hash)
            .bind(claim.request_hash.as_str())
            .bind(claim.token.as_str())
            .bind(claim.began_at)
            .bind(claim.resumable_at)
            .bind(claim.expires_at);
        let taken: Vec<(i64,)> = self.database.write_returning(take).await?;
        if !taken.is_empty() {
            return Ok(Claimed::Fresh);
        }
        let select = of(SELECT_KEY, claim.user, &claim.key_hash);
        type Row = (String, Option<i64>, Option<String>, i64, Option<i64>);
        let found: Option<Row> = self.database.optional(select).await?;
        let Some((request_hash, status, answer, began_at, resumable_at)) = found else {
            // Given back a moment ago: whoever comes again may have it.
            return Ok(Claimed::UnderWay {
                began_at: claim.began_at,
                resumable_at: Some(claim.began_at),
            });
        };
        if request_hash != claim.request_hash {
            return Ok(Claimed::Another);
        }
        let Some((status, answer)) = status.zip(answer) else {
            return Ok(Claimed::UnderWay {
                began_at: time::from_ms(began_at)?,
                resumable_at: time::from_optional_ms(resumable_at)?,
            });
        };
        let status = u16::try_from(status);
        Ok(Claimed::Answered {
            status: status.map_err(|error| Error::corrupt("a status", error))?,
            answer,
        })
    }

    /// Notes the answer of a claim that has none yet; false when it has one, or was overtaken.
    pub async fn note_answer(&self, receipt: Receipt<'_>) -> Result<bool> {
        let _timer = Timer::start("note_answer");
        Ok(self.database.write(noting(receipt)).await? > 0)
    }

    /// Gives back a key of which nothing was done.
    pub async fn release_key(&self, claim: &Claim) -> Result<()> {
        let _timer = Timer::start("release_key");
        let sql = "DELETE FROM idempotency_keys \
             WHERE user_id = $1 AND key_hash = $2 AND claim = $3 AND status IS NULL";
        let sql = of(sql, claim.user, &claim.key_hash).bind(claim.token.as_str());
        self.database.write(sql).await?;
        Ok(())
    }

    /// Forgets up to `batch` keys that are free again; how many.
    pub async fn forget_keys(&self, now: DateTime<Utc>, batch: u32) -> Result<u64> {
        let _timer = Timer::start("forget_keys");
        let sql = Sql::new(FORGET).bind(now).bind(batch);
        self.database.write(sql).await
    }
}

/// Notes an answer with what was done for it. [`Error::Overtaken`] when another has taken the claim over: nothing may be
/// done then.
pub(crate) async fn note(tx: &mut Tx, receipt: Receipt<'_>) -> Result<()> {
    if tx.execute(noting(receipt)).await? == 0 {
        return Err(Error::Overtaken);
    }
    Ok(())
}

fn noting(receipt: Receipt<'_>) -> Sql {
    let claim = receipt.claim;
    of(NOTE, claim.user, &claim.key_hash)
        .bind(claim.token.as_str())
        .bind(u32::from(receipt.status))
        .bind(receipt.answer)
}

fn of(text: &'static str, user: UserId, key_hash: &str) -> Sql {
    Sql::new(text).bind(user).bind(key_hash)
}
