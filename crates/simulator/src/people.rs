//! Names and places in the scripts that a CRM really holds, from `data/people.json`.

use std::sync::LazyLock;

use serde::Deserialize;

/// A text and its Latin form (of a name, for e-mail addresses), or a city and its state.
pub(crate) type Pair = (&'static str, &'static str);

/// Where a made-up record is at home.
#[derive(Deserialize)]
pub(crate) struct Locale {
    /// How often it comes, compared with the others.
    weight: usize,
    pub(crate) country: &'static str,
    /// `#` stands for a digit, here and in the postcode.
    pub(crate) phone: &'static str,
    pub(crate) postcode: &'static str,
    pub(crate) domain: &'static str,
    pub(crate) given: Vec<Pair>,
    pub(crate) family: Vec<Pair>,
    pub(crate) cities: Vec<Pair>,
    /// `#` stands for the house number.
    pub(crate) streets: Vec<&'static str>,
}

/// Everything in the file.
#[derive(Deserialize)]
pub(crate) struct People {
    locales: Vec<Locale>,
    /// A locale's place, as often as its weight.
    #[serde(skip)]
    draw: Vec<usize>,
    pub(crate) companies: Vec<Pair>,
    #[serde(borrow)]
    pub(crate) countries: Vec<&'static str>,
    /// A currency's code and its sign.
    pub(crate) currencies: Vec<Pair>,
}

impl People {
    /// The locale of the `number`-th draw.
    pub(crate) fn locale(&self, number: u64) -> &Locale {
        &self.locales[self.draw[(number % self.draw.len() as u64) as usize]]
    }
}

static PEOPLE: LazyLock<People> = LazyLock::new(|| {
    let mut people: People = serde_json::from_str(include_str!("../data/people.json"))
        .expect("the names are compiled in and parsed by every test");
    people.draw = (0..people.locales.len())
        .flat_map(|place| std::iter::repeat_n(place, people.locales[place].weight))
        .collect();
    people
});

/// The names and places.
pub(crate) fn people() -> &'static People {
    &PEOPLE
}
