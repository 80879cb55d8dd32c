//! Which changes of an instance are events: `event.filter`.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json_path::JsonPath;

use crate::EventType;

/// What a change must be to become an event; all parts must let it through, and an empty part excludes nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EventFilter {
    /// What happened.
    pub event_types: Vec<EventType>,
    /// The hub's names of the resources.
    pub object_types: Vec<String>,
    /// What the record must say.
    pub conditions: Vec<Condition>,
}

/// Something of a record must have one of some values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// Where in the record (RFC 9535); of several places that it finds, one is enough.
    path: JsonPath,
    /// The values, of which one is enough.
    equals: Vec<Value>,
}

/// The text is no JSONPath.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoJsonPath(String);

impl EventFilter {
    /// Whether a change is an event.
    ///
    /// A deleted record has no content to be judged, so that only the other parts are asked: a receiver that was told
    /// of the record learns that it is gone.
    pub fn lets_through(&self, event_type: EventType, object_type: &str, record: &Value) -> bool {
        let type_fits = self.event_types.is_empty() || self.event_types.contains(&event_type);
        let object_fits = self.object_types.is_empty()
            || self.object_types.iter().any(|name| name == object_type);
        type_fits
            && object_fits
            && (event_type == EventType::Deleted
                || self
                    .conditions
                    .iter()
                    .all(|condition| condition.holds(record)))
    }
}

impl Condition {
    /// One of these values at that JSONPath.
    ///
    /// # Errors
    /// The path is none.
    pub fn new(path: &str, equals: Vec<Value>) -> Result<Self, NoJsonPath> {
        let path = JsonPath::parse(path).map_err(|error| NoJsonPath(error.to_string()))?;
        Ok(Self { path, equals })
    }

    /// A place that the record does not have equals nothing, not even null.
    fn holds(&self, record: &Value) -> bool {
        let found = self.path.query(record);
        found
            .iter()
            .any(|value| self.equals.iter().any(|wanted| same(value, wanted)))
    }
}

/// Numbers are the same by their value, `1` and `1.0`.
fn same(found: &Value, wanted: &Value) -> bool {
    match (found, wanted) {
        (Value::Number(found), Value::Number(wanted)) if found.is_f64() || wanted.is_f64() => {
            found.as_f64() == wanted.as_f64()
        }
        _ => found == wanted,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn filter(conditions: &[(&str, Value)]) -> EventFilter {
        let conditions = conditions.iter().map(|(path, equals)| {
            Condition::new(path, equals.as_array().unwrap().clone()).unwrap()
        });
        EventFilter {
            conditions: conditions.collect(),
            ..EventFilter::default()
        }
    }

    fn lead() -> Value {
        json!({
            "LEAD_SOURCE": "Web",
            "RATING": 3,
            "SHARE": 2.0,
            "OWNER": null,
            "CONVERTED": false,
            "CUSTOMFIELDS": [
                {"FIELD_NAME": "Region__c", "FIELD_VALUE": "EU"},
                {"FIELD_NAME": "Size__c", "FIELD_VALUE": "US"},
            ],
            "TAGS": [{"TAG_NAME": "vip"}, {"TAG_NAME": "new"}],
        })
    }

    #[rstest]
    #[case::equal(&[("$.LEAD_SOURCE", json!(["Web"]))], true)]
    #[case::other(&[("$.LEAD_SOURCE", json!(["Phone"]))], false)]
    #[case::case_counts(&[("$.LEAD_SOURCE", json!(["web"]))], false)]
    #[case::any_of_the_values(&[("$.LEAD_SOURCE", json!(["Phone", "Web"]))], true)]
    #[case::any_of_the_places(&[("$.TAGS[*].TAG_NAME", json!(["new"]))], true)]
    #[case::all_of_the_conditions(&[("$.LEAD_SOURCE", json!(["Web"])), ("$.RATING", json!([4]))], false)]
    #[case::a_number_by_value(&[("$.RATING", json!([3.0])), ("$.SHARE", json!([2]))], true)]
    #[case::a_number_is_no_text(&[("$.RATING", json!(["3"]))], false)]
    #[case::null(&[("$.OWNER", json!([null]))], true)]
    #[case::absent_is_not_null(&[("$.NO_SUCH", json!([null]))], false)]
    #[case::a_boolean(&[("$.CONVERTED", json!([false]))], true)]
    #[case::a_custom_field(&[("$.CUSTOMFIELDS[?@.FIELD_NAME == 'Region__c'].FIELD_VALUE", json!(["EU"]))], true)]
    #[case::another_custom_field(&[("$.CUSTOMFIELDS[?@.FIELD_NAME == 'Region__c'].FIELD_VALUE", json!(["US"]))], false)]
    fn a_record_is_judged_by_what_it_says(
        #[case] conditions: &[(&str, Value)],
        #[case] expected: bool,
    ) {
        let through = filter(conditions).lets_through(EventType::Updated, "leads", &lead());

        assert_eq!(through, expected);
    }

    #[test]
    fn kinds_of_events_and_objects_are_asked_as_well() {
        let filter = EventFilter {
            event_types: vec![EventType::Created],
            object_types: vec!["leads".to_owned()],
            conditions: Vec::new(),
        };

        assert!(filter.lets_through(EventType::Created, "leads", &lead()));
        assert!(!filter.lets_through(EventType::Updated, "leads", &lead()));
        assert!(!filter.lets_through(EventType::Created, "contacts", &lead()));
    }

    #[test]
    fn a_deletion_is_not_judged_by_content() {
        let by_content = filter(&[("$.LEAD_SOURCE", json!(["Phone"]))]);
        let without = EventFilter {
            event_types: vec![EventType::Created, EventType::Updated],
            ..by_content.clone()
        };
        let gone = json!({"LEAD_ID": 7});

        assert!(by_content.lets_through(EventType::Deleted, "leads", &gone));
        assert!(!without.lets_through(EventType::Deleted, "leads", &gone));
    }

    #[test]
    fn what_is_no_path_says_where() {
        let error = Condition::new("$.TAGS[", Vec::new()).unwrap_err();

        assert!(error.to_string().contains("position"), "{error}");
    }

    #[test]
    fn what_is_stored_is_read_back() {
        let filter = filter(&[("$.TAGS[*].TAG_NAME", json!(["vip", null]))]);

        let stored = serde_json::to_string(&filter).unwrap();

        assert_eq!(
            serde_json::from_str::<EventFilter>(&stored).unwrap(),
            filter
        );
    }
}
