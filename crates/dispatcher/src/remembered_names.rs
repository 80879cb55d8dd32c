//! Remembers for a few seconds what a name resolved to, so that a busy callback does not cost a lookup per connection.
//!
//! Only answers are remembered, never a verdict on them: the resolver checks the addresses again on every attempt.
//! A failed lookup is not remembered, so a name that comes back is called at once.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use tokio::time::Instant;

use crate::resolver::Lookup;

/// How long names are remembered, and how many.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// How long an answer holds; zero: every connection asks.
    pub(crate) age: Duration,
    /// How many names are held at most.
    pub(crate) size: usize,
}

#[derive(Debug)]
struct Answer {
    addresses: Vec<IpAddr>,
    until: Instant,
}

#[derive(Debug)]
struct Names {
    limits: Limits,
    answers: Mutex<HashMap<String, Answer>>,
}

impl Names {
    fn get(&self, name: &str) -> Option<Vec<IpAddr>> {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = answers.get(name)?;
        (answer.until > Instant::now()).then(|| answer.addresses.clone())
    }

    fn put(&self, name: String, addresses: Vec<IpAddr>) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if answers.len() >= self.limits.size && !answers.contains_key(&name) {
            // Answers are cheap to ask for again: emptying the map costs less than keeping an order of use.
            answers.clear();
        }
        let until = Instant::now() + self.limits.age;
        answers.insert(name, Answer { addresses, until });
    }
}

/// The lookup behind a memory within these limits.
pub(crate) fn remembered(lookup: Lookup, limits: Limits) -> Lookup {
    if limits.age.is_zero() {
        return lookup;
    }
    let names = Arc::new(Names {
        limits,
        answers: Mutex::default(),
    });
    Arc::new(move |name| {
        let (names, lookup) = (Arc::clone(&names), Arc::clone(&lookup));
        async move {
            if let Some(addresses) = names.get(&name) {
                return Ok(addresses);
            }
            let addresses = lookup(name.clone()).await?;
            names.put(name, addresses.clone());
            Ok(addresses)
        }
        .boxed()
    })
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    const AGE: Duration = Duration::from_secs(5);

    /// A lookup that counts how often it is asked; the name "gone" has no answer.
    fn counted(age: Duration, size: usize) -> (Lookup, Arc<AtomicUsize>) {
        let count = Arc::new(AtomicUsize::new(0));
        let asked = Arc::clone(&count);
        let lookup: Lookup = Arc::new(move |name: String| {
            asked.fetch_add(1, Ordering::SeqCst);
            let answer = match name.as_str() {
                "gone" => Err(io::Error::other("no such name")),
                _ => Ok(vec![IpAddr::from([1, 1, 1, 1])]),
            };
            async { answer }.boxed()
        });
        (remembered(lookup, Limits { age, size }), count)
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_is_looked_up_once_until_its_answer_is_old() {
        let (lookup, count) = counted(AGE, 10);

        for _ in 0..100 {
            lookup("a".to_owned()).await.unwrap();
        }
        assert_eq!(count.load(Ordering::SeqCst), 1);

        tokio::time::advance(AGE).await;
        lookup("a".to_owned()).await.unwrap();
        assert_eq!(count.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_failed_lookup_is_tried_again() {
        let (lookup, count) = counted(AGE, 10);

        lookup("gone".to_owned()).await.unwrap_err();
        lookup("gone".to_owned()).await.unwrap_err();

        assert_eq!(count.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn without_an_age_every_connection_asks() {
        let (lookup, count) = counted(Duration::ZERO, 10);

        lookup("a".to_owned()).await.unwrap();
        lookup("a".to_owned()).await.unwrap();

        assert_eq!(count.load(Ordering::SeqCst), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_names_are_held_than_allowed() {
        let (lookup, count) = counted(AGE, 2);

        for name in ["a", "b", "c", "a"] {
            lookup(name.to_owned()).await.unwrap();
        }

        assert_eq!(count.load(Ordering::SeqCst), 4);
    }
}
