//! Publishing with confirmations: everything is sent, then everything is confirmed.

use std::collections::VecDeque;
use std::time::Duration;

use ie_model::Queue;
use lapin::options::BasicPublishOptions;
use lapin::{Confirmation, PublisherConfirm};
use tokio::sync::SemaphorePermit;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::Amqp;
use super::headers::properties;
use super::link::{Session, lost};
use crate::Error;
use crate::envelope::Envelope;
use crate::shard::Shard;
use crate::topology::dead_key;

/// Between two rounds over what got no answer.
const ROUND_PAUSE: Duration = Duration::from_millis(100);

/// A message and where it goes.
pub(super) struct Letter {
    exchange: String,
    routing_key: String,
    /// Where it arrives, for errors.
    queue: String,
    expiration: Option<Duration>,
    envelope: Envelope,
}

/// A message that was sent and not confirmed yet.
struct Sent<'a> {
    index: usize,
    confirm: PublisherConfirm,
    _permit: SemaphorePermit<'a>,
}

impl Amqp {
    /// Publishes to shards of work queues.
    pub(crate) async fn publish(
        &self,
        envelopes: Vec<(Shard, Envelope)>,
    ) -> Result<Vec<Result<(), Error>>, Error> {
        let letters = envelopes.into_iter();
        let letters = letters.map(|(shard, envelope)| self.letter(shard.key(), envelope));
        self.send(letters.collect()).await
    }

    /// Publishes to the wait queue of a delay, to come back to its shard.
    pub(super) async fn put_off(
        &self,
        shard: Shard,
        envelope: Envelope,
        delay: Duration,
    ) -> Result<(), Error> {
        let (queue, delay) = self.topology.wait_for(shard.queue, delay);
        self.send_one(Letter {
            exchange: queue.clone(),
            queue,
            expiration: Some(delay),
            ..self.letter(shard.key(), envelope)
        })
        .await
    }

    /// Publishes to the dead letters.
    pub(super) async fn bury(&self, queue: Queue, envelope: Envelope) -> Result<(), Error> {
        self.send_one(self.letter(dead_key(queue), envelope)).await
    }

    fn letter(&self, routing_key: String, envelope: Envelope) -> Letter {
        Letter {
            exchange: self.topology.exchange().to_owned(),
            queue: self.topology.queue_name(&routing_key),
            routing_key,
            expiration: None,
            envelope,
        }
    }

    async fn send_one(&self, letter: Letter) -> Result<(), Error> {
        let mut outcomes = self.send(vec![letter]).await?;
        outcomes.pop().expect("one letter has one outcome")
    }

    /// Sends in rounds, each over the connection of the moment, until everything has an answer or the limit passes
    /// without any. What is sent again is marked: its first copy may have arrived.
    async fn send(&self, mut letters: Vec<Letter>) -> Result<Vec<Result<(), Error>>, Error> {
        let mut outcomes: Vec<Option<Result<(), Error>>> = Vec::new();
        outcomes.resize_with(letters.len(), || None);
        let mut pending: Vec<usize> = (0..letters.len()).collect();
        let mut deadline = Instant::now() + self.publish_timeout;
        let mut anything_sent = false;
        while !pending.is_empty() {
            let session = match self.open_session(deadline).await {
                Ok(session) => session,
                Err(error) if !anything_sent => return Err(error),
                Err(error) => {
                    fill(&mut outcomes, &pending, &error);
                    break;
                }
            };
            anything_sent = true;
            let answers = self.round(&session, &letters, &pending).await;
            let before = pending.len();
            pending.clear();
            for (index, answer) in answers {
                if matches!(answer, Err(Error::Unroutable { .. })) {
                    // The next session declares what somebody deleted.
                    session.give_up();
                }
                if matches!(answer, Err(Error::Disconnected { .. })) {
                    letters[index].envelope.republished = true;
                    pending.push(index);
                }
                outcomes[index] = Some(answer);
            }
            if pending.len() < before {
                deadline = Instant::now() + self.publish_timeout;
            } else if Instant::now() >= deadline {
                break;
            }
            if !pending.is_empty() {
                session.give_up();
                sleep(ROUND_PAUSE).await;
            }
        }
        let answered = |outcome: Option<_>| outcome.expect("every letter was in a round");
        Ok(outcomes.into_iter().map(answered).collect())
    }

    /// A connection that the broker listens to.
    async fn open_session(&self, deadline: Instant) -> Result<std::sync::Arc<Session>, Error> {
        let mut last = None;
        let open = async {
            loop {
                match self.publishing.session().await {
                    Ok(session) if session.is_blocked() => {
                        last = Some(Error::disconnected(
                            "it blocks publishing, its memory or disk alarm is on",
                        ));
                        sleep(ROUND_PAUSE).await;
                    }
                    Ok(session) => return session,
                    Err(error) => last = Some(error),
                }
            }
        };
        let opened = timeout_at(deadline, open).await;
        opened.map_err(|_| last.unwrap_or_else(|| Error::disconnected("no connection in time")))
    }

    /// Sends letters and collects their confirmations. After the first that gets no answer none is waited for.
    async fn round(
        &self,
        session: &Session,
        letters: &[Letter],
        pending: &[usize],
    ) -> Vec<(usize, Result<(), Error>)> {
        let mut answers = Vec::with_capacity(pending.len());
        let mut sent: VecDeque<Sent<'_>> = VecDeque::new();
        let mut failed: Option<String> = None;
        for &index in pending {
            let mut permit = self.window.try_acquire().ok();
            // The window is full: first what is our own, since nobody else collects it.
            while permit.is_none() && failed.is_none() {
                match sent.pop_front() {
                    Some(oldest) => {
                        self.collect((session, letters), oldest, &mut failed, &mut answers)
                            .await
                    }
                    None => {
                        let waited = timeout(self.publish_timeout, self.window.acquire()).await;
                        match waited {
                            Ok(acquired) => permit = acquired.ok(),
                            Err(_) => failed = Some("too many messages are unconfirmed".into()),
                        }
                        continue;
                    }
                }
                permit = self.window.try_acquire().ok();
            }
            match (permit, &failed) {
                (Some(permit), None) => match self.hand_over(session, &letters[index]).await {
                    Ok(confirm) => sent.push_back(Sent {
                        index,
                        confirm,
                        _permit: permit,
                    }),
                    Err(error) => {
                        failed = Some(error.chain());
                        answers.push((index, Err(error)));
                    }
                },
                _ => answers.push((index, Err(unanswered(failed.as_deref())))),
            }
        }
        for oldest in sent {
            self.collect((session, letters), oldest, &mut failed, &mut answers)
                .await;
        }
        answers
    }

    async fn hand_over(
        &self,
        session: &Session,
        letter: &Letter,
    ) -> Result<PublisherConfirm, Error> {
        let mandatory = BasicPublishOptions {
            mandatory: true,
            ..Default::default()
        };
        let publish = session.channel.basic_publish(
            letter.exchange.as_str().into(),
            letter.routing_key.as_str().into(),
            mandatory,
            &letter.envelope.payload,
            properties(&letter.envelope, letter.expiration),
        );
        match session.answer(self.publish_timeout, publish).await {
            Some(handed) => handed.map_err(|error| lost("publishing", error)),
            None => {
                session.give_up();
                Err(Error::disconnected(format!(
                    "nothing sent within {:?}",
                    self.publish_timeout
                )))
            }
        }
    }

    async fn collect(
        &self,
        (session, letters): (&Session, &[Letter]),
        sent: Sent<'_>,
        failed: &mut Option<String>,
        answers: &mut Vec<(usize, Result<(), Error>)>,
    ) {
        // After a failure only what is there already counts.
        let limit = if failed.is_some() {
            Duration::ZERO
        } else {
            self.publish_timeout
        };
        let answer = match session.answer(limit, sent.confirm).await {
            Some(Ok(confirmation)) => read(confirmation, &letters[sent.index]),
            Some(Err(error)) => Err(lost("waiting for a confirmation", error)),
            None if failed.is_some() => Err(unanswered(failed.as_deref())),
            None => Err(Error::disconnected(format!(
                "no confirmation within {limit:?}"
            ))),
        };
        if let Err(error @ Error::Disconnected { .. }) = &answer {
            failed.get_or_insert_with(|| error.chain());
        }
        answers.push((sent.index, answer));
    }
}

/// A confirmation is not delivery: a message that reached no queue is acknowledged and comes back with it.
fn read(confirmation: Confirmation, letter: &Letter) -> Result<(), Error> {
    let queue = || letter.queue.clone();
    match confirmation {
        Confirmation::Ack(None) => Ok(()),
        Confirmation::Ack(Some(_)) | Confirmation::Nack(Some(_)) => {
            Err(Error::Unroutable { queue: queue() })
        }
        Confirmation::Nack(None) | Confirmation::NotRequested => {
            Err(Error::Nacked { queue: queue() })
        }
    }
}

fn fill(outcomes: &mut [Option<Result<(), Error>>], pending: &[usize], error: &Error) {
    for &index in pending {
        outcomes[index] = Some(Err(unanswered(Some(&error.chain()))));
    }
}

fn unanswered(failed: Option<&str>) -> Error {
    Error::disconnected(failed.unwrap_or("the connection was lost").to_owned())
}
