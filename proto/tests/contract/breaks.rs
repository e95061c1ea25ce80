//! Compares two versions of the contract: what would break those who were built against the older one?
//!
//! A removed, renumbered, renamed or retyped field breaks, and so does one that becomes repeated, optional or moves
//! between oneofs; the same holds for values of enums. To retire a field, reserve its number **alone** and its name
//! (`reserved 3; reserved "x";`); a number that was reserved alone is retired for ever, while a range
//! (`reserved 6 to 15;`) is room for additions and may be used up.
//! What is absent on purpose: the meaning of a field, which no comparer sees.

use std::collections::{BTreeMap, BTreeSet};

use prost_types::descriptor_proto::ReservedRange;
use prost_types::enum_descriptor_proto::EnumReservedRange;
use prost_types::{DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorSet};

use super::kind;

/// Every way in which `new` breaks those who were built against `old`.
pub(crate) fn breaks(old: &FileDescriptorSet, new: &FileDescriptorSet) -> Vec<String> {
    let new_types = types(new);
    let mut found = Vec::new();
    for (name, old) in types(old) {
        match new_types.get(&name) {
            Some(new) => breaks_of_type(&name, &old, new, &mut found),
            None => found.push(format!("{name} was removed")),
        }
    }
    found
}

fn breaks_of_type(name: &str, old: &Kind, new: &Kind, found: &mut Vec<String>) {
    let Kind {
        what,
        members,
        retired,
        retired_names,
    } = old;
    for (number, member) in members {
        let old_name = &member.name;
        let Some(new_member) = new.members.get(number) else {
            if !new.retired.contains(number) || !new.retired_names.contains(old_name) {
                let remedy = "reserve its number alone and its name";
                found.push(format!("{name}: {what} {number} `{old_name}` was removed; {remedy}"));
            }
            continue;
        };
        if new_member.name != *old_name {
            found.push(format!(
                "{name}: {what} {number} `{old_name}` is named `{}`",
                new_member.name
            ));
        }
        if new_member.kind != member.kind {
            found.push(format!(
                "{name}: {what} {number} `{old_name}` was {} and is {}",
                member.kind, new_member.kind
            ));
        }
        if new_member.oneof != member.oneof {
            let place = |oneof: &Option<String>| oneof.as_ref().map_or("none".into(), |name| format!("oneof `{name}`"));
            let (was, is) = (place(&member.oneof), place(&new_member.oneof));
            found.push(format!(
                "{name}: {what} {number} `{old_name}` was in {was} and is in {is}"
            ));
        }
    }
    for number in retired.difference(&new.retired) {
        found.push(format!(
            "{name}: number {number} was retired and must stay reserved alone"
        ));
    }
    for retired in retired_names.difference(&new.retired_names) {
        found.push(format!("{name}: name `{retired}` was retired and must stay reserved"));
    }
}

/// A message or an enum, as far as it matters to others.
struct Kind {
    what: &'static str,
    members: BTreeMap<i32, Member>,
    /// Numbers that are reserved alone.
    retired: BTreeSet<i32>,
    retired_names: BTreeSet<String>,
}

struct Member {
    name: String,
    kind: String,
    oneof: Option<String>,
}

fn types(set: &FileDescriptorSet) -> BTreeMap<String, Kind> {
    let messages = set.file.iter().flat_map(|file| &file.message_type);
    let enums = set.file.iter().flat_map(|file| &file.enum_type);
    messages
        .map(|message| {
            // A type inside a message would go unseen.
            assert!(
                message.nested_type.is_empty() && message.enum_type.is_empty(),
                "{}",
                message.name()
            );
            (message.name().to_owned(), kind_of_message(message))
        })
        .chain(enums.map(|enumeration| (enumeration.name().to_owned(), kind_of_enum(enumeration))))
        .collect()
}

fn kind_of_message(message: &DescriptorProto) -> Kind {
    let member = |field: &FieldDescriptorProto| Member {
        name: field.name().to_owned(),
        kind: kind(field),
        // An `optional` field is in a oneof of its own, which nobody sees.
        oneof: field
            .oneof_index
            .filter(|_| !field.proto3_optional())
            .and_then(|index| message.oneof_decl.get(usize::try_from(index).ok()?))
            .map(|oneof| oneof.name().to_owned()),
    };
    // The end of a reserved range is not reserved.
    let alone = message
        .reserved_range
        .iter()
        .filter(|range| range.end() == range.start() + 1);
    Kind {
        what: "field",
        members: message
            .field
            .iter()
            .map(|field| (field.number(), member(field)))
            .collect(),
        retired: alone.map(ReservedRange::start).collect(),
        retired_names: message.reserved_name.iter().cloned().collect(),
    }
}

fn kind_of_enum(enumeration: &EnumDescriptorProto) -> Kind {
    let member = |name: &str| Member {
        name: name.to_owned(),
        kind: String::new(),
        oneof: None,
    };
    // The end of a reserved range is reserved too, unlike a message's.
    let alone = enumeration
        .reserved_range
        .iter()
        .filter(|range| range.end() == range.start());
    Kind {
        what: "value",
        members: enumeration
            .value
            .iter()
            .map(|value| (value.number(), member(value.name())))
            .collect(),
        retired: alone.map(EnumReservedRange::start).collect(),
        retired_names: enumeration.reserved_name.iter().cloned().collect(),
    }
}
