//! The packs that ship load without a mistake, and so does every schema file that an editor reads.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::fs;
use std::path::{Path, PathBuf};

use nextbest::config::{Pack, pack_files, schema::schemas};
use nextbest::engine::{Engine, Generation, Scratch};
use nextbest::model::{Query, Timestamp};
use serde_json::{Value, json};
use toml::de::DeValue;

/// The files of a pack, as the shell reads them.
fn files(pack: &str) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("packs").join(pack);
    let mut files = Vec::new();
    for path in pack_files() {
        let at = root.join(path.path);
        let found: Vec<PathBuf> = match path.ending {
            Some(_) => fs::read_dir(&at)
                .map(|items| items.map(|item| item.unwrap().path()).collect())
                .unwrap_or_default(),
            None => vec![at],
        };
        for file in found.into_iter().filter(|file| file.is_file()) {
            let name = file
                .strip_prefix(root.parent().unwrap())
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned();
            files.push((name, fs::read_to_string(&file).unwrap()));
        }
    }
    files
}

fn load(pack: &str) -> Pack {
    Pack::load(&files(pack)).unwrap_or_else(|mistakes| {
        let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        panic!("{} mistakes\n{}", lines.len(), lines.join("\n"));
    })
}

#[test]
fn the_stadium_loads() {
    let pack = load("stadium");
    assert_eq!(pack.spec.journey.stages.len(), 6);
    assert!(pack.spec.actions.len() >= 30, "{}", pack.spec.actions.len());
    assert!(pack.spec.segments.len() >= 6);
}

#[test]
fn the_museum_loads() {
    let pack = load("museum");
    assert!(
        (8..=12).contains(&pack.spec.actions.len()),
        "{}",
        pack.spec.actions.len()
    );
}

#[test]
fn the_recorded_floor_loads() {
    let pack = load("tetam");
    assert!(!pack.spec.actions.is_empty());
}

#[test]
fn every_pack_becomes_a_generation() {
    for pack in ["stadium", "museum", "tetam"] {
        Generation::build(load(pack).spec).unwrap_or_else(|error| panic!("{pack}: {error}"));
    }
}

/// Somebody who has agreed to everything can be told about every place, in every language.
#[test]
fn every_want_of_the_stadium_is_answered_by_an_action() {
    let spec = load("stadium").spec;
    for (at, want) in spec.vocabulary.wants.iter().enumerate() {
        let at = u16::try_from(at).unwrap();
        let answered = spec.actions.iter().any(|action| action.wants.contains(&at));
        assert!(answered, "nothing answers somebody who wants {want}");
    }
}

/// Nobody knows where they are, and they have agreed to nothing but being served.
#[test]
fn a_stranger_gets_an_answer_to_every_want_in_every_language_and_channel() {
    let spec = load("stadium").spec;
    let (wants, channels) = (spec.vocabulary.wants.clone(), spec.vocabulary.channels.clone());
    let engine = Engine::new(Generation::build(spec).unwrap()).unwrap();
    let stranger = engine.customer("stranger").unwrap();
    let generation = engine.generation();
    let mut scratch = Scratch::default();
    let ways: Vec<(&str, &String)> = ["en", "es"]
        .iter()
        .flat_map(|tag| channels.iter().map(move |channel| (*tag, channel)))
        .collect();
    for (want, (tag, channel)) in wants.iter().flat_map(|want| ways.iter().map(move |way| (want, *way))) {
        let query = Query {
            want,
            channel,
            ..Query::default()
        };
        let locale = generation.locale_for(tag);
        let decision = engine.decide(
            Timestamp::from_millis(1),
            &generation,
            stranger,
            locale,
            &query,
            &mut scratch,
        );
        let answer =
            decision.answers[0].unwrap_or_else(|| panic!("no answer for {want} in {tag} on {channel}: {decision:?}"));
        assert_eq!(answer.locale, tag);
        assert!(answer.message.chars().count() > 10, "{want}: {}", answer.message);
        // For who reads along: `cargo test --locked --test config_packs -- --nocapture`.
        println!("{want:<12} {:<28} {}", answer.action, answer.message);
    }
}

/// `NEXTBEST_WRITE=1 cargo test --locked --test config_packs` writes the files that this compares.
#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "whoever changes a table writes the files again by this"
)]
fn the_schema_files_are_current() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("packs/schema");
    for (name, schema) in schemas() {
        let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        let path = folder.join(name);
        if std::env::var_os("NEXTBEST_WRITE").is_some() {
            fs::create_dir_all(&folder).unwrap();
            fs::write(&path, &text).unwrap();
        }
        let written = fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(written, text, "{name} is not what the reader reads; write it again");
    }
}

#[test]
fn every_file_of_the_packs_is_right_by_the_schema_that_it_names() {
    let schemas: Vec<(&str, Value)> = schemas()
        .into_iter()
        .map(|(name, schema)| (name, schema.to_value()))
        .collect();
    let mut checked = 0;
    for pack in ["stadium", "museum", "tetam"] {
        for (name, text) in files(pack).into_iter().filter(|(name, _)| name.ends_with(".toml")) {
            let named = text
                .lines()
                .next()
                .unwrap()
                .strip_prefix("#:schema ")
                .expect("a schema in the first line");
            let folder = Path::new("packs").join(&name).parent().unwrap().join(named);
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(&folder);
            assert!(path.is_file(), "{name} names {named}, which is not there");
            let (_, schema) = schemas.iter().find(|(file, _)| named.ends_with(file)).unwrap();
            let value = json_of(&DeValue::Table(toml::de::DeTable::parse(&text).unwrap().into_inner()));
            validate(&value, schema, schema, &name);
            checked += 1;
        }
    }
    assert!(checked >= 15, "{checked} files");
}

fn json_of(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => json!(text),
        DeValue::Integer(number) => json!(i64::from_str_radix(number.as_str(), number.radix()).unwrap()),
        DeValue::Float(number) => json!(number.as_str().parse::<f64>().unwrap()),
        DeValue::Boolean(value) => json!(value),
        DeValue::Datetime(_) => panic!("no key of a pack is a date"),
        DeValue::Array(items) => items.iter().map(|item| json_of(item.get_ref())).collect(),
        DeValue::Table(table) => table
            .iter()
            .map(|(key, value)| (key.get_ref().to_string(), json_of(value.get_ref())))
            .collect(),
    }
}

/// The part of JSON Schema that our schemas use; a word that is not known here fails, so that nothing is passed over.
fn validate(value: &Value, schema: &Value, root: &Value, at: &str) {
    let Value::Object(words) = schema else {
        return assert_eq!(schema, &json!(true), "{at}");
    };
    for (word, wanted) in words {
        match word.as_str() {
            "$schema" | "title" | "description" | "definitions" | "pattern" => {}
            "$ref" => {
                let name = wanted.as_str().unwrap().strip_prefix("#/definitions/").unwrap();
                validate(value, &root["definitions"][name], root, at);
            }
            "allOf" => wanted
                .as_array()
                .unwrap()
                .iter()
                .for_each(|part| validate(value, part, root, at)),
            "anyOf" | "oneOf" => {
                let consts: Vec<&Value> = wanted.as_array().unwrap().iter().map(|part| &part["const"]).collect();
                let part = wanted
                    .as_array()
                    .unwrap()
                    .iter()
                    .find(|part| part["type"] != json!("null"))
                    .unwrap();
                match consts.contains(&&Value::Null) {
                    false => assert!(consts.contains(&value), "{at}: {value} is none of {consts:?}"),
                    true => validate(value, part, root, at),
                }
            }
            "enum" => assert!(wanted.as_array().unwrap().contains(value), "{at}: {value}"),
            "const" => assert_eq!(value, wanted, "{at}"),
            "type" => {
                let kinds = if let Value::Array(kinds) = wanted {
                    kinds.clone()
                } else {
                    vec![wanted.clone()]
                };
                assert!(
                    kinds.iter().any(|kind| is_of_kind(value, kind.as_str().unwrap())),
                    "{at}: {value} is not {wanted}"
                );
            }
            "minimum" => assert!(value.as_f64().unwrap() >= wanted.as_f64().unwrap(), "{at}: {value}"),
            "maximum" => assert!(value.as_f64().unwrap() <= wanted.as_f64().unwrap(), "{at}: {value}"),
            "minLength" => assert!(
                value.as_str().unwrap().len() >= wanted.as_u64().unwrap() as usize,
                "{at}: {value}"
            ),
            "maxLength" => assert!(
                value.as_str().unwrap().len() <= wanted.as_u64().unwrap() as usize,
                "{at}: {value}"
            ),
            "maxItems" => assert!(
                value.as_array().unwrap().len() <= wanted.as_u64().unwrap() as usize,
                "{at}"
            ),
            "items" => value
                .as_array()
                .unwrap()
                .iter()
                .for_each(|item| validate(item, wanted, root, at)),
            "required" => {
                wanted
                    .as_array()
                    .unwrap()
                    .iter()
                    .for_each(|key| assert!(value.get(key.as_str().unwrap()).is_some(), "{at}: {key}"));
            }
            "additionalProperties" => {
                let known = words["properties"].as_object().unwrap();
                value
                    .as_object()
                    .unwrap()
                    .keys()
                    .for_each(|key| assert!(known.contains_key(key), "{at}: {key}"));
            }
            "properties" => {
                for (key, inner) in value.as_object().unwrap() {
                    validate(inner, &wanted[key], root, &format!("{at}/{key}"));
                }
            }
            other => panic!("{at}: the schemas use `{other}`, which this test does not know"),
        }
    }
}

fn is_of_kind(value: &Value, kind: &str) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        _ => false,
    }
}
