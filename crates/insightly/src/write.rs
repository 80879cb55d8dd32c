//! What changes something in Insightly. Each is sent once: who was not answered does not know whether it had an effect.

use reqwest::Method;
use serde_json::{Map, Value};

use crate::{Answer, Client, Error};

impl Client {
    /// `POST /{object}`: a new record; the answer is what Insightly made of it.
    ///
    /// # Errors
    /// [`Error::BadRequest`] when Insightly refuses the fields, and what any request may meet.
    pub async fn create(
        &self,
        object: &str,
        fields: &Map<String, Value>,
    ) -> Result<Answer<Value>, Error> {
        let request = self.request(Method::POST, &[object]).json(fields);
        self.send("POST record", request).await?.read()
    }

    /// `PUT /{object}`: changes the fields given, of which one is the record's id; null clears a field.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the record is gone or hidden, [`Error::BadRequest`] when Insightly refuses the fields,
    /// and what any request may meet.
    pub async fn update(
        &self,
        object: &str,
        fields: &Map<String, Value>,
    ) -> Result<Answer<Value>, Error> {
        let request = self.request(Method::PUT, &[object]).json(fields);
        self.send("PUT record", request).await?.read()
    }

    /// `DELETE /{object}/{id}`.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the record is gone or hidden, and what any request may meet.
    pub async fn delete(&self, object: &str, id: &str) -> Result<Answer<()>, Error> {
        let request = self.request(Method::DELETE, &[object, id]);
        self.send("DELETE record", request).await?.done()
    }
}
