//! Bodies in their forms, and what they are read as.

use super::*;

fn form(json: &str) -> Form {
    Form::from_json(json.as_bytes()).expect("an object")
}

#[test]
fn numbers_may_be_texts() {
    let form = form(r#"{"a": 4, "b": "8", "c": null, "d": 1.5, "e": "x", "f": 1e30, "g": true}"#);
    assert_eq!(form.integer("a").expect("a number"), Some(4));
    assert_eq!(form.integer("b").expect("a text of digits"), Some(8));
    assert_eq!(form.integer("c").expect("nothing"), None);
    for name in ["d", "e", "f", "g"] {
        assert!(form.integer(name).is_err(), "{name}");
    }
}

#[test]
fn truths_may_be_texts() {
    let form = form(r#"{"a": true, "b": "false", "c": null, "d": 1, "e": "yes"}"#);
    assert_eq!(form.boolean("a").expect("a truth"), Some(true));
    assert_eq!(form.boolean("b").expect("a text"), Some(false));
    assert_eq!(form.boolean("c").expect("nothing"), None);
    for name in ["d", "e"] {
        assert!(form.boolean(name).is_err(), "{name}");
    }
}

#[test]
fn texts_are_a_list_or_its_text() {
    for json in [r#"{"t": ["a", "b"]}"#, r#"{"t": "[\"a\", \"b\"]"}"#] {
        assert_eq!(form(json).texts("t").expect("texts"), Some(vec!["a".to_owned(), "b".to_owned()]));
    }
    assert_eq!(form("{}").texts("t").expect("nothing"), None);
    for json in [r#"{"t": [1]}"#, r#"{"t": {}}"#, r#"{"t": "a"}"#] {
        assert!(form(json).texts("t").is_err(), "{json}");
    }
}

#[test]
fn pairs_may_be_an_object_or_its_text() {
    for json in [r#"{"m": {"k": "v"}}"#, r#"{"m": "{\"k\": \"v\"}"}"#] {
        assert_eq!(form(json).pairs("m").expect("pairs")["k"], "v");
    }
    for json in [r#"{"m": {"k": 1}}"#, r#"{"m": []}"#, r#"{"m": "x"}"#, r#"{"m": 1}"#] {
        assert!(form(json).pairs("m").is_err(), "{json}");
    }
}

#[test]
fn the_members_of_an_object_or_of_its_text_have_their_full_names() {
    let known = ["o.a", "o.b"];
    for json in [r#"{"o": {"a": "x", "b": null}}"#, r#"{"o": "{\"a\": \"x\", \"b\": null}"}"#] {
        let members = form(json).members("o", &known).expect("an object").expect("members");
        assert_eq!(members.text("o.a").expect("a text").as_deref(), Some("x"));
        assert!(!members.has("o.b"), "null is nothing");
    }
    assert!(form("{}").members("o", &known).expect("nothing").is_none());
    for json in [r#"{"o": {"c": 1}}"#, r#"{"o": {"": 1}}"#, r#"{"o": []}"#, r#"{"o": "x"}"#, r#"{"o": 1}"#] {
        assert!(form(json).members("o", &known).is_err(), "{json}");
    }
    let large = format!(r#"{{"o": "{{\"a\": \"{}\"}}"}}"#, "x".repeat(SMALL_MAX_BYTES));
    assert!(form(&large).members("o", &known).is_err());
}

#[test]
fn the_fingerprint_tells_requests_apart_and_knows_them_again() {
    let print = |json: &str| form(json).fingerprint();
    assert_eq!(print(r#"{"a": 1, "b": "x"}"#), print(r#"{ "b":"x", "a":1, "c":null }"#));
    assert_eq!(print(r#"{"m": {"a": "1", "b": "2"}}"#), print(r#"{"m": {"b": "2", "a": "1"}}"#));
    assert_ne!(print(r#"{"a": 1}"#), print(r#"{"a": 2}"#));
    assert_ne!(print(r#"{"a": "b"}"#), print(r#"{"b": "a"}"#));
    assert_ne!(print(r#"{"a": "b"}"#), print("{}"));
}

#[test]
fn a_large_member_is_a_text_or_an_image_url() {
    let numbers = format!(r#"{{"prompt": [{}0]}}"#, "0,".repeat(SMALL_MAX_BYTES));
    assert!(Form::from_json(numbers.as_bytes()).is_err());
    let url = "x".repeat(2 * SMALL_MAX_BYTES);
    let mut large = form(&format!(r#"{{"i": {{"image_url": "{url}"}}}}"#));
    assert!(matches!(large.image("i"), Ok(Some(ImageField::Url(read))) if read == url));
    let many: Vec<String> = (0..=PARTS_MAX).map(|n| format!(r#""{n}": 0"#)).collect();
    assert!(Form::from_json(format!("{{{}}}", many.join(",")).as_bytes()).is_err());
}

#[test]
fn an_image_is_one_of_its_forms() {
    let url = |json: &str| match form(json).image("i") {
        Ok(Some(ImageField::Url(url))) => Some(url),
        _ => None,
    };
    assert_eq!(url(r#"{"i": "data:x"}"#).as_deref(), Some("data:x"));
    assert_eq!(url(r#"{"i": {"image_url": "data:x"}}"#).as_deref(), Some("data:x"));
    let named = form(r#"{"i": {"file_id": "f"}}"#).image("i");
    assert!(matches!(named, Ok(Some(ImageField::File(id))) if id == "f"));
    for json in
        [r#"{"i": {"file_id": 1}}"#, r#"{"i": {}}"#, r#"{"i": 1}"#, r#"{"i": {"image_url": "x", "file_id": "f"}}"#]
    {
        assert!(form(json).image("i").is_err(), "{json}");
    }
}
