//! Insightly over HTTP, with some of its records spoilt on their way.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use ie_fetcher::{Connect, Crm};
use ie_insightly::{Answer, Error, Page, Record, Search};
use ie_model::Instance;
use ie_platform::secret::SecretString;
use serde_json::Value;

/// What becomes of a record.
type Spoil = fn(&mut Value);

#[derive(Default)]
struct State {
    spoilt: HashMap<i64, Spoil>,
    refused: bool,
    requests: Vec<String>,
}

/// What goes wrong with records, and what was asked. Clones are of the same.
#[derive(Clone, Default)]
pub(crate) struct Spoiler(Arc<Mutex<State>>);

impl Spoiler {
    /// From now on this record is never handed out as it is.
    pub(crate) fn spoil(&self, id: i64, how: Spoil) {
        self.0.lock().unwrap().spoilt.insert(id, how);
    }

    /// All records are handed out as they are.
    pub(crate) fn heal(&self) {
        self.0.lock().unwrap().spoilt.clear();
    }

    /// Whether single records are refused.
    pub(crate) fn refuse(&self, refused: bool) {
        self.0.lock().unwrap().refused = refused;
    }

    /// What was asked since the last call.
    pub(crate) fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap().requests)
    }

    fn note(&self, request: String) {
        self.0.lock().unwrap().requests.push(request);
    }

    fn spoil_record(&self, record: &mut Record) {
        let mut value = record.value();
        self.apply(&mut value);
        *record = value.into();
    }

    fn apply(&self, record: &mut Value) {
        let id = record["CONTACT_ID"].as_i64();
        let how = id.and_then(|id| self.0.lock().unwrap().spoilt.get(&id).copied());
        if let Some(how) = how {
            how(record);
        }
    }
}

/// Makes spoilt CRMs.
pub(crate) struct SpoiltConnect {
    pub(crate) spoiler: Spoiler,
    pub(crate) connect: Arc<dyn Connect>,
}

struct SpoiltCrm {
    spoiler: Spoiler,
    crm: Arc<dyn Crm>,
}

impl Connect for SpoiltConnect {
    fn connect(&self, instance: &Instance, key: SecretString) -> Result<Arc<dyn Crm>, Error> {
        Ok(Arc::new(SpoiltCrm {
            spoiler: self.spoiler.clone(),
            crm: self.connect.connect(instance, key)?,
        }))
    }
}

#[async_trait]
impl Crm for SpoiltCrm {
    async fn search(&self, object: &str, search: &Search) -> Result<Answer<Page>, Error> {
        self.spoiler.note("search".to_owned());
        let mut answer = self.crm.search(object, search).await?;
        let records = answer.body.records.iter_mut();
        records.for_each(|record| self.spoiler.spoil_record(record));
        Ok(answer)
    }

    async fn list(&self, object: &str, page: &Search) -> Result<Answer<Page>, Error> {
        self.spoiler.note("list".to_owned());
        let mut answer = self.crm.list(object, page).await?;
        let records = answer.body.records.iter_mut();
        records.for_each(|record| self.spoiler.spoil_record(record));
        Ok(answer)
    }

    async fn get(&self, object: &str, id: &str) -> Result<Answer<Option<Value>>, Error> {
        self.spoiler.note(format!("get {id}"));
        if self.spoiler.0.lock().unwrap().refused {
            return Err(Error::BadRequest {
                message: "no".to_owned(),
            });
        }
        let mut answer = self.crm.get(object, id).await?;
        if let Some(record) = &mut answer.body {
            self.spoiler.apply(record);
        }
        Ok(answer)
    }
}
