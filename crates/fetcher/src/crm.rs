//! How the fetcher reaches the CRM: over HTTP, or what stands in for it in a deterministic test.

use std::sync::Arc;

use async_trait::async_trait;
use ie_insightly::{Answer, Client, Error, Page, Search};
use ie_model::Instance;
use ie_platform::secret::SecretString;
use serde_json::Value;

/// One account of the CRM, as one API key sees it.
#[async_trait]
pub trait Crm: Send + Sync {
    /// One page of the records that match.
    async fn search(&self, object: &str, search: &Search) -> Result<Answer<Page>, Error>;

    /// One page of all records; the conditions of the search do not count.
    async fn list(&self, object: &str, page: &Search) -> Result<Answer<Page>, Error>;

    /// One record; none when it is gone or hidden.
    async fn get(&self, object: &str, id: &str) -> Result<Answer<Option<Value>>, Error>;
}

/// Finds the CRM of an instance.
pub trait Connect: Send + Sync + 'static {
    /// The CRM at the instance's address, with its opened API key.
    ///
    /// # Errors
    /// The address is none.
    fn connect(&self, instance: &Instance, key: SecretString) -> Result<Arc<dyn Crm>, Error>;
}

/// Insightly over HTTP.
#[derive(Clone, Debug)]
pub struct Http(pub reqwest::Client);

impl Connect for Http {
    fn connect(&self, instance: &Instance, key: SecretString) -> Result<Arc<dyn Crm>, Error> {
        Ok(Arc::new(Client::new(
            self.0.clone(),
            &instance.settings.base_url,
            key,
        )?))
    }
}

#[async_trait]
impl Crm for Client {
    async fn search(&self, object: &str, search: &Search) -> Result<Answer<Page>, Error> {
        Client::search(self, object, search).await
    }

    async fn list(&self, object: &str, page: &Search) -> Result<Answer<Page>, Error> {
        Client::list(self, object, page).await
    }

    async fn get(&self, object: &str, id: &str) -> Result<Answer<Option<Value>>, Error> {
        Client::find(self, object, id).await
    }
}
