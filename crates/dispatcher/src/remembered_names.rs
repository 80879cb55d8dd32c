//! Remembers for a few seconds what a name resolved to, so that a busy callback does not cost a lookup per connection.
//!
//! Only answers are remembered, never a verdict on them: the resolver checks the addresses again on every attempt.
//! A failed lookup is not remembered, so a name that comes back is called at once.

use std::sync::Arc;

use futures::FutureExt as _;

use crate::memory::{Limits, Memory};
use crate::resolver::Lookup;

/// The lookup behind a memory within these limits; without an age every connection asks.
pub(crate) fn remembered(lookup: Lookup, limits: Limits) -> Lookup {
    if limits.age.is_zero() {
        return lookup;
    }
    let names = Arc::new(Memory::<String, _>::new(limits));
    Arc::new(move |name| {
        let (names, lookup) = (Arc::clone(&names), Arc::clone(&lookup));
        async move {
            if let Some(addresses) = names.get(name.as_str()) {
                return Ok(addresses);
            }
            let addresses = lookup(name.clone()).await?;
            names.insert(name, addresses.clone());
            Ok(addresses)
        }
        .boxed()
    })
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::net::IpAddr;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

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
