//! Made-up values: what a field of a record holds, given who the record is.

use std::io::Write as _;

use crate::dice::Dice;
use crate::people::{Locale, Pair, people};
use crate::time::write_body_time;

/// How a field's value is made.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Make {
    Id,
    Country,
    CurrencyCode,
    CurrencySign,
    Created,
    Updated,
    Given,
    Family,
    FullName,
    Email,
    Company,
    Website,
    Social(&'static str),
    Image,
    Phone,
    Street,
    City,
    State,
    Postcode,
    Land,
    Sentence,
    Title,
    Choice(&'static [&'static str]),
    Slug,
    Colour,
    Whole(u64, u64),
    Money,
    Flag(u8),
    /// An id of another object: the first one and how many there may be.
    Reference(i64, u64),
    /// A time within so many days after the creation.
    Later(u64),
    /// A time shortly before the last update.
    Recently,
    Birthday,
    CustomFields,
    Tags,
    Links(i64),
    Occasions,
    Domains,
    Activities,
    Members(i64),
    Nothing,
}

const SENTENCES: &[&str] = &[
    "Met at the trade fair, asked for a second call.",
    "Prefers e-mail; out of office on Fridays.",
    "Renewal is due, decision by the end of the quarter.",
    "Wants the data sheet in two languages – naïve rollout excluded.",
    "Referred by a partner. Budget is confirmed.",
    "Complained about the invoice, solved on the phone.",
    "Бажає демонстрацію наступного тижня.",
    "来月の展示会で再度打ち合わせ。",
    "Moved to another department; the successor is not known.",
];
pub(crate) const WORDS: &[&str] = &[
    "Amber", "Brisk", "Cobalt", "Delta", "Ember", "Fjord", "Granite", "Harbour", "Indigo",
    "Juniper",
];
const THINGS: &[&str] = &[
    "rollout",
    "renewal",
    "migration",
    "workshop",
    "pilot",
    "audit",
    "proposal",
    "review",
    "launch",
];

/// Who a record is: everything its values depend on, but the field.
pub(crate) struct Subject<'a> {
    pub(crate) id: i64,
    pub(crate) created: i64,
    pub(crate) updated: i64,
    pub(crate) locale: &'a Locale,
    /// Numbers of the record, the same in every revision.
    pub(crate) dice: Dice,
}

impl Subject<'_> {
    pub(crate) fn given(&self) -> &Pair {
        self.dice.with(1).pick(&self.locale.given)
    }

    pub(crate) fn family(&self) -> &Pair {
        self.dice.with(2).pick(&self.locale.family)
    }

    pub(crate) fn company(&self) -> &'static Pair {
        self.dice.with(3).pick(&people().companies)
    }

    pub(crate) fn domain(&self) -> &str {
        self.locale.domain
    }
}

fn quoted(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}

/// Writing into memory has no way to fail.
macro_rules! put {
    ($out:expr, $($format:tt)*) => {
        write!($out, $($format)*).expect("a vector takes everything written to it")
    };
}
pub(crate) use put;

impl Make {
    /// Whether a record has it even if nobody gave it.
    pub(crate) fn is_fixed(&self) -> bool {
        matches!(
            self,
            Self::Id | Self::Country | Self::CurrencyCode | Self::Created | Self::Updated
        )
    }

    /// Appends the value as JSON. `dice` belong to this field and revision; `revision` is named by free texts.
    pub(crate) fn write(&self, of: &Subject<'_>, mut dice: Dice, revision: u32, out: &mut Vec<u8>) {
        match self {
            Self::Id => put!(out, "{}", of.id),
            Self::Created => time(out, of.created),
            Self::Updated => time(out, of.updated),
            Self::Whole(from, to) => put!(out, "{}", from + dice.below(to - from + 1)),
            Self::Reference(first, count) => put!(out, "{}", first + dice.below(*count) as i64),
            Self::Money => money(out, dice.below(5_000_000)),
            Self::Flag(chance) => put!(out, "{}", dice.percent(*chance)),
            Self::Later(days) => time(out, of.created + dice.below(days * 86_400) as i64),
            Self::Recently => time(
                out,
                (of.updated - dice.below(86_400) as i64).max(of.created),
            ),
            Self::Birthday => time(out, (dice.below(50 * 365) as i64 - 10 * 365) * 86_400),
            Self::Sentence => sentence(out, dice, revision),
            Self::Choice(of) => quoted(out, dice.pick::<&str>(of)),
            Self::Nothing => out.extend_from_slice(b"null"),
            Self::CustomFields
            | Self::Tags
            | Self::Links(_)
            | Self::Occasions
            | Self::Domains
            | Self::Activities
            | Self::Members(_) => crate::lists::write(self, of, dice, out),
            _ => self.write_text(of, dice, out),
        }
    }

    fn write_text(&self, of: &Subject<'_>, mut dice: Dice, out: &mut Vec<u8>) {
        let at = of.id.unsigned_abs();
        match self {
            Self::Country => quoted(out, nth::<&str>(&people().countries, at)),
            Self::CurrencyCode => quoted(out, nth(&people().currencies, at).0),
            Self::CurrencySign => quoted(out, nth(&people().currencies, at).1),
            Self::Given => quoted(out, of.given().0),
            Self::Family => quoted(out, of.family().0),
            Self::FullName => put!(out, "\"{} {}\"", of.given().0, of.family().0),
            Self::Email => put!(
                out,
                "\"{}.{}{}@{}.example.{}\"",
                of.given().1,
                of.family().1,
                of.id % 1000,
                of.company().1,
                of.domain()
            ),
            Self::Company => quoted(out, of.company().0),
            Self::Website => put!(
                out,
                "\"https://www.{}.example.{}\"",
                of.company().1,
                of.domain()
            ),
            Self::Social(site) => put!(out, "\"https://{site}/{}{}\"", of.given().1, of.id),
            Self::Image => put!(
                out,
                "\"https://images.example.com/{}/{:08x}.png\"",
                of.id,
                dice.next() >> 32
            ),
            Self::Phone => pattern(out, of.locale.phone, dice),
            Self::Postcode => pattern(out, of.locale.postcode, dice),
            Self::Street => street(
                out,
                dice.pick::<&str>(&of.locale.streets),
                dice.below(180) + 1,
            ),
            Self::City => quoted(out, of.dice.with(4).pick(&of.locale.cities).0),
            Self::State => quoted(out, of.dice.with(4).pick(&of.locale.cities).1),
            Self::Land => quoted(out, of.locale.country),
            Self::Title => put!(
                out,
                "\"{} {} {}\"",
                dice.pick(WORDS),
                dice.pick(THINGS),
                dice.below(900) + 100
            ),
            Self::Slug => put!(out, "\"{}-{}\"", dice.pick(THINGS), of.id),
            Self::Colour => put!(out, "\"#{:06X}\"", dice.below(1 << 24)),
            _ => out.extend_from_slice(b"null"),
        }
    }
}

fn sentence(out: &mut Vec<u8>, mut dice: Dice, revision: u32) {
    let text = dice.pick(SENTENCES);
    if revision > 1 {
        put!(out, "\"{text} (revision {revision})\"");
    } else {
        quoted(out, text);
    }
}

pub(crate) fn time(out: &mut Vec<u8>, seconds: i64) {
    out.push(b'"');
    write_body_time(out, seconds);
    out.push(b'"');
}

/// Cents as the shortest decimal number, which is how any JSON library writes it again.
fn money(out: &mut Vec<u8>, cents: u64) {
    match (cents / 100, cents % 100) {
        (units, part) if part % 10 == 0 => put!(out, "{units}.{}", part / 10),
        (units, part) => put!(out, "{units}.{part:02}"),
    }
}

fn pattern(out: &mut Vec<u8>, pattern: &str, mut dice: Dice) {
    out.push(b'"');
    out.extend(pattern.bytes().map(|byte| match byte {
        b'#' => b'0' + dice.below(10) as u8,
        other => other,
    }));
    out.push(b'"');
}

fn street(out: &mut Vec<u8>, pattern: &str, number: u64) {
    let (before, after) = pattern.split_once('#').unwrap_or((pattern, ""));
    put!(out, "\"{before}{number}{after}\"");
}

pub(crate) fn nth<T>(list: &[T], at: u64) -> &T {
    &list[(at % list.len() as u64) as usize]
}
