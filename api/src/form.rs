//! Request bodies: JSON and multipart read into one shape, field by field.
//!
//! Multipart knows only texts and files, so `a[b]` becomes a member of an object and numbers are read from texts.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use axum::body::Bytes;
use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{FromRequest as _, Multipart, Request};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use self::sorted::Sorted;
use crate::limit::PARTS_MAX;
use crate::problem::Problem;

mod sorted;

/// Members of JSON up to this size may have any form.
const SMALL_MAX_BYTES: usize = 64 * 1024;

/// What is said of a field that comes twice.
const ONCE: &str = "must be given once";

/// A body's fields.
#[derive(Debug, Default)]
pub(crate) struct Form {
    fields: Map<String, Value>,
    files: HashMap<String, FileField>,
    /// Fields that are null: no request means anything by that but to take something away.
    nulls: HashSet<String>,
}

/// A part of a multipart body that is a file.
#[derive(Debug)]
pub(crate) struct FileField {
    /// The client's name for it.
    pub(crate) name: String,
    /// Its content.
    pub(crate) bytes: Bytes,
}

impl Form {
    /// Reads a body in either form. A field that is not in `known` is refused by name.
    pub(crate) async fn read(request: Request, known: &[&str]) -> Result<Self, Problem> {
        let form = match media_type(&request).as_str() {
            "multipart/form-data" => Self::from_multipart(request).await?,
            "application/json" => Self::from_json(&Bytes::from_request(request, &()).await?)?,
            _ => return Err(Problem::media_type()),
        };
        match form.fields.keys().chain(form.files.keys()).find(|name| !known.contains(&name.as_str())) {
            Some(name) => Err(Problem::unknown_field(&shown(name))),
            None => Ok(form),
        }
    }

    /// As [`Form::read`], where there may be no body at all.
    pub(crate) async fn read_if_any(request: Request, known: &[&str]) -> Result<Self, Problem> {
        match request.headers().contains_key(CONTENT_TYPE) {
            true => Self::read(request, known).await,
            false => Ok(Self::default()),
        }
    }

    /// Reads a body in JSON. What is in it that nobody knows is passed over.
    pub(crate) async fn read_json(request: Request) -> Result<Self, Problem> {
        match media_type(&request).as_str() {
            "application/json" => Self::from_json(&Bytes::from_request(request, &()).await?),
            _ => Err(Problem::no_json()),
        }
    }

    /// Large members can only be texts or an `image_url`: anything else would take many times its size in memory.
    fn from_json(body: &[u8]) -> Result<Self, Problem> {
        let members: Members = serde_json::from_slice(body).map_err(|error| match error.is_data() {
            true => Problem::body(format!("the body must be a JSON object of at most {PARTS_MAX} members")),
            false => Problem::body(format!("the body is no JSON: line {}, column {}", error.line(), error.column())),
        })?;
        let mut form = Self::default();
        for (name, raw) in members.0 {
            let value = value(&name, &raw)?;
            if value.is_null() {
                form.nulls.insert(name);
            } else if form.fields.insert(name.clone(), value).is_some() {
                return Err(Problem::invalid(shown(&name), ONCE));
            }
        }
        Ok(form)
    }

    async fn from_multipart(request: Request) -> Result<Self, Problem> {
        let mut form = Self::default();
        let mut parts = Multipart::from_request(request, &())
            .await
            .map_err(|_| Problem::body("the multipart boundary is missing"))?;
        let mut count = 0;
        while let Some(part) = parts.next_field().await.map_err(unreadable)? {
            count += 1;
            if count > PARTS_MAX {
                return Err(Problem::body(format!("the body has more than {PARTS_MAX} parts")));
            }
            form.add(part).await?;
        }
        Ok(form)
    }

    async fn add(&mut self, part: Field<'_>) -> Result<(), Problem> {
        let name = part.name().ok_or_else(|| Problem::body("a part has no name"))?.to_owned();
        if let Some(file_name) = part.file_name().map(str::to_owned) {
            let file = FileField { name: file_name, bytes: part.bytes().await.map_err(unreadable)? };
            let is_new = !self.fields.contains_key(&name) && self.files.insert(name.clone(), file).is_none();
            return is_new.then_some(()).ok_or_else(|| Problem::invalid(shown(&name), ONCE));
        }
        let bytes = part.bytes().await.map_err(unreadable)?;
        let text = String::from_utf8(bytes.into()).map_err(|_| Problem::invalid(name.clone(), "must be UTF-8 text"))?;
        match name.split_once('[').and_then(|(outer, rest)| Some((outer, rest.strip_suffix(']')?))) {
            Some((outer, inner)) => self.add_member(outer, inner, text),
            None => {
                let is_new = !self.files.contains_key(&name) && !self.fields.contains_key(&name);
                self.fields.insert(name.clone(), Value::String(text));
                is_new.then_some(()).ok_or_else(|| Problem::invalid(shown(&name), ONCE))
            }
        }
    }

    fn add_member(&mut self, outer: &str, inner: &str, text: String) -> Result<(), Problem> {
        let is_file = self.files.contains_key(outer);
        match self.fields.entry(outer).or_insert_with(|| Value::Object(Map::new())) {
            Value::Object(members) if !is_file && !members.contains_key(inner) => {
                members.insert(inner.to_owned(), Value::String(text));
                Ok(())
            }
            _ => Err(Problem::invalid(shown(outer), ONCE)),
        }
    }

    /// SHA-256 of all that the body says: the same for a request that is sent again.
    pub(crate) fn fingerprint(&self) -> [u8; 32] {
        let text = |value| serde_json::to_vec(&Sorted(value)).unwrap_or_default();
        let fields = self.fields.iter().map(|(name, value)| (name.as_str(), text(value)));
        let files = self.files.iter().map(|(name, file)| (name.as_str(), Sha256::digest(&file.bytes).to_vec()));
        let said: BTreeMap<&str, Vec<u8>> = fields.chain(files).collect();
        let mut hash = Sha256::new();
        for (name, content) in said {
            hash.update(Sha256::digest(name));
            hash.update(Sha256::digest(content));
        }
        hash.finalize().into()
    }

    /// Whether it brings images.
    pub(crate) fn has_images(&self) -> bool {
        ["input_reference", "last_frame"].iter().any(|name| self.has(name))
    }

    /// Whether it has a field or a file of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.files.contains_key(name) || self.fields.contains_key(name)
    }

    /// Whether it has a field of this name that is null.
    pub(crate) fn is_null(&self, name: &str) -> bool {
        self.nulls.contains(name)
    }

    /// A text.
    pub(crate) fn text(&self, name: &'static str) -> Result<Option<String>, Problem> {
        match self.fields.get(name) {
            None if self.files.contains_key(name) => Err(Problem::invalid(name, "must be a text, not a file")),
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(Problem::invalid(name, "must be a text")),
        }
    }

    /// A value of any form.
    pub(crate) fn value(&self, name: &'static str) -> Result<Option<&Value>, Problem> {
        match self.fields.get(name) {
            None if self.files.contains_key(name) => Err(Problem::invalid(name, "must not be a file")),
            value => Ok(value),
        }
    }

    /// A whole number, or a text that is one.
    pub(crate) fn integer(&self, name: &'static str) -> Result<Option<i64>, Problem> {
        let Some(value) = self.fields.get(name) else { return self.text(name).map(|_| None) };
        let number = match value {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        number.map(Some).ok_or_else(|| Problem::invalid(name, "must be a whole number"))
    }

    /// True or false, or a text that says so.
    pub(crate) fn boolean(&self, name: &'static str) -> Result<Option<bool>, Problem> {
        let Some(value) = self.fields.get(name) else { return self.text(name).map(|_| None) };
        let truth = match value {
            Value::Bool(truth) => Some(*truth),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        truth.map(Some).ok_or_else(|| Problem::invalid(name, "must be true or false"))
    }

    /// A list of texts, or a text that holds one in JSON.
    pub(crate) fn texts(&self, name: &'static str) -> Result<Option<Vec<String>>, Problem> {
        let refused = || Problem::invalid(name, "must be a list of texts");
        let parsed = match self.fields.get(name) {
            None => return self.text(name).map(|_| None),
            Some(Value::String(text)) => serde_json::from_str(text).map_err(|_| refused())?,
            Some(value) => value.clone(),
        };
        serde_json::from_value(parsed).map(Some).map_err(|_| refused())
    }

    /// Pairs of texts: an object, or a text that holds one in JSON.
    pub(crate) fn pairs(&self, name: &'static str) -> Result<BTreeMap<String, String>, Problem> {
        let refused = || Problem::invalid(name, "must be an object whose values are texts");
        let parsed = match self.fields.get(name) {
            None if self.files.contains_key(name) => return Err(refused()),
            None => return Ok(BTreeMap::new()),
            Some(Value::String(text)) => serde_json::from_str(text).map_err(|_| refused())?,
            Some(value) => value.clone(),
        };
        serde_json::from_value(parsed).map_err(|_| refused())
    }

    /// The members of an object as a form of their own. One that is not in `known` is refused.
    pub(crate) fn object(&self, name: &'static str, known: &[&str]) -> Result<Option<Self>, Problem> {
        match self.fields.get(name) {
            None if !self.files.contains_key(name) => Ok(None),
            Some(Value::Object(members)) if members.keys().all(|member| known.contains(&member.as_str())) => {
                Ok(Some(Self { fields: members.clone(), ..Self::default() }))
            }
            _ => Err(Problem::invalid(name, &format!("must be an object with {}", known.join(" and ")))),
        }
    }

    /// The members of an object, or of a text that holds one in JSON, as a form of their own: `codec` of `output` is its field
    /// `output.codec`. One that is not in `known` is refused by that name.
    pub(crate) fn members(&self, name: &'static str, known: &[&str]) -> Result<Option<Self>, Problem> {
        let refused = || Problem::invalid(name, "must be an object");
        let members: Map<String, Value> = match self.value(name)? {
            None => return Ok(None),
            Some(Value::Object(members)) => members.clone(),
            Some(Value::String(text)) if text.len() <= SMALL_MAX_BYTES => {
                serde_json::from_str(text).map_err(|_| refused())?
            }
            Some(_) => return Err(refused()),
        };
        let given = members.into_iter().filter(|(_, value)| !value.is_null());
        let fields: Map<String, Value> = given.map(|(member, value)| (format!("{name}.{member}"), value)).collect();
        match fields.keys().find(|member| !known.contains(&member.as_str())) {
            Some(member) => Err(Problem::unknown_member(&shown(member), known)),
            None => Ok(Some(Self { fields, ..Self::default() })),
        }
    }

    /// A file that is a part of a multipart body.
    pub(crate) fn file(&mut self, name: &'static str) -> Result<Option<FileField>, Problem> {
        match self.fields.contains_key(name) {
            true => Err(Problem::invalid(name, "must be a file in a multipart body")),
            false => Ok(self.files.remove(name)),
        }
    }

    /// An image: a file, a text (data URL or address), or an object with `image_url` or `file_id`.
    pub(crate) fn image(&mut self, name: &'static str) -> Result<Option<ImageField>, Problem> {
        if let Some(file) = self.files.remove(name) {
            return Ok(Some(ImageField::Bytes(file.bytes)));
        }
        match self.fields.remove(name) {
            None => Ok(None),
            Some(Value::String(url)) => Ok(Some(ImageField::Url(url))),
            Some(Value::Object(mut members)) => {
                match (members.remove("image_url"), members.remove("file_id"), members.is_empty()) {
                    (Some(Value::String(url)), None, true) => Ok(Some(ImageField::Url(url))),
                    (None, Some(Value::String(id)), true) => Ok(Some(ImageField::File(id))),
                    _ => Err(Problem::invalid(
                        name,
                        "must have one member: image_url with a data URL or an address, or file_id with the id of a file",
                    )),
                }
            }
            Some(_) => Err(Problem::invalid(
                name,
                "must be a file, a data URL, an address, or an object with image_url or file_id",
            )),
        }
    }
}

fn media_type(request: &Request) -> String {
    let header = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    header.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// The members of a JSON object, unread.
struct Members(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bounded;

        impl<'de> Visitor<'de> for Bounded {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                    if members.len() > PARTS_MAX {
                        return Err(serde::de::Error::custom("too many members"));
                    }
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Bounded)
    }
}

/// A name that the client made, short enough to be told back.
fn shown(name: &str) -> String {
    name.chars().take(64).collect()
}

fn value(name: &str, raw: &RawValue) -> Result<Value, Problem> {
    let text = raw.get();
    let refused = || Problem::invalid(shown(name), "is malformed or too large");
    let read = match text.as_bytes().first() {
        Some(b'"') => serde_json::from_str(text).map(Value::String),
        _ if text.len() <= SMALL_MAX_BYTES => serde_json::from_str(text),
        Some(b'{') => serde_json::from_str(text).and_then(|large: LargeObject| serde_json::to_value(large)),
        _ => return Err(refused()),
    };
    read.map_err(|_| refused())
}

/// An object that may be large, since it has a data URL: an image, or a visible mark.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct LargeObject {
    #[serde(skip_serializing_if = "Option::is_none")]
    image_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    opacity: Option<f64>,
}

/// An image as it came.
#[derive(Debug)]
pub(crate) enum ImageField {
    /// The file itself.
    Bytes(Bytes),
    /// A data URL, or an address to fetch it from.
    Url(String),
    /// The id of a file that was put up before.
    File(String),
}

fn unreadable(error: MultipartError) -> Problem {
    match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::too_large(),
        _ => Problem::body("the multipart body is cut off or malformed"),
    }
}

#[cfg(test)]
mod tests;
