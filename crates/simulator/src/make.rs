//! Which kind of value a field gets, from its name: the catalog says what fields there are, not what is in them.

use ie_model::catalog::FieldKind;

use crate::value::Make;

const ROLES: &[&str] = &[
    "Buyer",
    "Head of Sales",
    "CEO",
    "Ingénieur",
    "Office Manager",
    "Geschäftsführerin",
];
const INDUSTRIES: &[&str] = &["Retail", "Software", "Logistics", "Health care", "Energy"];
const STATUS: &[&str] = &[
    "NOT STARTED",
    "IN PROGRESS",
    "DEFERRED",
    "COMPLETED",
    "ABANDONED",
];
const STATES: &[&str] = &["OPEN", "WON", "LOST", "SUSPENDED", "ABANDONED"];
const ZONES: &[&str] = &["UTC", "Europe/Berlin", "America/New_York", "Asia/Tokyo"];
const LEAD_SOURCES: &[&str] = &["Web", "Phone", "Partner referral", "Trade fair", "Other"];
const LEAD_STATES: &[&str] = &[
    "Open - Not Contacted",
    "Open - Attempted Contact",
    "Contacted",
    "Closed - Disqualified",
];
const SALUTATIONS: &[&str] = &["Mr.", "Ms.", "Dr.", "Frau", "Mme"];
const REASONS: &[&str] = &["Price", "Features", "Timing", "No budget"];
const RELATIONS: &[&str] = &["is the parent of", "reports to", "supplies"];
const STAGES: &[&str] = &["Qualify", "Proposal", "Negotiation", "Won", "Delivered"];
const PLAN_NAMES: &[&str] = &["Sales pipeline", "Delivery", "Onboarding"];

/// Where the ids of an object begin and how many of them references may name.
pub(crate) type References<'a> = &'a dyn Fn(&str) -> (i64, u64);

/// A field as far as its values are concerned.
pub(crate) struct Named<'a> {
    pub(crate) object: &'a str,
    pub(crate) name: &'a str,
    pub(crate) kind: FieldKind,
    /// Whether the catalog calls it a time.
    pub(crate) time: bool,
}

/// The kind of value for a field that is neither the id nor one of the two dates of its object.
pub(crate) fn make(field: &Named<'_>, references: References<'_>) -> Make {
    match field.kind {
        FieldKind::Array => list(field.name, references),
        FieldKind::Boolean => Make::Flag(boolean(field.name)),
        FieldKind::Number => Make::Money,
        FieldKind::Integer => integer(field.name, references),
        FieldKind::Object => Make::Nothing,
        FieldKind::String if field.time || is_date(field.name) => date(field.name),
        FieldKind::String => text(field),
    }
}

fn list(name: &str, references: References<'_>) -> Make {
    match name {
        "CUSTOMFIELDS" => Make::CustomFields,
        "TAGS" => Make::Tags,
        "LINKS" => Make::Links(references("Organisations").0),
        "DATES" => Make::Occasions,
        "EMAILDOMAINS" => Make::Domains,
        "ACTIVITIES" => Make::Activities,
        "TEAMMEMBERS" => Make::Members(references("Users").0),
        _ => Make::Nothing,
    }
}

fn boolean(name: &str) -> u8 {
    match name {
        "ACTIVE" | "OWNER_VISIBLE" | "PUBLICLY_VISIBLE" => 95,
        "ACCOUNT_OWNER" | "ADMINISTRATOR" | "CONVERTED" | "DEFAULT_VALUE" | "DEFAULT_STATUS" => 15,
        _ => 40,
    }
}

fn integer(name: &str, references: References<'_>) -> Make {
    let to = |object: &str| {
        let (first, count) = references(object);
        Make::Reference(first, count)
    };
    match name {
        "OWNER_USER_ID"
        | "CREATED_USER_ID"
        | "RESPONSIBLE_USER_ID"
        | "RESPONSIBLE_USER"
        | "ASSIGNED_BY_USER_ID"
        | "MEMBER_USER_ID" => to("Users"),
        "ORGANISATION_ID" | "CONVERTED_ORGANISATION_ID" => to("Organisations"),
        "CONTACT_ID" | "CONVERTED_CONTACT_ID" => to("Contacts"),
        "OPPORTUNITY_ID" | "CONVERTED_OPPORTUNITY_ID" => to("Opportunities"),
        "PROJECT_ID" => to("Projects"),
        "LEAD_ID" => to("Leads"),
        "EMAIL_ID" => to("Emails"),
        "MILESTONE_ID" => to("Milestones"),
        "PARENT_TASK_ID" => to("Tasks"),
        "PRODUCT_ID" => to("Product"),
        "PRICEBOOK_ID" => to("Pricebook"),
        "PRICEBOOK_ENTRY_ID" => to("PricebookEntry"),
        "QUOTE_ID" => to("Quotation"),
        "OPPORTUNITY_ITEM_ID" => to("OpportunityLineItem"),
        "PIPELINE_ID" => to("Pipelines"),
        "STAGE_ID" => to("PipelineStages"),
        "TEAM_ID" | "VISIBLE_TEAM_ID" | "ASSIGNED_TEAM_ID" => to("Teams"),
        "LEAD_SOURCE_ID" => to("LeadSources"),
        "LEAD_STATUS_ID" => to("LeadStatuses"),
        "ACTIVITYSET_ID" => to("ActivitySets"),
        "CATEGORY_ID" => to("TaskCategories"),
        "INSTANCE_ID" => to("Instance"),
        "PROBABILITY" | "PERCENT_COMPLETE" | "SCORE" | "DISCOUNT" => Make::Whole(0, 100),
        "LEAD_RATING" | "PRIORITY" | "BID_DURATION" => Make::Whole(1, 5),
        "EMPLOYEE_COUNT" | "QUANTITY" => Make::Whole(1, 5_000),
        "TASK_WEEK_START" => Make::Whole(0, 6),
        _ => Make::Whole(1, 20_000),
    }
}

fn is_date(name: &str) -> bool {
    matches!(name, "DUE_DATE" | "DATE_OF_BIRTH") || name.ends_with("_DATE_UTC")
}

fn date(name: &str) -> Make {
    match name {
        "DATE_OF_BIRTH" => Make::Birthday,
        "LAST_ACTIVITY_DATE_UTC" => Make::Recently,
        _ => Make::Later(120),
    }
}

fn text(field: &Named<'_>) -> Make {
    let name = field.name;
    if let Some(make) = address(name) {
        return make;
    }
    match name {
        "FIRST_NAME" => Make::Given,
        "LAST_NAME" => Make::Family,
        "ASSISTANT_NAME" | "RECORD_NAME" => Make::FullName,
        "EMAIL" | "EMAIL_ADDRESS" | "EMAIL_FROM" | "EMAIL_DROPBOX_ADDRESS" | "QUOTATION_EMAIL" => {
            Make::Email
        }
        "ORGANISATION_NAME" => Make::Company,
        "WEBSITE" => Make::Website,
        "SOCIAL_FACEBOOK" => Make::Social("facebook.example.com"),
        "SOCIAL_LINKEDIN" => Make::Social("linkedin.example.com/in"),
        "SOCIAL_TWITTER" => Make::Social("twitter.example.com"),
        "IMAGE_URL" => Make::Image,
        "FAX" | "MOBILE" => Make::Phone,
        _ if name.starts_with("PHONE") || name.ends_with("_PHONE") => Make::Phone,
        "COUNTRY_NAME" => Make::Country,
        "CURRENCY_SYMBOL" => Make::CurrencySign,
        "CURRENCY_CODE" | "BID_CURRENCY" | "USER_CURRENCY" => {
            Make::Choice(&["EUR", "GBP", "JPY", "USD"])
        }
        "BACKGROUND_COLOR" => Make::Colour,
        "URL_SLUG" | "EMAIL_DROPBOX_IDENTIFIER" | "PRODUCT_SKU" | "PRODUCT_CODE" => Make::Slug,
        "BACKGROUND" | "DETAILS" | "DESCRIPTION" | "BODY" | "Body" | "LOCATION" | "TICKET_BODY" => {
            Make::Sentence
        }
        "PROJECT_DETAILS" | "OPPORTUNITY_DETAILS" | "LEAD_DESCRIPTION" => Make::Sentence,
        _ => choice(field),
    }
}

fn address(name: &str) -> Option<Make> {
    if !name.starts_with("ADDRESS_") {
        return None;
    }
    let part = name.rsplit('_').next()?;
    match part {
        "CITY" => Some(Make::City),
        "STATE" => Some(Make::State),
        "STREET" => Some(Make::Street),
        "POSTCODE" => Some(Make::Postcode),
        "COUNTRY" => Some(Make::Land),
        _ => None,
    }
}

fn choice(field: &Named<'_>) -> Make {
    Make::Choice(match field.name {
        "TITLE" if matches!(field.object, "Contacts" | "Leads" | "Prospect") => ROLES,
        "SALUTATION" => SALUTATIONS,
        "INDUSTRY" => INDUSTRIES,
        "STATUS" | "Status" | "QUOTE_STATUS" | "TICKET_STATUS" => STATUS,
        "OPPORTUNITY_STATE" | "FOR_OPPORTUNITY_STATE" => STATES,
        "TIMEZONE_ID" => ZONES,
        "LEAD_SOURCE" => LEAD_SOURCES,
        "LEAD_STATUS" => LEAD_STATES,
        "STATE_REASON" => REASONS,
        "FORWARD" | "FORWARD_TITLE" | "REVERSE" | "REVERSE_TITLE" => RELATIONS,
        "STAGE_NAME" => STAGES,
        "PIPELINE_NAME" => PLAN_NAMES,
        "VISIBLE_TO" | "VISIBILITY" => &["EVERYONE", "OWNER", "TEAM"],
        "GRADE" => &["A", "B", "C", "D"],
        "FORMAT" => &["HTML", "TEXT"],
        "BID_TYPE" => &["Fixed Bid", "Per Hour", "Per Month"],
        "RECURRENCE" => &["FREQ=WEEKLY;INTERVAL=1", "FREQ=MONTHLY;INTERVAL=3"],
        "CONTACT_DISPLAY" => &["FIRST_LAST", "LAST_FIRST"],
        "CONTACT_ORDER" => &["FIRST_NAME", "LAST_NAME"],
        "Language" => &["en", "de", "ja"],
        "ArticleVersion" | "ExternalLinkCount" | "ORDER_ARTICLES" => &["1", "2", "3"],
        "TICKET_PRIORITY" => &["Low", "Normal", "Urgent"],
        _ => return Make::Title,
    })
}
