//! The dashboard as a browser without scripts sees it.

use ie_platform::http::{self, ClientSettings};
use reqwest::header::{COOKIE, HeaderMap, LOCATION, SET_COOKIE};
use reqwest::{Method, StatusCode};

use crate::rig::Rig;

/// The name and the password of the rig's user.
pub(crate) const NAME: &str = "admin";
pub(crate) const PASSWORD: &str = "a password of the rig";

/// What the dashboard answered.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) html: String,
}

impl Page {
    /// Where it sends the browser.
    #[track_caller]
    pub(crate) fn location(&self) -> &str {
        assert_eq!(self.status, StatusCode::SEE_OTHER, "{}", self.html);
        self.header(LOCATION.as_str())
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).map(|value| value.to_str().unwrap());
        value.unwrap_or_default()
    }

    /// The HTML of a success.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.status, StatusCode::OK, "{}", self.html);
        self.html
    }

    /// The value of the first field of this name.
    #[track_caller]
    pub(crate) fn field(&self, name: &str) -> String {
        let (_, rest) = self
            .html
            .split_once(&format!("name=\"{name}\" value=\""))
            .unwrap_or_else(|| panic!("no field {name} in {}", self.html));
        rest.split('"').next().unwrap_or_default().to_owned()
    }
}

/// A browser that has a cookie, or none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Browser {
    base: String,
    pub(crate) cookie: String,
    pub(crate) csrf: String,
}

impl Browser {
    /// Nobody has signed in.
    pub(crate) fn new(rig: &Rig) -> Self {
        Self {
            base: rig.origin(),
            ..Self::default()
        }
    }

    /// The rig's user has signed in.
    pub(crate) async fn signed_in(rig: &Rig) -> Self {
        Self::signed_in_as(rig, NAME, PASSWORD).await
    }

    /// Somebody has signed in.
    pub(crate) async fn signed_in_as(rig: &Rig, name: &str, password: &str) -> Self {
        let mut browser = Self::new(rig);
        let fields = [("name", name), ("password", password)];
        let page = browser.post("/dashboard/sign-in", &fields).await;
        page.location();
        let cookie = page.header(SET_COOKIE.as_str());
        browser.cookie = cookie.split(';').next().unwrap().to_owned();
        browser.csrf = browser.get("/dashboard/system").await.field("csrf");
        browser
    }

    pub(crate) async fn get(&self, path: &str) -> Page {
        self.send(Method::GET, path, &[], None).await
    }

    /// A part of a page, as htmx asks for it.
    pub(crate) async fn part(&self, path: &str) -> Page {
        self.send(Method::GET, path, &[("hx-request", "true")], None)
            .await
    }

    /// A form, with the token of the session.
    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Page {
        let mut fields = fields.to_vec();
        if !self.csrf.is_empty() {
            fields.push(("csrf", &self.csrf));
        }
        self.send(Method::POST, path, &[], Some(&fields)).await
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        form: Option<&[(&str, &str)]>,
    ) -> Page {
        let client = http::client(&ClientSettings::default()).unwrap();
        let mut request = client.request(method, format!("{}{path}", self.base));
        if !self.cookie.is_empty() {
            request = request.header(COOKIE, &self.cookie);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(form) = form {
            let body = reqwest::Url::parse_with_params("http://form/", form).unwrap();
            request = request
                .header("content-type", "application/x-www-form-urlencoded")
                .body(body.query().unwrap_or_default().to_owned());
        }
        let response = http::send(request, &client, "browser").await.unwrap();
        Page {
            status: response.status(),
            headers: response.headers().clone(),
            html: response.text().await.unwrap(),
        }
    }
}
