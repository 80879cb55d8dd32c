//! Made-up nested lists: what `brief` leaves out.

use std::io::Write as _;

use crate::dice::Dice;
use crate::time::write_date;
use crate::value::{Make, Subject, WORDS, nth, put, time};

const TAGS: &[&str] = &[
    "vip",
    "newsletter",
    "partner",
    "prüfen",
    "2026",
    "do not call",
    "重要",
];
const OCCASIONS: &[&str] = &["Birthday", "Contract signed", "Jubiläum"];
const ROLES: &[&str] = &["Buyer", "Adviser", "Décideur"];
const REGIONS: &[&str] = &["Nord", "Süd", "East", "西部"];

/// Appends a list of that kind; an empty one for kinds that are no lists.
pub(crate) fn write(make: &Make, of: &Subject<'_>, mut dice: Dice, out: &mut Vec<u8>) {
    out.push(b'[');
    match make {
        Make::CustomFields => custom_fields(out, of, dice),
        Make::Tags => {
            let first = dice.below(TAGS.len() as u64);
            list(out, dice.below(3), |out, n| {
                put!(out, "{{\"TAG_NAME\":\"{}\"}}", nth(TAGS, first + n));
            });
        }
        Make::Links(first) => list(out, dice.below(2), |out, n| {
            link(out, of, (*first, n), dice)
        }),
        Make::Occasions => list(out, dice.below(2), |out, n| occasion(out, of, n, dice)),
        Make::Domains => list(out, dice.below(2), |out, n| {
            let (company, domain) = (of.company().1, of.domain());
            put!(out, "{{\"EMAIL_DOMAIN\":\"{company}.example.{domain}\",");
            put!(out, "\"EMAIL_DOMAIN_ID\":{}}}", entry_id(of, n));
        }),
        Make::Activities => list(out, 1 + dice.below(3), |out, n| {
            put!(
                out,
                "{{\"ACTIVITYSET_ID\":{},\"ACTIVITY_DETAILS\":null,",
                of.id
            );
            put!(
                out,
                "\"ACTIVITY_ID\":{},\"ACTIVITY_NAME\":\"{} call\",",
                entry_id(of, n),
                nth(WORDS, n)
            );
            put!(out, "\"ACTIVITY_TYPE\":\"TASK\",\"ALL_DAY\":true}}");
        }),
        Make::Members(first) => list(out, 1 + dice.below(3), |out, n| {
            put!(
                out,
                "{{\"PERMISSION_ID\":{},\"TEAM_ID\":{},",
                entry_id(of, n),
                of.id
            );
            put!(out, "\"MEMBER_USER_ID\":{}}}", first + n as i64);
        }),
        _ => {}
    }
    out.push(b']');
}

/// Ids of entries: no two records share one.
fn entry_id(of: &Subject<'_>, n: u64) -> i64 {
    of.id * 8 + n as i64
}

fn list(out: &mut Vec<u8>, count: u64, mut entry: impl FnMut(&mut Vec<u8>, u64)) {
    for n in 0..count {
        if n > 0 {
            out.push(b',');
        }
        entry(out, n);
    }
}

fn link(out: &mut Vec<u8>, of: &Subject<'_>, (first, n): (i64, u64), dice: Dice) {
    let mut dice = dice.with(n);
    put!(
        out,
        "{{\"DETAILS\":null,\"IS_FORWARD\":{},\"LINK_ID\":{},",
        dice.percent(50),
        entry_id(of, n)
    );
    put!(
        out,
        "\"LINK_OBJECT_ID\":{},\"LINK_OBJECT_NAME\":\"Organisation\",",
        first + dice.below(1_000) as i64
    );
    put!(
        out,
        "\"OBJECT_ID\":{},\"OBJECT_NAME\":\"Contact\",\"RELATIONSHIP_ID\":null,",
        of.id
    );
    put!(out, "\"ROLE\":\"{}\"}}", dice.pick::<&str>(ROLES));
}

fn occasion(out: &mut Vec<u8>, of: &Subject<'_>, n: u64, dice: Dice) {
    let mut dice = dice.with(n);
    put!(
        out,
        "{{\"CREATE_TASK_YEARLY\":{},\"DATE_ID\":{},",
        dice.percent(30),
        entry_id(of, n)
    );
    put!(out, "\"OCCASION_DATE\":\"");
    write_date(out, 3_650 + dice.below(16_000) as i64);
    put!(
        out,
        " 00:00:00\",\"OCCASION_NAME\":\"{}\",",
        dice.pick::<&str>(OCCASIONS)
    );
    put!(out, "\"REPEAT_YEARLY\":{}}}", dice.percent(70));
}

fn custom_fields(out: &mut Vec<u8>, of: &Subject<'_>, mut dice: Dice) {
    let (region, score) = (*dice.pick::<&str>(REGIONS), dice.below(100));
    put!(
        out,
        "{{\"FIELD_NAME\":\"Region__c\",\"FIELD_VALUE\":\"{region}\"}},"
    );
    put!(
        out,
        "{{\"FIELD_NAME\":\"Score__c\",\"FIELD_VALUE\":{score}}},"
    );
    put!(
        out,
        "{{\"FIELD_NAME\":\"Newsletter__c\",\"FIELD_VALUE\":{}}}",
        dice.percent(40)
    );
    if dice.percent(60) {
        put!(
            out,
            ",{{\"FIELD_NAME\":\"Customer_Since__c\",\"FIELD_VALUE\":"
        );
        time(out, of.created - of.created.rem_euclid(86_400));
        out.push(b'}');
    }
}
