//! What stands around every page.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::assets::url;
use super::guard::CSRF;
use super::session::Session;
use super::{BASE, sign_in};

/// No styles of htmx's own, which the policy would refuse, and no other extension than the one we serve.
const HTMX: &str = r#"{"includeIndicatorCSS": false, "extensions": "sse"}"#;

/// The parts of the navigation: name, path, the paths of an icon's lines.
const SECTIONS: [(&str, &str, &str); 4] = [
    (
        "Instances",
        "/instances",
        "M4 5h16v5H4zM4 14h16v5H4zM7.5 7.5h.01M7.5 16.5h.01",
    ),
    ("Events", "/events", "M3 12h4l3-8 4 16 3-8h4"),
    (
        "Dead letters",
        "/dead-letters",
        "M3 6h18v12H3zM3 7l9 6 9-6M15.5 15.5l3 3M18.5 15.5l-3 3",
    ),
    (
        "System",
        "/system",
        "M4 6h10M18 6h2M4 12h2M10 12h10M4 18h7M15 18h5M16 4v4M8 10v4M13 16v4",
    ),
];

/// A page under construction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Page<'a> {
    session: &'a Session,
    title: &'a str,
    section: &'a str,
}

impl<'a> Page<'a> {
    /// A page of this title.
    pub(super) fn new(session: &'a Session, title: &'a str) -> Self {
        Self {
            session,
            title,
            section: "",
        }
    }

    /// In this part of the navigation, by its path.
    pub(super) fn within(self, section: &'a str) -> Self {
        Self { section, ..self }
    }

    /// With what stands on it.
    pub(super) fn show(self, content: &Markup) -> Markup {
        document(
            self.title,
            &html! {
                a.skip href="#main" { "Skip to the content" }
                div.frame {
                    header.side {
                        a.brand href=(BASE) {
                            img src=(url("mark.svg")) alt="" width="24" height="24";
                            span { "insightly-events" }
                        }
                        nav aria-label="Main" { ul { @for section in SECTIONS { (self.link(section)) } } }
                        div.who {
                            div.whom {
                                strong { (self.session.user) }
                                span.muted { (self.session.organization) " · " (self.session.principal.role.as_str()) }
                                a href="/api-docs" { "The API" }
                            }
                            form method="post" action={ (BASE) (sign_in::OUT) } {
                                (csrf(self.session))
                                button.quiet type="submit" { "Sign out" }
                            }
                        }
                    }
                    main #main tabindex="-1" {
                        div #flash aria-live="polite" {}
                        (content)
                    }
                }
            },
        )
    }

    fn link(self, (name, path, icon): (&str, &str, &str)) -> Markup {
        let current = self.section == path;
        html! {
            li {
                a href={ (BASE) (path) } aria-current=[current.then_some("page")] {
                    svg viewBox="0 0 24 24" aria-hidden="true" { path d=(icon) {} }
                    span { (name) }
                }
            }
        }
    }
}

/// A page for whoever has no session.
pub(super) fn plain(title: &str, content: &Markup) -> Markup {
    document(
        title,
        &html! {
            main.lone {
                p.brand {
                    img src=(url("mark.svg")) alt="" width="28" height="28";
                    span { "insightly-events" }
                }
                (content)
            }
        },
    )
}

/// The field that shows a form to be of this session.
pub(super) fn csrf(session: &Session) -> Markup {
    html! { input type="hidden" name=(CSRF) value=(session.csrf); }
}

fn document(title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex";
                meta name="htmx-config" content=(PreEscaped(HTMX.replace('"', "&quot;")));
                title { (title) " · insightly-events" }
                link rel="icon" href=(url("mark.svg")) type="image/svg+xml";
                link rel="stylesheet" href=(url("uplot.css"));
                link rel="stylesheet" href=(url("dashboard.css"));
                script src=(url("htmx.js")) defer {}
                script src=(url("sse.js")) defer {}
                script src=(url("uplot.js")) defer {}
                script src=(url("dashboard.js")) defer {}
            }
            body { (body) }
        }
    }
}
