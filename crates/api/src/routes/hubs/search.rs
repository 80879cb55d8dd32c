//! From `where` to Insightly's search, which knows one field's value and one time.

use ie_insightly::Search;
use ie_model::catalog::Object;
use ie_model::hub_query::Where;

use super::pages::Place;
use crate::error::{ApiError, Result};

/// What can be asked for, for errors.
const POSSIBLE: &str = "Insightly's search takes the value of one field, such as FIRST_NAME='Jane', \
     and updated_after_utc='2018-02-21 07:31:45', alone or joined by and";

/// How the names of an account's own fields end; the others are known.
const CUSTOM: &str = "__c";

/// The search for the records at that place that `expression` says.
pub(super) fn read(object: &Object, expression: Option<&str>, place: Place) -> Result<Search> {
    let place = Search {
        skip: place.skip,
        top: place.top,
        count_total: true,
        ..Search::default()
    };
    let Some(expression) = expression else {
        return Ok(place);
    };
    let resource = &object.hub_resource;
    if !object.search {
        return Err(refused(&format!(
            "Insightly cannot search {resource}, it lists all of them; leave where out"
        )));
    }
    let Where {
        updated_after,
        equals,
    } = expression
        .parse()
        .map_err(|error| refused(&format!("{error}; {POSSIBLE}")))?;
    let mut equals = equals.into_iter();
    let condition = equals.next();
    if let (Some((first, _)), Some((second, _))) = (&condition, equals.next()) {
        return Err(refused(&format!(
            "both {first} and {second} are to have a value; {POSSIBLE}"
        )));
    }
    if let Some((field, _)) = &condition {
        check_field(object, field)?;
    }
    Ok(Search {
        updated_after,
        equals: condition,
        ..place
    })
}

fn check_field(object: &Object, field: &str) -> Result<()> {
    if object.may_have(field) || field.ends_with(CUSTOM) {
        return Ok(());
    }
    let nearest = object.nearest_field(field);
    let hint = nearest.map_or_else(String::new, |name| format!("; the nearest is {name}"));
    Err(refused(&format!(
        "{} have no field {field}{hint}; {POSSIBLE}",
        object.hub_resource
    )))
}

fn refused(why: &str) -> ApiError {
    ApiError::bad_request(format!("where: {why}"))
}

#[cfg(test)]
mod tests {
    use ie_model::catalog;
    use rstest::rstest;

    use super::*;

    const PLACE: Place = Place { skip: 20, top: 10 };

    fn read_for(resource: &str, expression: &str) -> Result<Search, String> {
        let object = catalog::by_hub(resource).unwrap();
        read(object, Some(expression), PLACE).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn a_field_and_a_time_are_what_a_search_takes() {
        let search = read_for(
            "contacts",
            "FIRST_NAME='Jane' and updated_after_utc = '2018-02-21 07:31:45'",
        );

        let expected = Search {
            updated_after: Some("2018-02-21T07:31:45Z".parse().unwrap()),
            equals: Some(("FIRST_NAME".to_owned(), "Jane".to_owned())),
            skip: 20,
            top: 10,
            count_total: true,
            brief: false,
        };
        assert_eq!(search, Ok(expected));
    }

    #[test]
    fn a_field_of_the_accounts_own_may_be_searched() {
        assert!(read_for("contacts", "Shoe_Size__c=43").is_ok());
    }

    #[rstest]
    #[case(
        "contacts",
        "lastModifiedDate>='2018-02-21 07:31:45'",
        "expected = after the field lastModifiedDate"
    )]
    #[case(
        "contacts",
        "FIRST_NAME='Jane' or LAST_NAME='Doe'",
        "`or` is not supported"
    )]
    #[case(
        "contacts",
        "FIRST_NAME='Jane' and LAST_NAME='Doe'",
        "both FIRST_NAME and LAST_NAME"
    )]
    #[case(
        "contacts",
        "updated_after_utc='yesterday'",
        "a time is yyyy-MM-dd HH:mm:ss"
    )]
    #[case("contacts", "FIRSTNAME='Jane'", "the nearest is FIRST_NAME")]
    #[case("contacts", "FIRST_NAME", "expected = after the field FIRST_NAME")]
    fn what_a_search_does_not_take_is_refused_with_what_it_does(
        #[case] resource: &str,
        #[case] expression: &str,
        #[case] why: &str,
    ) {
        let error = read_for(resource, expression).unwrap_err();

        assert!(
            error.starts_with("where: ") && error.contains(why),
            "{error}"
        );
        assert!(error.ends_with(POSSIBLE), "{error}");
    }

    #[test]
    fn an_object_without_a_search_says_so() {
        let error = read_for("countries", "COUNTRY_NAME='Chad'").unwrap_err();

        assert!(error.contains("cannot search countries"), "{error}");
    }
}
