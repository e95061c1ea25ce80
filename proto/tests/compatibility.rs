//! The contract only grows: apps and hubs that were built against an older one go on working.
//!
//! The `.proto` files are compiled and compared with the committed descriptor set; `contract/breaks.rs` has the
//! rules. What was only added passes, but must be committed: the test says how. The comparer itself is tried
//! against contracts that were broken on purpose.
#![expect(clippy::unwrap_used, reason = "in a test, a panic is how it fails")]

mod contract;

use std::fs;

use contract::breaks::breaks;
use contract::{REFRESH, committed};
use prost_types::{DescriptorProto, EnumDescriptorProto, FileDescriptorSet};

#[test]
fn the_contract_breaks_nobody() {
    let found = breaks(&committed().unwrap(), &contract::compile().unwrap());
    assert!(
        found.is_empty(),
        "incompatible with the committed contract:\n  {}",
        found.join("\n  ")
    );
}

#[test]
fn the_committed_descriptors_are_those_of_the_files() {
    let compiled = contract::compile().unwrap();
    assert!(
        committed().unwrap() == compiled,
        "the contract has changed; if it only grew, run `{REFRESH}` and commit"
    );
    let listing = fs::read_to_string(contract::listing_path()).unwrap();
    assert_eq!(listing, contract::listing(&compiled), "run `{REFRESH}` and commit");
    let errors = fs::read_to_string(contract::errors_path()).unwrap();
    assert_eq!(errors, contract::errors(), "run `{REFRESH}` and commit");
}

#[test]
fn additions_pass() {
    check("nothing", |_| (), &[]);
    check(
        "a field",
        |set| message(set, "HubHello").field.push(field("battery_mv", 7)),
        &[],
    );
    check("a message", |set| set.file[0].message_type.push(named("Later")), &[]);
    check(
        "a value",
        |set| enumeration(set, "Purpose").value.push(value("PURPOSE_SAFETY", 6)),
        &[],
    );
    check(
        "less room",
        |set| message(set, "HubHello").reserved_range[0].start = Some(9),
        &[],
    );
}

#[test]
fn a_field_is_retired_with_its_number_and_its_name() {
    let removed = "HubHello: field 6 `firmware` was removed; reserve its number alone and its name";
    check(
        "removed",
        |set| message(set, "HubHello").field.retain(|field| field.number() != 6),
        &[removed],
    );
    check(
        "number only",
        |set| retire(message(set, "HubHello"), 6, None),
        &[removed],
    );
    check(
        "in a range only",
        |set| retire_in_range(message(set, "HubHello"), 6),
        &[removed],
    );
    check("both", |set| retire(message(set, "HubHello"), 6, Some("firmware")), &[]);
}

#[test]
fn what_is_retired_stays_so() {
    let mut old = contract::compile().unwrap();
    retire(message(&mut old, "HubHello"), 6, Some("firmware"));
    let mut new = old.clone();
    message(&mut new, "HubHello")
        .reserved_range
        .retain(|range| range.start != Some(6));
    assert_eq!(
        breaks(&old, &new),
        ["HubHello: number 6 was retired and must stay reserved alone"]
    );
    message(&mut new, "HubHello").field.push(field("firmware_version", 6));
    assert_eq!(
        breaks(&old, &new),
        ["HubHello: number 6 was retired and must stay reserved alone"]
    );
    let mut new = old.clone();
    message(&mut new, "HubHello").reserved_name.clear();
    assert_eq!(
        breaks(&old, &new),
        ["HubHello: name `firmware` was retired and must stay reserved"]
    );
}

#[test]
fn a_changed_field_is_named() {
    let changed = |what: &str, change: fn(&mut prost_types::FieldDescriptorProto), expected: &str| {
        check(what, |set| change(&mut message(set, "HubHello").field[5]), &[expected]);
    };
    changed(
        "renumbered",
        |field| field.number = Some(7),
        "HubHello: field 6 `firmware` was removed; reserve its number alone and its name",
    );
    changed(
        "renamed",
        |field| field.name = Some("software".into()),
        "HubHello: field 6 `firmware` is named `software`",
    );
    changed(
        "retyped",
        |field| field.set_type(prost_types::field_descriptor_proto::Type::Bytes),
        "HubHello: field 6 `firmware` was string and is bytes",
    );
    changed(
        "repeated",
        |field| field.set_label(prost_types::field_descriptor_proto::Label::Repeated),
        "HubHello: field 6 `firmware` was string and is repeated string",
    );
    changed(
        "optional",
        |field| field.proto3_optional = Some(true),
        "HubHello: field 6 `firmware` was string and is optional string",
    );
    check(
        "of another message",
        |set| message(set, "HubToGateway").field[0].type_name = Some(".nextbest.v1.HubHealth".into()),
        &["HubToGateway: field 1 `hello` was nextbest.v1.HubHello and is nextbest.v1.HubHealth"],
    );
    check(
        "out of its oneof",
        |set| message(set, "HubToGateway").field[3].oneof_index = None,
        &["HubToGateway: field 4 `goodbye` was in oneof `body` and is in none"],
    );
}

#[test]
fn a_changed_value_is_named() {
    let removed = "Purpose: value 3 `PURPOSE_MARKETING` was removed; reserve its number alone and its name";
    check(
        "removed",
        |set| enumeration(set, "Purpose").value.retain(|value| value.number() != 3),
        &[removed],
    );
    check(
        "renumbered",
        |set| enumeration(set, "Purpose").value[3].number = Some(7),
        &[removed],
    );
    check(
        "renamed",
        |set| enumeration(set, "Purpose").value[3].name = Some("PURPOSE_ADVERTISING".into()),
        &["Purpose: value 3 `PURPOSE_MARKETING` is named `PURPOSE_ADVERTISING`"],
    );
}

#[test]
fn whole_types_do_not_vanish() {
    let remove = |set: &mut FileDescriptorSet| set.file[1].message_type.retain(|one| one.name() != "HubGoodbye");
    check("a message", remove, &["HubGoodbye was removed"]);
    let remove = |set: &mut FileDescriptorSet| set.file[2].enum_type.retain(|one| one.name() != "Purpose");
    check("an enum", remove, &["Purpose was removed"]);
    check(
        "a file",
        |set| set.file.truncate(2),
        &["AppHello was removed", "AppPush was removed"],
    );
}

/// Breaks the contract with `change` and compares what is found; a longer list may begin with `expected`.
fn check(what: &str, change: impl FnOnce(&mut FileDescriptorSet), expected: &[&str]) {
    let old = contract::compile().unwrap();
    let mut new = old.clone();
    change(&mut new);
    let found = breaks(&old, &new);
    assert_eq!(found.is_empty(), expected.is_empty(), "{what}: {found:?}");
    assert!(
        expected.iter().all(|one| found.iter().any(|found| found == one)),
        "{what}: {found:?}"
    );
}

fn message<'a>(set: &'a mut FileDescriptorSet, name: &str) -> &'a mut DescriptorProto {
    set.file
        .iter_mut()
        .flat_map(|file| &mut file.message_type)
        .find(|message| message.name() == name)
        .unwrap()
}

fn enumeration<'a>(set: &'a mut FileDescriptorSet, name: &str) -> &'a mut EnumDescriptorProto {
    set.file
        .iter_mut()
        .flat_map(|file| &mut file.enum_type)
        .find(|one| one.name() == name)
        .unwrap()
}

fn retire(message: &mut DescriptorProto, number: i32, name: Option<&str>) {
    retire_to(message, number, number + 1);
    message.reserved_name.extend(name.map(str::to_owned));
}

fn retire_in_range(message: &mut DescriptorProto, number: i32) {
    let name = message
        .field
        .iter()
        .find(|field| field.number() == number)
        .unwrap()
        .name()
        .to_owned();
    retire_to(message, number, number + 2);
    message.reserved_name.push(name);
}

fn retire_to(message: &mut DescriptorProto, number: i32, end: i32) {
    message.field.retain(|field| field.number() != number);
    let range = prost_types::descriptor_proto::ReservedRange {
        start: Some(number),
        end: Some(end),
    };
    message.reserved_range.push(range);
}

fn field(name: &str, number: i32) -> prost_types::FieldDescriptorProto {
    let mut field = prost_types::FieldDescriptorProto {
        name: Some(name.into()),
        number: Some(number),
        ..prost_types::FieldDescriptorProto::default()
    };
    field.set_type(prost_types::field_descriptor_proto::Type::Uint32);
    field.set_label(prost_types::field_descriptor_proto::Label::Optional);
    field
}

fn named(name: &str) -> DescriptorProto {
    DescriptorProto {
        name: Some(name.into()),
        ..DescriptorProto::default()
    }
}

fn value(name: &str, number: i32) -> prost_types::EnumValueDescriptorProto {
    prost_types::EnumValueDescriptorProto {
        name: Some(name.into()),
        number: Some(number),
        options: None,
    }
}
